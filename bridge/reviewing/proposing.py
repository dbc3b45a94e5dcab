"""Particles that the views missed, proposed from a click or from outlines in a few slices."""

from collections.abc import Mapping, Sequence

import numpy as np
from particlebridge.analysis.correction.acts import Box, Point, box_shape, slices, wider_box
from particlebridge.analysis.correction.regions import (
    Region,
    grow_region,
    interpolate_outlines,
    tight,
)
from scipy.ndimage import gaussian_filter

from ..volumes.stored_arrays import AnyArray
from .edited_labels import EditedLabels

_USUAL = 1.5
"""A particle is grown no further from the click than so many typical radii."""

_NEAR = 0.25
"""A place stands for what lies so many typical radii around it."""


def grown_from(
    point: Point,
    labels: EditedLabels,
    volume: AnyArray,
    spacing: tuple[float, float, float],
    usual: float,
) -> Region:
    """Grow a particle from a click; only its surroundings are read.

    Parameters
    ----------
    point
        A voxel (z, y, x).
    labels, volume
        Of the run.
    spacing
        Voxel size (z, y, x).
    usual
        Voxels of a typical particle.

    Raises
    ------
    ValueError
        If the point lies outside, in a particle, or in the dark.
    """
    if not all(0 <= p < n for p, n in zip(point, labels.shape, strict=True)):
        raise ValueError(f"the point {list(point)} lies outside the volume")
    radius = _USUAL * _radius(usual, spacing)
    reach = [int(np.ceil(radius / s)) + 2 for s in spacing]
    box = _around(point, reach, labels.shape)
    seed = (point[0] - box[0], point[1] - box[1], point[2] - box[2])
    free = labels[slices(box)] == 0
    grown = grow_region(np.asarray(volume[slices(box)]), free, seed, spacing, radius)
    region = tight(grown, box[:3])
    assert region is not None
    return region


def bright_near(
    point: Point,
    labels: EditedLabels,
    volume: AnyArray,
    spacing: tuple[float, float, float],
    usual: float,
) -> Point:
    """Find the brightest voxel of no particle close to a place: its middle may be a void.

    Parameters are those of `grown_from`. Where all voxels are particles', the place is given.
    """
    reach = [int(_NEAR * _radius(usual, spacing) / s) for s in spacing]
    box = _around(point, reach, labels.shape)
    free = labels[slices(box)] == 0
    if not free.any():
        return point
    smooth = gaussian_filter(np.nan_to_num(np.asarray(volume[slices(box)], np.float32)), 0.7)
    at = np.unravel_index(np.argmax(np.where(free, smooth, -np.inf)), free.shape)
    z, y, x = (int(v) + first for v, first in zip(at, box[:3], strict=True))
    return z, y, x


def interpolated(planes: Mapping[int, np.ndarray], axis: int) -> Region:
    """Make a region of outlines drawn in a few slices across an axis."""
    first, mask = interpolate_outlines(planes)
    origin = [0, 0, 0]
    origin[axis] = first
    region = tight(np.moveaxis(mask, 0, axis), origin)
    assert region is not None
    return region


def _around(point: Point, reach: Sequence[int], shape: tuple[int, int, int]) -> Box:
    """Give the box that reaches so far from a voxel."""
    z, y, x = point
    return wider_box((z, y, x, z + 1, y + 1, x + 1), reach, shape)


def _radius(voxels: float, spacing: tuple[float, float, float]) -> float:
    """Give the radius of a ball of so many voxels."""
    return float((3 * voxels * np.prod(spacing) / (4 * np.pi)) ** (1 / 3))


def check_box(box: Box, shape: tuple[int, int, int], *masks: np.ndarray | None) -> None:
    """Refuse a box outside a volume, and masks of another shape or without a voxel.

    Raises
    ------
    ValueError
        Saying which.
    """
    if not all(0 <= a < b <= n for a, b, n in zip(box[:3], box[3:], shape, strict=True)):
        raise ValueError(f"the box {list(box)} is empty or lies outside the volume")
    for mask in masks:
        if mask is not None and mask.shape != box_shape(box):
            raise ValueError(f"the mask has shape {mask.shape}, but its box {box_shape(box)}")
    if masks and not any(mask is not None and mask.any() for mask in masks):
        raise ValueError("there is nothing painted")
