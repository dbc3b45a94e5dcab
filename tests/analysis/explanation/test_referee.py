"""What a referee asks of an explanation, on tables whose answer is known."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from particlebridge.analysis import explain
from particlebridge.analysis.explanation import forests as forest_runs
from particlebridge.analysis.explanation import other_models
from particlebridge.analysis.explanation.checks import DOUBTS
from particlebridge.analysis.explanation.conditional import conditional_strata
from particlebridge.analysis.explanation.forests import damage_forest
from particlebridge.analysis.explanation.other_models import held_out, parts_of
from particlebridge.analysis.explanation.permutation import out_of_bag, permutation_drops, voted
from particlebridge.analysis.explanation.rows import StateRows
from particlebridge.analysis.explanation.statistics import interval, particle_error
from particlebridge.analysis.report.checks_section import checks_section
from sklearn.metrics import r2_score
from test_damage_model import known_table


def _state(x: np.ndarray, y: np.ndarray, place: np.ndarray | None = None) -> StateRows:
    return StateRows("all", x, y, np.arange(len(y)), len(y), 0, place)


def test_conditional_importance_gives_nothing_to_what_only_goes_along() -> None:
    """Damage depends on a and c only; b goes along with a at 0.9."""
    rng = np.random.default_rng(0)
    a, b, c, d = rng.normal(size=(4, 400))
    x = np.column_stack([a, 0.9 * a + np.sqrt(1 - 0.81) * b, c, d])
    y = a + c + rng.normal(0, 0.1, 400)
    sets = [[0], [1], [2], [3]]
    strata = conditional_strata(x, sets)
    assert [len(np.unique(s)) > 1 for s in strata] == [True, True, False, False]
    assert min(np.bincount(strata[1])[np.unique(strata[1])]) >= 10
    plain, beyond = [], []
    for seed in range(3):
        forest = damage_forest(seed).set_params(n_estimators=15).fit(x, y)
        vote = partial(voted, out_of_bag(forest, len(y)))
        rng = np.random.default_rng(seed)
        plain.append(permutation_drops(vote, x, y, sets, rng))
        beyond.append(permutation_drops(vote, x, y, sets, rng, strata))
    plain, beyond = np.mean(plain, axis=0), np.mean(beyond, axis=0)
    assert plain[1] > 0.05
    assert abs(beyond[1]) < 0.02
    assert beyond[0] > 5 * abs(beyond[1])
    assert beyond[2] == pytest.approx(plain[2], abs=0.1)


def test_blocks_show_that_random_cross_validation_is_optimistic() -> None:
    """Damage and one feature are patchy fields that know nothing of each other; nothing drives."""
    bag, blocks = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        place = rng.uniform(0, 100, (200, 3))
        fields = []
        for _ in range(4):
            centre, height = rng.uniform(0, 100, (25, 3)), rng.normal(size=25)
            far = ((place[:, None] - centre) ** 2).sum(axis=2)
            fields.append(np.exp(-far / (2 * 25**2)) @ height)
        damage, *x = fields
        x = np.column_stack([*x, place[:, 2]])
        damage = (damage - damage.min()) / np.ptp(damage)
        forest = damage_forest(seed).set_params(n_estimators=15).fit(x, damage)
        predicted = voted(out_of_bag(forest, 200), x[None].astype(np.float32))[0]
        seen = ~np.isnan(predicted)
        bag.append(r2_score(damage[seen], predicted[seen]))
        blocks.append(held_out(_state(x, damage, place), "forest", 0, [[0]]).r2)
    assert min(bag) > 0.4
    assert np.mean(blocks) < 0.1


def test_blocks_are_patches_of_the_volume_and_volumes_stay_apart() -> None:
    table = known_table(0, rows=120)
    rng = np.random.default_rng(0)
    table[["X", "Y"]] = rng.uniform(0, 30, (120, 2))
    place = table[["X", "Y", "Z"]].to_numpy()
    parts, spatial = parts_of(_state(place, table["Damage"].to_numpy(), place), 0)
    assert spatial and len(np.unique(parts)) == 5
    gap = np.linalg.norm(place[:, None] - place, axis=2) + 1e9 * np.eye(120)
    assert (parts[gap.argmin(axis=1)] == parts).mean() > 0.7  # a fifth, at random
    _, spatial = parts_of(_state(place, table["Damage"].to_numpy()), 0)
    assert not spatial


def test_intervals_cover_what_other_particles_would_give() -> None:
    """A known mean of particles, seen through forests with a spread of their own."""
    rng = np.random.default_rng(4)
    hits = []
    for _ in range(400):
        sample = rng.normal(1, 1, 150)
        chance = rng.normal(0, 0.1, (2, 10, 1))
        subsets = np.array([[rng.permutation(sample)[:120].mean()] for _ in range(10)])
        seeds, subsets = sample.mean() + chance[0], subsets + chance[1]
        error = particle_error(seeds, subsets, 120, 150)
        low, high = interval(seeds.mean(axis=0), error, 10)
        hits.append(low[0] < 1 < high[0])
    assert 0.93 < np.mean(hits) <= 1


@pytest.fixture(scope="module")
def found():
    with pytest.MonkeyPatch.context() as patch:
        few = {**other_models.MODELS}
        few["forest"] = lambda s: damage_forest(s).set_params(n_estimators=10)
        patch.setattr(other_models, "MODELS", few)
        patch.setattr(forest_runs, "damage_forest", few["forest"])
        patch.setattr(forest_runs, "INTERACTION_ROWS", 3)
        tables = {"10": known_table(0, contact=0.0), "50": known_table(1, depth=0.0, contact=0.1)}
        for table in tables.values():
            place = np.random.default_rng(0).uniform(0, 30, (len(table), 2))
            table[["X", "Y"]] = place
        tables["50"] = tables["50"].drop(columns="X")
        seen = []
        found = explain(tables, runs=3, progress=lambda *told: seen.append(told))
        assert seen[-1] == ("models on held-out parts", 6, 6) and len(seen) == 24 + 6
        return found


def test_every_importance_has_an_interval(found) -> None:
    table = found.importance
    for name, middle in (("", "mean"), ("permutation_", "permutation"),
                         ("conditional_", "conditional")):  # fmt: skip
        assert (table[f"{name}low"] <= table[middle]).all()
        assert (table[middle] <= table[f"{name}high"]).all()
    assert (found.sets["shap_low"] <= found.sets["shap"]).all()
    assert (found.differences["low"] <= found.differences["high"]).all()


def test_a_known_rule_passes_the_checks_and_what_is_not_known_is_said(found) -> None:
    checks = found.checks.set_index(["state", "conclusion", "check"]).sort_index()
    assert set(found.checks["check"]) == set(DOUBTS)
    assert checks.loc["10", "leading feature"]["subject"].unique().tolist() == ["Z"]
    early = checks.loc["10", "leading feature"]["outcome"]
    assert (early[["shuffled", "shadow", "blocks", "linear", "interventional"]] == "passed").all()
    # Without X the blocks of the second state are not known.
    assert checks.loc["50", "leading feature"]["subject"].unique().tolist() == ["Contact"]
    assert checks.loc[("50", "leading feature", "blocks"), "outcome"] == "unknown"
    assert any("Positions X, Y, Z" in note and "state 50" in note for note in found.notes)
    change = checks.loc["10 to 50", "largest change"]
    assert change["subject"].iloc[0] in ("Z", "Contact")
    assert (change["outcome"][["shuffled", "shadow", "conditional"]] == "passed").all()
    parts = found.held_out.set_index(["state", "model"])["parts"]
    assert set(parts.loc["10"]) == {"out-of-bag", "blocks"}
    assert set(parts.loc["50"]) == {"out-of-bag", "random"}


def test_noise_fails_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forest_runs, "INTERACTION_ROWS", 3)
    table = known_table(2, rows=80, depth=0, contact=0)
    table["Damage"] = np.random.default_rng(0).uniform(0.1, 0.3, 80)
    checks = explain(table, runs=2).checks
    own = checks[checks["conclusion"] == "leading feature"].set_index("check")["outcome"]
    assert (own[["interval", "blocks"]] == "failed").all()
    assert (own == "passed").sum() <= 4


def test_the_report_says_check_by_check_what_failing_would_mean(found) -> None:
    section = checks_section(found)
    assert section.answers[0].startswith("10 cycles: leading feature Z: passes ")
    assert any(words.startswith("from 10 cycles to 50 cycles") for words in section.answers)
    table = next(t for name, t in section.tables.items() if name.startswith("Each check"))
    assert isinstance(table, pd.DataFrame) and (table["if it fails"].str.len() > 20).all()
    assert any("positions are not known" in words for words in section.answers)
