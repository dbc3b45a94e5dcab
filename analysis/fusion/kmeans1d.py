"""k-means of one-dimensional values: the exact optimum, no random starts."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numba
import numpy as np
import pandas as pd

from .._shared.parallel import in_pieces

# Bins that are counted, and how many of them are one in the dynamic programme.
_BINS, _COARSE = 1 << 12, 1 << 4
# Values in a piece of the work, and the most pieces.
_PIECE, _PIECES = 1 << 18, 256
# Values of a piece that are counted side by side, and that are looked at together.
_LANES, _BLOCK = 4, 1 << 10
# What is larger has no square in float64, what is smaller than the inverse has none but zero.
_BEYOND = 1e150

_T = TypeVar("_T")


class Clusters1D(NamedTuple):
    """Clusters of values, from the lowest up.

    Attributes
    ----------
    centres : ndarray of float64, shape (k,)
        Means of the clusters.
    thresholds : ndarray of float64, shape (k - 1,)
        Cluster i holds the values v with ``thresholds[i-1] <= v < thresholds[i]``:
        ``np.digitize(values, thresholds)``.
    inertia : float
        Sum of squared distances to the centres.
    """

    centres: np.ndarray
    thresholds: np.ndarray
    inertia: float


def kmeans_1d(values: np.ndarray, k: int) -> Clusters1D:
    """Cluster values into k intervals with the least sum of squared distances to their means.

    Parameters
    ----------
    values
        Finite real numbers, any shape.
    k
        Number of clusters, at least 1; fewer come out if there are fewer different values.

    Returns
    -------
    Clusters1D

    Raises
    ------
    ValueError
        If there are no values, one is not finite (or beyond 1e150), or k < 1.

    Notes
    -----
    In one dimension the clusters are intervals, so the optimum follows from dynamic programming
    (Wang & Song, R Journal 3/2, 2011), here by divide and conquer on the monotone split points,
    O(k n log n) for n cells. To keep n small:

    1. The values are counted in 4,096 bins. The best clusters whose thresholds are edges of every
       sixteenth bin bound the optimum from above. From below it is bounded, for all places of a
       threshold, by the best clusters of the values elsewhere. That leaves few bins for each.
    2. The optimum is a fixed point of Lloyd's map, which is monotone in the thresholds: from the
       lowest thresholds left and from the highest it closes in on all fixed points between them.
    3. Each different value in the bins that are left becomes a cell of its own. The optimum over
       these cells is that over all values.

    The result does not depend on the number of processors. Sums are float64 from the lowest value
    up: what is below their rounding is not told apart.
    """
    values = np.asarray(values).ravel()
    if k < 1:
        raise ValueError(f"k-means needs at least one cluster, not {k}.")
    if not values.size:
        raise ValueError("There are no values to cluster; the images are empty.")
    if values.dtype != np.float32:
        values = values.astype(np.float64)
    low, high = float(values.min()), float(values.max())
    if not (abs(low) < _BEYOND and abs(high) < _BEYOND):
        raise ValueError("A value is NaN, infinite or beyond 1e150; mask such voxels first.")
    if high - low < 1 / _BEYOND:
        return Clusters1D(np.array([low]), np.zeros(0), 0.0)
    # A hair less than the bins' number by the range: the highest value lies in the last bin.
    scale = _BINS * (1 - 1e-12) / (high - low)
    counted = _by_piece(values, lambda piece: _histogram(piece, low, scale))
    bins = np.sum([bins for bins, _ in counted], axis=0)
    squares = sum(square for _, square in counted)
    lowest, highest = _brackets(bins, squares, k, scale)
    cells, bin_of = _cells(values, bins, lowest, highest, low, scale)
    ends = _cut(
        cells,
        np.append(np.searchsorted(bin_of, lowest), len(cells)),
        np.append(np.searchsorted(bin_of, highest, side="right"), len(cells)),
    )
    starts = np.unique(np.concatenate([[0], ends[:-1]]))
    count, total = np.add.reduceat(cells, starts[starts < len(cells)]).T
    centres = low + total / count
    inertia = max(float(squares - np.sum(total**2 / count)), 0.0)
    return Clusters1D(centres, (centres[1:] + centres[:-1]) / 2, inertia)


def _by_piece(values: np.ndarray, work: Callable[[np.ndarray], _T]) -> list[_T]:
    """Call `work` for pieces that depend on nothing but the number of values; results in order."""
    size = max(_PIECE, -(-values.size // _PIECES))
    pieces = [values[start : start + size] for start in range(0, values.size, size)]
    found = in_pieces(lambda start, stop: [work(p) for p in pieces[start:stop]], (len(pieces),))
    return [result for results in found for result in results]


@numba.njit(cache=True, nogil=True)
def _histogram(values: np.ndarray, low: float, scale: float) -> tuple[np.ndarray, float]:
    """Count and sum of the values, less `low`, in each bin; and the sum of all their squares."""
    # Neighbours are alike: to count them one by one in the same bin would be to wait each time for
    # the one before.
    lanes, squares = np.zeros((_LANES, _BINS, 2)), 0.0
    for i in range(values.size):
        value = values[i] - low
        at = np.uint32(value * scale)
        lanes[i % _LANES, at, 0] += 1.0
        lanes[i % _LANES, at, 1] += value
        squares += value * value
    return lanes.sum(axis=0), squares


def _brackets(
    bins: np.ndarray, squares: float, k: int, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """First and last bin in which each of the k - 1 thresholds of the optimum may lie."""
    n = len(bins) // _COARSE
    lowest, highest = np.zeros(k - 1, np.int64), np.full(k - 1, len(bins) - 1)
    own = _own(bins)
    coarse = np.column_stack([bins, own]).reshape(n, _COARSE, 3).sum(axis=1)
    if np.count_nonzero(coarse[:, 0]) < k:
        return lowest, highest
    anywhere, at_end = np.zeros(k, np.int64), np.full(k, n)
    above = _least(coarse, np.append(anywhere[1:], n), at_end, 0)[0][-1, n]
    # The values of a bin are no better than all at their mean: own squares are a lower bound.
    above += squares - own.sum()
    # What lies in a threshold's own bin is left out, whichever side it is on.
    before = _least(coarse, anywhere, at_end, 1)[0]
    after = _least(np.ascontiguousarray(coarse[::-1]), anywhere, at_end, 1)[0]
    rounding = 1e-9 * above + 1e-12 * squares
    for m in range(1, k):
        below = before[m - 1, :n] + after[k - m - 1, n - 1 :: -1]
        possible = np.flatnonzero(below <= above + rounding)
        lowest[m - 1] = possible[0] * _COARSE
        highest[m - 1] = possible[-1] * _COARSE + _COARSE - 1
    _close_in(bins, lowest, highest, scale)
    return lowest, highest


def _own(bins: np.ndarray) -> np.ndarray:
    """Sum of squares that each bin would have if all its values were their mean."""
    count, total = bins.T
    return total**2 / np.maximum(count, 1)


@numba.njit(cache=True, nogil=True)
def _close_in(bins: np.ndarray, lowest: np.ndarray, highest: np.ndarray, scale: float) -> None:
    """Lloyd's steps from both ends, rounded outwards to whole bins, until neither moves."""
    n, k = len(bins), lowest.size + 1
    count, total = np.zeros(n + 1), np.zeros(n + 1)
    count[1:], total[1:] = np.cumsum(bins[:, 0]), np.cumsum(bins[:, 1])
    ends, centres = np.zeros(k + 1, np.int64), np.zeros(k)
    ends[k] = n
    moved = True
    while moved:
        moved = False
        for upper in range(2):
            ends[1:k] = highest + 1 if upper else lowest
            for i in range(k):
                inside = count[ends[i + 1]] - count[ends[i]]
                if inside > 0.0:
                    centres[i] = (total[ends[i + 1]] - total[ends[i]]) / inside
                else:
                    centres[i] = ends[i + upper] / scale
            for i in range(k - 1):
                at = int((centres[i] + centres[i + 1]) / 2 * scale)
                if upper and lowest[i] <= at < highest[i]:
                    highest[i] = at
                    moved = True
                elif not upper and lowest[i] < at <= highest[i]:
                    lowest[i] = at
                    moved = True


def _cells(
    values: np.ndarray,
    bins: np.ndarray,
    lowest: np.ndarray,
    highest: np.ndarray,
    low: float,
    scale: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Part the bins that may hold a threshold into their different values.

    Returns
    -------
    cells : ndarray of float64, shape (n, 2)
        Count and sum, as of the bins; from the lowest value up, none empty.
    bin_of : ndarray of int64, shape (n,)
    """
    parted = np.zeros(len(bins), bool)
    for first, last in zip(lowest, highest, strict=True):
        parted[first : last + 1] = True
    whole = np.flatnonzero((bins[:, 0] > 0) & ~parted)
    near = _by_piece(values, lambda piece: _inside(piece, low, scale, lowest, highest))
    # In a third of the time of np.unique, which sorts: few of these values differ.
    times = pd.Series(np.concatenate(near)).value_counts(sort=False).sort_index()
    value = times.index.to_numpy(np.float64) - low
    bin_of = (value * scale).astype(np.int64)
    cells = np.concatenate([bins[whole], np.column_stack([times, times * value])])
    bin_of = np.concatenate([whole, bin_of])
    order = np.argsort(bin_of, kind="stable")
    return cells[order], bin_of[order]


@numba.njit(cache=True, nogil=True)
def _inside(
    values: np.ndarray, low: float, scale: float, lowest: np.ndarray, highest: np.ndarray
) -> np.ndarray:
    """Copy the values that lie in the bins from any `lowest` to its `highest`."""
    kept, found = np.empty_like(values), 0
    at, wanted = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.uint8)
    for start in range(0, values.size, _BLOCK):
        block = values[start : start + _BLOCK]
        # Loops this plain the processor does for several values at once.
        for i in range(block.size):
            at[i] = np.int32((block[i] - low) * scale)
        wanted[:] = 0
        for j in range(lowest.size):
            first, last = np.int32(lowest[j]), np.int32(highest[j])
            for i in range(block.size):
                wanted[i] |= (first <= at[i]) & (at[i] <= last)
        for i in range(block.size):
            # Written always and kept by counting: a branch would be guessed wrong too often.
            kept[found] = block[i]
            found += wanted[i]
    return kept[:found].copy()


def _cut(cells: np.ndarray, lowest: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """Give the ends of the k intervals of cells with the least inertia, each between its bounds."""
    split = _least(np.column_stack([cells, _own(cells)]), lowest, highest, 0)[1]
    ends = highest.copy()
    for used in range(ends.size - 1, 0, -1):
        ends[used - 1] = split[used, ends[used]]
    return ends


@numba.njit(cache=True, nogil=True)
def _least(
    cells: np.ndarray, lowest: np.ndarray, highest: np.ndarray, left_out: int
) -> tuple[np.ndarray, np.ndarray]:
    """Least inertia of the first j cells in 1, 2, ... intervals.

    Parameters
    ----------
    cells
        (n, 3) count, sum and sum of squares (at least).
    lowest, highest
        Bounds of each interval's end, in cells.
    left_out
        Cells after each end that belong to no interval.

    Returns
    -------
    cost : ndarray of float64, shape (k, n + 1)
        ``cost[m, j]`` for m + 1 intervals; infinite outside the bounds.
    split : ndarray of int32, shape (k, n + 1)
        End of the last interval but one.
    """
    n, k = len(cells), lowest.size
    c, s, q = np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1)
    c[1:], s[1:], q[1:] = np.cumsum(cells[:, 0]), np.cumsum(cells[:, 1]), np.cumsum(cells[:, 2])
    cost, split = np.full((k, n + 1), np.inf), np.zeros((k, n + 1), np.int32)
    for j in range(lowest[0], highest[0] + 1):
        cost[0, j] = q[j] - s[j] ** 2 / c[j] if c[j] > 0.0 else 0.0
    todo = np.empty((64, 4), np.int64)
    for used in range(1, k):
        todo[0] = lowest[used], highest[used], lowest[used - 1], highest[used - 1]
        pending = 1
        while pending:
            pending -= 1
            first, last, left, right = todo[pending]
            middle = (first + last) // 2
            best, least = left, np.inf
            for i in range(left, min(right, middle) + 1):
                start = min(i + left_out, middle)
                inertia = cost[used - 1, i]
                inside = c[middle] - c[start]
                if inside > 0.0:
                    inertia += q[middle] - q[start] - (s[middle] - s[start]) ** 2 / inside
                if inertia < least:
                    best, least = i, inertia
            cost[used, middle], split[used, middle] = least, best
            if first < middle:
                todo[pending] = first, middle - 1, left, best
                pending += 1
            if middle < last:
                todo[pending] = middle + 1, last, best, right
                pending += 1
    return cost, split
