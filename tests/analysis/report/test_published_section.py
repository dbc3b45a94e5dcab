"""The published ranking beside one's own."""

import pandas as pd
import pytest
from particlebridge.analysis import COLUMNS, FEATURES, Explanation
from particlebridge.analysis.explanation.published import agreement, beside
from particlebridge.analysis.report.published_section import published_section
from particlebridge.bridge.volumes.published_table import read_published

NAMES = list(FEATURES["paper"])


def explained(names=NAMES, state="all"):
    """Importances that fall in the order of the names."""
    mean = [float(len(names) - k) for k in range(len(names))]
    importance = pd.DataFrame(
        {"feature": names, "group": [COLUMNS[n].group for n in names], "state": state,
         "mean": mean, "share": [m / sum(mean) for m in mean], "rank": range(1, len(names) + 1)}
    )  # fmt: skip
    none = pd.DataFrame()
    return Explanation(
        states=(state,), features=tuple(names), particles=none, importance=importance, sets=none,
        runs=none, fit=none, stability=none, differences=none, interactions=none, shap=none,
        predictions=none, models=none, held_out=none, checks=none, notes=(),
    )  # fmt: skip


def ranking(tmp_path):
    """The same order after 10 cycles, the opposite after 50; by the names of the public code."""
    file = tmp_path / "published.csv"
    named = [COLUMNS[n].code_name for n in NAMES]
    pd.DataFrame(
        {"f": named, "c10": range(len(NAMES), 0, -1), "c50": range(len(NAMES))}
    ).to_csv(file, index=False)  # fmt: skip
    return read_published(file)


def test_tau_of_the_same_and_of_the_opposite_order(tmp_path):
    found = agreement(explained(), ranking(tmp_path)).set_index("published")
    assert found["tau"].to_dict() == {"10": pytest.approx(1), "50": pytest.approx(-1)}
    assert (found["features"] == len(NAMES)).all()
    ranks = beside(explained(), ranking(tmp_path))
    assert ranks.iloc[0].tolist() == [NAMES[0], 1, len(NAMES), 1]


def test_the_section_cites_what_is_published_and_its_caveat(tmp_path):
    section = published_section(explained(), ranking(tmp_path))
    text = " ".join(section.answers)
    assert f"{NAMES[0]}, {NAMES[1]} and {NAMES[2]} lead" in text
    assert "after 10 cycles Sphericity, Elongation and VSratio lead" in text
    assert "the share of neighbourhood goes from 5\u202f% to 56\u202f%" in text
    assert "ranking after 50 cycles in the file given is −1.00" in text
    assert "VolumeStd, OrienIso, ElongStd and SpherStd are 0 for every particle" in section.notes[0]


def test_without_a_file_only_the_published_features_have_the_section():
    assert published_section(explained(list(FEATURES["drivers"])), None) is None
    section = published_section(explained(), None)
    assert "Kendall" not in " ".join(section.answers)
    assert not section.tables


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("f,c10\nZ,1\n", "lacks the column c50"),
        ("f,c10,c50\nZ,1,2\nColour,1,2\n", "'Colour' is no feature"),
        ("f,c10,c50\nZ,1,2\npZ,1,2\n", "needs two features or more, each once"),
        ("f,c10,c50\nZ,1,2\nRoll,x,2\n", "with numbers"),
        ("", "cannot be read as a published ranking"),
    ],
)
def test_a_file_that_is_no_ranking_is_refused(tmp_path, text, message):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(ValueError, match=rf"p\.csv: .*{message}"):
        read_published(tmp_path / "p.csv")
