"""The report's section on synchrony says what was measured, and what was not."""

import numpy as np
import pandas as pd
import pytest
from particlebridge.analysis import find_synchrony
from particlebridge.analysis.phantom.tables import electrode_tables
from particlebridge.analysis.report.synchrony_section import synchrony_section

SHAPE = (100, 180, 180)


def states(*options):
    made = {str(10 * (k + 1)): electrode_tables(SHAPE, seed=k, **o) for k, o in enumerate(options)}
    return {s: t for s, (t, _) in made.items()}, {s: c for s, (_, c) in made.items()}


@pytest.fixture(scope="module")
def found():
    """10: unevenly broken; 20: evenly, and those that touch alike."""
    tables, contacts = states({"drivers": ()}, {"drivers": (), "coupling": 0.7})
    rng = np.random.default_rng(0)
    tables["10"]["Damage"] = rng.exponential(0.1, len(tables["10"])).clip(0, 1)
    return find_synchrony(tables, contacts)


def test_the_section_says_what_falls_and_what_rises_with_intervals(found):
    section = synchrony_section(found)
    step = section.answers[-1]
    gaps = found.differences.set_index("quantity")
    gini, beyond = gaps.loc["Gini coefficient"], gaps.loc["Moran's I beyond the drivers"]
    interval = f"{gini['low']:.2f} to {gini['high']:.2f}, p = 0.00".replace("-", "−")
    assert step.startswith("from 10 cycles to 20 cycles the Gini coefficient falls (difference −")
    assert interval in step
    assert f"that beyond the drivers rises (difference {beyond['value']:.2f}, 0." in step
    assert len(section.answers) == 3
    assert "more even from 10 cycles to 20 cycles" in section.summary["pattern"]
    assert "not damaged alike (10 cycles)" in section.summary["pattern"]
    assert any("other particles" in note for note in section.notes)


def test_the_figure_holds_what_it_draws(found):
    (plate,) = synchrony_section(found).plates
    assert plate.name == "synchrony"
    drawn = plate.data.groupby("scale", sort=False).size().to_dict()
    assert drawn == {"all particles": 2, "contacts": 10, "um": 10}
    assert "10 cycles: no correlation reaches beyond what chance gives." in plate.says


def test_one_state_without_contacts():
    tables, _ = states({})
    section = synchrony_section(find_synchrony(tables))
    assert section.answers[0].startswith("the Gini coefficient of Damage is 0.")
    assert "Moran" not in section.answers[0]
    assert "pattern" not in section.summary or not section.summary["pattern"]
    assert any("contacts are not known" in note for note in section.notes)


def test_nothing_to_measure():
    section = synchrony_section(find_synchrony(pd.DataFrame({"Damage": [0.1, 0.2]})))
    assert section.answers == ["Not known: no state has enough particles with a known Damage."]
    assert section.plates == []
    assert "only 2 particles" in section.notes[0]
