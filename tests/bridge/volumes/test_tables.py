"""Feature tables: written whole, read back, refused with the column's name."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
from particlebridge.analysis import FEATURES
from particlebridge.bridge import explain_files
from particlebridge.bridge.volumes.tables import read_table, write_table


def test_round_trip_keeps_seven_digits(tmp_path: Path) -> None:
    table = pd.DataFrame({"label": [1, 2], "Volume": [1.23456789, 2e-9], "state": ["a", "b"]})
    write_table(table, tmp_path / "features.csv")
    read = read_table(tmp_path / "features.csv")
    assert read["Volume"].tolist() == [1.234568, 2e-9]
    assert read["label"].tolist() == [1, 2]
    assert [f.name for f in tmp_path.iterdir()] == ["features.csv"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"has no column 'label' \(it is empty\)"),
        ("Volume\n1\n", r"has no column 'label' \(its first row reads 'Volume'\)"),
        ("label,label \n1,2\n", "two columns 'label'"),
        ("label,Volume\n1,big\n", "column 'Volume' holds words"),
        ("label,Volume\n1,2\n3,4,5,6\n", "cannot be read as CSV"),
        ("label\n\xff\xfe", "cannot be read as CSV"),
    ],
)
def test_bad_table_gets_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "features.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=sentence) as caught:
        read_table(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_table(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such table"):
        read_table(tmp_path / "features.csv")


_PLAIN = "label,Volume,Border,state\n1,2.5,True,10\n2,1e3,False,\n"


@pytest.mark.parametrize(
    "text",
    [
        _PLAIN.replace(",", ";").replace(".", ","),
        _PLAIN.replace(",", "\t"),
        "sep=,\n" + _PLAIN,
        _PLAIN.replace(",", " , "),
        _PLAIN + ",,,\n",
        "\ufeff" + _PLAIN,
        _PLAIN.replace("\n", ",\r\n"),
    ],
)
def test_tables_as_spreadsheets_save_them(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    table = read_table(tmp_path / "a.csv")
    assert table.columns.tolist() == ["label", "Volume", "Border", "state"]
    assert table["label"].tolist() == [1, 2]
    assert table["Volume"].tolist() == [2.5, 1000]
    assert table["Border"].dtype == bool
    assert table["state"].tolist() == ["10", ""]


def test_a_table_in_utf_16_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(_PLAIN.replace(",", "\t").encode("utf-16"))
    assert len(read_table(tmp_path / "a.csv")) == 2


def test_a_column_of_notes_is_kept_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text("label,Volume,note\n1,2,ok\n2,3,\n")
    table = read_table(tmp_path / "a.csv")
    assert table["note"].tolist() == ["ok", ""]
    assert "columns of words are kept and not used: note" in capsys.readouterr().err


def test_unknown_numbers_are_nan(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,Volume\n1,\n2,NaN\n3,#N/A\n4,5\n")
    assert read_table(tmp_path / "a.csv")["Volume"].isna().tolist() == [True, True, True, False]


# As the notebook that came with the paper reads them.
NOTEBOOK = (
    *("Z", "Roll", "Pitch", "Yaw", "Edensity", "Homogeneity", "SurfInner", "SurfOuter", "Volume"),
    *("Elongation", "Sphericity", "Vsratio", "RoughInner", "RoughOuter", "Contact", "PDensity"),
    *("DisNearest", "locVolume", "locOri", "locElongation", "locSphericity", "Damage"),
)


def test_the_notebook_s_table_is_taken_by_our_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = pd.DataFrame(np.arange(44.0).reshape(2, 22), columns=list(NOTEBOOK))
    made.to_csv(tmp_path / "features_10cyc.csv", index=False)
    table = read_table(tmp_path / "features_10cyc.csv")
    assert set(FEATURES["paper"]) < set(table)
    for ours, theirs in {
        "EDensity": "Edensity",
        "SurfaceInner": "SurfInner",
        "SurfaceOuter": "SurfOuter",
        "DistNearest": "DisNearest",
        "VolumeStd": "locVolume",
        "OrienIso": "locOri",
        "ElongStd": "locElongation",
        "SpherStd": "locSphericity",
        "Damage": "Damage",
    }.items():
        assert table[ours].tolist() == made[theirs].tolist()
    assert table["label"].tolist() == [1, 2] and table["X"].isna().all()
    assert set(table["Unit"]) == {"voxel"}
    said = capsys.readouterr().err
    assert "SurfInner as SurfaceInner" in said and "has no label, X and Y" in said


MATLAB = {"pX": "X", "pZ": "Z", "OriX": "Yaw", "OriZ": "Roll", "VSratio": "VSratio"}
MATLAB |= {"SurfOuter": "SurfaceOuter", "Damage": "Damage", "Sphericity": "Sphericity"}


def as_struct(path: Path, made: pd.DataFrame) -> None:
    """A struct array with one element for each particle, as getAllFeatures gives it."""
    elements = np.empty((1, len(made)), [(name, object) for name in made])
    for name in made:
        elements[name][0] = list(made[name])
    scipy.io.savemat(path, {"allfeatures": elements, "Seg": np.zeros((3, 4, 5))})


def as_struct_73(path: Path, made: pd.DataFrame) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        group, kept = file.create_group("allfeatures"), file.create_group("#refs#")
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        for name in made:
            refs = group.create_dataset(name, (len(made), 1), h5py.ref_dtype)
            for i, value in enumerate(made[name]):
                refs[i, 0] = kept.create_dataset(f"{name}{i}", data=[[value]]).ref


def as_columns(path: Path, made: pd.DataFrame) -> None:
    scipy.io.savemat(path, {name: made[name].to_numpy() for name in made})


@pytest.mark.parametrize("write", [as_struct, as_struct_73, as_columns])
def test_matlab_s_tables_are_taken_by_our_names(tmp_path: Path, write) -> None:
    made = pd.DataFrame(np.arange(24.0).reshape(3, 8), columns=list(MATLAB))
    write(tmp_path / "results_features_70.mat", made)
    table = read_table(tmp_path / "results_features_70.mat")
    for theirs, ours in MATLAB.items():
        assert table[ours].tolist() == made[theirs].tolist()
    assert table["label"].tolist() == [1, 2, 3]


def test_matlab_s_files_without_one_table_are_refused(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "seg.mat", {"Seg": np.zeros((3, 4, 5))})
    with pytest.raises(ValueError, match=r"seg.mat: holds no table of particles; save"):
        read_table(tmp_path / "seg.mat")
    (tmp_path / "text.mat").write_text("Damage,Sphericity\n")
    with pytest.raises(ValueError, match=r"text.mat: is no MATLAB file of version 5 or 7.3; save"):
        read_table(tmp_path / "text.mat")
    whole = tmp_path / "whole.mat"
    as_columns(whole, pd.DataFrame({"Damage": np.arange(300.0), "Sphericity": 1.0}))
    (tmp_path / "cut.mat").write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"cut.mat: (is damaged|cannot be read as a MATLAB file)"):
        read_table(tmp_path / "cut.mat")
    two = pd.DataFrame({"Damage": [0.0, 1], "damage": [1, 2], "Sphericity": 1, "locOri": 2})
    two.to_csv(tmp_path / "two.csv", index=False)
    assert read_table(tmp_path / "two.csv")["Damage"].tolist() == [0, 1]
    two.rename(columns={"Damage": "DAMAGE"}).to_csv(tmp_path / "two.csv", index=False)
    with pytest.raises(ValueError, match="columns DAMAGE and damage both are Damage; keep one"):
        read_table(tmp_path / "two.csv")


def test_published_tables_are_explained_by_published_features(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = pd.DataFrame(np.random.default_rng(0).random((20, 22)), columns=list(NOTEBOOK))
    made.to_csv(tmp_path / "features_10cyc.csv", index=False)
    # Twenty rows are too few for a forest, so the columns were all found.
    with pytest.raises(ValueError, match="only 20 of 20 particles are usable"):
        explain_files([tmp_path / "features_10cyc.csv"], tmp_path / "out")
    assert "are explained by the 21 published features" in capsys.readouterr().err
