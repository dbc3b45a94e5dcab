"""SHAP values of a forest: Lundberg et al., *Nature Machine Intelligence* 2 (2020), 56-67."""

import numpy as np
import shap
from sklearn.ensemble import RandomForestRegressor


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
