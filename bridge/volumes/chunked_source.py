"""What Zarr and HDF5 have in common: axes, absent chunks, checks of what is declared."""

import math
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from particlebridge.analysis.io.errors import check_declared_size, shown

from .array_choice import Holds
from .voxel_size import Recorded

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".nxs")
MATLAB_SUFFIX = ".mat"
_ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")
_MOST_CHUNKS = 4_000_000
_ROOM = 8
"""Filters may pack small numbers as wide ones: one byte as eight."""

_SLACK = 1 << 16
_ORDER = "TCZYX"
_AXES = {**{axis.lower(): axis for axis in _ORDER}, "time": "T", "channel": "C", "channels": "C"}


class ChunkedSource(NamedTuple):
    """An array in chunks that was looked at, not read.

    Attributes
    ----------
    opener
        Opens it: something with ``shape``, ``dtype`` and slices; can be sent to other processes.
    shape, chunks
        Of the array and of its chunks.
    axes
        One letter of TCZYX for each axis, in that order.
    spacing
        Voxel size (z, y, x) in micrometres; z is None if only that is missing.
    has_unit
        False if its spacing has no unit of length: it holds the ratio of the sides only.
    notes
        What was chosen or assumed to read it, one sentence each.
    """

    opener: Callable[[], Any]
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    axes: str
    spacing: Recorded | None
    has_unit: bool = True
    notes: tuple[str, ...] = ()

    def turned(self, path: Path) -> "ChunkedSource":
        """Bring the axes into the order TCZYX."""
        order = tuple(sorted(range(len(self.axes)), key=lambda i: _ORDER.index(self.axes[i])))
        if order == tuple(range(len(order))):
            return self
        axes = "".join(self.axes[i] for i in order)
        # Where an axis of length 1 stands makes no difference.
        long = [i for i in order if self.shape[i] > 1]
        notes = self.notes
        if long != sorted(long):
            notes = (*notes, f"{path}: its axes {self.axes} are turned to {axes}")
        return self._replace(
            opener=partial(_turned, self.opener, order),
            shape=tuple(self.shape[i] for i in order),
            chunks=tuple(self.chunks[i] for i in order),
            axes=axes,
            notes=notes,
        )


def _turned(opener: Callable[[], Any], order: Sequence[int]) -> "Turned":
    return Turned(opener(), order)


class Turned:
    """An array on disk with its axes in another order; slices are turned as they are read."""

    def __init__(self, array: Any, order: Sequence[int]) -> None:
        self._array, self._order = array, order
        self.shape = tuple(array.shape[i] for i in order)
        self.dtype = array.dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        parts = [slice(None)] * len(self._order) if key is Ellipsis else list(key)
        stored: list[Any] = [None] * len(parts)
        for part, axis in zip(parts, self._order, strict=True):
            stored[axis] = part
        data = np.asarray(self._array[tuple(stored)])
        kept = [
            axis for part, axis in zip(parts, self._order, strict=True) if isinstance(part, slice)
        ]
        return data.transpose([sorted(kept).index(axis) for axis in kept])


def is_chunked(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is a Zarr folder, or a file of HDF5 or MATLAB, or an array in one."""
    path = Path(path)
    if path.is_dir():
        return path.suffix.lower() == ".zarr" or any((path / f).is_file() for f in _ZARR_FILES)
    return split_dataset(path)[0].suffix.lower() in (*HDF5_SUFFIXES, MATLAB_SUFFIX)


def split_dataset(path: Path) -> tuple[Path, str]:
    """Split ``scan.h5::/entry/data`` into file and dataset; the dataset is "" if none is named."""
    if path.exists():
        return path, ""
    file, separator, dataset = os.fspath(path).partition("::")
    return (Path(file), dataset.strip("/")) if separator else (path, "")


def axes_of(names: Sequence[Any] | None, shape: Sequence[int], path: Path) -> str:
    """Name the axes of an array.

    Parameters
    ----------
    names
        As the file names them; None, or names of other kinds, leave the order (Z, Y, X), where
        of more than three axes those of length 1 are channel or time.
    shape
        Of the array.
    path
        For the message.

    Returns
    -------
    str
        One letter of TCZYX for each axis.

    Raises
    ------
    ValueError
        If more than three axes are longer than 1 and nothing tells which is which.
    """
    known = "".join(_AXES.get(str(name).strip().lower(), "?") for name in names or ())
    if len(known) == len(shape) == len(set(known)) and "?" not in known:
        return known
    spare = [i for i, n in enumerate(shape) if n == 1][: max(0, len(shape) - 3)]
    rest = len(shape) - len(spare)
    if rest not in (2, 3) or len(spare) > 2:
        size = f" of shape {tuple(int(n) for n in shape)}" if len(shape) > 1 else ""
        raise ValueError(
            f"{path}: a 3-D array (Z, Y, X) is needed, found {len(shape)} axes{size}; save one "
            "channel or time point on its own"
        )
    others, own = iter("CT"), iter("ZYX"[-rest:])
    return "".join(next(others) if i in spare else next(own) for i in range(len(shape)))


def absent_chunks(present: np.ndarray, fill: Any, path: Path, holds: Holds) -> tuple[str, ...]:
    """Say how many chunks were never written.

    Zarr and HDF5 leave out chunks that hold nothing but the fill value, and read them as that.

    Parameters
    ----------
    present
        For each chunk of the grid, whether it is stored.
    fill
        What the absent ones are read as; None if that is not defined.
    path
        For messages.
    holds
        Labels may be all background; grey values without any chunk were never written.

    Returns
    -------
    notes

    Raises
    ------
    ValueError
        If their values are not defined, or nothing was ever written.
    """
    count = int(np.count_nonzero(~present))
    if not count:
        return ()
    if holds == "grey" and not present.any():
        raise ValueError(f"{path}: none of its {count} chunks was ever written; write it again")
    told = f"{count} of its {present.size} chunks {'is' if count == 1 else 'are'} absent"
    if fill is None:
        raise ValueError(f"{path}: {told}, and it defines no fill value; write it again in full")
    return (
        f"{path}: {told}, and read as {fill}: writers leave out empty chunks (if it is a copy, "
        "see that the copy is complete)",
    )


def check_kind(dtype: np.dtype, shape: tuple[int, ...], axes: str, path: Path) -> None:
    """Refuse what is no grey volume or image before its voxels are touched."""
    if dtype.kind not in "iufb":
        raise ValueError(
            f"{path}: holds {shown(str(dtype))}, not grey values; save as 8-, 16- or 32-bit"
        )
    if 0 in shape:
        raise ValueError(f"{path}: is empty (shape {shape})")
    sizes = dict(zip(axes, shape, strict=True))
    if sizes.get("T", 1) > 1:
        fix = "a volume must have one, so save it on its own"
        if "Z" not in axes:
            fix = "if they are slices, name their axis z, not t"
        raise ValueError(f"{path}: has {sizes['T']} time points; {fix}")


def check_grid(shape: Sequence[int], cell: Sequence[int], itemsize: int, stored: int) -> None:
    """Refuse an array that declares more than its file can hold, before memory is taken."""
    check_declared_size(math.prod(shape) * itemsize, stored)
    check_declared_size(math.prod(cell) * itemsize, stored)
    count = math.prod(grid(shape, cell))
    if count > _MOST_CHUNKS:
        raise ValueError(f"it declares {count:,} chunks")


def check_chunk_size(stored: int, declared: int) -> None:
    """Refuse a chunk with more bytes than its voxels could need: it unpacks to far more."""
    if stored > _ROOM * declared + _SLACK:
        raise ValueError(f"a chunk of {declared:,} bytes is stored in {stored:,}")


def grid(shape: Sequence[int], cell: Sequence[int]) -> tuple[int, ...]:
    """Count the chunks along each axis."""
    return tuple(math.ceil(n / c) for n, c in zip(shape, cell, strict=True))
