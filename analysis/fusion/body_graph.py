"""Which bodies are pieces of one: the 2-D objects that span two, against those that part them."""

from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np

from .._shared.overlaps import overlap_table, pairs_within
from .._shared.views import View, from_view
from ..linking.objects import Objects2D

# Two objects for two bodies weigh more than one for both: a tie of two views parts them.
_APART = 1.5


class Spans(NamedTuple):
    """The bodies in each 2-D object of one view, sorted by object.

    Attributes
    ----------
    objects, bodies, shared : ndarray of int64, shape (n,)
        `shared` pixels of the object lie in the body.
    slices : ndarray of int64, shape (n,)
        Slice of the object.
    """

    objects: np.ndarray
    bodies: np.ndarray
    shared: np.ndarray
    slices: np.ndarray


def find_spans(objects: Objects2D, bodies: np.ndarray, view: View) -> Spans:
    """List the bodies, (Z, Y, X) int32, that each of a view's 2-D objects lies in."""
    table = overlap_table(from_view(objects.numbers, view), bodies)
    both = (table.first > 0) & (table.second > 0)
    first, second, shared = (column[both] for column in table)
    return Spans(first, second, shared, objects.slices[first])


def join_spans(spans: Spans, names: np.ndarray) -> Spans:
    """Rename the bodies by ``names[body]`` and add up what becomes one."""
    keys = (spans.objects << 32) | names[spans.bodies]
    unique, first, where = np.unique(keys, return_index=True, return_inverse=True)
    shared = np.bincount(where, weights=spans.shared, minlength=unique.size).astype(np.int64)
    return Spans(unique >> 32, unique & 0xFFFFFFFF, shared, spans.slices[first])


def body_graph(
    views: Sequence[Spans], trust: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weigh every two bodies that some 2-D object spans.

    Parameters
    ----------
    views
        One for each view.
    trust
        Weight of each view beside the others.

    Returns
    -------
    first, second : ndarray of int64
        Two bodies.
    weights : ndarray of float64
        In every slice of every view that shows both, the object that holds most of the one is
        compared with that of the other: the same object speaks for one body, two objects for
        two, by the smaller of the pixels that they hold.
    """
    spanned = [
        pairs_within(
            np.append(np.unique(own.objects, return_index=True)[1], own.objects.size), own.bodies
        )
        for own in views
    ]
    pairs = np.unique(np.concatenate(spanned))
    first, second = pairs >> 32, pairs & 0xFFFFFFFF
    weights = np.zeros(pairs.size)
    for spans, weight in zip(views, trust, strict=True):
        order = np.lexsort((spans.shared, spans.slices, spans.bodies))
        bodies, slices = spans.bodies[order], spans.slices[order]
        # The last of each (body, slice) is the object that holds most of it.
        last = np.ones(order.size, bool)
        last[:-1] = (bodies[1:] != bodies[:-1]) | (slices[1:] != slices[:-1])
        order, bodies = order[last], bodies[last]
        starts = np.searchsorted(bodies, np.arange(bodies.max(initial=0) + 2))
        weights += weight * _compare(
            first, second, starts, spans.slices[order], spans.objects[order], spans.shared[order]
        )
    return first, second, weights


@numba.njit(cache=True, nogil=True)
def _compare(
    first: np.ndarray,
    second: np.ndarray,
    starts: np.ndarray,
    slices: np.ndarray,
    objects: np.ndarray,
    shared: np.ndarray,
) -> np.ndarray:
    weights = np.zeros(first.size)
    for k in range(first.size):
        if max(first[k], second[k]) + 1 >= starts.size:
            continue
        i, i_end = starts[first[k]], starts[first[k] + 1]
        j, j_end = starts[second[k]], starts[second[k] + 1]
        while i < i_end and j < j_end:
            if slices[i] < slices[j]:
                i += 1
            elif slices[i] > slices[j]:
                j += 1
            else:
                voice = min(shared[i], shared[j])
                weights[k] += voice if objects[i] == objects[j] else -_APART * voice
                i += 1
                j += 1
    return weights
