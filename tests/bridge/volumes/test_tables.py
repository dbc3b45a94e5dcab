"""Feature tables: written whole, read back, refused with the column's name."""

from pathlib import Path

import pandas as pd
import pytest
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
