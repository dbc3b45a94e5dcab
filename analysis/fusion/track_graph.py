"""Which tracks of the three views are one body: evidence by volume, robust to shifted edges.

A track is a chain of 2-D objects of one view. Where track P of one view and track Q of another
both exist, that is on the lines in which P's slices meet Q's slices, they cover the same voxels if
they are one body and hardly any in common if they are two.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numba
import numpy as np

from .._shared.overlaps import pair_counts, pairs_within
from .._shared.views import VIEWS, View, from_view
from ..linking.objects import Objects2D
from ..linking.slices import NECK


class Tracks(NamedTuple):
    """One view's objects and the track of each, numbered through all views.

    Attributes
    ----------
    objects : Objects2D
    track_of : ndarray of int32, shape (n_objects + 1,)
        0 for background; each number is used in one view only.
    trust : float
        Weight of the view beside the others.
    """

    objects: Objects2D
    track_of: np.ndarray
    trust: float = 1.0


class TrackGraph(NamedTuple):
    """Signed evidence between tracks.

    Attributes
    ----------
    first, second : ndarray of int64
        The two tracks of every edge.
    weights : ndarray of float64
        Voxels that speak for one body, less those that speak for two.
    """

    first: np.ndarray
    second: np.ndarray
    weights: np.ndarray


class Sections(NamedTuple):
    """Voxels of each track in every slice along each axis of the volume.

    ``counts[offsets[t, a] + i - lows[t, a]]`` voxels of track t lie in slice i along axis a, for i
    from ``lows[t, a]`` to ``highs[t, a]``.
    """

    counts: np.ndarray
    offsets: np.ndarray
    lows: np.ndarray
    highs: np.ndarray


def track_graph(views: Mapping[View, Tracks]) -> TrackGraph:
    """Weigh every pair of tracks that may be one body, or must not be.

    Parameters
    ----------
    views
        The tracks of one to three views.

    Notes
    -----
    For two views' tracks P and Q the weight is 2 |P and Q| - (|P'| + |Q'|) / 2, P' and Q' being
    what lies on the lines that both views could see: positive for a Dice index above one half.
    Pieces of a track that broke, a half of a cut object and a body seen whole all agree by it.
    Two tracks of one view speak against each other by the smaller of their sections in every
    slice that shows both, and by the smaller track if one begins where the other has ended and
    both taper to a neck between them. Such evidence against is added for every two tracks that
    both agree with a third, since that may have merged them. Each weight counts by the trust in
    the views of both tracks.
    """
    sections = cross_sections(views)
    n = len(sections.lows)
    axis_of, trust = np.zeros(n, np.int64), np.ones(n)
    for view, tracks in views.items():
        axis_of[tracks.track_of] = VIEWS.index(view)
        trust[tracks.track_of] = tracks.trust
    first, second, shared = _overlaps(views)
    weights = _weigh(first, second, shared, axis_of, *sections)
    new = np.setdiff1d(_rivals(first, second, weights), (first << 32) | second)
    a, b = new >> 32, new & 0xFFFFFFFF
    against = _weigh(a, b, np.zeros(a.size, np.int64), axis_of, *sections)
    ends = np.concatenate([first, a]), np.concatenate([second, b])
    return TrackGraph(*ends, np.concatenate([weights, against]) * trust[ends[0]] * trust[ends[1]])


def _overlaps(views: Mapping[View, Tracks]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Voxels shared by every two tracks of different views; lower track first."""
    names = list(views)
    found = [np.zeros((3, 0), np.int64)]
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            table = pair_counts(
                from_view(views[one].objects.numbers, one),
                from_view(views[other].objects.numbers, other),
                views[one].track_of,
                views[other].track_of,
            )
            both = (table.first > 0) & (table.second > 0)
            found.append(np.stack([column[both] for column in table]))
    first, second, shared = np.concatenate(found, axis=1)
    return first, second, shared


def cross_sections(views: Mapping[View, Tracks]) -> Sections:
    """Count the voxels of each track by slice, along all three axes."""
    n = 1 + max(int(tracks.track_of.max()) for tracks in views.values())
    lows, highs = np.full((n, 3), 2**31 - 1, np.int64), np.full((n, 3), -1, np.int64)
    for view, (objects, track_of, _) in views.items():
        _extents(objects.numbers, track_of, _axes(view), lows, highs)
    lengths = np.maximum(highs - lows + 1, 0)
    ends = np.cumsum(lengths).reshape(lengths.shape)
    offsets = ends - lengths
    counts = np.zeros(int(lengths.sum()), np.int64)
    for view, (objects, track_of, _) in views.items():
        _count(objects.numbers, track_of, _axes(view), offsets - lows, counts)
    return Sections(counts, offsets, lows, highs)


def _axes(view: View) -> np.ndarray:
    """Axes of the volume in the order of the view's stack."""
    stacked = VIEWS.index(view)
    return np.array([stacked, *(axis for axis in range(3) if axis != stacked)])


@numba.njit(cache=True, nogil=True)
def _extents(
    numbers: np.ndarray, track_of: np.ndarray, order: np.ndarray, low: np.ndarray, high: np.ndarray
) -> None:
    a, b, c = order
    for i in range(numbers.shape[0]):
        for j in range(numbers.shape[1]):
            for k in range(numbers.shape[2]):
                t = track_of[numbers[i, j, k]]
                if t:
                    low[t, a], high[t, a] = min(low[t, a], i), max(high[t, a], i)
                    low[t, b], high[t, b] = min(low[t, b], j), max(high[t, b], j)
                    low[t, c], high[t, c] = min(low[t, c], k), max(high[t, c], k)


@numba.njit(cache=True, nogil=True)
def _count(
    numbers: np.ndarray,
    track_of: np.ndarray,
    order: np.ndarray,
    base: np.ndarray,
    counts: np.ndarray,
) -> None:
    a, b, c = order
    for i in range(numbers.shape[0]):
        for j in range(numbers.shape[1]):
            for k in range(numbers.shape[2]):
                t = track_of[numbers[i, j, k]]
                if t:
                    counts[base[t, a] + i] += 1
                    counts[base[t, b] + j] += 1
                    counts[base[t, c] + k] += 1


@numba.njit(cache=True, nogil=True)
def _weigh(
    first: np.ndarray,
    second: np.ndarray,
    shared: np.ndarray,
    axis_of: np.ndarray,
    counts: np.ndarray,
    offsets: np.ndarray,
    lows: np.ndarray,
    highs: np.ndarray,
) -> np.ndarray:
    weights = np.zeros(first.size)
    for k in range(first.size):
        p, q = first[k], second[k]
        if axis_of[p] == axis_of[q]:
            axis = axis_of[p]
            weights[k] -= _bottleneck(p, q, axis, counts, offsets, lows, highs)
            low, high = max(lows[p, axis], lows[q, axis]), min(highs[p, axis], highs[q, axis])
            for i in range(low, high + 1):
                here = counts[offsets[p, axis] + i - lows[p, axis]]
                there = counts[offsets[q, axis] + i - lows[q, axis]]
                weights[k] -= min(here, there)
            continue
        visible = 0
        for own, other in ((p, q), (q, p)):
            axis = axis_of[other]
            low = max(lows[own, axis], lows[other, axis])
            high = min(highs[own, axis], highs[other, axis])
            for i in range(low, high + 1):
                if counts[offsets[other, axis] + i - lows[other, axis]]:
                    visible += counts[offsets[own, axis] + i - lows[own, axis]]
        weights[k] = 2 * shared[k] - visible / 2
    return weights


@numba.njit(cache=True, nogil=True)
def _bottleneck(
    p: int,
    q: int,
    axis: int,
    counts: np.ndarray,
    offsets: np.ndarray,
    lows: np.ndarray,
    highs: np.ndarray,
) -> float:
    """Volume of the smaller of two tracks, one above the other, if both taper where they meet."""
    if lows[p, axis] > lows[q, axis]:
        p, q = q, p
    if highs[p, axis] >= lows[q, axis]:
        return 0.0
    volumes, widest = np.zeros(2), np.zeros(2)
    for side, t in enumerate((p, q)):
        for i in range(highs[t, axis] - lows[t, axis] + 1):
            size = counts[offsets[t, axis] + i]
            volumes[side] += size
            widest[side] = max(widest[side], size)
    end = counts[offsets[p, axis] + highs[p, axis] - lows[p, axis]]
    begin = counts[offsets[q, axis]]
    neck = max(end / widest[0], begin / widest[1])
    return max(0.0, 1.0 - neck / NECK) * min(volumes[0], volumes[1])


def _rivals(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pairs of tracks, as lower << 32 | higher, that both agree with a third."""
    agree = weights > 0
    one = np.concatenate([first[agree], second[agree]])
    near = np.concatenate([second[agree], first[agree]])
    order = np.argsort(one, kind="stable")
    starts = np.unique(one[order], return_index=True)[1]
    return pairs_within(np.append(starts, one.size), near[order])
