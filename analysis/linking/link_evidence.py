"""What the other views say of a link between slices: one body goes on there, or two meet."""

from collections.abc import Mapping

import numba
import numpy as np

from .._shared.overlaps import slabs
from .._shared.views import View, from_view, to_view
from .objects import Objects2D
from .slices import NECK, neck

# At a neck the answers "one" less the answers "two" must be this share of all.
_SURE = 0.5


def cut_false_links(
    objects: Mapping[View, Objects2D], next_of: Mapping[View, np.ndarray], max_gap: int
) -> None:
    """Undo the links that the other views speak against, in place.

    Two bodies that touch pole to pole look like one in the slices across: the views along see
    the border. Each pixel that a link's two objects share asks each other view whether it has one
    object or two there; a link with more answers "two" than "one" is undone.
    Where the track has a neck, three answers in four must be "one", and what a view shows on one
    side only counts as half an answer "two": a thin slice of another body, which the volume's
    face cuts off, is seen in the slices along that face alone.

    Parameters
    ----------
    objects
        Each view's 2-D objects.
    next_of
        Each view's links, from `link_objects`.
    max_gap
        Longest gap that links bridge.
    """
    for view, own in objects.items():
        score, asked = np.zeros(own.sizes.size, np.int64), np.zeros(own.sizes.size, np.int64)
        for other, theirs in objects.items():
            if other != view:
                seen = to_view(from_view(theirs.numbers, other), view)
                for slab in slabs(own.numbers.shape):
                    ahead = slice(slab.start, slab.stop + max_gap + 1)
                    _ask(
                        own.numbers[ahead],
                        np.ascontiguousarray(seen[ahead]),
                        slab.stop - slab.start,
                        max_gap,
                        next_of[view],
                        score,
                        asked,
                    )
        needed = _SURE * asked * (neck(next_of[view], own.sizes) < NECK)
        next_of[view][score < needed] = -1


@numba.njit(cache=True, nogil=True)
def _ask(
    numbers: np.ndarray,
    seen: np.ndarray,
    depth: int,
    max_gap: int,
    next_of: np.ndarray,
    score: np.ndarray,
    asked: np.ndarray,
) -> None:
    """Add what one other view says of the links from the first `depth` slices."""
    for i in range(min(depth, numbers.shape[0])):
        for j in range(numbers.shape[1]):
            for k in range(numbers.shape[2]):
                here, one = numbers[i, j, k], seen[i, j, k]
                if here == 0 or next_of[here] < 0:
                    continue
                for ahead in range(i + 1, min(i + max_gap + 2, numbers.shape[0])):
                    if numbers[ahead, j, k] == next_of[here]:
                        other = seen[ahead, j, k]
                        if one and other:
                            score[here] += 1 if one == other else -1
                        asked[here] += one > 0 or other > 0
                        break
