"""Ellipsoids packed into a box until they only touch."""

import numpy as np
from numba import njit
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

# Farthest centres of two that touch, over those of the bare ellipsoids: bumps reach across gaps.
_CLOSE = 1.03


def pack_ellipsoids(
    size: tuple[float, float, float],
    radius: tuple[float, float],
    packing: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pack ellipsoids into a box: random places, then pushed apart until they only touch.

    The box is periodic in y and x (the density is the same everywhere); in z particles stay inside.

    Parameters
    ----------
    size
        (z, y, x) extent of the box in voxels.
    radius
        Smallest and largest radius in voxels.
    packing
        Share of the box that particles fill, 0 to 0.6.
    rng
        Source of chance.

    Returns
    -------
    centres, radii, inverse_axes, longest
        (n, 3), (n,), (n, 3, 3) and (n,), as in `particlebridge.analysis.phantom.shapes.Particles`.
    """
    axes_factor = _aspects(4096, rng)
    fullness = rng.beta(1.5, 1.4, 4096)
    low, high = radius
    budget = packing * float(np.prod(size))
    volumes = 4 / 3 * np.pi * (low * (high / low) ** fullness) ** 3
    while volumes.sum() < budget:
        fullness = np.concatenate([fullness, rng.beta(1.5, 1.4, 4096)])
        axes_factor = np.concatenate([axes_factor, _aspects(4096, rng)])
        volumes = 4 / 3 * np.pi * (low * (high / low) ** fullness) ** 3
    n = max(1, int(np.searchsorted(np.cumsum(volumes), budget)))
    radii = low * (high / low) ** fullness[:n]
    semi = radii[:, None] * axes_factor[:n]
    turn = Rotation.random(n, rng=rng).as_matrix()
    inverse_axes = np.einsum("nij,nj,nkj->nik", turn, 1 / semi, turn)
    centres = rng.random((n, 3)) * size
    _relax(centres, inverse_axes, semi.max(1), np.asarray(size, float))
    return centres, radii, inverse_axes, semi.max(1)


def touching(
    centres: np.ndarray,
    inverse_axes: np.ndarray,
    longest: np.ndarray,
    size: tuple[float, float, float],
) -> np.ndarray:
    """Find the packed ellipsoids that touch.

    Parameters
    ----------
    centres, inverse_axes, longest
        (n, 3), (n, 3, 3) and (n,), as `pack_ellipsoids` gives them.
    size
        (z, y, x) extent of the box in voxels; periodic in y and x, as the packing is.

    Returns
    -------
    ndarray
        (pairs, 2) numbers of two particles, the smaller first, in order.
    """
    i, j = _near(centres, np.asarray(size, float), 2 * _CLOSE * float(longest.max())).T
    gap = centres[j] - centres[i]
    gap[:, 1:] -= np.array(size[1:]) * np.rint(gap[:, 1:] / size[1:])
    inside = sum(
        1 / np.linalg.norm(np.einsum("nij,nj->ni", inverse_axes[k], gap), axis=1) for k in (i, j)
    )
    pairs = np.sort(np.stack([i, j], axis=1)[inside * _CLOSE >= 1], axis=1)
    return pairs[np.lexsort(pairs.T[::-1])]


def _aspects(n: int, rng: np.random.Generator) -> np.ndarray:
    """Semi-axes over radius: mostly near balls, every eighth particle oblong; unit volume."""
    stretch = np.exp(rng.normal(0, 0.12, (n, 3)))
    stretch[:, 0] *= np.where(rng.random(n) < 0.13, rng.uniform(1.3, 1.7, n), 1)
    return stretch / stretch.prod(1, keepdims=True) ** (1 / 3)


def _near(centres: np.ndarray, size: np.ndarray, reach: float) -> np.ndarray:
    """Give the (pairs, 2) numbers of centres up to `reach` apart in the periodic box."""
    # z is not periodic: a box twice as high keeps its two ends apart in the tree
    torus = np.array([2 * size[0] + 2 * reach, *np.maximum(size[1:], 2.01 * reach)])
    return cKDTree(centres % torus, boxsize=torus).query_pairs(reach, output_type="ndarray")


def _relax(
    centres: np.ndarray, inverse_axes: np.ndarray, reach: np.ndarray, size: np.ndarray
) -> None:
    """Push overlapping particles apart in place, fewer and fewer, until the overlaps are small."""
    n = len(centres)
    largest = 2.3 * float(reach.max())
    wall = np.minimum(reach, size[0] / 2)
    for _ in range(40):
        pairs = _near(centres, size, largest)
        if _push(centres, inverse_axes, wall, size, pairs, 12) < 0.02 * n**0.5:
            break


@njit(cache=True)
def _push(centres, inverse_axes, wall, size, pairs, rounds):  # type: ignore[no-untyped-def]
    worst = 0.0
    d = np.empty(3)
    for _ in range(rounds):
        worst = 0.0
        for k in range(len(pairs)):
            i, j = pairs[k]
            for a in range(3):
                d[a] = centres[j, a] - centres[i, a]
            for a in range(1, 3):
                d[a] -= size[a] * np.rint(d[a] / size[a])
            gap = np.sqrt(d[0] ** 2 + d[1] ** 2 + d[2] ** 2) + 1e-9
            touch = 0.0
            for p in (i, j):
                s = 0.0
                for a in range(3):
                    m = inverse_axes[p, a]
                    s += (m[0] * d[0] + m[1] * d[1] + m[2] * d[2]) ** 2
                touch += gap / np.sqrt(s)
            overlap = 0.985 * touch - gap
            if overlap > 0:
                worst += overlap / touch
                for a in range(3):
                    step = 0.5 * overlap * d[a] / gap
                    centres[i, a] -= step
                    centres[j, a] += step
        for i in range(len(centres)):
            centres[i, 0] = min(max(centres[i, 0], wall[i]), size[0] - wall[i])
            for a in range(1, 3):
                centres[i, a] %= size[a]
    return worst
