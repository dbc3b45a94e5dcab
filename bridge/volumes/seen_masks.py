"""Masks of a volume: repeated along an axis, packed in memory, or read from a file."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .images import is_image_stack, read_image
from .reading import open_volume
from .stored_arrays import AnyArray, StoredArray


def mask_of_file(file: Path, shape: tuple[int, ...], source: Path | str) -> AnyArray:
    """Read a mask, True where the file is not 0: a volume, or an image for all slices.

    Raises
    ------
    FileNotFoundError, ValueError
        If it cannot be read, or is not of this shape.
    """
    shape = tuple(shape)
    if file.is_file() and not is_image_stack(file):
        flat = read_image(file).data
        given: tuple[int, ...] = flat.shape
        if given == shape[1:]:
            return extruded(flat != 0, 0, shape, source)
    else:
        opened = open_volume(file)
        given = tuple(opened.data.shape)
        if given == shape:
            return as_bool(opened.for_workers())
    raise ValueError(
        f"{file}: has shape {given}, but {source} has {shape}; give a mask of this volume, or of "
        "one of its slices"
    )


def extruded(inside: np.ndarray, axis: int, shape: Any, source: Path | str) -> StoredArray:
    """Repeat a mask along an axis without holding the whole, so that it can be sent."""
    z, y, x = shape
    flat = np.expand_dims(inside, axis)
    return StoredArray(partial(np.broadcast_to, flat, (z, y, x)), Path(source), (1, 1, 1))


class _NonZero:
    """A stored mask as bool."""

    def __init__(self, stored: StoredArray) -> None:
        self._stored = stored
        self.shape, self.dtype = stored.shape, np.dtype(bool)

    def __getitem__(self, key: Any) -> np.ndarray:
        return np.asarray(self._stored[key] != 0)


def as_bool(mask: AnyArray) -> AnyArray:
    """Give a mask of whatever numbers as bool, a stored one without loading it."""
    if isinstance(mask, StoredArray):
        return StoredArray(partial(_NonZero, mask), mask.path, mask.chunks)
    return np.asarray(mask) != 0


def packed_mask(volume: AnyArray) -> Any:
    """Give an empty mask for a volume: an array, or one packed in memory if it is a stored one."""
    if not isinstance(volume, StoredArray):
        return np.empty(volume.shape, bool)
    import zarr

    return zarr.create_array({}, shape=volume.shape, dtype=bool, chunks=(1, *volume.shape[1:]))


def kept(seen: Any, volume: AnyArray, source: Path | str) -> AnyArray:
    """Give what `packed_mask` made as an array that is read as it is sliced."""
    if isinstance(seen, np.ndarray):
        return seen
    return StoredArray(lambda: seen, Path(source), (1, *volume.shape[1:]))
