"""k-means of one-dimensional values: the exact optimum on their histogram, no random starts."""

from typing import NamedTuple

import numba
import numpy as np

_BINS = 1 << 16


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
        If there are no values, one is not finite, or k < 1.

    Notes
    -----
    In one dimension the clusters are intervals, so the optimum follows from dynamic programming
    (Wang & Song, R Journal 3/2, 2011), here by divide and conquer on the monotone split points,
    O(k n log n). n is the number of bins: 65,536 over the range, each with the exact count, sum
    and sum of squares of its values. Then Lloyd's step, on the values themselves, moves
    thresholds off the bins' edges.
    """
    values = np.asarray(values).ravel()
    if k < 1:
        raise ValueError(f"k-means needs at least one cluster, not {k}.")
    if not values.size:
        raise ValueError("There are no values to cluster; the images are empty.")
    if values.dtype != np.float32:
        values = values.astype(np.float64)
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("A value is NaN or infinite; mask such voxels first.")
    if low == high:
        return Clusters1D(np.array([low]), np.zeros(0), 0.0)
    scale = _BINS / (high - low)
    count, total, squares = _histogram(values, low, scale)
    filled = np.flatnonzero(count)
    k = min(k, filled.size)
    starts = _best_starts(count[filled], total[filled], squares[filled], k)
    # Between the last value of a bin and the first of the next lies the bins' edge.
    centres, inertia = _means(values, low, low + filled[starts[1:]] / scale)
    best = Clusters1D(centres, low + filled[starts[1:]] / scale, inertia)
    while True:
        halves = (best.centres[1:] + best.centres[:-1]) / 2
        centres, inertia = _means(values, low, halves)
        if not inertia < best.inertia * (1 - 1e-12):
            return best
        best = Clusters1D(centres, halves, inertia)


@numba.njit(cache=True, nogil=True)
def _histogram(
    values: np.ndarray, low: float, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count, sum and sum of squares of the values, less `low`, in each bin."""
    count, total, squares = np.zeros(_BINS), np.zeros(_BINS), np.zeros(_BINS)
    for i in range(values.size):
        value = values[i] - low
        at = min(int(value * scale), _BINS - 1)
        count[at] += 1.0
        total[at] += value
        squares[at] += value * value
    return count, total, squares


@numba.njit(cache=True, nogil=True)
def _means(values: np.ndarray, low: float, thresholds: np.ndarray) -> tuple[np.ndarray, float]:
    """Means and inertia of the values between thresholds."""
    k = thresholds.size + 1
    count, total, squares = np.zeros(k), np.zeros(k), np.zeros(k)
    for i in range(values.size):
        cluster = 0
        while cluster < k - 1 and values[i] >= thresholds[cluster]:
            cluster += 1
        value = values[i] - low
        count[cluster] += 1.0
        total[cluster] += value
        squares[cluster] += value * value
    inertia = 0.0
    for cluster in range(k):
        if count[cluster] > 0.0:
            inertia += squares[cluster] - total[cluster] ** 2 / count[cluster]
            total[cluster] /= count[cluster]
    return low + total, max(inertia, 0.0)


@numba.njit(cache=True)
def _best_starts(count: np.ndarray, total: np.ndarray, squares: np.ndarray, k: int) -> np.ndarray:
    """First bin of each of the k intervals of bins with the least inertia."""
    n = count.size
    c, s, q = np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1)
    c[1:], s[1:], q[1:] = np.cumsum(count), np.cumsum(total), np.cumsum(squares)
    # cost[j]: the least inertia of the first j bins in as many intervals as rounds so far.
    cost = np.empty(n + 1)
    cost[0] = 0.0
    for j in range(1, n + 1):
        cost[j] = q[j] - s[j] ** 2 / c[j]
    split = np.zeros((k, n + 1), np.int32)
    todo = np.empty((64, 4), np.int64)
    for used in range(1, k):
        new = np.full(n + 1, np.inf)
        todo[0] = (used + 1, n, used, n - 1)
        pending = 1
        while pending:
            pending -= 1
            first, last, lowest, highest = todo[pending]
            middle = (first + last) // 2
            best = -1
            for i in range(max(lowest, used), min(highest, middle - 1) + 1):
                inside = q[middle] - q[i] - (s[middle] - s[i]) ** 2 / (c[middle] - c[i])
                if cost[i] + inside < new[middle]:
                    new[middle] = cost[i] + inside
                    best = i
            split[used, middle] = best
            if first < middle:
                todo[pending] = (first, middle - 1, lowest, best)
                pending += 1
            if middle < last:
                todo[pending] = (middle + 1, last, best, highest)
                pending += 1
        cost = new
    starts = np.zeros(k, np.int64)
    end = n
    for used in range(k - 1, 0, -1):
        starts[used] = split[used, end]
        end = split[used, end]
    return starts
