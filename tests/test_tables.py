"""Feature tables: written whole, read back, refused with the column's name."""

from pathlib import Path

import pandas as pd
import pytest
from particlebridge.bridge.tables import read_table, write_table


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
        ("", "cannot be read as CSV"),
        ("Volume\n1\n", "has no column 'label'"),
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
