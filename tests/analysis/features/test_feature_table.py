"""The columns' own documentation."""

from pathlib import Path

from particlebridge.analysis import COLUMNS, FEATURES
from particlebridge.analysis.features.columns import CONSEQUENCES, TARGET, units


def test_every_column_has_a_unit_and_a_formula() -> None:
    for name, column in COLUMNS.items():
        assert column.unit, name
        assert column.formula, name


def test_the_24_published_names_are_documented() -> None:
    published = [column for column in COLUMNS.values() if column.code_name]
    assert len(published) == 24
    groups = {column.group for column in published}
    assert groups == {"position", "chemistry", "morphology", "neighbourhood"}


def test_two_sets_of_regressors() -> None:
    paper, drivers = set(FEATURES["paper"]), set(FEATURES["drivers"])
    assert len(paper) == 21
    assert not paper & {"X", "Y", TARGET}
    assert not drivers & set(CONSEQUENCES)
    own = {"SolidDensity", "SolidStd", "BodySphericity", "BodyVSratio", "BodySpherStd"}
    assert drivers - paper == own
    assert paper - drivers == set(CONSEQUENCES) | {"SpherStd"}
    assert paper | drivers < set(COLUMNS)


def test_units_follow_the_recipe() -> None:
    assert units("physical")["SurfaceOuter"] == "um2"
    assert units("paper")["SurfaceOuter"] == "voxel"
    assert units("physical").keys() == units("paper").keys() == COLUMNS.keys()


def test_the_manual_describes_every_column() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "features.md").read_text(encoding="utf-8")
    for name, column in COLUMNS.items():
        row = f"| {name} | {column.group} | {column.unit} | {column.formula} | {column.code_name} |"
        assert row in manual
