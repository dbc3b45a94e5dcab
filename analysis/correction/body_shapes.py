"""Size, place and shape of every body, from labels read slab by slab."""

from typing import NamedTuple

import numba
import numpy as np

from .._shared.overlaps import as_labels, slabs

_SLAB = 1 << 26


class BodyShapes(NamedTuple):
    """What is known of bodies 0..n, one row each; 0 and absent numbers have no voxels.

    Attributes
    ----------
    voxels : ndarray of int64, shape (n + 1,)
    places : ndarray of int64, shape (n + 1, 3)
        The body's own voxel (z, y, x) nearest to its centroid.
    low, high : ndarray of int64, shape (n + 1, 3)
        Its box, half open.
    roundness : ndarray of float64, shape (n + 1,)
        Its volume by that of the solid ellipsoid with its second moments: 1 for an ellipsoid,
        lower for what is notched, hollow or branched.
    grey : ndarray of float64, shape (n + 1,)
        Mean grey value, that of background first; NaN where none is known.
    """

    voxels: np.ndarray
    places: np.ndarray
    low: np.ndarray
    high: np.ndarray
    roundness: np.ndarray
    grey: np.ndarray


def body_shapes(
    labels: np.ndarray,
    spacing: tuple[float, float, float],
    n: int,
    volume: np.ndarray | None = None,
) -> BodyShapes:
    """Measure every body in two passes.

    Parameters
    ----------
    labels
        (Z, Y, X) bodies: an array or anything that is sliced like one, such as a Zarr.
    spacing
        Voxel size (z, y, x).
    n
        The highest body number.
    volume
        (Z, Y, X) grey values, an array or sliced like one.

    Raises
    ------
    ValueError
        If there is a higher number in the labels.
    """
    sums = np.zeros((n + 1, 10))
    low = np.full((n + 1, 3), np.iinfo(np.int64).max)
    high = np.zeros((n + 1, 3), np.int64)
    grey, seen = np.zeros(n + 1), np.zeros(n + 1)
    for part in slabs(labels.shape, _SLAB):
        bodies = as_labels(np.asarray(labels[part]))
        if bodies.max(initial=0) > n:
            raise ValueError(
                f"The labels hold particle {bodies.max()}, and the highest listed is {n}; "
                "give the table that belongs to them."
            )
        _add(bodies, part.start, sums, low, high)
        if volume is not None:
            values = np.asarray(volume[part], np.float32)
            known = np.isfinite(values)
            grey += np.bincount(bodies[known], values[known], n + 1)
            seen += np.bincount(bodies[known], minlength=n + 1)
    mean = np.divide(grey, seen, out=np.full(n + 1, np.nan), where=seen > 0)
    voxels = sums[:, 0].astype(np.int64)
    centres = sums[:, 1:4] / np.maximum(sums[:, :1], 1)
    places = np.zeros((n + 1, 3), np.int64)
    off = np.full(n + 1, np.inf)
    for part in slabs(labels.shape, _SLAB):
        bodies = as_labels(np.asarray(labels[part]))
        _nearest(bodies, part.start, centres, np.array(spacing), places, off)
    round_ = _roundness(sums, centres, spacing)
    return BodyShapes(voxels, places, np.minimum(low, high), high, round_, mean)


def _roundness(
    sums: np.ndarray, centres: np.ndarray, spacing: tuple[float, float, float]
) -> np.ndarray:
    side = np.array(spacing)
    moments = np.zeros((len(sums), 3, 3))
    for column, (i, j) in enumerate(((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))):
        mean = sums[:, 4 + column] / np.maximum(sums[:, 0], 1)
        moments[:, i, j] = moments[:, j, i] = (
            (mean - centres[:, i] * centres[:, j]) * side[i] * side[j]
        )
    # A voxel has a size, too.
    moments[:, range(3), range(3)] += side**2 / 12
    ellipsoid = 4 / 3 * np.pi * 5**1.5 * np.sqrt(np.maximum(np.linalg.det(moments), 0))
    return sums[:, 0] * side.prod() / np.maximum(ellipsoid, side.prod())


@numba.njit(cache=True, nogil=True)
def _add(
    labels: np.ndarray, start: int, sums: np.ndarray, low: np.ndarray, high: np.ndarray
) -> None:
    depth, height, width = labels.shape
    for k in range(depth):
        z = k + start
        for y in range(height):
            for x in range(width):
                name = labels[k, y, x]
                if name == 0:
                    continue
                own = sums[name]
                own[0] += 1
                own[1] += z
                own[2] += y
                own[3] += x
                own[4] += z * z
                own[5] += y * y
                own[6] += x * x
                own[7] += z * y
                own[8] += z * x
                own[9] += y * x
                low[name, 0] = min(low[name, 0], z)
                low[name, 1] = min(low[name, 1], y)
                low[name, 2] = min(low[name, 2], x)
                high[name, 0] = max(high[name, 0], z + 1)
                high[name, 1] = max(high[name, 1], y + 1)
                high[name, 2] = max(high[name, 2], x + 1)


@numba.njit(cache=True, nogil=True)
def _nearest(
    labels: np.ndarray,
    start: int,
    centres: np.ndarray,
    side: np.ndarray,
    places: np.ndarray,
    off: np.ndarray,
) -> None:
    depth, height, width = labels.shape
    for k in range(depth):
        for y in range(height):
            for x in range(width):
                name = labels[k, y, x]
                if name == 0:
                    continue
                centre = centres[name]
                away = (
                    ((k + start - centre[0]) * side[0]) ** 2
                    + ((y - centre[1]) * side[1]) ** 2
                    + ((x - centre[2]) * side[2]) ** 2
                )
                if away < off[name]:
                    off[name] = away
                    places[name, 0], places[name, 1], places[name, 2] = k + start, y, x
