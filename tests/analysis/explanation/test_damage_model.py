"""The damage model on tables whose rule is known."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from particlebridge.analysis import FEATURES, explain
from particlebridge.analysis.explanation import forests as forest_runs
from particlebridge.analysis.explanation.forests import damage_forest
from particlebridge.analysis.features.columns import COLUMNS


def known_table(seed: int, rows: int = 160, depth: float = -0.08, contact: float = 0.06):
    """Damage follows Z and Contact by a stated rule; every other column is noise."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({n: rng.normal(size=rows) for n, c in COLUMNS.items() if c.group != "key"})
    table["Z"], table["Contact"] = rng.uniform(0, 30, rows), rng.beta(3, 6, rows)
    table["Volume"] = rng.lognormal(3, 0.7, rows)
    table["SurfaceOuter"] = table["Volume"] ** (2 / 3) * rng.lognormal(1.6, 0.02, rows)
    rule = 0.1 + depth * (table["Z"] / 30 - 0.5) * 2 + contact * (table["Contact"] - 0.33) * 4
    table["Damage"] = (rule + rng.normal(0, 0.015, rows)).clip(0, 1)
    table["label"], table["Border"] = np.arange(1, rows + 1), False
    return table


@pytest.fixture(scope="module", autouse=True)
def few_interactions():
    """Interactions cost most of a small run: few rows are enough here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forest_runs, "INTERACTION_ROWS", 3)
        yield


@pytest.fixture(scope="module")
def two_states(few_interactions):
    """Depth decides early, contact late."""
    early = known_table(0, depth=-0.08, contact=0.01)
    late = known_table(1, depth=-0.01, contact=0.08)
    return explain({"10": early, "50": late}, runs=3)


def test_true_drivers_lead_with_the_right_sign_and_noise_stays_below_the_controls(two_states):
    for state, driver, sign in (("10", "Z", -1), ("50", "Contact", 1)):
        table = two_states.importance
        own = table[table["state"] == state].set_index("feature")
        assert own["rank"].idxmin() == driver
        assert sign * own.loc[driver, "direction"] > 0.9
        assert own.loc[driver, "above_control"] and own.loc[driver, "above_shadow"]
        noise = own.drop(index=["Z", "Contact"])
        assert not noise["above_control"].any()
        assert noise["above_shadow"].sum() <= 1
        assert own.loc[driver, "permutation"] > 0.3 > noise["permutation"].max()


def test_drivers_rank_first_in_nine_of_ten_seeds(monkeypatch):
    # A third of the paper's trees: harder to pass, and soon done.
    monkeypatch.setattr(
        forest_runs, "damage_forest", lambda s: damage_forest(s).set_params(n_estimators=13)
    )
    hits = 0
    for seed in range(10):
        table = known_table(100 + seed, rows=100)
        found = explain(table, runs=2, seed=seed).importance
        hits += set(found["feature"][:2]) == {"Z", "Contact"}
    assert hits >= 9


def test_differences_between_states_find_the_change_and_only_it(two_states):
    table = two_states.differences.query("scale == 'absolute'").set_index("feature")
    assert table.loc["Z", "mean"] < 0 < table.loc["Contact", "mean"]
    assert set(table.index[table["p_particles"] < 0.05]) <= {"Z", "Contact"}
    assert (table["p_seeds"][["Z", "Contact"]] < 0.05).all()
    assert (table["p_particles"].between(0, 1)).all()


def test_out_of_bag_fit_beats_the_shuffled_control_and_shap_adds_up(two_states):
    fit = two_states.fit.set_index(["state", "kind"])
    for state in ("10", "50"):
        assert fit.loc[(state, "seed"), "oob_r2"] > 0.6
        assert fit.loc[(state, "shuffled"), "oob_r2"] < 0.1
        assert fit.loc[(state, "seed"), "held_out_mae"] < fit.loc[(state, "seed"), "guess_mae"]
    assert fit["additivity_error"].max() < 1e-9


def test_correlated_features_become_one_cluster(two_states):
    clusters = two_states.sets.query("kind == 'cluster'")
    assert "Volume + SurfaceOuter" in set(clusters["set"])
    assert clusters.query("state == '10'")["features"].sum() == len(two_states.features)
    groups = two_states.sets.query("kind == 'group' and state == '10'").set_index("set")
    assert groups["permutation"].idxmax() == "position"


def test_same_seed_same_result_whatever_the_threads():
    table = known_table(3, rows=80)
    first, second = explain(table, runs=2, seed=5, jobs=1), explain(table, runs=2, seed=5, jobs=2)
    for name in ("importance", "sets", "runs", "interactions", "shap", "predictions"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))
    other = explain(table, runs=2, seed=6, jobs=1)
    assert not np.allclose(first.runs["importance"], other.runs["importance"])


def test_paper_set_sees_the_consequences_and_one_state_has_no_differences():
    table = known_table(4, rows=120)
    table["Homogeneity"] = -table["Damage"]
    found = explain(table, features="paper", runs=2)
    assert found.states == ("all",) and found.differences.empty
    assert set(found.features) == set(FEATURES["paper"])
    assert found.importance["feature"].iloc[0] == "Homogeneity"


def test_border_and_incomplete_rows_are_left_out_and_said():
    table = known_table(5, rows=120)
    table.loc[:19, "Border"] = True
    table.loc[20:24, "Contact"] = np.nan
    table.loc[25, "Volume"] = np.inf
    table["Roll"] = 7.0
    found = explain(table, runs=2)
    counts = found.particles.iloc[0]
    assert (counts["border"], counts["incomplete"], counts["used"]) == (20, 6, 94)
    assert any("20 of 120" in n for n in found.notes) and any("Roll" in n for n in found.notes)
    assert found.importance.set_index("feature").loc["Roll", "mean"] == 0
    assert not set(found.shap["label"]) & set(range(1, 27))
    assert explain(table, runs=2, include_border=True).particles["used"].iloc[0] == 114


def test_feature_unknown_for_most_particles_is_left_out_everywhere():
    first, second = known_table(6, rows=80), known_table(7, rows=80)
    second["SolidStd"] = np.nan
    found = explain({"10": first, "50": second}, runs=2)
    assert "SolidStd" not in found.features
    assert any("SolidStd" in n and "50" in n for n in found.notes)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.drop(columns=["Contact", "Z"]), "lacks Z and Contact"),
        (lambda t: t.head(49), "Only 49 of 49 particles"),
        (lambda t: t.head(0), "Only 0 of 0 particles"),
        (lambda t: t.assign(Border=True), "Only 0 of 80"),
        (lambda t: t.assign(Damage=np.nan), "Damage is unknown"),
        (lambda t: t.assign(Damage=0.25), "nothing to explain"),
        (lambda t: t.assign(Damage=t["Damage"] * 100), "per cent"),
        (lambda t: t.assign(**{n: "?" for n in FEATURES["drivers"]}), "Every regressor is unknown"),
    ],
)
def test_unusable_tables_are_refused_in_one_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        explain(change(known_table(8, rows=80)), runs=2)


def test_senseless_parameters_are_refused():
    table = known_table(9, rows=80)
    with pytest.raises(ValueError, match="must be paper or drivers"):
        explain(table, features="causes")
    with pytest.raises(ValueError, match="at least 2"):
        explain(table, runs=1)
    with pytest.raises(ValueError, match="No table"):
        explain({})


def test_progress_counts_every_forest_and_nothing_heavy_is_imported():
    seen = []
    explain(known_table(10, rows=60), runs=2, progress=lambda *told: seen.append(told))
    held = [("models on held-out parts", k, 3) for k in (1, 2, 3)]
    assert seen == [*(("forests", k, 8) for k in range(1, 9)), *held]
    assert "torch" not in sys.modules


def test_forest_is_the_papers():
    forest = damage_forest(1)
    assert forest.n_estimators == 40 and forest.criterion == "absolute_error"
    assert forest.max_leaf_nodes == 30 and forest.max_features == "sqrt"
    assert forest.min_impurity_decrease == 1.02e-5 and forest.bootstrap


def test_threads_that_share_their_warning_filters_say_nothing_of_it() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.resetwarnings()  # as a thread of scikit-learn leaves them to the others
        explain(known_table(3, rows=60), runs=2, jobs=2)
    assert [w for w in said if "sklearn.utils.parallel" in str(w.message)] == []
