"""The typical particle diameter of images nobody has measured, by asking the network itself."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from particlebridge import analysis
from particlebridge.exporter import Network

from .engine import Settings
from .python_engine import PythonEngine

_SMALLEST = 6.0
"""No network outlines particles of fewer pixels across."""

_STEP = 1.6
_SIDE = 640
_ROUNDS = 2

_SEVERAL = 4
"""Fewer outlines an image may be the round field of view, or a cluster, taken for a particle."""


class Trial(NamedTuple):
    """What the network found when particles were supposed to have a certain size.

    `certain` is the share of the area that is outlined, weighted by probability; `size` the
    typical diameter of the outlines (0 if there are none); `per_image` how many an image holds.
    """

    supposed: float
    certain: float
    size: float
    per_image: float


def estimate_diameter(
    images: Sequence[NDArray[Any]],
    network: Network,
    *,
    percentiles: tuple[float, float] | None = None,
    pixel_size: tuple[float, float] = (1.0, 1.0),
) -> float:
    """Estimate the typical particle diameter of a volume from a few of its slices.

    The network looks at the images at scales a factor 1.6 apart. Where particles are supposed
    too small it finds larger ones, where they are supposed too large, smaller ones; in between
    lies the size that it confirms. Of several such places, the one with the most outlined area
    times probability counts, of those at which an image holds several particles. Two more looks
    from there settle the value.

    Parameters
    ----------
    images
        (H, W) or (H, W, C) slices of one volume; three that lie apart are enough.
    network
        A model that records its training diameter.
    percentiles
        Normalisation; by default the model's.
    pixel_size
        (y, x) size of the pixels in the unit of the answer, as in `Settings`.

    Returns
    -------
    float
        Diameter as `particlebridge.analysis.typical_diameter` defines it, in pixels of size 1.

    Raises
    ------
    ValueError
        If the model records no diameter, there are no images, or no particles are found.
    """
    if network.diameter is None:
        raise ValueError(
            f"model {network.name} records no training diameter, so images are not rescaled for it"
        )
    if not images:
        raise ValueError("there is no image to estimate the particle diameter from")
    height, width = (
        min(image.shape[axis] for image in images) * pixel_size[axis] for axis in (0, 1)
    )
    largest = max(min(height, width), 2 * _SMALLEST)
    steps = int(np.ceil(np.log(largest / _SMALLEST) / np.log(_STEP))) + 1
    trials = [
        _look(images, network, float(diameter), percentiles, pixel_size)
        for diameter in np.geomspace(_SMALLEST, largest, steps)
    ]
    estimate = _fixed_point(trials)
    for _ in range(_ROUNDS):
        estimate = _look(images, network, estimate, percentiles, pixel_size).size or estimate
    return estimate


def _fixed_point(trials: list[Trial]) -> float:
    """Find where the size found falls below the size supposed, at the most certain such place."""
    found = [trial for trial in trials if trial.size > 0]
    if not found:
        raise ValueError(
            "no particles were found at any scale; give their typical diameter in pixels"
        )
    crossings = []
    for low, high in pairwise(found):
        above, below = np.log(low.size / low.supposed), np.log(high.size / high.supposed)
        if above > 0 >= below:
            share = above / (above - below)
            several = max(low.per_image, high.per_image) >= _SEVERAL
            place = float(low.supposed * (high.supposed / low.supposed) ** share)
            crossings.append((several, low.certain + high.certain, place))
    if crossings:
        return max(crossings)[2]
    return max(found, key=lambda trial: trial.certain).size


def _look(
    images: Sequence[NDArray[Any]],
    network: Network,
    diameter: float,
    percentiles: tuple[float, float] | None,
    pixel_size: tuple[float, float],
) -> Trial:
    """Segment as if particles had this diameter."""
    settings = Settings(percentiles=percentiles, diameter=diameter, pixel_size=pixel_size)
    engine = PythonEngine(network, settings)
    areas, certain, seen = [np.zeros(0)], 0.0, 0.0
    for image in images:
        piece = _middle(image, engine.scale)
        polygons = engine.segment(piece).polygons
        y, x = polygons.outlines[..., 0], polygons.outlines[..., 1]
        area = np.abs((x * np.roll(y, -1, 1) - np.roll(x, -1, 1) * y).sum(1)) / 2
        areas.append(area * pixel_size[0] * pixel_size[1])
        certain += float(area @ polygons.prob)
        seen += piece.shape[0] * piece.shape[1]
    every = np.concatenate(areas)
    size = analysis.typical_diameter(every) if every.any() else 0.0
    return Trial(diameter, certain / seen, size, every.size / len(images))


def _middle(image: NDArray[Any], scale: tuple[float, float]) -> NDArray[Any]:
    """Cut the middle out of an image, so much that the network gets at most `_SIDE` squared."""
    cuts = []
    for size, factor in zip(image.shape, scale, strict=False):
        keep = min(size, max(1, round(_SIDE / factor)))
        cuts.append(slice((size - keep) // 2, (size - keep) // 2 + keep))
    return image[tuple(cuts)]
