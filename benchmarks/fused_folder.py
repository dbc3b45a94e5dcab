"""A run folder of views that are predicted already: what a review opens."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from particlebridge.analysis import VIEWS, ViewStack
from particlebridge.bridge.fusing.options import FuseOptions
from particlebridge.bridge.fusing.run import fuse_run
from particlebridge.bridge.measuring import measure_run
from particlebridge.bridge.runs.measure_options import MeasureOptions
from particlebridge.bridge.runs.run_folder import RunFolder
from particlebridge.bridge.runs.source import Source
from particlebridge.bridge.runs.view_folder import ViewFolder
from particlebridge.bridge.runs.work_plan import Plan
from particlebridge.bridge.volumes.reading import open_volume
from particlebridge.bridge.volumes.writing import write_labels, write_map, write_stack

from benchmarks.fusion_peers import Spacing


def fused_folder(
    folder: Path, volume: np.ndarray, spacing: Spacing, views: Mapping[str, ViewStack]
) -> Path:
    """Write a volume and its views, fuse and measure them by the steps of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    scan = folder / "scan.tif"
    write_stack(scan, volume, volume.shape, volume.dtype, spacing)
    run = RunFolder(folder / "results")
    source = Source(open_volume(scan), plan=Plan(format="tiff"))
    folders = {}
    with run.locked():
        run.describe(volume=source.facts, settings={"format": "tiff", "features": "drivers"})
        for view in VIEWS:
            place, stack = run.path / "views" / view, views[view]
            write_labels(place / "labels.tif", stack.labels.astype(np.int32), spacing)
            if stack.prob is not None:
                write_map(place / "prob.tif", stack.prob, spacing)
            folders[view] = ViewFolder(place, stack.labels.shape, spacing)
        key = {"fusing": FuseOptions().given()}
        fuse_run(source, folders, run, "fuse", key, run.path / "labels.tif")
        measure_run(source, run, key, MeasureOptions())
    return run.path
