"""Feature tables on disk: checked when read, whole when written."""

import os
from pathlib import Path

import pandas as pd
from particlebridge.analysis import atomic_path
from particlebridge.analysis.bad_files import naming, shown

_WORDS = ("volume", "state", "group")


def write_table(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table as CSV with seven significant digits; it appears when whole."""
    with atomic_path(path) as beside:
        table.to_csv(beside, index=False, float_format="%.7g")


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a features.csv.

    Returns
    -------
    DataFrame
        One row per particle.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no CSV table of numbers with a label column; names the column.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such table")
    with naming(path, "cannot be read as CSV", "save it again"):
        table = pd.read_csv(path)
    if "label" not in table:
        raise ValueError(f"{path}: has no column 'label'; give a features.csv of measure or run")
    if table.empty:
        # A volume without particles; pandas takes its columns for words.
        return table.astype({c: float for c in table if c not in _WORDS})
    words = [
        c
        for c in table.columns
        if c not in _WORDS and not pd.api.types.is_numeric_dtype(table[c])
        and not pd.api.types.is_bool_dtype(table[c])
    ]  # fmt: skip
    if words:
        raise ValueError(f"{path}: column '{shown(words[0])}' holds words where numbers are needed")
    return table
