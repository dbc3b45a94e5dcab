"""SHAP values, interactions and permutation against forests whose truth is known."""

from functools import partial

import numpy as np
import pytest
from particlebridge.analysis.explanation.forests import damage_forest
from particlebridge.analysis.explanation.permutation import (
    out_of_bag,
    permutation_drops,
    shuffled_rows,
    voted,
)
from particlebridge.analysis.explanation.shap_values import interactions_of, shap_of
from sklearn.metrics import r2_score


@pytest.fixture(scope="module")
def fitted():
    """y = a + a' (twins) + b * c; d is noise."""
    rng = np.random.default_rng(0)
    a, b, c, d = rng.uniform(-1, 1, size=(4, 500))
    x = np.column_stack([a, a + rng.normal(0, 0.01, 500), b, c, d])
    y = 2 * a + 2 * b * c
    return damage_forest(0).fit(x, y), x, y


def test_values_add_up_and_follow_the_truth(fitted):
    forest, x, _ = fitted
    predicted = forest.predict(x[:40])
    # Interventional values are sums in single precision.
    for references, close in ((None, 1e-9), (x[50:90], 1e-6)):
        values, base, error = shap_of(forest, x[:40], predicted, references)
        np.testing.assert_allclose(base + values.sum(axis=1), predicted, atol=close)
        assert error < close
        strength = np.abs(values).mean(axis=0)
        assert strength[4] < 0.1 * strength[:2].sum()
    # Against references the base is what the forest says of these.
    assert base == pytest.approx(forest.predict(x[50:90]).mean(), abs=1e-6)


def test_a_forest_of_one_leaf_gives_nothing_to_any_feature(fitted):
    _, x, _ = fitted
    forest = damage_forest(0).fit(x, np.full(len(x), 0.2))
    values, base, _ = shap_of(forest, x[:5], forest.predict(x[:5]))
    assert not values.any() and base == pytest.approx(0.2)
    assert not interactions_of(forest, x[:5]).any()


def test_values_of_another_forest_are_refused(fitted):
    forest, x, _ = fitted
    for references in (None, x[50:90]):
        with pytest.raises(RuntimeError, match="SHAP values miss"):
            shap_of(forest, x[:20], np.zeros(20), references)


def test_a_value_just_above_a_threshold_goes_the_way_of_the_forest():
    low, high = np.float32(0.3), np.float32(0.3001)
    x = np.repeat([[float(low)], [float(high)]], 30, axis=0)
    forest = damage_forest(0).fit(x, np.repeat([0.1, 0.3], 30))
    threshold = (float(low) + float(high)) / 2
    assert float(np.float32(threshold)) > threshold  # in single precision it is the value itself
    rows = np.array([[float(np.float32(threshold))]])
    values, base, _ = shap_of(forest, rows, forest.predict(rows), x[::7])
    assert base + values.sum() == pytest.approx(0.3)


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
    vote = partial(voted, out_of_bag(forest, len(y)))
    drops = permutation_drops(vote, x, y, sets.values(), np.random.default_rng(0))
    alone, twin, both, noise, nothing = drops
    assert both > alone + twin > 0
    assert abs(noise) < 0.05
    assert nothing == 0


def test_unseen_rows_are_predicted_as_scikit_learn_does(fitted):
    _, x, y = fitted
    forest = damage_forest(3).set_params(oob_score=True).fit(x, y)
    predicted = voted(out_of_bag(forest, len(y)), x[None].astype(np.float32))[0]
    np.testing.assert_allclose(predicted, forest.oob_prediction_, atol=1e-12)


def test_every_column_shuffled_costs_the_whole_fit(fitted):
    forest, x, y = fitted
    vote = partial(voted, out_of_bag(forest, len(y)))
    whole = r2_score(y, vote(x[None].astype(np.float32))[0])
    drop = permutation_drops(vote, x, y, [range(5)], np.random.default_rng(1))[0]
    assert drop == pytest.approx(whole, abs=0.9)
    assert drop > 0.9 * whole


def test_rows_are_shuffled_within_their_strata_only():
    strata = np.array([2, 0, 2, 1, 0, 2, 0, 1])
    orders = [shuffled_rows(strata, np.random.default_rng(k)) for k in range(20)]
    for order in orders:
        assert sorted(order) == list(range(8))
        np.testing.assert_array_equal(strata[order], strata)
    assert len({tuple(o) for o in orders}) > 10
