"""Feature tables on disk: checked when read, whole when written."""

import os
from pathlib import Path

import pandas as pd
from particlebridge.analysis import atomic_path
from particlebridge.analysis.features.columns import COLUMNS, LengthUnit
from particlebridge.analysis.io.errors import shown

from .._shared.progress import notice
from .spreadsheets import Spreadsheet, read_spreadsheet

_WORDS = ("volume", "state", "group", "Void", "Unit")
_TRUTH = {"true": True, "false": False}
# What pandas and others write for a number that is not known.
_UNKNOWN = ("", "nan", "na", "n/a", "#n/a", "null", "none", "<na>")


def write_table(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table as CSV with seven significant digits; it appears when whole."""
    with atomic_path(path) as beside:
        table.to_csv(beside, index=False, float_format="%.7g")


def in_unit(table: pd.DataFrame, unit: LengthUnit) -> pd.DataFrame:
    """Name voxels as the unit of lengths of `measure` or `contacts` where the size is not known."""
    column = "Unit" if "Unit" in table else "unit"
    return table if unit == "um" else table.assign(**{column: unit})


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a features.csv, also as a spreadsheet saves it.

    Columns may be separated by commas, semicolons or tabs; with the latter two a comma may be
    the decimal point. Blank rows are left out. A column that `measure` does not write may hold
    words, such as notes.

    Returns
    -------
    DataFrame
        One row per particle.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no table of numbers with a label column; names the column.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such table")
    sheet = read_spreadsheet(
        path, "label", "has no column 'label'", "give a features.csv of measure or run"
    )
    names = ["label" if name.lower() == "label" else name for name in sheet.columns]
    for number, row in sheet.rows:
        if len(row) > len(names):
            raise ValueError(
                f"{path}: cannot be read as CSV (line {number} has {len(row)} cells and its first "
                f"row {len(names)}); save it again"
            )
    columns: dict[str, pd.Series] = {}
    words = []
    for i, name in enumerate(names):
        cells = pd.Series([row[i] if i < len(row) else "" for _, row in sheet.rows], dtype=object)
        if not name and not cells.any():
            continue  # a separator at the end of each row
        if name in _WORDS:
            columns[name] = cells
            continue
        numbers = _numbers(cells, sheet)
        if numbers is None and name in COLUMNS:
            raise ValueError(f"{path}: column '{shown(name)}' holds words where numbers are needed")
        if numbers is None:
            words.append(shown(name))
        columns[name] = cells if numbers is None else numbers
    if words:
        notice(f"{path}: columns of words are kept and not used: {', '.join(words[:5])}")
    return pd.DataFrame(columns)


def _numbers(cells: pd.Series, sheet: Spreadsheet) -> pd.Series | None:
    """Give a column's numbers, or its truth values; None if there are words in it."""
    plain = cells.str.lower()
    known = cells[~plain.isin(_UNKNOWN)]
    if len(known) and plain[known.index].isin(_TRUTH).all():
        truth = plain.map(_TRUTH)
        return truth.astype(bool) if len(known) == len(cells) else truth
    try:
        numbers = pd.to_numeric(known)
    except (ValueError, TypeError):
        if not sheet.has_decimal_commas:
            return None
        try:
            numbers = pd.to_numeric(known.str.replace(",", ".", n=1, regex=False))
        except (ValueError, TypeError):
            return None
    if len(known) == len(cells) and len(cells):
        return numbers
    return numbers.astype(float).reindex(cells.index)
