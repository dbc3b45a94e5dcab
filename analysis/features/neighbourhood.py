"""A particle among the others: packing density around it, and its six nearest neighbours."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numba import njit
from scipy.spatial import cKDTree

from .orientation import axial_spread

NEIGHBOURS = 6


@njit(nogil=True, cache=True)
def add_box_sums(mask, first, boxes, sums):  # type: ignore[no-untyped-def]
    """Add to each box's sum the voxels of a slab that lie in it.

    One summed-area table per slice: the cost does not depend on the size of the boxes, and no more
    than one slice's table is held.

    Parameters
    ----------
    mask : uint8 array (Z, Y, X)
        Slab of a volume; non-zero voxels are counted.
    first : int
        The slab's first slice in the volume.
    boxes : int64 array (n, 6)
        z0, z1, y0, y1, x0, x1, half open, in the volume.
    sums : int64 array (n,)
        Changed in place.
    """
    height, width = mask.shape[1], mask.shape[2]
    table = np.zeros((height + 1, width + 1), np.int64)
    for z in range(mask.shape[0]):
        for y in range(height):
            run = 0
            above, here = table[y], table[y + 1]
            row = mask[z, y]
            for x in range(width):
                run += row[x] != 0
                here[x + 1] = above[x + 1] + run
        for i in range(boxes.shape[0]):
            box = boxes[i]
            if box[0] <= first + z < box[1]:
                sums[i] += (
                    table[box[3], box[5]]
                    - table[box[2], box[5]]
                    - table[box[3], box[4]]
                    + table[box[2], box[4]]
                )


def nearest(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the six nearest other points of each point.

    Parameters
    ----------
    points
        (n, 3) coordinates.

    Returns
    -------
    index : ndarray of int (n, k)
        k = min(6, n - 1) neighbours, nearest first.
    distance : ndarray (n, k)
        Their distances.
    """
    count = len(points)
    k = min(NEIGHBOURS, max(count - 1, 0))
    if k == 0:
        return np.empty((count, 0), int), np.empty((count, 0))
    distance, index = (np.asarray(a) for a in cKDTree(points).query(points, k=k + 1))
    # Points in one place may return in any order: take out the point itself, wherever it stands.
    is_self = index == np.arange(count)[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    keep = ~is_self
    return index[keep].reshape(count, k), distance[keep].reshape(count, k)


def spread(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Sample standard deviation of a property over each particle's neighbours.

    Parameters
    ----------
    values
        (n,) one per particle; NaN is left out.
    index
        (n, k) from `nearest`.

    Returns
    -------
    ndarray (n,)
        NaN with fewer than two values.
    """
    around = values[index]
    valid = np.isfinite(around)
    count = valid.sum(axis=1)
    safe = np.where(valid, around, 0.0)
    mean = safe.sum(axis=1) / np.maximum(count, 1)
    squares = (np.where(valid, around - mean[:, None], 0.0) ** 2).sum(axis=1)
    return np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1)), np.nan)


def neighbour_columns(
    points: np.ndarray,
    angles: np.ndarray,
    table: Mapping[str, Any],
    recipe: Literal["physical", "paper"],
) -> dict[str, np.ndarray]:
    """Describe the six nearest particles of each.

    Parameters
    ----------
    points
        (n, 3) centroids.
    angles
        (n, 3) Yaw, Pitch, Roll, degrees.
    table
        The particles' own columns: Volume, Elongation, Sphericity, BodySphericity.
    recipe
        As `orientation_spread`.

    Returns
    -------
    dict
        DistNearest, VolumeStd, ElongStd, SpherStd, BodySpherStd and OrienIso, (n,) each.
    """
    index, distance = nearest(points)
    count = len(points)
    columns = {
        "DistNearest": distance.mean(axis=1) if distance.shape[1] else np.full(count, np.nan)
    }
    for name, of in (
        ("VolumeStd", "Volume"),
        ("ElongStd", "Elongation"),
        ("SpherStd", "Sphericity"),
        ("BodySpherStd", "BodySphericity"),
    ):
        columns[name] = spread(np.asarray(table[of]), index)
    columns["OrienIso"] = orientation_spread(angles, index, recipe)
    return columns


def orientation_spread(
    angles: np.ndarray, index: np.ndarray, recipe: Literal["physical", "paper"]
) -> np.ndarray:
    """Largest of the spreads of Yaw, Pitch and Roll over each particle's neighbours.

    Parameters
    ----------
    angles
        (n, 3) degrees.
    index
        (n, k) from `nearest`.
    recipe
        ``"physical"``: circular, for axes that repeat after 180 degrees; ``"paper"``: ordinary.

    Returns
    -------
    ndarray (n,)
        Degrees; NaN with fewer than two neighbours.
    """
    if recipe == "paper":
        each = [spread(angles[:, i], index) for i in range(3)]
    else:
        each = [axial_spread(angles[index, i]) for i in range(3)]
    return np.max(each, axis=0)
