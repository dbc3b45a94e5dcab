"""Small tables as CSV, without pandas, which takes longer to import than an image to segment."""

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis import atomic_path


def write_columns(columns: Mapping[str, Iterable[Any]], path: str | os.PathLike[str]) -> None:
    """Write a table as CSV with six significant digits; it appears when whole.

    Parameters
    ----------
    columns
        Name -> its values, as many in each.
    path
        The file.
    """
    with (
        atomic_path(path) as beside,
        Path(beside).open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow(_shown(cell) for cell in row)


def _shown(cell: Any) -> Any:
    return f"{cell:.6g}" if isinstance(cell, float | np.floating) else cell
