"""Copies of particles are found, states are told apart, and both are said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from particlebridge.analysis import explain, write_report
from particlebridge.analysis.explanation import forests as forest_runs
from particlebridge.analysis.explanation.forests import damage_forest
from particlebridge.analysis.explanation.readable_rows import (
    repeated,
    split_states,
    without_repeats,
)
from particlebridge.analysis.features.columns import COLUMNS
from particlebridge.analysis.report.sections import damage_section, reliability_section
from particlebridge.bridge import explain_files
from particlebridge.bridge.volumes.tables import write_table


def _table(seed: int, rows: int = 70) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({n: rng.normal(size=rows) for n, c in COLUMNS.items() if c.group != "key"})
    table["Damage"] = (0.2 + 0.05 * table["Z"]).clip(0, 1)
    table["Volume"] = rng.lognormal(3, 0.7, rows)
    table["Elongation"] = 1 + rng.gamma(2, 0.3, rows)
    table["label"], table["Border"] = np.arange(1, rows + 1), False
    return table


@pytest.fixture(autouse=True)
def _small_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forest_runs, "INTERACTION_ROWS", 3)
    monkeypatch.setattr(
        forest_runs, "damage_forest", lambda s: damage_forest(s).set_params(n_estimators=8)
    )


def test_pasted_rows_change_no_forest() -> None:
    table = _table(0)
    once, twice = explain(table, runs=2), explain(pd.concat([table, table]), runs=2)
    pd.testing.assert_frame_equal(once.fit, twice.fit)
    assert once.notes == ()
    assert "70 of 140 rows are copies of other rows" in twice.notes[0]


def test_of_each_particle_base_and_shap_add_up_to_the_forest() -> None:
    found = explain(_table(0), runs=2)
    rows = found.by_particle()
    assert rows["label"].tolist() == list(range(1, 71))
    sums = found.shap.groupby("label")["shap"].sum().to_numpy()
    np.testing.assert_allclose(rows[list(found.features)].sum(axis=1), sums)
    # In the forest's own prediction a particle counts itself: closer than out of bag.
    fitted = rows["base"] + sums
    assert np.corrcoef(fitted, rows["observed"])[0, 1] > 0.9
    missed = [
        (rows["observed"] - p).abs().mean() for p in (fitted, rows["predicted"], rows["base"])
    ]
    assert missed == sorted(missed)
    twice = found.predictions.assign(label=1)
    assert replace(found, predictions=twice).by_particle()["predicted"].isna().all()


def test_a_particle_of_two_overlapping_crops_is_one() -> None:
    table = _table(0)
    shifted = table.assign(X=table["X"] + 40, Contact=0.1, label=table["label"] + 70)
    assert repeated(pd.concat([table, shifted], ignore_index=True)).sum() == 70


def test_equal_shapes_without_grey_values_are_two_particles() -> None:
    table = _table(0).assign(Volume=8.0, SurfaceOuter=24.0, EDensity=np.nan, Homogeneity=np.nan)
    assert not repeated(table).any()


def test_the_same_particle_in_two_states_counts_in_both() -> None:
    tables, notes = without_repeats({"10": _table(0), "50": _table(0)})
    assert [len(t) for t in tables.values()] == [70, 70]
    assert notes == []


def test_states_of_a_column_are_told_apart() -> None:
    table = pd.DataFrame({"label": [1, 2, 3, 4], "state": [10, np.nan, 50, 10]})
    assert {s: t["label"].tolist() for s, t in split_states(table).items()} == {
        "10": [1, 4],
        "no state": [2],
        "50": [3],
    }
    assert list(split_states(table[:1])) == ["all"]
    words = table[:3].assign(state=["10.0", "10", "50.0"])
    assert {s: len(t) for s, t in split_states(words).items()} == {"10": 2, "50": 1}


def test_explain_compares_the_states_of_one_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = pd.concat(
        [_table(0).assign(state="10"), _table(1).assign(state="50", Damage=0.5)], ignore_index=True
    )
    both.loc[both["state"] == "50", "Damage"] += 0.01 * both["Z"]
    write_table(pd.concat([both, both[:9]]), tmp_path / "features.csv")
    report = explain_files([tmp_path / "features.csv"], tmp_path / "out")
    importance = pd.read_csv(tmp_path / "out" / "importance.csv")
    assert importance["state"].unique().tolist() == [10, 50]
    shares = pd.read_csv(tmp_path / "out" / "shap.csv")
    assert shares.groupby("state").size().tolist() == [70, 70]
    observed = shares.set_index(["state", "label"])["observed"]
    assert np.allclose(observed[50, 7], both.loc[both["state"] == "50", "Damage"].iloc[6])
    said = capsys.readouterr().err
    assert "compared, not pooled: 10 (79 particles), 50 (70 particles)" in said
    assert "9 of 79 rows of state 10 are copies" in said
    page = report.read_text()
    assert "What changed between the states?" in page
    assert "9 of 79 rows of state 10 are copies" in page
    assert "10 cycles: 70 particles found" in page


def test_a_report_counts_a_copy_once_without_a_forest(tmp_path: Path) -> None:
    table = _table(0, rows=12)
    page = write_report(tmp_path, features=pd.concat([table, table])).read_text()
    assert "12 particles found" in page
    assert "12 of 24 rows are copies" in page


def test_a_run_that_found_nothing_says_so() -> None:
    empty = pd.DataFrame({"label": [], "Volume": [], "confidence": [], "agreement_xy": []})
    assert reliability_section(empty).answers == [
        "This run found no particle, so there is nothing to judge."
    ]
    assert "were given to this run" in reliability_section(None).answers[0]


@pytest.mark.parametrize(
    ("views", "words"),
    [(1, "Only one view"), (2, "The two views"), (3, "The three views")],
)
def test_as_many_views_are_named_as_there_were(views: int, words: str) -> None:
    table = pd.DataFrame({"label": [1, 2], "Volume": 1.0, "confidence": [0.9, 0.8]})
    for view in ("xy", "xz", "yz")[:views]:
        table[f"agreement_{view}"] = 0.9
    assert reliability_section(table).answers[0].startswith(words)


def test_both_recipes_stand_side_by_side() -> None:
    rng = np.random.default_rng(0)
    table = _table(0)
    size = table["Volume"].rank() / len(table)
    table["Damage_paper"] = 0.3 - 0.2 * size + rng.normal(0, 0.001, len(table))
    ours, published = damage_section({"all": table}).answers
    assert "of a particle (cracks included) is void" in ours
    assert "as published" in published and "Volume with ρ = −1.00" in published
    assert len(damage_section({"all": _table(0)}).answers) == 1
