"""A run folder of views that are predicted already: fused and measured as a run does it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
from particlebridge.bridge.volumes.field_of_view import find_field_of_view
from particlebridge.bridge.volumes.reading import open_volume
from particlebridge.bridge.volumes.writing import write_labels, write_map, write_stack


def fused_folder(
    folder: Path,
    volume: np.ndarray,
    spacing: tuple[float, float, float],
    views: Mapping[str, ViewStack],
    *,
    key: Mapping[str, Any] | None = None,
    format: Any = "tiff",
    name: str = "results",
) -> Path:
    """Make a run folder `name` of views; `folder` holds the volume too.

    Runs of other views in one folder need a `key` of their own.
    """
    scan = folder / "scan.tif"
    if not scan.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_stack(scan, volume, volume.shape, volume.dtype, spacing)
    run = RunFolder(folder / name)
    source = source_of(scan, format)
    folders = {}
    with run.locked():
        run.describe(volume=source.facts)
        for view in VIEWS:
            place, stack = run.path / "views" / view, views[view]
            write_labels(place / "labels.tif", stack.labels.astype(np.int32), spacing)
            if stack.prob is not None:
                write_map(place / "prob.tif", stack.prob, spacing)
            folders[view] = ViewFolder(place, stack.labels.shape, spacing)
        made = {"fusing": FuseOptions().given(), **(key or {})}
        labels_file = run.path / ("labels.zarr" if format == "zarr" else "labels.tif")
        fuse_run(source, folders, run, "fuse", made, labels_file)
        measure_run(source, run, made, MeasureOptions())
    return run.path


def source_of(volume: Path, format: Any = "tiff") -> Source:
    """Open a volume as a run does."""
    opened = open_volume(volume)
    seen = find_field_of_view(opened.data, opened.source)
    return Source(opened, seen, Plan(format=format))
