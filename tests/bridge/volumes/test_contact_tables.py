"""contacts.csv is used where it is of the particles at hand, and the log says where it is not."""

import pandas as pd
import pytest
from particlebridge.analysis.phantom.tables import electrode_tables
from particlebridge.bridge.volumes.contact_tables import contacts_beside


def made(seed):
    particles, contacts = electrode_tables((60, 110, 110), seed=seed)
    places = particles.set_index("label")[["X", "Y", "Z"]]
    ends = [places.loc[contacts[end]].to_numpy() for end in ("source", "target")]
    contacts[["X", "Y", "Z"]] = (ends[0] + ends[1]) / 2
    return particles, contacts


def test_those_of_the_table_are_found(tmp_path, capsys):
    particles, contacts = made(1)
    contacts.to_csv(tmp_path / "contacts.csv", index=False)
    found = contacts_beside(tmp_path / "features.csv", particles)
    pd.testing.assert_frame_equal(found[["source", "target"]], contacts[["source", "target"]])
    # Particles taken out of the table change nothing.
    assert contacts_beside(tmp_path / "features.csv", particles[5:]) is not None
    assert capsys.readouterr().err == ""


def test_none_or_those_of_another_table_are_told(tmp_path, capsys):
    particles, _ = made(1)
    assert contacts_beside(tmp_path / "features.csv", particles) is None
    assert "there is no" in capsys.readouterr().err
    made(2)[1].to_csv(tmp_path / "contacts.csv", index=False)
    assert contacts_beside(tmp_path / "features.csv", particles) is None
    assert "is not of the particles of" in capsys.readouterr().err


def test_those_of_a_run_of_several_volumes(tmp_path):
    tables = []
    for name, seed in (("a", 1), ("b", 2)):
        particles, contacts = made(seed)
        (tmp_path / name).mkdir()
        contacts.to_csv(tmp_path / name / "contacts.csv", index=False)
        tables.append(particles.assign(volume=name))
    found = contacts_beside(tmp_path / "features.csv", pd.concat(tables, ignore_index=True))
    assert found.groupby("volume").size().to_dict() == {"a": len(made(1)[1]), "b": len(made(2)[1])}


def test_a_table_that_is_none_is_refused(tmp_path):
    particles, contacts = made(1)
    contacts.rename(columns={"source": "from"}).to_csv(tmp_path / "contacts.csv", index=False)
    with pytest.raises(ValueError, match=r"contacts\.csv: lacks the columns source and target"):
        contacts_beside(tmp_path / "features.csv", particles)
    (tmp_path / "contacts.csv").write_bytes(b"")
    with pytest.raises(ValueError, match=r"contacts\.csv: cannot be read as a table of contacts"):
        contacts_beside(tmp_path / "features.csv", particles)
