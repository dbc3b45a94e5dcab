"""SHAP values and permutation against forests whose truth is known."""

import numpy as np
import pytest
from particlebridge.analysis.explanation.forests import damage_forest
from particlebridge.analysis.explanation.shap_values import (
    interactions_of,
    permutation_drops,
    shap_of,
)
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score


@pytest.fixture(scope="module")
def fitted():
    """y = a + a' (twins) + b * c; d is noise."""
    rng = np.random.default_rng(0)
    a, b, c, d = rng.uniform(-1, 1, size=(4, 500))
    x = np.column_stack([a, a + rng.normal(0, 0.01, 500), b, c, d])
    y = 2 * a + 2 * b * c
    return damage_forest(0).fit(x, y), x, y


def test_values_add_up_to_the_prediction(fitted):
    forest, x, _ = fitted
    values, base, error = shap_of(forest, x[:50])
    np.testing.assert_allclose(base + values.sum(axis=1), forest.predict(x[:50]), atol=1e-9)
    assert error < 1e-9


def test_values_of_another_forest_are_refused(fitted, monkeypatch):
    _, x, y = fitted
    forest = RandomForestRegressor(10, random_state=0).fit(x, y)
    monkeypatch.setattr(forest, "predict", lambda rows: np.zeros(len(rows)))
    with pytest.raises(RuntimeError, match="SHAP values miss"):
        shap_of(forest, x[:20])


def test_the_true_interaction_is_the_strongest(fitted):
    forest, x, _ = fitted
    strength = interactions_of(forest, x[:60])
    np.testing.assert_allclose(strength, strength.T)
    pairs = np.triu(strength, 1)
    pairs[0, 1] = 0  # the twins take each other's place in the trees, which counts as one too
    assert np.unravel_index(pairs.argmax(), pairs.shape) == (2, 3)


def test_twins_shuffled_together_cost_more_than_apart(fitted):
    forest, x, y = fitted
    sets = {"a": [0], "a'": [1], "twins": [0, 1], "noise": [4], "nothing": []}
    drops = permutation_drops(forest, x, y, sets, np.random.default_rng(0))
    alone, twin, both, noise, nothing = drops
    assert both > alone + twin > 0
    assert abs(noise) < 0.05
    assert nothing == 0


def test_nothing_shuffled_gives_the_forests_own_out_of_bag_fit(fitted):
    forest, x, y = fitted
    whole = r2_score(y, forest.oob_prediction_)
    # Every column shuffled: what is left is about 0, so the fall is about the whole fit.
    drop = permutation_drops(forest, x, y, {"all": range(5)}, np.random.default_rng(1))[0]
    assert drop == pytest.approx(whole, abs=0.9)
    assert drop > 0.9 * whole
