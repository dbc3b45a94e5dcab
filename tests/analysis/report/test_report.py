"""The report says what the data say, escapes what it is given, and stands alone."""

import functools
import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from particlebridge.analysis import explain, write_report
from particlebridge.analysis.explanation import forests as forest_runs
from particlebridge.analysis.explanation.forests import damage_forest
from particlebridge.analysis.features.columns import COLUMNS
from particlebridge.analysis.report import html as report
from particlebridge.analysis.report.explanation_sections import trust_section
from particlebridge.analysis.report.figures_groups import (
    group_cells,
    group_changes,
    groups_section,
)
from particlebridge.analysis.report.figures_model import driver_words
from particlebridge.analysis.report.figures_particles import confidence_plate
from particlebridge.analysis.report.network_figure import scene
from particlebridge.analysis.report.section import PARTS, Section, first_screen
from particlebridge.analysis.report.sections import worth_a_look
from particlebridge.analysis.report.style import FORMATS, save

UNSAFE = "</script><script>alert('x')</script>&\"<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module", autouse=True)
def coarse_pictures():
    """What is tested does not need fine pixels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "save", functools.partial(save, dpi=40))
        yield


@pytest.fixture
def only_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the pictures blank where only the words are read: they are most of the cost."""

    def blank(plate, folder):
        assert len(plate.data) and plate.picture.axes
        folder.mkdir(exist_ok=True, parents=True)
        files = [folder / f"{plate.name}.{suffix}" for suffix in FORMATS]
        for file in files:
            file.write_bytes(b"")
        return files

    monkeypatch.setattr(report, "save", blank)


def table_of(seed: int, rows: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({n: rng.normal(size=rows) for n, c in COLUMNS.items() if c.group != "key"})
    table[["X", "Y", "Z"]] = rng.uniform(0, 30, (rows, 3))
    table["Volume"], table["Elongation"] = rng.lognormal(3, 0.7, rows), 1 + rng.gamma(2, 0.3, rows)
    table["Damage"] = (0.2 - 0.005 * table["Z"] + rng.normal(0, 0.01, rows)).clip(0, 1)
    table["label"], table["Border"] = np.arange(1, rows + 1), rng.random(rows) < 0.2
    return table


@pytest.fixture(scope="module")
def contacts():
    pairs = np.random.default_rng(0).choice(np.arange(1, 91), size=(60, 2))
    return pd.DataFrame({"source": pairs[:, 0], "target": pairs[:, 1], "area": 1.0})


@pytest.fixture(scope="module")
def explanations():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forest_runs, "INTERACTION_ROWS", 5)
        # What is tested are words and files, not the forest: a small one will do.
        patch.setattr(
            forest_runs, "damage_forest", lambda s: damage_forest(s).set_params(n_estimators=12)
        )
        two = {"10": table_of(0), UNSAFE: table_of(1)}
        return explain(two, runs=2)


@pytest.fixture(scope="module")
def whole_report(tmp_path_factory, contacts, explanations, coarse_pictures):
    """Two states, one of them with an unsafe name, and everything a run has."""
    rng = np.random.default_rng(0)
    labels = np.zeros((20, 40, 50), np.int32)
    labels[5:15, 10:30, 10:40] = 7
    volume = rng.normal(100, 5, labels.shape).astype(np.float32)
    volume[:, :3] = np.nan
    return write_report(
        tmp_path_factory.mktemp("run"),
        features={"10": table_of(0), UNSAFE: table_of(1)},
        explanation=explanations,
        volume=volume,
        labels=labels,
        solid=labels > 0,
        spacing=(0.3, 0.2, 0.2),
        contacts={"10": contacts, UNSAFE: contacts},
        fusion=pd.DataFrame(
            {
                "label": range(1, 91),
                "Volume": 1.0,
                "confidence": rng.random(90),
                "agreement_xy": rng.random(90),
            }
        ),
        settings={"model": UNSAFE, "seeds": {"explain": 0}},
        title=UNSAFE,
    )


def test_one_self_contained_file_below_15_mb(whole_report):
    page = whole_report.read_text(encoding="utf-8")
    assert len(page) < 15e6
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert not re.findall(r"@import|url\(|fetch\(|XMLHttpRequest", page)
    sources = re.findall(r'<img src="([^"]{0,30})', page)
    assert len(sources) > 15 and all(s.startswith("data:image/png;base64,") for s in sources)


def test_unsafe_names_stay_text(whole_report):
    page = whole_report.read_text(encoding="utf-8")
    assert "<img src=x" not in page and "<script>alert" not in page
    assert "&lt;/script&gt;&lt;script&gt;alert" in page
    # Style and viewer are the only scripts; the scenes are data and parse as such.
    scenes = re.findall(r'<script type="application/json">(.*?)</script>', page, flags=re.S)
    assert page.count("<script") == len(scenes) + 1 == 3
    assert all(len(json.loads(s)["nodes"]) == 90 for s in scenes)


def test_every_figure_has_its_files_and_a_sentence(whole_report):
    page = whole_report.read_text(encoding="utf-8")
    names = re.findall(r'<figure class="[^"]*" id="([^"]*)"', page)
    captions = re.findall(r"<figcaption>(.*?)<span", page, flags=re.S)
    assert len(names) == len(set(names)) == len(captions) >= 18
    assert all(len(c.split()) >= 8 and c.strip()[-1] == "." for c in captions)
    for name in names:
        folder = whole_report.parent / "figures"
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        drawing = ElementTree.parse(folder / f"{name}.svg")
        assert drawing.find(".//{http://www.w3.org/2000/svg}text") is not None
        assert all(f'href="figures/{name}.{suffix}"' in page for suffix in FORMATS)
        assert len(pd.read_csv(folder / f"{name}.csv"))
    assert {"importance_difference", "shap_beeswarm", "network_1", "slices"} <= set(names)
    assert not list(whole_report.parent.glob("**/.*"))


def test_answers_follow_the_questions(whole_report):
    page = whole_report.read_text(encoding="utf-8")
    asked = ("count", "reliability", "damage", "place", "why", "trust", "change", "settings")
    order = [page.index(f'id="{k}"') for k in asked]
    assert order == sorted(order)
    assert "falls strongly with depth Z" in page and "seeds.explain" in page


def test_the_first_screen_answers_in_five_rows_that_lead_on(whole_report):
    page = whole_report.read_text(encoding="utf-8")
    first, rest = page.split("</header>")
    row = r'<dt><a href="#([^"]*)">([^<]*)</a></dt>\s*<dd>(.*?)</dd>'
    rows = re.findall(row, first, flags=re.S)
    assert [heading for _, heading, _ in rows] == list(PARTS.values())
    assert all(words.strip().endswith(".") for _, _, words in rows)
    assert first.count("<figure") == 2
    # What a link names lies inside its fold: a browser opens it then, without a script.
    folds = rest.split('<details class="section">')[1:]
    for anchor, _, _ in rows:
        (fold,) = (f for f in folds if f'id="{anchor}"' in f)
        assert fold.index("</summary>") < fold.index(f'id="{anchor}"')
    assert len(folds) == rest.count('class="inside"') and "<details open" not in page


def test_what_to_check_next_is_the_most_urgent():
    table = table_of(0).assign(Border=False, volume="a")
    table.loc[[3, 5, 8], "Damage"] = [0.9, 0.8, 0.7]
    assert "4, 6 and 9: is their void" in worth_a_look({"all": table}, None)
    fusion = pd.DataFrame({"label": [1, 2], "Volume": 1.0, "confidence": [0.9, 0.4]})
    look = worth_a_look({"all": table}, fusion)
    assert look == "Look at particle 2, on which the views agree by less than 0.5."
    # Labels of pooled volumes are said as they are in their own.
    other = table.assign(volume="b", label=table["label"] + 90, raised=90)
    both = pd.concat([table.assign(raised=0), other], ignore_index=True)
    assert "a 4, b 4 and" in worth_a_look({"all": both}, None)
    why = Section("why", "?", summary={"next": "Add volumes."})
    many = Section("reliability", "?", summary={"next": "Look at them."})
    rows = [first_screen(found, look) for found in ([], [why], [many, why])]
    assert [row.words for (row,) in rows] == [look, "Add volumes.", "Look at them."]
    assert [row.section for (row,) in rows] == ["damage", "why", "reliability"]
    assert first_screen([]) == []


def test_the_words_turn_with_the_data(tmp_path, only_words):
    rising = table_of(2)
    rising["Damage"] = 0.005 * rising["Z"]
    page = write_report(tmp_path, features=rising).read_text(encoding="utf-8")
    assert "grows strongly with depth Z" in page and "falls" not in page
    flat = rising.assign(Damage=np.random.default_rng(3).uniform(0, 0.2, len(rising)))
    page = write_report(tmp_path, features=flat).read_text(encoding="utf-8")
    assert "no clear trend with depth Z" in page and "grows strongly" not in page


def test_no_forest_says_why_and_shows_the_consequences(tmp_path, only_words):
    table = table_of(3, rows=40)
    with pytest.raises(ValueError, match="Only") as refused:
        explain(table)
    page = write_report(tmp_path, features=table, reason=str(refused.value)).read_text("utf-8")
    assert "No forest was fitted. Only" in page
    assert 'id="consequences"' in page and 'id="importance"' not in page


@pytest.mark.parametrize("rows", [0, 1, 2, 9])
def test_hardly_any_particles_still_give_a_report(tmp_path, rows):
    table = table_of(4, rows=rows).assign(Border=False)
    page = write_report(tmp_path, features=table, reason="Too few.").read_text(encoding="utf-8")
    assert f"{rows} particle" in page and "Too few particles have a known Damage" in page


def test_unknown_damage_is_not_drawn_as_zero(tmp_path, only_words):
    table = table_of(5).assign(Damage=np.nan)
    page = write_report(tmp_path, features=table).read_text(encoding="utf-8")
    assert "Too few particles have a known Damage" in page
    assert 'id="damage_distribution"' not in page and "mean Damage" not in page
    assert all(n[4] is None for n in scene(table, None)["nodes"])


def test_scene_links_only_known_particles(contacts):
    table = table_of(6, rows=30)
    edges = scene(table, contacts)["edges"]
    kept = contacts[(contacts["source"] <= 30) & (contacts["target"] <= 30)]
    assert [[a + 1, b + 1] for a, b in edges] == kept[["source", "target"]].to_numpy().tolist()


def test_of_several_volumes_one_is_drawn_and_named(tmp_path, only_words, contacts):
    first, second = table_of(8).assign(volume="left"), table_of(9).assign(volume="right")
    second["label"] += 90
    both = pd.concat([first, second], ignore_index=True)
    page = write_report(tmp_path, features=both, contacts=contacts).read_text(encoding="utf-8")
    (drawn,) = re.findall(r'<script type="application/json">(.*?)</script>', page, flags=re.S)
    assert [n[5] for n in json.loads(drawn)["nodes"]] == first["label"].tolist()
    assert "This shows left, one of 2 volumes: 90 particles" in page


def grouped(changes: dict[str, float]) -> dict[str, pd.DataFrame]:
    """Two states of the same groups, whose Damage differs by a given amount in each."""
    states: dict[str, list[pd.DataFrame]] = {"10": [], "50": []}
    for seed, (group, change) in enumerate(changes.items()):
        for state, parts in states.items():
            table = table_of(seed + 20 * int(state), rows=60)
            table = table.assign(group=group, volume=group, Border=False)
            rng = np.random.default_rng(seed)
            damage = 0.1 + 0.02 * seed + rng.normal(0, 0.004, len(table))
            parts.append(table.assign(Damage=damage + (change if state == "50" else 0)))
    return {state: pd.concat(parts, ignore_index=True) for state, parts in states.items()}


def test_states_are_compared_within_their_groups(tmp_path, only_words):
    # Between the groups Damage differs more than between the states.
    changes = {"cell A": 0.010, "cell B": 0.012, "cell C": 0.014}
    tables = grouped(changes)
    found = group_changes(group_cells(tables, "Z"), ["10", "50"])
    assert dict(zip(found["group"], found["change"], strict=True)) == pytest.approx(changes)
    page = write_report(tmp_path, features=tables).read_text("utf-8")
    assert "rises in 3 of 3 groups (10 cycles to 50 cycles)" in page
    # t = 0.012 / (0.002 / sqrt 3), two degrees of freedom
    assert "on average by +1.2 points" in page and "0.7 to 1.7; paired t-test, p = 0.0091" in page
    assert 'id="damage_groups"' in page and "Each group in each state" in page


def test_two_groups_are_shown_and_not_tested_and_one_is_no_comparison(tmp_path, only_words):
    page = write_report(tmp_path, features=grouped({"A": 0.01, "B": -0.02})).read_text("utf-8")
    assert "rises in 1 of 2 groups" in page and "takes 3 of them" in page
    assert "paired t-test" not in page
    for tables in (grouped({"A": 0.01}), {"10": table_of(0)}):
        assert groups_section(tables, None) is None
    few = grouped({"A": 0.01, "B": 0.01})
    few["50"] = few["50"].iloc[:64]
    said = groups_section(few, None)
    assert any("B, 50 cycles: 4 whole particles" in note for note in said.notes)


def test_a_table_of_something_else_is_refused(tmp_path):
    with pytest.raises(ValueError, match="lacks Damage, X"):
        write_report(tmp_path, features=table_of(7).drop(columns=["X", "Damage"]))
    with pytest.raises(ValueError, match="No table"):
        write_report(tmp_path, features={})
    assert not list(tmp_path.iterdir())


def test_doubtful_bodies_are_named_with_their_volume():
    table = pd.DataFrame(
        {"label": [1, 2, 1], "Volume": 1.0, "confidence": [0.9, 0.1, 0.2], "scan": ["a", "a", "b"]}
    )
    assert "2 of 3 are below 0.5 (labels a 2 and b 1)." in confidence_plate(table).says
    assert "(label 2)." in confidence_plate(table.iloc[:2].drop(columns="scan")).says


def test_a_fit_that_may_be_chance_is_no_cause_in_any_section(explanations):
    # As the quick demo's: R2 is well above 0, but not above its spread over the seeds.
    fit = explanations.fit.assign(oob_r2=0.19, oob_r2_std=0.07)
    weak = replace(explanations, fit=fit)
    assert all("nothing can be said of causes" in words for words in driver_words(weak))
    answers = trust_section(weak).answers
    assert sum("may predict by chance" in words for words in answers) == len(weak.states)
    strong = replace(explanations, fit=fit.assign(oob_r2_std=0.01))
    assert not any("chance" in words for words in driver_words(strong))
    assert not any("chance" in words for words in trust_section(strong).answers)
