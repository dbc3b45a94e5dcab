"""The typical particle diameter of images nobody has measured, by asking the network itself."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from particlebridge import analysis
from particlebridge.exporter import Network

from ..engines.protocol import Settings
from ..engines.python import PythonEngine
from .chosen_diameter import Choice

_SMALLEST = 6.0
"""No network outlines particles of fewer pixels across."""

_STEP = 1.6
_SIDE = 640
_ROUNDS = 2

_SEVERAL = 4
"""Fewer outlines an image may be the round field of view, or a cluster, taken for a particle."""

_MORE_PROBABLE = 0.01
"""The outlines must be more probable by this much at the estimate to change the scale."""

_PROBABLE = 0.7
"""Outlines that the network makes of noise have a mean probability up to 0.69 (measured)."""

_FEWER = 0.2
"""A scale at which less than this share of the other's area is outlined is not compared."""


class Trial(NamedTuple):
    """What the network found when particles were supposed to have a certain size.

    `probability` is the mean probability of the outlines, weighted by their area, and `covered` the
    share of the area that they hold; `size` is the typical diameter of the outlines (0 if there
    are none) and `per_image` how many an image holds.
    """

    supposed: float
    probability: float
    covered: float
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
    lies the size that it confirms. Of several such places, the one with the most probable
    outlines counts, of those at which an image holds several particles. Two more looks from
    there settle the value, within a factor 1.6.

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
        Diameter as `particlebridge.analysis.typical_diameter` defines it, in pixels of size 1; at
        least 6, at most the shorter side of the images.

    Raises
    ------
    ValueError
        If the model records no diameter, there are no images, or no size is confirmed.

    Examples
    --------
    >>> from particlebridge.analysis import training_slices
    >>> from particlebridge.bridge import estimate_diameter
    >>> from particlebridge.exporter import load_model
    >>> [(image, _)] = training_slices(1, (256, 256), seed=1, diameter=48)
    >>> 30 < estimate_diameter([image], load_model("nmc")) < 60
    True
    """
    looks = _Looks(images, network, percentiles, pixel_size)
    found = looks.estimate()
    if found is None:
        raise ValueError("no particle size is confirmed; give the typical diameter in pixels")
    return found


def choose_diameter(
    images: Sequence[NDArray[Any]],
    network: Network,
    *,
    percentiles: tuple[float, float] | None = None,
    pixel_size: tuple[float, float] = (1.0, 1.0),
) -> Choice:
    """Decide between the estimate and the diameter that the model records.

    A model made from images like these is best at their own scale, whatever else they show; a
    model of others needs them rescaled. So the network looks at both scales: the record wins
    unless its outlines are more probable at the estimate, and more than those of noise. (On images
    with known particles, the probability had its maximum where F1 had; outlined area times
    probability often had it where clusters are taken for particles.) A model whose training images
    kept their scale keeps that of others, whatever the estimate.

    Parameters
    ----------
    images, network, percentiles, pixel_size
        As `estimate_diameter`.

    Returns
    -------
    Choice

    Raises
    ------
    ValueError
        If the model records no diameter, or there are no images, or nothing is found at any scale
        by a model that takes images to its own.
    """
    looks = _Looks(images, network, percentiles, pixel_size)
    try:
        found = looks.estimate()
    except ValueError:
        if not network.own_scale:
            raise
        found = None
    record = looks.at(looks.record)
    if found is None:
        return Choice(looks.record, looks.record, None, (record.probability, 0.0))
    there = looks.at(found)
    keeps = (
        network.own_scale
        or there.probability < _PROBABLE
        or (
            record.probability >= there.probability - _MORE_PROBABLE
            and record.covered >= _FEWER * there.covered
        )
    )
    taken = looks.record if keeps else found
    return Choice(taken, looks.record, found, (record.probability, there.probability))


class _Looks:
    """Looks of one network at the same images at many scales."""

    def __init__(
        self,
        images: Sequence[NDArray[Any]],
        network: Network,
        percentiles: tuple[float, float] | None,
        pixel_size: tuple[float, float],
    ) -> None:
        if network.diameter is None:
            raise ValueError(
                f"model {network.name} records no training diameter, so images are not rescaled "
                "for it"
            )
        if not images:
            raise ValueError("there is no image to estimate the particle diameter from")
        self.record: float = network.diameter
        limits = Settings(percentiles=percentiles).effective(network.record).percentiles
        self._images = [analysis.in_reach(image, limits) for image in images]
        self._network, self._percentiles, self._pixel_size = network, percentiles, pixel_size
        height, width = (
            min(image.shape[axis] for image in images) * pixel_size[axis] for axis in (0, 1)
        )
        self._largest = max(min(height, width), 2 * _SMALLEST)

    def estimate(self) -> float | None:
        """Find the size that the network confirms; None: none.

        Raises
        ------
        ValueError
            If nothing is found at any scale.
        """
        steps = int(np.ceil(np.log(self._largest / _SMALLEST) / np.log(_STEP))) + 1
        trials = [self.at(float(d)) for d in np.geomspace(_SMALLEST, self._largest, steps)]
        place = _fixed_point(trials)
        if place is None:
            return None
        low, high = max(_SMALLEST, place / _STEP), min(self._largest, place * _STEP)
        size = place
        for _ in range(_ROUNDS):
            size = float(np.clip(self.at(size).size or size, low, high))
        return size

    def at(self, diameter: float) -> Trial:
        """Segment as if particles had this diameter."""
        settings = Settings(
            percentiles=self._percentiles, diameter=diameter, pixel_size=self._pixel_size
        )
        engine = PythonEngine(self._network, settings)
        areas, sure, seen = [np.zeros(0)], 0.0, 0.0
        for image in self._images:
            piece = _middle(image, engine.used.scale)
            polygons = engine.segment(piece).polygons
            y, x = polygons.outlines[..., 0], polygons.outlines[..., 1]
            area = np.abs((x * np.roll(y, -1, 1) - np.roll(x, -1, 1) * y).sum(1)) / 2
            areas.append(area * self._pixel_size[0] * self._pixel_size[1])
            sure += float(areas[-1] @ polygons.prob)
            seen += piece.shape[0] * piece.shape[1] * self._pixel_size[0] * self._pixel_size[1]
        every = np.concatenate(areas)
        if not every.any():
            return Trial(diameter, 0.0, 0.0, 0.0, 0.0)
        covered = float(every.sum())
        return Trial(
            diameter,
            sure / covered,
            covered / seen,
            analysis.typical_diameter(every),
            every.size / len(self._images),
        )


def _fixed_point(trials: list[Trial]) -> float | None:
    """Find where the size found falls below the size supposed, where the network is surest."""
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
            crossings.append((several, low.probability + high.probability, place))
    return max(crossings)[2] if crossings else None


def _middle(image: NDArray[Any], scale: tuple[float, float]) -> NDArray[Any]:
    """Cut the middle out of an image, so much that the network gets at most `_SIDE` squared."""
    cuts = []
    for size, factor in zip(image.shape, scale, strict=False):
        keep = min(size, max(1, round(_SIDE / factor)))
        cuts.append(slice((size - keep) // 2, (size - keep) // 2 + keep))
    return image[tuple(cuts)]
