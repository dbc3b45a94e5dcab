"""A run folder with fused and measured particles, made in a second: what a review begins with.

The views are damaged sections of a generated electrode, so no network is run; fusing, measuring,
the record and the report are the run's own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from damaged_views import Damage, damaged_views
from fused_folder import fused_folder
from particlebridge.analysis import Electrode, ViewStack, electrode
from particlebridge.bridge import ReviewSession
from particlebridge.bridge.conclusion import Analysed, conclude
from particlebridge.bridge.runs.measure_options import MeasureOptions
from particlebridge.bridge.runs.run_folder import RunFolder
from particlebridge.bridge.runs.sheet import Item
from particlebridge.bridge.volumes.reading import open_volume


def generated() -> Electrode:
    """The electrode of these runs."""
    return electrode((24, 56, 60), seed=3, radius=(5, 8))


def fused_run(
    folder: Path, made: Electrode, *, seed: int = 0, format: Any = "tiff", name: str = "results"
) -> Path:
    """Make a run folder `name` of an electrode; `folder` holds the volume too."""
    damaged = damaged_views(made.labels, Damage(drop=0.02, cut=0.02, merge=0.02), seed)
    views = {
        view: ViewStack(labels, (labels > 0).astype(np.float32)) for view, labels in damaged.items()
    }
    volume = made.volume.astype(np.uint16)
    key = {"seed": seed}
    return fused_folder(folder, volume, made.spacing, views, key=key, format=format, name=name)


def corrected(results: Path) -> np.ndarray:
    """Correct a few particles of a run: delete, merge, cut, accept, not sure; give the labels."""
    with ReviewSession.open(results) as review:
        one, two, three, four, five, six = (int(v) for v in review.table["label"][:6])
        review.delete(one)
        review.merge([two, three])
        box = review.box(four)
        middle = [(a + b) / 2 for a, b in zip(box[:3], box[3:], strict=True)]
        review.cut(four, middle, (0.0, 1.0, 0.0))
        review.accept(five)
        review.unsure(six)
        return np.asarray(review.labels)


def reported(top: Path, states: Mapping[str, str] | None = None, format: str = "tiff") -> Path:
    """Write the report of a `fused_run`, or of several in `top`: name -> state."""
    run = RunFolder(top)
    run.describe(
        settings={"format": format, "features": "drivers", **MeasureOptions().as_settings()}
    )
    analysed = []
    for name, state in (states or {"": ""}).items():
        own = RunFolder(top / name)
        volume = open_volume(own.record["volume"]["path"])
        item = Item(volume.source, name or "scan", state=state)
        analysed.append(Analysed(item, own.path, volume))
    return conclude(analysed, run if states else RunFolder(top), "drivers")
