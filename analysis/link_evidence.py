"""What the other views say of a link between slices: one body goes on there, or two meet."""

from collections.abc import Mapping

import numba
import numpy as np

from .overlaps import slabs
from .slice_linking import Objects2D
from .views import View, from_view, to_view

# The other views are asked this many slices beyond both ends of a link, so that an edge drawn a
# pixel off does not change the answer.
_BEYOND = 1


def cut_false_links(
    objects: Mapping[View, Objects2D], next_of: Mapping[View, np.ndarray], max_gap: int
) -> None:
    """Undo the links that the other views speak against, in place.

    Two bodies that touch pole to pole look like one in the slices across: the views along see
    the border. Each pixel that a link's two objects share asks each other view whether it has one
    object or two there; a link with more answers "two" than "one" is undone.

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
        score = np.zeros(own.sizes.size, np.int64)
        for other, theirs in objects.items():
            if other != view:
                seen = to_view(from_view(theirs.numbers, other), view)
                for slab in slabs(own.numbers.shape):
                    before = min(slab.start, _BEYOND)
                    after = max_gap + 1 + _BEYOND
                    _ask(
                        own.numbers[slab.start : slab.stop + max_gap + 1],
                        np.ascontiguousarray(seen[slab.start - before : slab.stop + after]),
                        before,
                        min(slab.stop, len(own.numbers)) - slab.start,
                        max_gap,
                        next_of[view],
                        score,
                    )
        next_of[view][score < 0] = -1


@numba.njit(cache=True, nogil=True)
def _ask(
    numbers: np.ndarray,
    seen: np.ndarray,
    before: int,
    depth: int,
    max_gap: int,
    next_of: np.ndarray,
    score: np.ndarray,
) -> None:
    """Add what one other view says; slice i of `numbers` is slice i + before of `seen`."""
    for i in range(depth):
        for j in range(numbers.shape[1]):
            for k in range(numbers.shape[2]):
                here = numbers[i, j, k]
                if here == 0 or next_of[here] < 0:
                    continue
                low = i + before - _BEYOND
                if low < 0:
                    continue
                a = seen[low, j, k]
                if a == 0:
                    continue
                for step in range(1, max_gap + 2):
                    high = i + step + before + _BEYOND
                    if i + step >= numbers.shape[0] or high >= seen.shape[0]:
                        break
                    if numbers[i + step, j, k] == next_of[here]:
                        b = seen[high, j, k]
                        if b:
                            score[here] += 1 if a == b else -1
                        break
