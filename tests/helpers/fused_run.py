"""A run folder with fused and measured particles, made in a second: what a review begins with.

The views are damaged sections of a generated electrode, so no network is run; fusing, measuring and
the record are the run's own.
"""

from pathlib import Path
from typing import Any

import numpy as np
from damaged_views import Damage, damaged_views
from particlebridge.analysis import VIEWS, Electrode, electrode
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


def generated() -> Electrode:
    """The electrode of these runs."""
    return electrode((24, 56, 60), seed=3, radius=(5, 8))


def fused_run(folder: Path, made: Electrode, *, seed: int = 0, format: Any = "tiff") -> Path:
    """Make a run folder of an electrode; `folder` holds the volume too."""
    volume = folder / "scan.tif"
    if not volume.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_stack(volume, made.volume, made.volume.shape, np.uint16, made.spacing)
    run = RunFolder(folder / "results")
    views = damaged_views(made.labels, Damage(drop=0.02, cut=0.02, merge=0.02), seed)
    source = Source(open_volume(volume), plan=Plan(format=format))
    folders = {}
    with run.locked():
        run.describe(volume=source.facts, settings={"format": format, "features": "drivers"})
        for view in VIEWS:
            place = run.path / "views" / view
            labels = views[view]
            write_labels(place / "labels.tif", labels, made.spacing)
            write_map(place / "prob.tif", (labels > 0).astype(np.float32), made.spacing)
            folders[view] = ViewFolder(place, labels.shape, made.spacing)  # type: ignore[arg-type]
        fusing = FuseOptions().given()
        key = {"fusing": fusing, "seed": seed}
        labels_file = run.path / ("labels.zarr" if format == "zarr" else "labels.tif")
        fuse_run(source, folders, run, "fuse", key, labels_file)
        measure_run(source, run, key, MeasureOptions())
    return run.path
