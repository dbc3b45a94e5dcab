"""Hungarian assignment on a sparse bipartite graph, one connected piece at a time."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching

# Pieces with more cells than this are solved without writing the matrix out.
_DENSE_CELLS = 1_000_000


def sparse_assignment(
    rows: np.ndarray, cols: np.ndarray, costs: np.ndarray, missing: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Pair rows with columns at the lowest total cost.

    Parameters
    ----------
    rows, cols
        (n,) integer ends of each allowed pair; every pair is named once. A pair that is not
        named is not allowed.
    costs
        (n,) finite float cost of each pair.
    missing
        What it costs to do without a pair; by default so much that as many pairs are made as the
        edges allow, and only among such choices does the cost decide.

    Returns
    -------
    rows, cols : ndarray
        The chosen pairs, sorted by row.

    Notes
    -----
    The graph is cut into its connected pieces; a piece of one edge is taken as it stands, a small
    one is solved by `scipy.optimize.linear_sum_assignment`, a large one by
    `scipy.sparse.csgraph.min_weight_full_bipartite_matching` with a stand-in for every end that
    stays alone, so that no n x m matrix is ever written for thousands of objects.
    """
    rows, cols = np.asarray(rows, np.int64), np.asarray(cols, np.int64)
    costs = np.asarray(costs, float)
    if not rows.size:
        return rows, cols
    row_ids, row = np.unique(rows, return_inverse=True)
    col_ids, col = np.unique(cols, return_inverse=True)
    nodes = row_ids.size + col_ids.size
    graph = coo_array((np.ones(row.size), (row, row_ids.size + col)), shape=(nodes, nodes))
    _, piece = connected_components(graph, directed=False)
    edge_piece = piece[row]
    order = np.argsort(edge_piece, kind="stable")
    starts = np.flatnonzero(np.diff(edge_piece[order], prepend=-1))
    ends = np.append(starts[1:], order.size)
    alone = order[starts[ends - starts == 1]]
    chosen = [alone if missing is None else alone[costs[alone] < missing]]
    for start, end in zip(starts, ends, strict=True):
        if end - start > 1:
            edges = order[start:end]
            chosen.append(edges[_solve_piece(row[edges], col[edges], costs[edges], missing)])
    edges = np.concatenate(chosen)
    edges = edges[np.argsort(row[edges])]
    return row_ids[row[edges]], col_ids[col[edges]]


def _solve_piece(
    rows: np.ndarray, cols: np.ndarray, costs: np.ndarray, missing: float | None
) -> np.ndarray:
    """Give the indices of the edges chosen in one connected piece."""
    row_ids, row = np.unique(rows, return_inverse=True)
    col_ids, col = np.unique(cols, return_inverse=True)
    n, m = row_ids.size, col_ids.size
    # Costs from 1 (0 is no edge to scipy); without `missing`, one more pair always pays.
    lowest, span = float(costs.min()), float(np.ptp(costs)) or 1.0
    scaled = 1.0 + (costs - lowest) / span
    alone = 3.0 * (n + m) if missing is None else max(1.0, 1.0 + (missing - lowest) / span)
    if n * m <= _DENSE_CELLS:
        dense = np.full((n, m), alone)
        dense[row, col] = np.minimum(scaled, alone)
        left, right = linear_sum_assignment(dense)
        taken = left * m + right
    else:
        # Row i may take stand-in column i, stand-in row j column j; stand-ins pair with each
        # other wherever their originals may, which completes any choice to a full matching.
        starts = np.concatenate([row, np.arange(n), n + np.arange(m), n + col])
        ends = np.concatenate([col, m + np.arange(n), np.arange(m), m + row])
        halves = np.full(n + m, (alone + 1.0) / 2)
        full = csr_array(
            (np.concatenate([scaled, halves, np.ones(row.size)]), (starts, ends)),
            shape=(n + m, n + m),
        )
        rows, cols = min_weight_full_bipartite_matching(full)
        real = (rows < n) & (cols < m)
        taken = rows[real].astype(np.int64) * m + cols[real]
    return np.flatnonzero(np.isin(row * m + col, taken) & (scaled < alone))
