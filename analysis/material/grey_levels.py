"""Typical grey values of bodies and of what surrounds them."""

from typing import NamedTuple

import numba
import numpy as np

from .._shared.overlaps import slabs

# Steps of the histograms: finer than the noise of any microscope.
_BINS = 512
# Fewer voxels tell no level of their own.
_FEW = 30
# The share of a normal distribution that lies below one standard deviation.
_ONE = 0.8413


class GreyLevels(NamedTuple):
    """Typical grey values, float64, one per label.

    Attributes
    ----------
    solid
        Of each body's material; entry 0 is that of all bodies.
    void
        Of what surrounds each body; entry 0 is that around all bodies.
    noise
        Standard deviation of grey values about both levels, over all bodies.
    """

    solid: np.ndarray
    void: np.ndarray
    noise: float = 0.0


def grey_levels(volume: np.ndarray, labels: np.ndarray) -> GreyLevels:
    """Measure the typical grey of each body's material and surroundings.

    Material is the median of the body's grey values above the middle between surroundings and
    its brightest tenth, two voxels and more below the surface; surroundings are the median of
    the background three voxels from the body. Where there are too few voxels, those of all
    bodies together stand in.
    """
    n = int(labels.max(initial=0)) + 1
    finite = volume[:: max(1, len(volume) // 32)]
    low, high = (float(v) for v in np.percentile(finite, (0.01, 99.99)))
    step = max(high - low, 1e-12) / _BINS
    inside, around = np.zeros((n, _BINS), np.int32), np.zeros((n, _BINS), np.int32)
    for slab in slabs(labels.shape):
        start, stop = max(slab.start - 3, 0), slab.stop + 3
        _collect(
            np.ascontiguousarray(volume[start:stop], np.float32),
            np.ascontiguousarray(labels[start:stop]),
            slab.start - start,
            min(slab.stop, len(labels)) - slab.start,
            low,
            step,
            inside,
            around,
        )
    inside[0], around[0] = inside[1:].sum(axis=0), around[1:].sum(axis=0)
    void = _quantile(around, np.full(n, 0.5))
    void = np.where(around.sum(axis=1) >= _FEW, void, void[0])
    bright = _quantile(inside, np.full(n, 0.9))
    upper = inside * (np.arange(_BINS) + 0.5 > ((void + bright) / 2)[:, None])
    solid = np.where(inside.sum(axis=1) >= _FEW, _quantile(upper, np.full(n, 0.5)), 0)
    solid = np.where(solid > 0, solid, solid[0])
    # Away from each other: what lies between the two levels is blur and void, not noise.
    noise = np.sqrt((_variance(upper[1:], _ONE) + _variance(around[1:], 1 - _ONE)) / 2)
    return GreyLevels(low + step * solid, low + step * void, float(step * noise))


def _quantile(counts: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Position, in bins, below which this share of each histogram lies."""
    total = np.cumsum(counts, axis=1)
    return (total < (share * total[:, -1])[:, None]).sum(axis=1) + 0.5


def _variance(counts: np.ndarray, share: float) -> float:
    """Mean squared way, bins, from the median of each histogram to where this share lies below."""
    n = len(counts)
    way = _quantile(counts, np.full(n, share)) - _quantile(counts, np.full(n, 0.5))
    return float(np.sum(way**2 * counts.sum(axis=1)) / max(counts.sum(), 1))


@numba.njit(cache=True, nogil=True)
def _collect(
    volume: np.ndarray,
    labels: np.ndarray,
    start: int,
    depth: int,
    low: float,
    step: float,
    inside: np.ndarray,
    around: np.ndarray,
) -> None:
    """Histograms of the voxels deep inside each body, and of the background around it."""
    nz, ny, nx = labels.shape
    for z in range(start, start + depth):
        for y in range(ny):
            for x in range(nx):
                own = labels[z, y, x]
                reach = 2 if own else 3
                deep, near = own > 0, np.int32(0)
                for axis in range(3):
                    for side in (-reach, reach):
                        zz = min(max(z + side, 0), nz - 1) if axis == 0 else z
                        yy = min(max(y + side, 0), ny - 1) if axis == 1 else y
                        xx = min(max(x + side, 0), nx - 1) if axis == 2 else x
                        other = labels[zz, yy, xx]
                        if other != own:
                            deep = False
                            near = max(near, other)
                if not deep and not (own == 0 and near):
                    continue
                grey = min(max(int((volume[z, y, x] - low) / step), 0), inside.shape[1] - 1)
                if deep:
                    inside[own, grey] += 1
                else:
                    around[near, grey] += 1
