r"""SHAP values and interactions of a forest, in closed form.

Along the path to a leaf the expected output is a product over the path's features: a known one
counts 1 if the particle goes that way and else 0, an unknown one the share of the training rows
that did. For a product the sum over all orders in which features become known is the integral of
a polynomial, because the weights :math:`s!\,(m-s-1)!/m!` are Beta functions; Gauss-Legendre nodes
give it exactly. The values are those of TreeSHAP (Lundberg et al., *Nature Machine Intelligence* 2
(2020), 56-67) in the package shap, with which the tests compare them; interactions take a tenth of
its time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.ensemble import RandomForestRegressor

# Rows are explained so many at a time, so that what is computed for each leaf stays small.
_ROWS = 500


@dataclass(frozen=True)
class Paths:
    """The paths to those leaves of a forest that equally many features lead to.

    Attributes
    ----------
    column
        (leaves, length) the features of each path.
    low, high
        (leaves, length) a particle goes this way if low < its value <= high.
    share
        (leaves, length) share of the training rows that took the turns on this feature.
    value
        (leaves,) what each leaf adds to the forest's prediction.
    """

    column: np.ndarray
    low: np.ndarray
    high: np.ndarray
    share: np.ndarray
    value: np.ndarray

    def taken(self, x: np.ndarray) -> np.ndarray:
        """Tell which turns the rows of a table take: (rows, leaves, length) of bool."""
        values = x.astype(np.float32)[:, self.column]  # as scikit-learn compares them
        return np.asarray((values > self.low) & (values <= self.high))


def paths_of(forest: RandomForestRegressor) -> list[Paths]:
    """Collect the paths to all leaves of a forest, by their number of features."""
    found: dict[int, list[tuple[float, dict[int, tuple[float, float, float]]]]] = {}
    for tree in forest.estimators_:
        for value, path in _leaves(tree.tree_):
            found.setdefault(len(path), []).append((value / len(forest.estimators_), path))
    paths = []
    for length in sorted(found):
        turns = np.array([list(path.values()) for _, path in found[length]])
        low, high, share = turns.reshape(len(turns), length, 3).transpose(2, 0, 1)
        column = np.array([list(path) for _, path in found[length]], dtype=np.intp)
        values = np.array([value for value, _ in found[length]])
        paths.append(Paths(column, low, high, share, values))
    return paths


def shap_of(
    forest: RandomForestRegressor, x: np.ndarray, predicted: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """SHAP values of a forest's predictions (path-dependent), checked to add up to them.

    Parameters
    ----------
    forest
        A fitted forest.
    x
        (rows, features) table to explain.
    predicted
        (rows,) the forest's own predictions of it.

    Returns
    -------
    values : ndarray
        (rows, features) contributions, in the unit of the target.
    base : float
        The prediction when nothing is known of a particle.
    error : float
        Largest ``|base + sum of values - prediction|`` over the rows.

    Raises
    ------
    RuntimeError
        If the values do not add up to the predictions: they would explain another model.
    """
    values, base = np.zeros(x.shape), 0.0
    for paths in paths_of(forest):
        base += float((paths.share.prod(axis=1) * paths.value).sum())
        if paths.column.shape[1]:
            values += _gathered(paths, x, _single, paths.column, x.shape[1])
    return values, base, added_up(base + values.sum(axis=1), predicted)


def added_up(sums: np.ndarray, predicted: np.ndarray) -> float:
    """Give the largest gap between sums of SHAP values and predictions; refuse a large one."""
    error = float(np.abs(sums - predicted).max())
    if error > 1e-6 * max(1.0, float(np.abs(predicted).max())):
        raise RuntimeError(
            f"SHAP values miss the forest's predictions by up to {error:.2g}: "
            "this version of scikit-learn keeps its trees in another way."
        )
    return error


def interactions_of(forest: RandomForestRegressor, x: np.ndarray) -> np.ndarray:
    """Mean absolute SHAP interaction of each pair of features.

    Parameters
    ----------
    forest
        A fitted forest.
    x
        (rows, features) table.

    Returns
    -------
    ndarray
        (features, features), symmetric, in the unit of the target: both halves
        ``|phi_ij + phi_ji|`` of the pair; 0 on the diagonal.
    """
    features = x.shape[1]
    total = np.zeros((len(x), features**2))
    for paths in paths_of(forest):
        if paths.column.shape[1] > 1:
            a, b = (paths.column[:, k] for k in np.triu_indices(paths.column.shape[1], 1))
            pair = np.minimum(a, b) * features + np.maximum(a, b)
            total += _gathered(paths, x, _paired, pair, features**2)
    pairs = np.abs(total).mean(axis=0).reshape(features, features)
    return np.asarray(pairs + pairs.T)


def _gathered(
    paths: Paths,
    x: np.ndarray,
    terms: Callable[[Paths, np.ndarray], np.ndarray],
    place: np.ndarray,
    places: int,
) -> np.ndarray:
    """Sum what each leaf gives each row: terms of (rows, leaves, k), at `place` (leaves, k)."""
    leaves, length = paths.column.shape
    at = place.ravel()
    gather = csr_array((np.ones(at.size), at, np.arange(at.size + 1)), (at.size, places))
    total = np.empty((len(x), places))
    # There are only so many ways to take or miss the turns: with fewer ways than rows each is
    # computed once.
    known = None
    if 2**length < len(x):
        ways = (np.arange(2**length)[:, None] >> np.arange(length)) & 1 == 1
        known = terms(paths, np.repeat(ways[:, None], leaves, axis=1))
    for start in range(0, len(x), _ROWS):
        taken = paths.taken(x[start : start + _ROWS])
        if known is None:
            found = terms(paths, taken)
        else:
            found = known[taken @ (1 << np.arange(length)), np.arange(leaves)]
        total[start : start + _ROWS] = found.reshape(len(taken), -1) @ gather
    return total


def _single(paths: Paths, taken: np.ndarray) -> np.ndarray:
    """Give each feature's Shapley value in each leaf: (rows, leaves, length)."""
    product, slope = _factors(paths, taken, (paths.column.shape[1] + 1) // 2)
    return np.einsum("nljq,nlq->nlj", slope, product)


def _paired(paths: Paths, taken: np.ndarray) -> np.ndarray:
    """Give each pair's interaction in each leaf: (rows, leaves, pairs)."""
    product, slope = _factors(paths, taken, paths.column.shape[1] // 2)
    a, b = np.triu_indices(paths.column.shape[1], 1)
    return np.asarray(((slope * product[:, :, None]) @ slope.swapaxes(2, 3))[:, :, a, b])


def _factors(paths: Paths, taken: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the product along each path at the nodes, weighted, and each factor's relative slope.

    At node t a factor is (1 - t) times unknown plus t times known.
    """
    node, weight = np.polynomial.legendre.leggauss(nodes)
    node, weight = (node + 1) / 2, weight / 2
    factors = taken[..., None] * node + paths.share[..., None] * (1 - node)
    slopes = (taken - paths.share)[..., None] / factors
    return factors.prod(axis=2) * weight * paths.value[:, None], slopes


def _leaves(tree: Any) -> Iterator[tuple[float, dict[int, tuple[float, float, float]]]]:
    """Walk a tree: each leaf's value; feature -> low, high, share of the turns that lead there."""
    left, right = tree.children_left.tolist(), tree.children_right.tolist()
    feature, threshold = tree.feature.tolist(), tree.threshold.tolist()
    rows, value = tree.weighted_n_node_samples.tolist(), tree.value.ravel().tolist()
    below: list[tuple[int, dict[int, tuple[float, float, float]]]] = [(0, {})]
    while below:
        node, path = below.pop()
        if left[node] < 0:
            yield value[node], path
            continue
        low, high, share = path.get(feature[node], (-np.inf, np.inf, 1.0))
        cut = threshold[node]
        for child, bounds in (
            (left[node], (low, min(high, cut))),
            (right[node], (max(low, cut), high)),
        ):
            taken = (*bounds, share * rows[child] / rows[node])
            below.append((child, {**path, feature[node]: taken}))
