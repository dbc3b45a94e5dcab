"""What the views say of each other's links between slices: one body goes on there, or two meet."""

from collections.abc import Mapping
from typing import NamedTuple

import numba
import numpy as np

from .._shared.overlaps import slabs
from .._shared.views import View, from_view, to_view, view_spacing
from .objects import Objects2D
from .slices import CLEAR_IOU, NECK, neck

# At a neck the answers "one" less the answers "two" must be this share of all.
_SURE = 0.5
# A view whose slices lie this many pixels apart shows more than others see between them...
_COARSE = 2
# ...and tells which of them cut what is one, from so many clear links on.
_FEW = 10


class Answers(NamedTuple):
    """What one view says of each of another view's links, by the object that goes on.

    Attributes
    ----------
    shared : ndarray of int64, shape (n + 1,)
        Pixels that the two linked objects have in common.
    one, two : ndarray of int64, shape (n + 1,)
        Those of them where the view shows the same object on both sides, and two objects.
    half : ndarray of int64, shape (n + 1,)
        Those where it shows an object on one side only.
    """

    shared: np.ndarray
    one: np.ndarray
    two: np.ndarray
    half: np.ndarray


LinkEvidence = Mapping[View, Mapping[View, Answers]]
"""View whose links are asked about -> view that answers -> its answers."""


def link_evidence(
    objects: Mapping[View, Objects2D], next_of: Mapping[View, np.ndarray], max_gap: int
) -> LinkEvidence:
    """Ask each view at every pixel of every link of the other views.

    Parameters
    ----------
    objects
        Each view's 2-D objects.
    next_of
        Each view's links, from `link_objects`.
    max_gap
        Longest gap that links bridge.
    """
    return {
        view: {
            other: _answers(
                own, next_of[view], to_view(from_view(theirs.numbers, other), view), max_gap
            )
            for other, theirs in objects.items()
            if other != view
        }
        for view, own in objects.items()
    }


def doubted_views(
    objects: Mapping[View, Objects2D],
    next_of: Mapping[View, np.ndarray],
    evidence: LinkEvidence,
    spacing: tuple[float, float, float],
) -> tuple[View, ...]:
    """Name the views that cut bodies between slices that lie far apart.

    Where slices lie several pixels apart, the views along them show each body as a few long rows,
    and a network may find a body in every row. Two slices whose objects overlap with an IoU above
    0.6 show one body. A view that has two objects in more than half of such places, on ten links at
    least, is doubted.

    Parameters
    ----------
    objects, next_of
        As in `link_evidence`.
    evidence
        From `link_evidence`.
    spacing
        Voxel size (z, y, x), um.
    """
    doubted = set()
    for view, answers in evidence.items():
        step, height, width = view_spacing(spacing, view)
        if step < _COARSE * max(height, width):
            continue
        sizes, there = objects[view].sizes, np.maximum(next_of[view], 0)
        for other, (shared, one, two, _) in answers.items():
            iou = shared / np.maximum(sizes + sizes[there] - shared, 1)
            told = (iou >= CLEAR_IOU) & (one + two > 0)
            if told.sum() >= _FEW and two[told].sum() > one[told].sum():
                doubted.add(other)
    return tuple(view for view in objects if view in doubted)


def cut_false_links(
    objects: Mapping[View, Objects2D],
    next_of: Mapping[View, np.ndarray],
    evidence: LinkEvidence,
    doubted: tuple[View, ...] = (),
) -> None:
    """Undo the links that the other views speak against, in place.

    Two bodies that touch pole to pole look like one in the slices across: the views along see
    the border. A link with more answers "two" than "one" is undone.
    Where the track has a neck, three answers in four must be "one", and what a view shows on one
    side only counts as half an answer "two": a thin slice of another body, which the volume's
    face cuts off, is seen in the slices along that face alone.

    Parameters
    ----------
    objects, next_of
        As in `link_evidence`.
    evidence
        From `link_evidence`.
    doubted
        Views whose answers do not count.
    """
    for view, own in objects.items():
        score, asked = np.zeros(own.sizes.size, np.int64), np.zeros(own.sizes.size, np.int64)
        for other, (_, one, two, half) in evidence[view].items():
            if other not in doubted:
                score += one - two
                asked += one + two + half
        needed = _SURE * asked * (neck(next_of[view], own.sizes) < NECK)
        next_of[view][score < needed] = -1


def _answers(own: Objects2D, next_of: np.ndarray, seen: np.ndarray, max_gap: int) -> Answers:
    answers = Answers(*np.zeros((4, own.sizes.size), np.int64))
    for slab in slabs(own.numbers.shape):
        ahead = slice(slab.start, slab.stop + max_gap + 1)
        _ask(
            own.numbers[ahead],
            np.ascontiguousarray(seen[ahead]),
            slab.stop - slab.start,
            max_gap,
            next_of,
            *answers,
        )
    return answers


@numba.njit(cache=True, nogil=True)
def _ask(
    numbers: np.ndarray,
    seen: np.ndarray,
    depth: int,
    max_gap: int,
    next_of: np.ndarray,
    shared: np.ndarray,
    one: np.ndarray,
    two: np.ndarray,
    half: np.ndarray,
) -> None:
    """Count what one other view says of the links from the first `depth` slices."""
    for i in range(min(depth, numbers.shape[0])):
        for j in range(numbers.shape[1]):
            for k in range(numbers.shape[2]):
                here, below = numbers[i, j, k], seen[i, j, k]
                if here == 0 or next_of[here] < 0:
                    continue
                for ahead in range(i + 1, min(i + max_gap + 2, numbers.shape[0])):
                    if numbers[ahead, j, k] == next_of[here]:
                        above = seen[ahead, j, k]
                        shared[here] += 1
                        if below and above:
                            one[here] += below == above
                            two[here] += below != above
                        else:
                            half[here] += below > 0 or above > 0
                        break
