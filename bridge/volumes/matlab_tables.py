"""Particle tables of MATLAB: a struct array as the public code saves it, or a struct of columns."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from particlebridge.analysis.io.errors import check_stand_in, reraise_with_path, shown

from .matlab_source import is_hdf5_matlab

_FIX = "save the particles in MATLAB as a struct array, or a table by writetable to .csv"


def read_matlab_table(path: Path) -> pd.DataFrame:
    """Read the one table in a .mat file of version 5 or 7.3.

    A table is a struct array with a particle in each element, as getAllFeatures of the public code
    gives it, or a struct, or the file itself, with a vector for each column.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    DataFrame of float64
        One row per particle, columns as they are named in the file.

    Raises
    ------
    ValueError
        If the file cannot be read, or holds no such table or several.
    """
    check_stand_in(path)
    is_hdf5 = is_hdf5_matlab(path)
    with reraise_with_path(path, "cannot be read as a MATLAB file", "save it again"):
        found = dict(_hdf5_tables(path) if is_hdf5 else _tables(path))
    if len(found) != 1:
        names = ", ".join(shown(name) for name in found)
        raise ValueError(
            f"{path}: holds "
            + (f"several tables ({names}); keep one" if found else f"no table of particles; {_FIX}")
        )
    return next(iter(found.values()))


def _tables(path: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Give the tables of a file of version 5 or older, without loading its volumes."""
    from scipy.io import loadmat, whosmat

    listed = whosmat(path)
    structs = [name for name, _, kind in listed if kind == "struct"]
    vectors = [name for name, shape, _ in listed if len(shape) == 2 and 1 in shape]
    held = loadmat(path, variable_names=structs or vectors)
    for name in structs:
        array = held[name]
        if not array.dtype.names:
            continue
        columns = {
            field: [_number(value) for value in array[field].ravel()]
            if array.size > 1
            else np.ravel(array[field].item())
            for field in array.dtype.names
        }
        yield from _table(name, columns)
    if not structs:
        yield from _table("file", {name: np.ravel(held[name]) for name in vectors})


def _hdf5_tables(path: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Give the tables of a file of version 7.3, where the elements of a struct are references."""
    import h5py

    with h5py.File(path, "r") as file:
        structs = [name for name, item in file.items() if _is_struct(item)]
        for name in structs:
            columns: dict[str, Any] = {}
            for field, item in file[name].items():
                if isinstance(item, h5py.Dataset) and item.dtype == h5py.ref_dtype:
                    columns[field] = [_number(file[r][()]) for r in np.ravel(item[()])]
                elif isinstance(item, h5py.Dataset):
                    columns[field] = np.ravel(item[()])
            yield from _table(name, columns)
        if not structs:
            vectors = {
                name: np.ravel(item[()])
                for name, item in file.items()
                if isinstance(item, h5py.Dataset) and len(item.shape) == 2 and 1 in item.shape
            }
            yield from _table("file", vectors)


def _is_struct(item: Any) -> bool:
    return item.attrs.get("MATLAB_class") == b"struct" and not item.name.startswith("/#")


def _number(value: Any) -> float:
    """Give an element's number; NaN where it is none, as MATLAB's [] is."""
    one = np.ravel(value)
    return float(one[0]) if one.size == 1 and one.dtype.kind in "biuf" else np.nan


def _table(name: str, columns: Mapping[str, Any]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the numeric columns of the most usual length, if they make a table."""
    numeric = {key: np.asarray(values) for key, values in columns.items()}
    numeric = {key: v.astype(float) for key, v in numeric.items() if v.dtype.kind in "biuf"}
    lengths = [v.size for v in numeric.values()]
    rows = max(set(lengths), key=lengths.count) if lengths else 0
    table = {key: v for key, v in numeric.items() if v.size == rows}
    if rows > 1 and len(table) > 1:
        yield name, pd.DataFrame(table)
