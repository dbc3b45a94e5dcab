"""A published ranking that the user gives: importances after 10 and 50 cycles."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from particlebridge.analysis.features.columns import column_named
from particlebridge.analysis.io.errors import reraise_with_path, shown

_FIX = "give a CSV with the columns f (feature), c10 and c50 (importance after 10 and 50 cycles)"


def read_published(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a published ranking.

    Parameters
    ----------
    path
        CSV with the columns f (a feature by its published name or ours), c10 and c50.

    Returns
    -------
    DataFrame
        feature (as in `COLUMNS`), 10, 50.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such table; the message says what it lacks.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such table")
    with reraise_with_path(path, "cannot be read as a published ranking", _FIX):
        table = pd.read_csv(path)
    missing = [name for name in ("f", "c10", "c50") if name not in table]
    if missing:
        raise ValueError(f"{path}: lacks the column {missing[0]}; {_FIX}")
    named = [column_named(str(name)) for name in table["f"]]
    strange = [str(f) for f, name in zip(table["f"], named, strict=True) if name is None]
    if strange:
        raise ValueError(f"{path}: '{shown(strange[0])}' is no feature; {_FIX}")
    values = table[["c10", "c50"]].apply(pd.to_numeric, errors="coerce")
    if len(table) < 2 or not np.isfinite(values.to_numpy()).all() or len(set(named)) < len(named):
        raise ValueError(f"{path}: needs two features or more, each once, with numbers; {_FIX}")
    return pd.DataFrame({"feature": named, "10": values["c10"], "50": values["c50"]})
