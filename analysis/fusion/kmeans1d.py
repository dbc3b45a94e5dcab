"""k-means of one-dimensional values: the exact optimum, no random starts."""

from typing import NamedTuple

import numba
import numpy as np

# What is larger has no square in float64.
_BEYOND = 1e150


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
    over the n different values (Wang & Song, R Journal 3/2, 2011), here in O(k n log n).

    Examples
    --------
    >>> kmeans_1d(np.array([0.0, 1.0, 1.0, 2.0, 10.0, 12.0]), 2).thresholds.tolist()
    [6.0]
    """
    if k < 1:
        raise ValueError(f"k-means needs at least one cluster, not {k}.")
    different, times = np.unique(values, return_counts=True)
    if not times.size:
        raise ValueError("There are no values to cluster; the images are empty.")
    cells = different.astype(np.float64)
    # NaN sorts last.
    if not (cells[0] > -_BEYOND and cells[-1] < _BEYOND):
        raise ValueError("A value is NaN, infinite or beyond 1e150; mask such voxels first.")
    cells -= cells[0]
    sums = np.zeros((3, cells.size + 1))
    np.cumsum([times, times * cells, times * cells**2], axis=1, out=sums[:, 1:])
    edges = _edges(sums, min(k, cells.size))
    count, total = np.diff(sums[:2, edges])
    inside = np.repeat(total / count, np.diff(edges))
    inertia = float(np.sum(times * (cells - inside) ** 2))
    centres = float(different[0]) + total / count
    return Clusters1D(centres, (centres[1:] + centres[:-1]) / 2, inertia)


@numba.njit(cache=True, nogil=True)
def _edges(sums: np.ndarray, k: int) -> np.ndarray:
    """Give the edges of the k intervals with the least inertia; k is at most the n cells.

    `sums` (3, n + 1): count, sum and sum of squares of the first 0, 1, ... n cells.
    """
    n = sums.shape[1] - 1
    c, s, q = sums
    cost = q - s**2 / np.maximum(c, 1)
    cost[0] = np.inf
    split = np.zeros((k, n + 1), np.int32)
    for used in range(1, k):
        before, cost = cost, np.full(n + 1, np.inf)
        # The best split of more cells lies no lower: it is bounded by those of fewer and of more.
        step = 1 << int(np.log2(n))
        while step:
            for j in range(step, n + 1, 2 * step):
                right = split[used, j + step] if j + step <= n else n
                for i in range(split[used, j - step], min(right, j - 1) + 1):
                    inertia = before[i] + q[j] - q[i] - (s[j] - s[i]) ** 2 / (c[j] - c[i])
                    if inertia < cost[j]:
                        cost[j], split[used, j] = inertia, i
            step //= 2
    edges = np.full(k + 1, n)
    for used in range(k - 1, -1, -1):
        edges[used] = split[used, edges[used + 1]]
    return edges
