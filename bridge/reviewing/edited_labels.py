"""Voxels of a file with changes in memory: only the chunks that were written are held."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..volumes.ome_zarr import CHUNK
from ..volumes.stored_arrays import AnyArray

_Place = tuple[int, int, int]


class EditedLabels:
    """A (Z, Y, X) array of labels, or of their mask, over one that is never written to.

    Parameters
    ----------
    base
        Voxels in memory, mapped, or read as they are sliced.
    dtype
        Of what is read and written here.

    Attributes
    ----------
    shape, dtype, ndim
        As of an ndarray.
    chunks
        As of a `StoredArray`.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.bridge.reviewing.edited_labels import EditedLabels
    >>> base = np.zeros((2, 100, 100), np.uint16)
    >>> labels = EditedLabels(base)
    >>> labels[0:1, 60:70, 5:6] = 70_000
    >>> int(labels[0, 64, 5]), int(base.max()), len(list(labels.changed()))
    (70000, 0, 2)
    """

    ndim = 3
    chunks = (CHUNK, CHUNK, CHUNK)

    def __init__(self, base: AnyArray, dtype: DTypeLike = np.int32) -> None:
        self.base = base
        self.dtype = np.dtype(dtype)
        self.shape: tuple[int, int, int] = (base.shape[0], base.shape[1], base.shape[2])
        self._chunks: dict[_Place, np.ndarray] = {}

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """Voxels."""
        z, y, x = self.shape
        return z * y * x

    @property
    def nbytes(self) -> int:
        """Bytes of the whole array in memory."""
        return self.size * self.dtype.itemsize

    def __getitem__(self, key: Any) -> np.ndarray:
        spans, index = read_index(key, self.shape)
        box = tuple(slice(a, b) for a, b in spans)
        found = np.asarray(self.base[box]).astype(self.dtype)
        for place, chunk in self._held(spans):
            into, part = _meeting(place, chunk.shape, spans)
            found[into] = chunk[part]
        return found[index]

    def __setitem__(self, key: Any, value: Any) -> None:
        spans, index = read_index(key, self.shape)
        if any(part != slice(None, None, 1) for part in index):
            raise IndexError("labels are written box by box: give three slices without steps")
        sides = tuple(b - a for a, b in spans)
        values = np.broadcast_to(np.asarray(value, self.dtype), sides)
        grid = [range(a // CHUNK, -(-b // CHUNK)) for a, b in spans]
        for place in product(grid[0], grid[1], grid[2]):
            chunk = self._chunks.get(place)
            old = self._read(place) if chunk is None else chunk
            from_, part = _meeting(place, old.shape, spans)
            if chunk is None and np.array_equal(old[part], values[from_]):
                continue
            old[part] = values[from_]
            self._chunks[place] = old

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def changed(self) -> Iterator[tuple[tuple[slice, slice, slice], np.ndarray]]:
        """Give the chunks that are held, with their boxes; they need not differ any more."""
        for place in sorted(self._chunks):
            chunk = self._chunks[place]
            z, y, x = (
                slice(p * CHUNK, p * CHUNK + n) for p, n in zip(place, chunk.shape, strict=True)
            )
            yield (z, y, x), chunk

    def _read(self, place: _Place) -> np.ndarray:
        box = tuple(
            slice(p * CHUNK, min((p + 1) * CHUNK, n))
            for p, n in zip(place, self.shape, strict=True)
        )
        return np.array(self.base[box], self.dtype)

    def _held(self, spans: list[tuple[int, int]]) -> Iterator[tuple[_Place, np.ndarray]]:
        """Give the held chunks that reach into a box, the short way round."""
        grid = [range(a // CHUNK, -(-b // CHUNK)) for a, b in spans]
        if any(a >= b for a, b in spans):
            return
        if len(grid[0]) * len(grid[1]) * len(grid[2]) <= len(self._chunks):
            for place in product(grid[0], grid[1], grid[2]):
                if place in self._chunks:
                    yield place, self._chunks[place]
            return
        for place, chunk in self._chunks.items():
            if all(p in span for p, span in zip(place, grid, strict=True)):
                yield place, chunk


def read_index(
    key: Any, shape: tuple[int, int, int]
) -> tuple[list[tuple[int, int]], tuple[int | slice, ...]]:
    """Read an index of a (Z, Y, X) array.

    Parameters
    ----------
    key
        Whole numbers and slices that go forwards.
    shape
        Of the array.

    Returns
    -------
    spans : list of tuple of int
        Where the box that holds all of it begins and ends along each axis.
    index : tuple
        What the index then is within that box.

    Raises
    ------
    IndexError
        If it is anything else, or lies outside.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in [part for part in parts if not isinstance(part, np.ndarray)]:
        at = parts.index(Ellipsis)
        parts[at : at + 1] = [slice(None)] * (4 - len(parts))
    if len(parts) > 3:
        raise IndexError("labels have three axes")
    parts += [slice(None)] * (3 - len(parts))
    spans: list[tuple[int, int]] = []
    index: list[int | slice] = []
    for axis, (part, n) in enumerate(zip(parts, shape, strict=True)):
        if isinstance(part, slice):
            start, stop, step = part.indices(n)
            if step < 1:
                raise IndexError("labels are read forwards: give a step of 1 or more")
            spans.append((start, max(start, stop)))
            index.append(slice(None, None, step))
            continue
        at = int(part)
        if not -n <= at < n:
            raise IndexError(f"index {at} lies outside {n} along axis {axis}")
        spans.append((at % n, at % n + 1))
        index.append(0)
    return spans, tuple(index)


def _meeting(
    place: _Place, sides: tuple[int, ...], spans: list[tuple[int, int]]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Tell where a chunk and a box meet: in the box's own coordinates, and in the chunk's."""
    in_box, in_chunk = [], []
    for p, n, (a, b) in zip(place, sides, spans, strict=True):
        low, high = max(a, p * CHUNK), min(b, p * CHUNK + n)
        in_box.append(slice(low - a, high - a))
        in_chunk.append(slice(low - p * CHUNK, high - p * CHUNK))
    return tuple(in_box), tuple(in_chunk)
