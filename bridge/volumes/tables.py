"""Feature tables on disk: checked when read, whole when written."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from particlebridge.analysis import atomic_path
from particlebridge.analysis._shared.wording import listing
from particlebridge.analysis.features.columns import COLUMNS, LengthUnit, column_named
from particlebridge.analysis.io.errors import shown

from .._shared.progress import notice
from .matlab_tables import read_matlab_table
from .spreadsheets import Spreadsheet, read_spreadsheet

_WORDS = ("volume", "state", "group", "Void", "Unit")
# Enough of them to tell a table of the published code, which has no labels.
_PUBLISHED = {"damage", "sphericity"}
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
    """Read a features.csv, also as a spreadsheet saves it, or a table of the published code.

    The table of getAllFeatures (.mat, version 5 or 7.3) and of the notebook (.csv) are taken under
    the names of `COLUMNS`, and the log says what was taken for what.

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
        If it is no table of numbers with a label column, or those of the published code; names
        the column.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such table")
    if path.suffix.lower() == ".mat":
        return _as_measured(path, read_matlab_table(path))
    sheet = read_spreadsheet(
        path,
        [{"label"}, _PUBLISHED],
        "has no column 'label'",
        "give a features.csv of measure or run",
    )
    names = sheet.columns
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
        if numbers is None and column_named(name) is not None:
            raise ValueError(f"{path}: column '{shown(name)}' holds words where numbers are needed")
        if numbers is None:
            words.append(shown(name))
        columns[name] = cells if numbers is None else numbers
    if words:
        notice(f"{path}: columns of words are kept and not used: {', '.join(words[:5])}")
    return _as_measured(path, pd.DataFrame(columns))


def _as_measured(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Give the columns the names of `measure`, and say what was taken for what."""
    taken: dict[str, str] = {}
    for name in table.columns:
        column = None if name in COLUMNS or name in _WORDS else column_named(name)
        if column is None or column in table:
            continue
        if column in taken.values():
            twice = " and ".join(shown(n) for n in (*taken, name) if column_named(n) == column)
            raise ValueError(f"{path}: columns {twice} both are {column}; keep one")
        taken[name] = column
    table = table.rename(columns=taken)
    published = [f"{shown(name)} as {c}" for name, c in taken.items() if name.lower() != c.lower()]
    if published:
        notice(
            f"{path}: taken from the published code's columns: {', '.join(published)}. "
            "That code counts lengths, areas and volumes in voxels, and its Homogeneity is the "
            "standard deviation, not its inverse"
        )
        table["Unit"] = "voxel"
    missing = [name for name in ("label", "X", "Y") if name not in table]
    if "label" in missing and not {"Damage", "Sphericity"} <= set(table):
        raise ValueError(
            f"{path}: has no column 'label', nor Damage and Sphericity as a table of the "
            "published code; give a features.csv of measure or run"
        )
    if "label" in missing:
        undrawn = ", places are not drawn" if len(missing) > 1 else ""
        notice(f"{path}: has no {listing(missing)}: rows are numbered{undrawn}")
        table["label"] = np.arange(1, len(table) + 1)
        table[missing[1:]] = np.nan
    return table


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
