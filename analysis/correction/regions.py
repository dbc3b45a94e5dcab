"""Shapes that corrections make: parts of a particle, and particles that were missed."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.filters import threshold_otsu
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from .acts import Box, Point

_GREY = 0.5
"""Weight of the grey values beside the log of the depth below the surface, in a split."""

_WAIST = 0.85
"""A particle has a waist where it is thinner than this share of what lies on either side."""


class Region(NamedTuple):
    """Voxels in a box.

    Attributes
    ----------
    box : Box
        Where they lie.
    mask : ndarray of bool
        Over the box.
    """

    box: Box
    mask: np.ndarray


def tight(mask: np.ndarray, origin: Sequence[int] = (0, 0, 0)) -> Region | None:
    """Cut a mask to its bounding box; None if it is empty.

    Parameters
    ----------
    mask
        (Z, Y, X) bool.
    origin
        Of the mask in the volume.
    """
    spans = []
    for axis in range(3):
        found = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        if not found.size:
            return None
        spans.append((int(found[0]), int(found[-1]) + 1))
    inner = mask[tuple(slice(a, b) for a, b in spans)]
    low = [a + int(o) for (a, _), o in zip(spans, origin, strict=True)]
    high = [b + int(o) for (_, b), o in zip(spans, origin, strict=True)]
    return Region((*low, *high), inner)  # type: ignore[arg-type]


def split_by_seeds(
    mask: np.ndarray,
    seeds: Sequence[Point],
    grey: np.ndarray | None = None,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> np.ndarray:
    """Part a particle from seeds: at its waists and dark gaps, else midway between the seeds.

    Parameters
    ----------
    mask
        (Z, Y, X) bool, the particle.
    seeds
        One voxel in each part.
    grey
        Grey values of the same shape; None: by the distance alone. Material is bright.
    spacing
        Voxel size (z, y, x).

    Returns
    -------
    ndarray of int32
        0 outside, else the number of the seed, from 1. A piece that no seed reaches goes to the
        part that is nearest.

    Notes
    -----
    Bodies within the particle are found first, by a watershed on depth and grey values from their
    peaks: a seed far from the middle of its body stands for all of it. Seeds in one body share it
    by nearness. A body without a seed joins the part to which it is tied best.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis.correction.regions import split_by_seeds
    >>> mask = np.ones((1, 3, 9), bool)
    >>> mask[:, ::2, 4] = False
    >>> split_by_seeds(mask, [(0, 1, 1), (0, 1, 7)])[0, 0]
    array([1, 1, 1, 1, 0, 2, 2, 2, 2], dtype=int32)
    """
    height = _height(mask, grey, spacing)
    bodies = _bodies(height, mask)
    own: dict[int, list[int]] = {}
    for number, seed in enumerate(seeds, start=1):
        own.setdefault(int(bodies[tuple(seed)]), []).append(number)
    markers = np.zeros(mask.shape, np.int32)
    for body, numbers in own.items():
        inside = bodies == body
        if len(numbers) == 1:
            markers[inside] = numbers[0]
        else:
            points = np.zeros(mask.shape, np.int32)
            for number in numbers:
                points[tuple(seeds[number - 1])] = number
            away = ndimage.distance_transform_edt(points == 0, sampling=spacing)
            markers += watershed(away, points, mask=inside, connectivity=1)
    parts = watershed(-height, markers, mask=mask, connectivity=1).astype(np.int32)
    pieces, count = ndimage.label(mask & (parts == 0))
    if count:
        there = np.argwhere(parts > 0)
        tree = cKDTree(there * np.array(spacing))
        for piece in range(1, count + 1):
            found = tree.query(np.argwhere(pieces == piece) * np.array(spacing))
            away, nearest = np.asarray(found[0]), np.asarray(found[1])
            parts[pieces == piece] = parts[tuple(there[nearest[away.argmin()]])]
    return parts


def _height(
    mask: np.ndarray, grey: np.ndarray | None, spacing: tuple[float, float, float]
) -> np.ndarray:
    """Give the log of the depth below the surface, plus grey values; far below 0 outside."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    # One voxel more: else each step of a rough surface would be a waist.
    height = np.log(depth + max(spacing))
    if grey is not None and mask.any():
        smooth = ndimage.gaussian_filter(np.nan_to_num(grey.astype(np.float32)), 1)
        # Against what is dark around the particle: its own noise is no gap.
        low, high = np.percentile(smooth, 5), np.median(smooth[mask])
        if high > low:
            height = height + _GREY * np.clip((smooth - low) / (high - low), 0, 1)
    return np.asarray(np.where(mask, height, height.min() - 10))


def _bodies(height: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Find the parts of a particle that have waists between them: from 1, 0 outside."""
    near = ndimage.generate_binary_structure(3, 1)
    flat = reconstruction(height + np.log(_WAIST), height, footprint=near)
    peaks, _ = ndimage.label(local_maxima(flat, connectivity=1) & mask)
    return np.asarray(watershed(-height, peaks, mask=mask, connectivity=1))


def beyond_plane(
    box: Box, point: tuple[float, float, float], normal: tuple[float, float, float]
) -> np.ndarray:
    """Tell which voxels of a box lie beyond a plane.

    Parameters
    ----------
    box
        Where.
    point, normal
        Of the plane, in voxels.

    Returns
    -------
    ndarray of bool
        True where (p - point) . normal >= 0, summed in the order z, y, x.
    """
    z, y, x = (
        (np.arange(box[a], box[a + 3], dtype=np.float64) - point[a]) * normal[a] for a in range(3)
    )
    inside: np.ndarray = (z[:, None, None] + y[None, :, None] + x[None, None, :]) >= 0
    return inside


def grow_region(
    grey: np.ndarray,
    free: np.ndarray,
    seed: Point,
    spacing: tuple[float, float, float],
    radius: float,
) -> np.ndarray:
    """Grow a particle from one voxel through what is as bright and belongs to nobody.

    Parameters
    ----------
    grey
        (Z, Y, X) grey values around the seed.
    free
        Bool, voxels that are no other particle's.
    seed
        A voxel of the particle.
    spacing
        Voxel size (z, y, x).
    radius
        It reaches no further from the seed, in units of `spacing`.

    Returns
    -------
    ndarray of bool
        The particle. Bridges thinner than a fifth of the radius to what else is bright are cut;
        cracks that are as thin, and holes, are filled.

    Raises
    ------
    ValueError
        If the seed is another particle's, or no brighter than what surrounds it.
    """
    if not free[seed]:
        raise ValueError("the point lies in a particle already; click beside it, or paint")
    smooth = ndimage.gaussian_filter(np.nan_to_num(grey.astype(np.float32)), 0.7)
    away = [(np.arange(n) - s) * d for n, s, d in zip(grey.shape, seed, spacing, strict=True)]
    reach = np.sqrt(
        away[0][:, None, None] ** 2 + away[1][None, :, None] ** 2 + away[2][None, None, :] ** 2
    )
    level = threshold_otsu(smooth)
    if not smooth[seed] >= level:
        raise ValueError("the point is as dark as the background; click on bright material")
    bright = (smooth >= level) & free & (reach <= radius)
    depth = ndimage.distance_transform_edt(np.pad(bright, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    # No deeper than the seed lies, so that its own part is never cut away.
    thin = min(0.2 * radius, 0.9 * float(depth[seed]))
    parts, _ = ndimage.label(depth > thin)
    core = parts == parts[seed]
    own = bright & (ndimage.distance_transform_edt(~core, sampling=spacing) <= thin)
    # Cracks belong to the body: what is closed by a ball as wide as the bridges, and its holes.
    wide = ndimage.distance_transform_edt(~np.pad(own, 1, mode="edge"), sampling=spacing) <= thin
    closed = ndimage.distance_transform_edt(wide, sampling=spacing)[1:-1, 1:-1, 1:-1] > thin
    grown: np.ndarray = ndimage.binary_fill_holes(own | closed) & free
    return grown


def interpolate_outlines(planes: Mapping[int, np.ndarray]) -> tuple[int, np.ndarray]:
    """Fill in the slices between outlines drawn in a few.

    Parameters
    ----------
    planes
        Number of a slice -> bool mask of what was drawn in it, all of one shape.

    Returns
    -------
    first : int
        The first slice.
    mask : ndarray of bool
        From the first slice drawn to the last.

    Raises
    ------
    ValueError
        If nothing was drawn in a slice, or shapes differ.

    Notes
    -----
    Signed distances to the outline are interpolated linearly: Raya and Udupa, IEEE Transactions on
    Medical Imaging 9, 32 (1990).
    """
    order = sorted(planes)
    masks = [np.asarray(planes[at], bool) for at in order]
    if not masks or not all(mask.any() for mask in masks):
        raise ValueError("nothing is drawn in one of the slices; draw an outline in each")
    if len({mask.shape for mask in masks}) > 1:
        raise ValueError("the outlines are not of one shape")
    distances = [_signed(mask) for mask in masks]
    filled = np.zeros((order[-1] - order[0] + 1, *masks[0].shape), bool)
    filled[0] = masks[0]
    for (a, b), (low, high) in zip(
        itertools.pairwise(order), itertools.pairwise(distances), strict=True
    ):
        for at in range(a + 1, b):
            share = (at - a) / (b - a)
            filled[at - order[0]] = (1 - share) * low + share * high > 0
    for at, mask in zip(order, masks, strict=True):
        filled[at - order[0]] = mask
    return order[0], filled


def _signed(mask: np.ndarray) -> np.ndarray:
    wide = np.pad(mask, 1)
    inside = ndimage.distance_transform_edt(wide)
    outside = ndimage.distance_transform_edt(~wide)
    signed: np.ndarray = (inside - outside)[1:-1, 1:-1]
    return signed
