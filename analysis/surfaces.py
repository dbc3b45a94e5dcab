"""Surface area of a digitised body from its 2 x 2 x 2 voxel configurations.

Cauchy and Crofton: the area of a surface is twice the number of times it is crossed by lines of
unit density, averaged over all directions. The 13 directions of a voxel's neighbourhood stand for
all; how often each is crossed is a sum over the 2 x 2 x 2 configurations, so one histogram of the
256 configurations gives the area for any voxel size.
"""

from functools import lru_cache
from itertools import product

import numpy as np
from numba import njit

DIRECTIONS = np.array([d for d in product((-1, 0, 1), repeat=3) if d > (0, 0, 0)])


@lru_cache(maxsize=64)
def direction_weights(spacing: tuple[float, float, float]) -> np.ndarray:
    """Area that one crossing of the surface stands for, per direction.

    Parameters
    ----------
    spacing
        Voxel size (z, y, x), um.

    Returns
    -------
    ndarray (13,)
        um2 per pair of voxels p, p + DIRECTIONS[i] of which one is inside.
    """
    from scipy.spatial import SphericalVoronoi

    steps = DIRECTIONS * np.asarray(spacing)
    length = np.linalg.norm(steps, axis=1)
    unit = steps / length[:, None]
    shares = SphericalVoronoi(np.concatenate([unit, -unit])).calculate_areas()[:13] / (2 * np.pi)
    return 2 * shares * np.prod(spacing) / length


@lru_cache(maxsize=64)
def configuration_weights(spacing: tuple[float, float, float]) -> np.ndarray:
    """Area that each of the 256 configurations stands for.

    Parameters
    ----------
    spacing
        Voxel size (z, y, x), um.

    Returns
    -------
    ndarray (256,)
        um2; bit ``4 z + 2 y + x`` of the index is voxel (z, y, x) of the 2 x 2 x 2 cube.
    """
    weights = np.zeros(256)
    corners = np.array(list(product((0, 1), repeat=3)))
    bits = (np.arange(256)[:, None] >> (corners @ [4, 2, 1])) & 1
    per_direction = direction_weights(spacing)
    for i, j in product(range(8), repeat=2):
        step = corners[j] - corners[i]
        where = (step == DIRECTIONS).all(axis=1)
        if where.any():
            # A pair along an axis lies in 4 cubes, a face diagonal in 2, a body diagonal in 1.
            cubes = 2 ** (3 - np.abs(step).sum())
            weights += (bits[:, i] != bits[:, j]) * per_direction[where][0] / cubes
    return weights


@njit(nogil=True, cache=True)
def weigh_configurations(mask, weights):  # type: ignore[no-untyped-def]
    """Sum of the configurations' weights over a mask.

    Parameters
    ----------
    mask : uint8 array (Z, Y, X), 0 or 1
        Its outermost layer of voxels must be 0.
    weights : float64 array (256,)
        From `configuration_weights`.

    Returns
    -------
    float
        Surface area, um2.
    """
    counts = np.zeros(256, np.int64)
    for z in range(mask.shape[0] - 1):
        for y in range(mask.shape[1] - 1):
            a, b = mask[z, y], mask[z, y + 1]
            c, d = mask[z + 1, y], mask[z + 1, y + 1]
            code = 0
            for x in range(a.shape[0]):
                # The columns at x - 1 (even bits) and x (odd bits) of the four rows.
                code = ((code >> 1) & 0x55) | (a[x] << 1) | (b[x] << 3) | (c[x] << 5) | (d[x] << 7)
                counts[code] += 1
    total = 0.0
    for code in range(256):
        total += counts[code] * weights[code]
    return total


def surface_area(mask: np.ndarray, spacing: tuple[float, float, float]) -> float:
    """Surface area of a mask in a volume.

    Parameters
    ----------
    mask
        (Z, Y, X) boolean; beyond its edges it is taken as empty.
    spacing
        Voxel size (z, y, x), um.

    Returns
    -------
    float
        um2.
    """
    padded = np.pad(np.asarray(mask, bool), 1).view(np.uint8)
    sizes = tuple(float(s) for s in spacing)
    return float(weigh_configurations(padded, configuration_weights(sizes)))
