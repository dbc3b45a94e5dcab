"""Volumes in .mat files of MATLAB, versions 5 to 7.3, whose axes are rows, columns and pages."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis.io.errors import check_declared_size, shown

from .array_choice import Holds, choose, some
from .chunked_source import MATLAB_SUFFIX, ChunkedSource, check_kind, split_dataset

_MATLAB, _HDF5 = b"MATLAB ", b"\x89HDF\r\n\x1a\n"
# MATLAB writes its own text of 512 bytes before the HDF5 of version 7.3.
_USER_BLOCK = 512
_INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
_KINDS = {"double": "float64", "single": "float32", "logical": "uint8"}
_KINDS |= {name: name for name in _INTEGERS}
# Rows, columns, pages. MATLAB shows rows downwards: they are Y.
_AXES = {2: "YX", 3: "YXZ"}
_NOTE = "its rows, columns and pages in MATLAB are taken as Y, X and Z"


def is_hdf5_matlab(path: Path) -> bool:
    """Tell whether a .mat file is of version 7.3, which is HDF5, or of version 5 to 7.

    Raises
    ------
    ValueError
        If it is neither.
    """
    with path.open("rb") as file:
        start = file.read(_USER_BLOCK + len(_HDF5))
    is_hdf5 = _HDF5 in (start[: len(_HDF5)], start[_USER_BLOCK:])
    if not (is_hdf5 or start.startswith(_MATLAB)):
        raise ValueError(f"{path}: is no MATLAB file of version 5 or 7.3; save it again by '-v7'")
    return is_hdf5


def is_matlab(path: Path) -> bool:
    """Tell by its name whether a file is MATLAB's."""
    return path.suffix.lower() == MATLAB_SUFFIX


def matlab_axes(axes: int, path: Path) -> tuple[str | None, tuple[str, ...]]:
    """Name the axes of an array of MATLAB, as MATLAB orders them, and say so.

    Returns
    -------
    axes, notes
        None if MATLAB gives no meaning to this many axes.
    """
    return _AXES.get(axes), (f"{path}: {_NOTE}",) if axes == 3 else ()


def open_matlab(path: Path, holds: Holds) -> ChunkedSource:
    """Open an array of a .mat file of version 5 to 7; see `open_chunked`.

    Such a file is read array by array: the whole array is one chunk.
    """
    from scipy.io import whosmat

    file, name = split_dataset(path)
    listed = {key: (shape, kind) for key, shape, kind in whosmat(file)}
    arrays = {key: shape for key, (shape, kind) in listed.items() if kind in _KINDS}
    notes: tuple[str, ...] = ()
    if not name:
        several = {key: shape for key, shape in arrays.items() if sum(n > 1 for n in shape) > 1}
        name, notes = choose(several, path, holds, "::")
    elif name not in listed:
        raise FileNotFoundError(f"{path}: has no such variable; it holds {some(listed)}")
    elif name not in arrays:
        raise ValueError(f"{path}: holds {shown(listed[name][1])}, not an array of numbers")
    shape, kind = listed[name]
    dtype = np.dtype(_KINDS[kind])
    check_declared_size(int(np.prod(shape, dtype=float)) * dtype.itemsize, file.stat().st_size)
    axes, said = matlab_axes(len(shape), path)
    if axes is None:
        raise ValueError(
            f"{path}: a 3-D array is needed, found {len(shape)} axes of shape {shape}; save one "
            "channel or time point on its own"
        )
    check_kind(dtype, shape, axes, path)
    opener = partial(MatlabArray, file, name, shape, dtype)
    return ChunkedSource(opener, shape, shape, axes, None, notes=(*notes, *said))


class MatlabArray:
    """An array that is read whole when its first voxels are asked for."""

    def __init__(self, file: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._file, self._name = file, name
        self.shape, self.dtype = shape, dtype
        self._data: np.ndarray | None = None

    def __getitem__(self, key: Any) -> np.ndarray:
        if self._data is None:
            from scipy.io import loadmat

            data = loadmat(self._file, variable_names=[self._name])[self._name]
            if data.dtype.kind == "c":
                raise ValueError("it holds complex numbers, not grey values")
            self._data = data.astype(self.dtype, copy=False)
        return self._data[key]
