"""Correlation clustering of a small sparse graph by greedy contraction.

Each edge says with its weight whether its two ends are one (> 0) or two (< 0). The pair that is
most surely one is contracted first, the weights of edges that become parallel are added, and so
on until no pair is left that is rather one than two (greedy
additive edge contraction: Keuper et al., ICCV 2015).
"""

import heapq

import numba
import numpy as np

from .._shared.overlaps import slot_of


def agglomerate(first: np.ndarray, second: np.ndarray, weights: np.ndarray, n: int) -> np.ndarray:
    """Cluster the nodes 0..n-1 of a signed graph.

    Parameters
    ----------
    first, second
        (m,) ends of every edge, each pair once.
    weights
        (m,) evidence for (> 0) or against (< 0) both ends being one.
    n
        Number of nodes.

    Returns
    -------
    ndarray of int64, shape (n,)
        Cluster of each node, 0, 1, ... in the order of their first nodes.
    """
    if not n:
        return np.zeros(0, np.int64)
    root = _contract(
        np.asarray(first, np.int64), np.asarray(second, np.int64), np.asarray(weights, float), n
    )
    _, start, cluster = np.unique(root, return_index=True, return_inverse=True)
    rank = np.empty(start.size, np.int64)
    rank[np.argsort(start)] = np.arange(start.size)
    return rank[cluster]


@numba.njit(cache=True)
def _pair_key(a: int, b: int) -> np.int64:
    return (np.int64(min(a, b)) << 32) | np.int64(max(a, b))


@numba.njit(cache=True)
def _contract(first: np.ndarray, second: np.ndarray, weights: np.ndarray, n: int) -> np.ndarray:
    m = first.size
    capacity = 1024
    while capacity < 4 * m:
        capacity *= 2
    # Edges live in a table with a version that grows with each change; 0: contracted or moved.
    keys = np.full(capacity, -1, np.int64)
    weight, version = np.zeros(capacity), np.zeros(capacity, np.int64)
    used = 0
    # Neighbours as linked lists over one pool; entries of dead edges are skipped when met.
    head = np.full(n, -1, np.int64)
    degree = np.zeros(n, np.int64)
    pool, after = np.empty(4 * m + 16, np.int64), np.empty(4 * m + 16, np.int64)
    filled = 0
    heap = [(0.0, 0, 0, 0)]
    heap.pop()
    for k in range(m):
        a, b = int(first[k]), int(second[k])
        slot = slot_of(keys, _pair_key(a, b))
        keys[slot] = _pair_key(a, b)
        used += 1
        weight[slot], version[slot] = weights[k], 1
        pool[filled], after[filled], head[a] = b, head[a], filled
        pool[filled + 1], after[filled + 1], head[b] = a, head[b], filled + 1
        filled += 2
        degree[a] += 1
        degree[b] += 1
        if weights[k] > 0.0:
            heap.append((-float(weights[k]), a, b, 1))
    heapq.heapify(heap)
    root = np.arange(n)
    while len(heap):
        _, a, b, known = heapq.heappop(heap)
        slot = slot_of(keys, _pair_key(a, b))
        # Another version: the edge has changed since it was pushed, or died.
        if keys[slot] == -1 or version[slot] != known:
            continue
        if degree[a] < degree[b]:
            a, b = b, a
        root[b] = a
        version[slot] = 0
        entry = head[b]
        while entry >= 0:
            c = int(pool[entry])
            entry = int(after[entry])
            old = slot_of(keys, _pair_key(b, c))
            if c == a or keys[old] == -1 or version[old] == 0:
                continue
            moved, age = weight[old], version[old]
            version[old] = 0
            slot = slot_of(keys, _pair_key(a, c))
            if keys[slot] == -1 or version[slot] == 0:
                if keys[slot] == -1:
                    keys[slot] = _pair_key(a, c)
                    used += 1
                weight[slot], version[slot] = moved, age + 1
                if filled + 2 > pool.size:
                    pool = np.concatenate((pool, np.empty_like(pool)))
                    after = np.concatenate((after, np.empty_like(after)))
                pool[filled], after[filled], head[a] = c, head[a], filled
                pool[filled + 1], after[filled + 1], head[c] = a, head[c], filled + 1
                filled += 2
                degree[a] += 1
            else:
                weight[slot] += moved
                version[slot] += age
                degree[c] -= 1
            if weight[slot] > 0.0:
                heapq.heappush(heap, (-float(weight[slot]), a, c, int(version[slot])))
            if 2 * used > keys.size:
                keys, weight, version, used = _alive(keys, weight, version)
    for k in range(n):
        top = k
        while root[top] != top:
            top = root[top]
        root[k] = top
    return root


@numba.njit(cache=True)
def _alive(
    keys: np.ndarray, weight: np.ndarray, version: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Copy the living edges to a table with room for as many again."""
    living = 0
    for k in range(keys.size):
        living += keys[k] != -1 and version[k] > 0
    capacity = 1024
    while capacity < 4 * living:
        capacity *= 2
    new_keys = np.full(capacity, -1, np.int64)
    new_weight, new_version = np.zeros(capacity), np.zeros(capacity, np.int64)
    for k in range(keys.size):
        if keys[k] != -1 and version[k] > 0:
            slot = slot_of(new_keys, keys[k])
            new_keys[slot] = keys[k]
            new_weight[slot], new_version[slot] = weight[k], version[k]
    return new_keys, new_weight, new_version, living
