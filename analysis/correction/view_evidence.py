"""What the 2-D objects of one view say of each fused body, read slab by slab."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .._shared.overlaps import Overlaps, pair_counts, slabs
from .._shared.views import View, to_view, view_axes, view_spacing
from ..linking.objects import Objects2D, number_objects

# Voxels of a slab: a chunk of a Zarr is then read once or twice, not once a slice.
_SLAB = 1 << 26
# A 2-D object of which less than this share lies in bodies is seen by its view alone.
_LOST = 0.3
# An object that holds this share of itself in a second body joins the two.
_JOINS = 0.25


class LostObjects(NamedTuple):
    """2-D objects of a view that lie in no body.

    Attributes
    ----------
    places : ndarray of int64, shape (n, 3)
        A voxel (z, y, x) of each, the nearest to its centre.
    volumes : ndarray of float64, shape (n,)
        Pixels of each times the voxel's volume.
    diameters : ndarray of float64, shape (n,)
        Of a disc of its area.
    grey : ndarray of float64, shape (n,)
        Mean grey value in it; NaN where none is known.
    on_face : ndarray of bool, shape (n,)
        In the first or last slice of the view.
    """

    places: np.ndarray
    volumes: np.ndarray
    diameters: np.ndarray
    grey: np.ndarray
    on_face: np.ndarray


class ViewEvidence(NamedTuple):
    """What a view says, one value for each body number, as shares of the body's voxels.

    Attributes
    ----------
    covered
        In any 2-D object.
    split
        In objects beside the largest one of their slice: the view sees two or more bodies.
    merged
        In objects that hold much of another body, too: the view sees one.
    neck
        How thin the body is between two thick parts along the view's axis: 0 not at all, near 1
        where two bodies hardly hold together.
    lost
        The objects in no body.
    """

    covered: np.ndarray
    split: np.ndarray
    merged: np.ndarray
    neck: np.ndarray
    lost: LostObjects


class _Shared(NamedTuple):
    """Voxels that objects (0: background) share with bodies, slice by slice."""

    slices: np.ndarray
    objects: np.ndarray
    bodies: np.ndarray
    shared: np.ndarray
    sizes: np.ndarray


def view_evidence(
    labels: np.ndarray,
    stack: np.ndarray,
    view: View,
    spacing: tuple[float, float, float],
    n: int,
    volume: np.ndarray | None = None,
) -> ViewEvidence:
    """Compare a view's 2-D objects with the bodies.

    Parameters
    ----------
    labels
        (Z, Y, X) bodies: an array or anything that is sliced like one, such as a Zarr.
    stack
        The view's 2-D labels in its own order, an array or sliced like one.
    view
        Its name.
    spacing
        Voxel size (z, y, x).
    n
        The highest body number.
    volume
        (Z, Y, X) grey values, an array or sliced like one.
    """
    parts, lost = [], []
    depth = labels.shape[view_axes(view)[0]]
    for part in slabs(tuple(labels.shape[k] for k in view_axes(view)), _SLAB):
        part = slice(part.start, min(part.stop, depth))
        bodies = _cut(labels, view, part)
        objects = number_objects(np.asarray(stack[part]))
        one = _shared(objects, bodies, part.start)
        parts.append(one)
        missed = _lost(objects, one)
        if missed.any():
            grey = None if volume is None else _cut(volume, view, part)
            lost.append(_described(objects, missed, grey, part.start, depth, view, spacing))
    none = np.zeros(0)
    lost.append(LostObjects(np.zeros((0, 3), np.int64), none, none, none, none.astype(bool)))
    gathered = LostObjects(*(np.concatenate(column) for column in zip(*lost, strict=True)))
    return _judged(_joined(parts), n, gathered)


def _cut(volume: np.ndarray, view: View, part: slice) -> np.ndarray:
    """Read some slices of a view out of a (Z, Y, X) volume."""
    axis = view_axes(view)[0]
    return to_view(np.asarray(volume[(slice(None),) * axis + (part,)]), view)


def _shared(objects: Objects2D, bodies: np.ndarray, start: int) -> _Shared:
    # The background of each slice is counted by itself: it tells the area of a body there.
    count, depth = objects.sizes.size, len(objects.numbers)
    behind = (count + np.arange(depth, dtype=np.int32))[:, None, None]
    table = pair_counts(np.where(objects.numbers > 0, objects.numbers, behind), bodies)
    table = Overlaps(*(column[table.second > 0] for column in table))
    real = table.first < count
    slices = np.where(real, objects.slices[np.where(real, table.first, 0)], table.first - count)
    names = np.where(real, table.first, 0)
    return _Shared(slices + start, names, table.second, table.counts, objects.sizes)


def _joined(parts: list[_Shared]) -> _Shared:
    columns: list[list[np.ndarray]] = [[], [], [], [], [np.zeros(1, np.int64)]]
    used = 0
    for part in parts:
        names = np.where(part.objects > 0, part.objects + used, 0)
        used += part.sizes.size - 1
        for column, more in zip(
            columns,
            (part.slices, names, part.bodies, part.shared, part.sizes[1:]),
            strict=True,
        ):
            column.append(more)
    return _Shared(*(np.concatenate(column) for column in columns))


def _lost(objects: Objects2D, one: _Shared) -> np.ndarray:
    """Mark the objects of a slab that lie in no body."""
    lost = np.bincount(one.objects, one.shared, objects.sizes.size) < _LOST * objects.sizes
    lost[0] = False
    return lost


def _described(
    objects: Objects2D,
    chosen: np.ndarray,
    grey: np.ndarray | None,
    start: int,
    depth: int,
    view: View,
    spacing: tuple[float, float, float],
) -> LostObjects:
    pixels = np.flatnonzero(chosen[objects.numbers])
    where = np.array(np.unravel_index(pixels, objects.numbers.shape)).T
    _, of, counts = np.unique(
        objects.numbers.ravel()[pixels], return_inverse=True, return_counts=True
    )
    centres = np.stack([np.bincount(of, column) / counts for column in where.T], 1)
    order = np.lexsort((((where - centres[of]) ** 2).sum(1), of))
    nearest = where[order[np.searchsorted(of[order], np.arange(counts.size))]] + [start, 0, 0]
    places = np.empty_like(nearest)
    places[:, list(view_axes(view))] = nearest
    _, height, width = view_spacing(spacing, view)
    mean = np.full(counts.size, np.nan)
    if grey is not None:
        mean = np.bincount(of, grey[tuple(where.T)], counts.size) / counts
    return LostObjects(
        places,
        counts * float(np.prod(spacing)),
        2 * np.sqrt(counts * height * width / np.pi),
        mean,
        np.isin(nearest[:, 0], (0, depth - 1)),
    )


def _judged(all_: _Shared, n: int, lost: LostObjects) -> ViewEvidence:
    slices, objects, bodies, shared, sizes = all_
    body_sizes = np.maximum(np.bincount(bodies, shared, n + 1), 1)
    real = objects > 0

    def share(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(bodies[chosen], shared[chosen], n + 1) / body_sizes

    # Objects that hold much of a second body.
    order = np.lexsort((shared, objects))
    order = order[objects[order] > 0]
    last = np.ones(order.size, bool)
    last[:-1] = objects[order][1:] != objects[order][:-1]
    second = np.zeros(sizes.size, np.int64)
    before = np.flatnonzero(~last)
    second[objects[order[before]]] = shared[order[before]]  # sorted: the last wins
    joins = second >= _JOINS * sizes
    # Objects beside the largest of their (body, slice) that lie mostly in it.
    mostly = real & (2 * shared > sizes[objects])
    held = np.flatnonzero(mostly)
    held = held[np.lexsort((shared[held], slices[held], bodies[held]))]
    largest = np.ones(held.size, bool)
    largest[:-1] = (bodies[held][1:] != bodies[held][:-1]) | (slices[held][1:] != slices[held][:-1])
    beside = np.zeros(objects.size, bool)
    beside[held[~largest]] = True
    keys, where = np.unique((bodies << 32) | slices, return_inverse=True)
    area = np.bincount(where, shared, keys.size)
    return ViewEvidence(
        share(real),
        share(beside),
        share(real & joins[objects]),
        _necks(keys >> 32, area, n),
        lost,
    )


def _necks(of: np.ndarray, area: np.ndarray, n: int) -> np.ndarray:
    """Give 1 - (thinnest slice) / (the thinner of the thickest on its two sides) of each body."""
    necks = np.zeros(n + 1)
    starts = np.flatnonzero(np.diff(of, prepend=-1))
    for first, stop in pairwise([*starts, of.size]):
        profile = area[first:stop]
        low = np.maximum.accumulate(profile)
        high = np.maximum.accumulate(profile[::-1])[::-1]
        necks[of[first]] = (1 - profile / np.minimum(low, high)).max()
    return necks
