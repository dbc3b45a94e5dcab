"""Particles that the views missed, proposed from a click or from outlines in a few slices."""

from collections.abc import Mapping

import numpy as np
from particlebridge.analysis.correction.acts import Box, Point, box_shape, slices
from particlebridge.analysis.correction.regions import (
    Region,
    grow_region,
    interpolate_outlines,
    tight,
)

from ..volumes.stored_arrays import AnyArray
from .edited_labels import EditedLabels

_USUAL = 1.5
"""A particle is grown no further from the click than so many typical radii."""


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
    radius = _USUAL * (3 * usual * float(np.prod(spacing)) / (4 * np.pi)) ** (1 / 3)
    reach = [int(np.ceil(radius / s)) + 2 for s in spacing]
    low = [max(0, p - r) for p, r in zip(point, reach, strict=True)]
    high = [min(n, p + r + 1) for p, r, n in zip(point, reach, labels.shape, strict=True)]
    box: Box = (*low, *high)  # type: ignore[assignment]
    seed = (point[0] - box[0], point[1] - box[1], point[2] - box[2])
    free = labels[slices(box)] == 0
    grown = grow_region(np.asarray(volume[slices(box)]), free, seed, spacing, radius)
    region = tight(grown, box[:3])
    assert region is not None
    return region


def interpolated(planes: Mapping[int, np.ndarray], axis: int) -> Region:
    """Make a region of outlines drawn in a few slices across an axis."""
    first, mask = interpolate_outlines(planes)
    origin = [0, 0, 0]
    origin[axis] = first
    region = tight(np.moveaxis(mask, 0, axis), origin)
    assert region is not None
    return region


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
