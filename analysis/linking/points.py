"""Linking points by the Hungarian algorithm: frame to frame, and into tracks over gaps.

`hungarian_link` and `track_points` keep the meaning of the public MATLAB functions
hungarianlinker and simpletracker; with a gate every cost is sparse, so thousands of objects are
no trouble.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numba
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from .._shared.assignment import sparse_assignment

# What is larger has no square in float64.
_BEYOND = 1e150


class Link(NamedTuple):
    """How sources were linked to targets.

    Attributes
    ----------
    targets : ndarray of int64, shape (n_sources,)
        Index of the target of each source, -1 where there is none.
    distances : ndarray of float64, shape (n_sources,)
        Euclidean distance to it, NaN where there is none.
    unassigned : ndarray of int64
        Indices of the targets that got no source.
    cost : float
        Sum of the squared distances.
    """

    targets: np.ndarray
    distances: np.ndarray
    unassigned: np.ndarray
    cost: float


def hungarian_link(source: np.ndarray, target: np.ndarray, max_distance: float = np.inf) -> Link:
    """Link two sets of points one to one with the least sum of squared distances.

    Parameters
    ----------
    source, target
        (n, d) and (m, d) coordinates.
    max_distance
        Points farther apart than this are never linked. As many links are made as this allows.
        Where it lets every point reach every other, as infinity does, all n x m costs are written
        out: 8 n m bytes.

    Returns
    -------
    Link

    Raises
    ------
    ValueError
        If the points have different numbers of coordinates, one is not finite (or beyond 1e150),
        or the distance is negative or NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import hungarian_link
    >>> link = hungarian_link(np.array([[0.0], [5.0]]), np.array([[6.0], [1.0], [40.0]]), 10)
    >>> link.targets.tolist()
    [1, 0]
    """
    source, target = _checked(source, target, max_distance)
    if _reaches_all(source, target, max_distance):
        linked, to = linear_sum_assignment(cdist(source, target, "sqeuclidean"))
    else:
        rows, cols, distance = _near_pairs(source, target, max_distance)
        linked, to = sparse_assignment(rows, cols, distance**2)
    return _as_link(source, target, linked, to)


def nearest_link(source: np.ndarray, target: np.ndarray, max_distance: float = np.inf) -> Link:
    """Link two sets of points one to one, always taking the closest free pair next.

    The sum of squared distances is not the least possible, and fewer links may be made than by
    `hungarian_link`.

    Parameters
    ----------
    source, target
        (n, d) and (m, d) coordinates.
    max_distance
        Points farther apart than this are never linked.

    Returns
    -------
    Link

    Raises
    ------
    ValueError
        As `hungarian_link`.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import nearest_link
    >>> link = nearest_link(np.array([[0.0], [5.0]]), np.array([[6.0], [1.0], [40.0]]), 10)
    >>> link.targets.tolist(), link.unassigned.tolist()
    ([1, 0], [2])
    """
    source, target = _checked(source, target, max_distance)
    sources, targets = np.arange(len(source)), np.arange(len(target))
    found = [np.zeros((2, 0), np.int64)]
    # A link within a short reach is one within a longer reach, too: so only those who are left
    # look farther, and the n x m pairs are never written out. Half of them find someone each time.
    reach = -np.inf
    while sources.size and targets.size and reach < max_distance:
        nearest, _ = KDTree(target[targets]).query(source[sources])
        reach = min(max_distance, float(np.median(nearest)) * (1 + 1e-9))
        rows, cols, distance = _near_pairs(source[sources], target[targets], reach)
        order = np.lexsort((cols, rows, distance))
        rows, cols = rows[order], cols[order]
        chosen = _closest_first(rows, cols, sources.size, targets.size)
        found.append(np.stack([sources[rows[chosen]], targets[cols[chosen]]]))
        sources = np.delete(sources, rows[chosen])
        targets = np.delete(targets, cols[chosen])
    return _as_link(source, target, *np.concatenate(found, axis=1))


def track_points(
    frames: Sequence[np.ndarray],
    method: Literal["hungarian", "nearest"] = "hungarian",
    max_distance: float = np.inf,
    max_gap: int = 3,
) -> np.ndarray:
    """Follow points through frames, over frames in which they are missing.

    Parameters
    ----------
    frames
        One (n, d) array of coordinates per frame; n may be 0.
    method
        How two frames are linked: `hungarian_link` or `nearest_link`.
    max_distance
        Largest step, over a gap too.
    max_gap
        How many frames in a row a point may be missing; 0 closes no gap. Ends of tracks are
        joined to beginnings over the shortest gaps first.

    Returns
    -------
    ndarray of int64, shape (n_tracks, n_frames)
        Index of the track's point in every frame, -1 where it has none. Every point is in
        exactly one track; tracks are sorted by their first point.

    Raises
    ------
    ValueError
        If the method is unknown, the points cannot be compared, or the distance or the gap is
        negative.

    Notes
    -----
    Two things differ from simpletracker: its max_gap_closing counts frames from point to point,
    so that 3 bridges two missing ones; and it closes gaps frame after frame, by the nearest
    neighbour whatever the method.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import track_points
    >>> frames = [np.array([[0.0], [9.0]]), np.array([[9.1]]), np.array([[9.2], [0.2]])]
    >>> track_points(frames, max_distance=1, max_gap=1).tolist()
    [[0, -1, 1], [1, 0, 0]]
    """
    linkers = {"hungarian": hungarian_link, "nearest": nearest_link}
    if method not in linkers:
        raise ValueError(f"Points are linked by {' or '.join(linkers)}, not by {method!r}.")
    if max_gap < 0:
        raise ValueError(f"max_gap counts frames, 0 or more, not {max_gap}.")
    link = linkers[method]
    points = [_points(frame) for frame in frames]
    sizes = [len(frame) for frame in points]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    next_of = np.full(starts[-1], -1, np.int64)
    has_source = np.zeros(starts[-1], bool)
    for step in range(1, max_gap + 2):
        for i in range(len(frames) - step):
            ends = np.flatnonzero(next_of[starts[i] : starts[i + 1]] < 0)
            free = np.flatnonzero(~has_source[starts[i + step] : starts[i + step + 1]])
            if not (ends.size and free.size):
                continue
            found = link(points[i][ends], points[i + step][free], max_distance)
            linked = found.targets >= 0
            here = starts[i] + ends[linked]
            there = starts[i + step] + free[found.targets[linked]]
            next_of[here] = there
            has_source[there] = True
    chain = chains_of(next_of)
    tracks = np.full((chain.max(initial=-1) + 1, len(frames)), -1, np.int64)
    frame = np.repeat(np.arange(len(frames)), sizes)
    tracks[chain, frame] = np.arange(starts[-1]) - starts[frame]
    return tracks


def _points(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, float)
    if points.shape == (0,):
        points = points.reshape(0, 1)
    if points.ndim != 2 or points.shape[1] == 0:
        raise ValueError(f"Points are an (n, d) array; this one has shape {points.shape}.")
    if not (np.abs(points) < _BEYOND).all():
        raise ValueError("A coordinate is NaN, infinite or beyond 1e150; leave such points out.")
    return points


def _checked(
    source: np.ndarray, target: np.ndarray, max_distance: float
) -> tuple[np.ndarray, np.ndarray]:
    source, target = _points(source), _points(target)
    if not max_distance >= 0:
        raise ValueError(f"max_distance is 0 or more, not {max_distance:g}.")
    if len(source) and len(target) and source.shape[1] != target.shape[1]:
        raise ValueError(
            f"Sources have {source.shape[1]} coordinates and targets {target.shape[1]}; "
            "give both the same."
        )
    return source, target


def _reaches_all(source: np.ndarray, target: np.ndarray, max_distance: float) -> bool:
    if not (len(source) and len(target)):
        return False
    return bool(np.linalg.norm(np.ptp(np.concatenate([source, target]), axis=0)) <= max_distance)


def _near_pairs(
    source: np.ndarray, target: np.ndarray, max_distance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the pairs within reach and their distances."""
    none = np.zeros(0, np.int64)
    if not (len(source) and len(target)):
        return none, none, np.zeros(0)
    near = KDTree(source).sparse_distance_matrix(
        KDTree(target), max_distance, output_type="ndarray"
    )
    return near["i"], near["j"], near["v"]


def _as_link(source: np.ndarray, target: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> Link:
    targets = np.full(len(source), -1, np.int64)
    distances = np.full(len(source), np.nan)
    targets[rows] = cols
    if rows.size:
        distances[rows] = np.linalg.norm(source[rows] - target[cols], axis=1)
    unassigned = np.setdiff1d(np.arange(len(target)), cols)
    return Link(targets, distances, unassigned, float(np.sum(distances[rows] ** 2)))


@numba.njit(cache=True)
def _closest_first(rows: np.ndarray, cols: np.ndarray, n: int, m: int) -> np.ndarray:
    row_free, col_free = np.ones(n, np.bool_), np.ones(m, np.bool_)
    chosen = np.zeros(rows.size, np.bool_)
    for k in range(rows.size):
        if row_free[rows[k]] and col_free[cols[k]]:
            chosen[k] = True
            row_free[rows[k]] = col_free[cols[k]] = False
    return chosen


@numba.njit(cache=True)
def chains_of(next_of: np.ndarray) -> np.ndarray:
    """Give each element the number of its chain; it names a later one as the next, or -1."""
    chain = np.full(next_of.size, -1, np.int64)
    count = 0
    for i in range(next_of.size):
        if chain[i] < 0:
            chain[i] = count
            count += 1
        if next_of[i] >= 0:
            chain[next_of[i]] = chain[i]
    return chain
