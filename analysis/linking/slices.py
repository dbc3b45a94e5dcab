"""Linking slices: the 2-D objects of a stack become 3-D objects, by overlap."""

import numba
import numpy as np

from .._shared.assignment import sparse_assignment
from .._shared.overlaps import Overlaps, overlap_table
from .gaps import close_gaps
from .objects import Objects2D, number_objects
from .points import chains_of

# An object that continues with this IoU is the same one whatever else lies beside it.
CLEAR_IOU = 0.6
# A part of a split holds at least this share of the whole, and lies in it by more than half.
_PART = 0.15
# A body whose section has shrunk below this share of its widest has come to its end.
TAPERED = 0.3
# A track that narrows to less than this share and widens again may be two bodies that touch.
NECK = 0.6


def link_objects(objects: Objects2D, min_iou: float = 0.3, max_gap: int = 3) -> np.ndarray:
    """Join the 2-D objects of neighbouring slices into tracks, one object per slice at most.

    Parameters
    ----------
    objects
        From `number_objects`.
    min_iou
        Gate: objects that overlap less are never linked.
    max_gap
        How many slices in a row an object may be missing.

    Returns
    -------
    ndarray of int64, shape (n + 1,)
        The object in a later slice as which each object goes on, -1 for none; `tracks_of` makes
        tracks of them.

    Raises
    ------
    ValueError
        If the gate is not in [0, 1] or the gap is negative.

    Notes
    -----
    Neighbouring slices are linked by the assignment with the largest total IoU. Where an object
    lies over two or more that are parts of it (a split, or read backwards a merge), nothing tells
    which one it goes on as: it is not linked to any part unless that has a clear IoU of 0.6. Then
    a piece of one or two slices that lies on the free end of a longer track, mostly inside it, is
    linked as the pole of that body, where slices shrink too fast for any IoU. Last, ends are
    linked to beginnings over one missing slice, two, ..., unless either has tapered off to less
    than 0.3 of its widest section.
    """
    if not 0 <= min_iou <= 1:
        raise ValueError(f"min_iou lies from 0 to 1, not at {min_iou:g}.")
    if max_gap < 0:
        raise ValueError(f"max_gap counts slices, 0 or more, not {max_gap}.")
    next_of = np.full(objects.sizes.size, -1, np.int64)
    has_source = np.zeros(objects.sizes.size, bool)
    numbers = objects.numbers
    if len(numbers) < 2:
        return next_of
    neighbours = overlap_table(numbers[:-1], numbers[1:])
    for step in range(1, min(max_gap + 2, len(numbers))):
        table = neighbours if step == 1 else overlap_table(numbers[:-step], numbers[step:])
        free = (table.first > 0) & (table.second > 0)
        free &= (next_of[table.first] < 0) & ~has_source[table.second]
        below, above, shared = (column[free] for column in table)
        size_below, size_above = objects.sizes[below], objects.sizes[above]
        iou = shared / (size_below + size_above - shared)
        split = _in_parts(below, shared, size_above, size_below)
        merge = _in_parts(above, shared, size_below, size_above)
        allowed = (iou >= min_iou) & (~(split | merge) | (iou >= CLEAR_IOU))
        if step > 1:
            widest = _widest(next_of, objects.sizes)
            allowed &= (size_below >= TAPERED * widest[below]) & (
                size_above >= TAPERED * widest[above]
            )
        here, there = sparse_assignment(below[allowed], above[allowed], -iou[allowed], missing=0.0)
        next_of[here] = there
        has_source[there] = True
        if step == 1:
            _join_caps(next_of, has_source, objects.sizes, neighbours)
    return next_of


def tracks_of(next_of: np.ndarray) -> np.ndarray:
    """Give each object the number of its track, from 1; 0 for background: (n + 1,) int32."""
    # Background is the first chain, alone.
    return chains_of(next_of).astype(np.int32)


def neck(next_of: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Section at each object's link over the narrower of the widest before and after it.

    Parameters
    ----------
    next_of
        Links, from `link_objects`.
    sizes
        Pixels of each object.

    Returns
    -------
    ndarray of float64, shape (n + 1,)
        1 where there is no link or no neck; small where a track narrows and widens again.
    """
    before, after = sizes.astype(float), sizes.astype(float)
    _carry_widest(next_of, before, after)
    ratio = np.ones(sizes.size)
    linked = np.flatnonzero(next_of >= 0)
    there = next_of[linked]
    section = np.minimum(sizes[linked], sizes[there])
    ratio[linked] = section / np.maximum(np.minimum(before[linked], after[there]), 1)
    return ratio


@numba.njit(cache=True, nogil=True)
def _carry_widest(next_of: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    """Make `before` the widest up to each object along its track, `after` the widest from it."""
    for i in range(next_of.size):
        if next_of[i] >= 0:
            before[next_of[i]] = max(before[next_of[i]], before[i])
    for i in range(next_of.size - 1, -1, -1):
        if next_of[i] >= 0:
            after[i] = max(after[i], after[next_of[i]])


def _widest(next_of: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Largest section of the track of each object."""
    chain = chains_of(next_of)
    widest = np.zeros(chain.max() + 1, np.int64)
    np.maximum.at(widest, chain, sizes)
    return widest[chain]


def _join_caps(
    next_of: np.ndarray, has_source: np.ndarray, sizes: np.ndarray, table: Overlaps
) -> None:
    """Link pieces of one or two slices to the end of the longer track on which they lie."""
    for _ in range(2):
        chain = chains_of(next_of)
        length = np.bincount(chain)[chain]
        below, above, shared = table
        smaller = np.minimum(sizes[below], sizes[above])
        longer = np.maximum(length[below], length[above])
        is_cap = sizes[below] < sizes[above]
        cap = np.where(is_cap, length[below], length[above])
        fits = (below > 0) & (above > 0) & (next_of[below] < 0) & ~has_source[above]
        fits &= (cap <= 2) & (longer > cap) & (2 * shared > smaller)
        # What has bodies on both sides is no pole but a piece of one that goes on there.
        top, bottom = above[fits & ~is_cap], below[fits & is_cap]
        fits &= ~np.isin(np.where(is_cap, below, above), np.intersect1d(top, bottom))
        here, there = sparse_assignment(below[fits], above[fits], -shared[fits], missing=0.0)
        next_of[here] = there
        has_source[there] = True


def link_slices(labels: np.ndarray, min_iou: float = 0.3, max_gap: int = 3) -> np.ndarray:
    """Join the 2-D objects of a stack into 3-D objects, and fix slices where one is missing.

    Parameters
    ----------
    labels
        (N, H, W) integer labels, 0 background; they may start again in every slice.
    min_iou
        Gate: 2-D objects that overlap less are never linked.
    max_gap
        How many slices in a row an object may be missing, cut in two or merged with another.
        There it gets the pixels that it has on both sides of the gap.

    Returns
    -------
    ndarray of int32, shape (N, H, W)
        3-D objects from 1.

    Raises
    ------
    ValueError
        If these are no labels of a stack, the gate is not in [0, 1] or the gap is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import link_slices
    >>> slices = np.zeros((3, 8, 8), np.int32)
    >>> slices[0, 2:6, 2:6], slices[2, 2:6, 2:6] = 5, 1
    >>> linked = link_slices(slices)
    >>> linked[:, 3, 3].tolist()
    [1, 1, 1]
    """
    objects = number_objects(labels)
    tracks = tracks_of(link_objects(objects, min_iou, max_gap))
    linked = tracks[objects.numbers]
    close_gaps(linked, objects, tracks)
    return linked


def _in_parts(
    whole: np.ndarray, shared: np.ndarray, part_sizes: np.ndarray, whole_sizes: np.ndarray
) -> np.ndarray:
    """Mark the pairs whose `whole` lies over two or more objects that are parts of it."""
    part = (2 * shared > part_sizes) & (shared >= _PART * whole_sizes)
    parts = np.bincount(whole, weights=part, minlength=whole.max(initial=-1) + 1)
    return part & (parts[whole] >= 2)
