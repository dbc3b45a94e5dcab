"""Generated electrodes and what the shipped network sees of them, computed once and kept."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from particlebridge.analysis import VIEWS, ViewStack, atomic_path, electrode, to_view
from particlebridge.analysis._shared.views import view_spacing
from particlebridge.bridge.engines.protocol import Failure, Settings
from particlebridge.bridge.engines.python import PythonEngine
from particlebridge.bridge.segmenting.diameter import estimate_diameter
from particlebridge.exporter import Network, load_model

SHAPE = (96, 160, 160)
_BAND = 0.03
_SAMPLE = (24, 48, 72)
_KINDS = ("labels", "prob", "dist")


class Predicted(NamedTuple):
    """An electrode with the truth and the network's stacks of the three views.

    Attributes
    ----------
    volume, labels, void
        As in `particlebridge.analysis.Electrode`.
    spacing
        Voxel size (z, y, x), um.
    packing
        Share of the electrode layer that bodies fill, counted.
    diameter
        What the network estimated, pixels.
    views
        View name -> stack.
    file
        Where the stacks are kept.
    """

    volume: np.ndarray
    labels: np.ndarray
    void: np.ndarray
    spacing: tuple[float, float, float]
    packing: float
    diameter: float
    views: dict[str, ViewStack]
    file: Path


def predicted(contrast: float, seed: int, cache: Path, model: str = "nmc") -> Predicted:
    """Generate an electrode that no training has seen, and segment its views once."""
    network = load_model(model)
    made = electrode(SHAPE, seed=seed, contrast=contrast, packing=0.52, band=_BAND, view=1.42)
    edge = round(_BAND * SHAPE[0])
    file = cache / f"{network.digest[:12]}_{contrast:g}_{seed}.npz"

    def segment() -> tuple[float, dict[str, ViewStack]]:
        diameter = estimate_diameter([made.volume[i] for i in _SAMPLE], network)
        return diameter, segment_views(made.volume, network, diameter)

    diameter, views = kept_views(file, segment)
    packing = float((made.labels[edge : SHAPE[0] - edge] > 0).mean())
    return Predicted(
        made.volume, made.labels, made.void, made.spacing, packing, diameter, views, file
    )


def kept_views(
    file: Path, segment: Callable[[], tuple[float, dict[str, ViewStack]]]
) -> tuple[float, dict[str, ViewStack]]:
    """Give a diameter and the views segmented with it, from the file; made once."""
    if not file.exists():
        diameter, views = segment()
        stacks = {
            f"{view}_{kind}": getattr(stack, kind)
            for view, stack in views.items()
            for kind in _KINDS
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as beside, beside.open("wb") as out:
            np.savez_compressed(out, diameter=diameter, **stacks)
    with np.load(file) as held:
        views = {view: ViewStack(*(held[f"{view}_{kind}"] for kind in _KINDS)) for view in VIEWS}
        return float(held["diameter"]), views


def segment_views(
    volume: np.ndarray,
    network: Network,
    diameter: float | None,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> dict[str, ViewStack]:
    """Segment every slice of the three views; the diameter is in units of the smallest side."""
    views: dict[str, ViewStack] = {}
    for view in VIEWS:
        y, x = (side / min(spacing) for side in view_spacing(spacing, view)[1:])
        engine = PythonEngine(network, Settings(diameter=diameter, pixel_size=(y, x)))
        stack = to_view(volume, view)
        labels = np.zeros(stack.shape, np.uint16)
        prob, dist = np.zeros(stack.shape, np.float32), np.zeros(stack.shape, np.float32)
        for i, found in engine.predict(stack, range(len(stack))):
            if isinstance(found, Failure):
                raise RuntimeError(f"slice {i} of view {view}: {found.reason}")
            labels[i], prob[i], dist[i] = found.labels, found.prob, found.dist
        views[view] = ViewStack(labels, prob, dist)
    return views
