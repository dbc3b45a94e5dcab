"""Arrays on disk that are read as they are sliced, and slices that cost each chunk one reading."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis import to_view
from particlebridge.analysis._shared.views import View
from particlebridge.analysis.io.errors import reraise_with_path

UNREADABLE = ("its voxels cannot be read", "compare it with the original, or export it again")
_PASS = 1 << 28
"""Bytes read at a time where a volume is gone through once from its first slice to its last."""


class StoredArray:
    """A 3-D array in chunks on disk; slicing it reads the voxels that were asked for.

    It can be sent to other processes, which open the file themselves.

    Parameters
    ----------
    opener
        Opens the array (Zarr, HDF5, ...): something with ``shape``, ``dtype`` and slices. A
        function of a module, or a `functools.partial` of one, so that it can be sent.
    path
        For error messages.
    chunks
        Shape of what the file stores in one piece, along the kept axes.
    kept
        Which axes of the stored array are Z, Y and X; the others have length 1.
    """

    ndim = 3

    def __init__(
        self,
        opener: Callable[[], Any],
        path: Path,
        chunks: Sequence[int],
        kept: Sequence[int] = (0, 1, 2),
    ) -> None:
        self.path = path
        self.chunks = tuple(int(n) for n in chunks)
        self._opener = opener
        self._kept = tuple(kept)
        self._array = opener()
        z, y, x = (int(self._array.shape[axis]) for axis in kept)
        self.shape = (z, y, x)
        self.dtype = np.dtype(self._array.dtype)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_array": None}

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """Voxels."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the whole array in memory."""
        return self.size * self.dtype.itemsize

    def __getitem__(self, key: Any) -> np.ndarray:
        if self._array is None:
            self._array = self._opener()
        inner = key if isinstance(key, tuple) else (key,)
        inner = (*inner, *(slice(None),) * (3 - len(inner)))
        whole: list[Any] = [0] * len(self._array.shape)
        for axis, part in zip(self._kept, inner, strict=True):
            whole[axis] = part if isinstance(part, slice) else int(part)
        with reraise_with_path(self.path, *UNREADABLE):
            return np.asarray(self._array[tuple(whole)])

    def __iter__(self) -> Iterator[np.ndarray]:
        return planes(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)


AnyArray = np.ndarray | StoredArray
"""(Z, Y, X) voxels in memory, mapped from a file, or read as they are sliced."""


def chunks_of(array: AnyArray) -> tuple[int, int, int]:
    """Tell what is read in one piece: a chunk, of mapped files a page, of memory a voxel."""
    if isinstance(array, StoredArray):
        z, y, x = array.chunks
        return z, y, x
    return (1, *array.shape[1:]) if isinstance(array, np.memmap) else (1, 1, 1)


def planes(array: AnyArray) -> Iterator[np.ndarray]:
    """Yield the slices of an array one by one, reading whole chunks, each once."""
    if isinstance(array, np.ndarray):
        yield from array
        return
    plane = max(1, array.nbytes // array.shape[0])
    chunk = array.chunks[0]
    depth = max(chunk, _PASS // plane // chunk * chunk)
    for low in range(0, array.shape[0], depth):
        yield from array[low : low + depth]


class SliceStack(Sequence[np.ndarray]):
    """The slices of one view of a volume; of a stored one, whole chunks are read, each once.

    Parameters
    ----------
    volume
        (Z, Y, X).
    view
        ``xy``, ``xz`` or ``yz``.
    fill
        Takes the place of what was not seen; None leaves it.
    mask
        (Z, Y, X) bool, what was seen; None where only NaN was not.
    """

    def __init__(
        self, volume: AnyArray, view: View, fill: float | None = None, mask: AnyArray | None = None
    ) -> None:
        self._volume = volume
        self._view = view
        self._fill = fill
        self._mask = None if mask is None else SliceStack(mask, view)
        self._axis = ("xy", "xz", "yz").index(view)
        rest = [n for axis, n in enumerate(volume.shape) if axis != self._axis]
        self.shape: tuple[int, int, int] = (volume.shape[self._axis], rest[0], rest[1])
        self.depth = chunks_of(volume)[self._axis] if isinstance(volume, StoredArray) else 1
        self._low = -1
        self._slab = np.empty(0)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_low": -1, "_slab": np.empty(0)}

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def pixels(self) -> int:
        """Of all slices together."""
        return math.prod(self.shape)

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        if not isinstance(self._volume, StoredArray):
            return self._filled(np.asarray(to_view(self._volume, self._view)[index]), index)
        low = index - index % self.depth
        if low != self._low:
            self._slab = np.empty(0)  # two slabs are never held at a time
            box = [slice(None)] * 3
            box[self._axis] = slice(low, low + self.depth)
            self._slab = to_view(self._volume[tuple(box)], self._view)
            self._low = low
        return self._filled(self._slab[index - low], index)

    def _filled(self, plane: np.ndarray, index: int) -> np.ndarray:
        return filled(plane, self._fill, None if self._mask is None else self._mask[index])


def filled(values: np.ndarray, fill: float | None, mask: np.ndarray | None) -> np.ndarray:
    """Replace NaN, and what lies outside a mask, by a grey value.

    Parameters
    ----------
    values
        Grey values.
    fill
        Stands in; None leaves all as it is.
    mask
        Of the same shape, True inside; None: only NaN is replaced.

    Returns
    -------
    ndarray
        Of the same dtype; the same array if there is nothing to replace.
    """
    if fill is None:
        return values
    unseen = np.isnan(values) if values.dtype.kind == "f" else None
    if mask is not None:
        outside = ~np.asarray(mask, bool)
        unseen = outside if unseen is None else unseen | outside
    return values if unseen is None else np.where(unseen, values.dtype.type(fill), values)


def array_digest(array: AnyArray) -> str:
    """Digest an array's type, shape and values, plane by plane: it is never loaded whole."""
    state = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=8)
    for plane in planes(array):
        state.update(np.ascontiguousarray(plane).tobytes())
    return state.hexdigest()
