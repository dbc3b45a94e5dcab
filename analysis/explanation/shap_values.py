"""SHAP values and interactions of a forest, by the package shap (TreeSHAP).

Lundberg et al., *Nature Machine Intelligence* 2 (2020), 56-67.
"""

import numpy as np
import shap
from sklearn.ensemble import RandomForestRegressor


def shap_of(
    forest: RandomForestRegressor,
    x: np.ndarray,
    predicted: np.ndarray,
    references: np.ndarray | None = None,
) -> tuple[np.ndarray, float, float]:
    """SHAP values of a forest's predictions, checked to add up to them.

    Parameters
    ----------
    forest
        A fitted forest.
    x
        (rows, features) table to explain.
    predicted
        (rows,) the forest's own predictions of it.
    references
        None: path-dependent values; an unknown feature is filled in from the training rows that
        came the same way through the tree, so correlated features lend each other importance.
        (references, features) rows: interventional values; an unknown feature is that of a
        reference, whatever the others are, so what the model itself uses is credited and nothing
        else (Janzing et al., *Proc. Mach. Learn. Res.* 108 (2020), 2907-2916). They cost the
        number of rows times that of references.

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
    kind = "tree_path_dependent"
    if references is not None:
        kind = "interventional"
        x, references = _off_thresholds(forest, x), _off_thresholds(forest, references)
    explainer = shap.TreeExplainer(forest, references, feature_perturbation=kind)
    values = np.asarray(explainer.shap_values(x, check_additivity=False))
    base = float(np.ravel(explainer.expected_value)[0])
    error = float(np.abs(base + values.sum(axis=1) - predicted).max())
    if error > 1e-6 * max(1.0, float(np.abs(predicted).max())):
        raise RuntimeError(
            f"SHAP values miss the forest's predictions by up to {error:.2g}: "
            "this shap does not read this scikit-learn's trees; update both."
        )
    return values, base, error


def _off_thresholds(forest: RandomForestRegressor, x: np.ndarray) -> np.ndarray:
    """Raise values by a bit that go right in the forest and left in shap.

    For interventional values shap keeps thresholds in single precision, and one that is rounded up
    may meet a value.
    """
    raised = x.astype(np.float32)
    feature = np.concatenate([tree.tree_.feature for tree in forest.estimators_])
    threshold = np.concatenate([tree.tree_.threshold for tree in forest.estimators_])
    rounded = threshold.astype(np.float32)
    for column in range(x.shape[1]):
        met = np.isin(raised[:, column], rounded[(feature == column) & (rounded > threshold)])
        raised[met, column] = np.nextafter(raised[met, column], np.float32(np.inf))
    return raised


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
        (features, features), symmetric, in the unit of the target: both halves
        ``|phi_ij + phi_ji|`` of the pair; 0 on the diagonal.
    """
    values = np.asarray(shap.TreeExplainer(forest).shap_interaction_values(x))
    strength = 2 * np.abs(values).mean(axis=0)
    np.fill_diagonal(strength, 0)
    return np.asarray(strength)
