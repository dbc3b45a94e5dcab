"""What a fitted forest says of each particle: SHAP values, interactions, permutation by group.

Lundberg et al., *Nature Machine Intelligence* 2 (2020), 56-67 (TreeSHAP); Breiman, *Machine
Learning* 45 (2001), 5-32 (out-of-bag permutation).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import shap
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score


def shap_of(forest: RandomForestRegressor, x: np.ndarray) -> tuple[np.ndarray, float, float]:
    """SHAP values of a forest's predictions, checked to add up to them.

    Parameters
    ----------
    forest
        A fitted forest.
    x
        (rows, features) table to explain.

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
    explainer = shap.TreeExplainer(forest)
    values = np.asarray(explainer.shap_values(x, check_additivity=False))
    base = float(np.ravel(explainer.expected_value)[0])
    predicted = forest.predict(x)
    error = float(np.abs(base + values.sum(axis=1) - predicted).max())
    if error > 1e-6 * max(1.0, float(np.abs(predicted).max())):
        raise RuntimeError(
            f"SHAP values miss the forest's predictions by up to {error:.2g}: "
            "this shap does not read this scikit-learn's trees; update both."
        )
    return values, base, error


def interactions_of(forest: RandomForestRegressor, x: np.ndarray) -> np.ndarray:
    """Mean absolute SHAP interaction of each pair of features.

    Parameters
    ----------
    forest
        A fitted forest.
    x
        (rows, features) table; the cost is some milliseconds a row.

    Returns
    -------
    ndarray
        (features, features), symmetric, in the unit of the target: off the diagonal both halves
        ``|phi_ij + phi_ji|`` of the pair, on it the main effect ``|phi_ii|``.
    """
    values = np.asarray(shap.TreeExplainer(forest).shap_interaction_values(x))
    strength = np.abs(values).mean(axis=0)
    return strength * (2 - np.eye(x.shape[1]))


def permutation_drops(
    forest: RandomForestRegressor,
    x: np.ndarray,
    y: np.ndarray,
    sets: Mapping[str, Sequence[int]],
    rng: np.random.Generator,
) -> np.ndarray:
    """How much out-of-bag R2 falls when the columns of a set are shuffled together.

    Shuffled together, features that carry the same knowledge cannot stand in for each other,
    which neither SHAP nor one-by-one permutation shows.

    Parameters
    ----------
    forest
        A forest fitted on exactly `x` and `y` with bootstrap samples.
    x, y
        (rows, features) and (rows,): its training table.
    sets
        Name of a set -> the columns shuffled together.
    rng
        Source of the shuffles.

    Returns
    -------
    ndarray
        (sets,) fall of R2; about 0 for a set that does not matter.
    """
    rows = len(y)
    x = np.ascontiguousarray(x, dtype=np.float32)
    out_of_bag = []
    for drawn in forest.estimators_samples_:
        mask = np.ones(rows, dtype=bool)
        mask[drawn] = False
        out_of_bag.append(np.flatnonzero(mask))
    counts = np.bincount(np.concatenate(out_of_bag), minlength=rows)
    seen = counts > 0

    def fit_of(table: np.ndarray) -> float:
        total = np.zeros(rows)
        for tree, left_out in zip(forest.estimators_, out_of_bag, strict=True):
            total[left_out] += tree.tree_.predict(table[left_out]).ravel()
        return float(r2_score(y[seen], total[seen] / counts[seen]))

    whole = fit_of(x)
    drops = np.empty(len(sets))
    for k, columns in enumerate(sets.values()):
        shuffled = x.copy()
        shuffled[:, list(columns)] = x[rng.permutation(rows)][:, list(columns)]
        drops[k] = whole - fit_of(shuffled)
    return drops
