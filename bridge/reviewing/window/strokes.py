"""Labels on which napari paints: a stroke stays apart from the particles until it ends."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..edited_labels import read_index

if TYPE_CHECKING:
    from particlebridge.analysis.correction.acts import Box

NEW = int(np.iinfo(np.int32).max)
"""What a particle is painted with that has no label yet."""


class Stroke(NamedTuple):
    """What one stroke of the brush changed.

    Attributes
    ----------
    box : Box
        Where.
    before, after : ndarray
        Labels in the box.
    """

    box: "Box"
    before: np.ndarray
    after: np.ndarray

    @property
    def painted(self) -> int:
        """The label that was painted; 0 where voxels were only erased."""
        return int(self.after[self.after != self.before].max(initial=0))

    def added(self, label: int) -> np.ndarray:
        """Give the voxels that a particle gained, bool over the box."""
        return (self.after == label) & (self.before != label)

    def removed(self, label: int) -> np.ndarray:
        """Give the voxels that a particle lost, bool over the box."""
        return (self.before == label) & (self.after != label)

    def taken(self, label: int) -> list[int]:
        """List the other particles that a particle took voxels of."""
        others = np.unique(self.before[self.added(label)])
        return [int(n) for n in others if n]


class Part:
    """A box of a volume, read as it is sliced; napari shows it as an array of its own.

    Parameters
    ----------
    array
        (Z, Y, X), sliced by whole numbers and slices.
    box
        Which part, (z, y, x) whatever the order of the array's own axes.
    order
        Which axis of the volume each axis of the array is, as `view_axes` gives it.
    """

    ndim = 3

    def __init__(self, array: Any, box: "Box", order: tuple[int, int, int] = (0, 1, 2)) -> None:
        self._array = array
        self._order = order
        self.box = box
        self.shape = (box[3] - box[0], box[4] - box[1], box[5] - box[2])
        self.dtype = np.dtype(array.dtype)

    @property
    def size(self) -> int:
        """Voxels."""
        return int(np.prod(self.shape))

    def __getitem__(self, key: Any) -> np.ndarray:
        low, high, whole = self._resolved(key)
        return self._read(_spans(low, high))[whole]

    def _read(self, spans: tuple[slice, ...]) -> np.ndarray:
        read = np.asarray(self._array[tuple(spans[axis] for axis in self._order)])
        return read.transpose(np.argsort(self._order))

    def _resolved(self, key: Any) -> tuple[list[int], list[int], tuple[Any, ...]]:
        """Give where what a key asks for begins and ends in the volume, and the key within that."""
        spans, index = read_index(key, self.shape)
        low = [offset + start for (start, _), offset in zip(spans, self.box[:3], strict=True)]
        high = [offset + stop for (_, stop), offset in zip(spans, self.box[:3], strict=True)]
        return low, high, index


class PaintedPart(Part):
    """A box of labels on which napari paints.

    What it writes is shown, and kept apart from the labels until `take` gives it away.
    """

    def __init__(self, array: Any, box: "Box") -> None:
        super().__init__(array, box)
        self._low: list[int] = []
        self._values = np.zeros((0, 0, 0), self.dtype)

    def __setitem__(self, key: Any, values: Any) -> None:
        low, high, whole = self._resolved(key)
        if not self._low:
            self._low = low
            self._values = self._read(_spans(low, high)).copy()
        else:
            self._widen(low, high)
        inner = _spans(np.subtract(low, self._low), np.subtract(high, self._low))
        self._values[inner][whole] = values

    def take(self) -> Stroke | None:
        """Give what was painted since the last time, and forget it; None if nothing was."""
        if not self._low:
            return None
        after, low, high = self._values, self._low, self._high
        self._low = []
        before = super()._read(_spans(low, high))
        return Stroke((*low, *high), before, after)  # type: ignore[arg-type]

    @property
    def _high(self) -> list[int]:
        return [a + n for a, n in zip(self._low, self._values.shape, strict=True)]

    def _widen(self, low: Sequence[int], high: Sequence[int]) -> None:
        first = [min(a, b) for a, b in zip(low, self._low, strict=True)]
        last = [max(a, b) for a, b in zip(high, self._high, strict=True)]
        if first != self._low or last != self._high:
            self._values = self._read(_spans(first, last))
            self._low = first

    def _read(self, spans: tuple[slice, ...]) -> np.ndarray:
        values = super()._read(spans)
        if not self._low:
            return values
        starts = [s.start for s in spans]
        first = [max(a, b) for a, b in zip(starts, self._low, strict=True)]
        last = [min(s.stop, b) for s, b in zip(spans, self._high, strict=True)]
        if all(a < b for a, b in zip(first, last, strict=True)):
            values = values.copy()
            there = tuple(
                slice(a - s.start, b - s.start) for a, b, s in zip(first, last, spans, strict=True)
            )
            here = tuple(
                slice(a - o, b - o) for a, b, o in zip(first, last, self._low, strict=True)
            )
            values[there] = self._values[here]
        return values


class Chosen(Part):
    """Some of the labels of another part, numbered from 1.

    Parameters
    ----------
    part
        Labels.
    chosen
        Which; a list that may change.
    """

    def __init__(self, part: Part, chosen: Sequence[int]) -> None:
        super().__init__(part, (0, 0, 0, *part.shape))
        self.dtype = np.dtype(np.uint8)
        self._chosen = chosen

    def _read(self, spans: tuple[slice, ...]) -> np.ndarray:
        labels = super()._read(spans)
        found = np.zeros(labels.shape, np.uint8)
        for i, label in enumerate(self._chosen[:254]):
            found[labels == label] = i + 1
        return found


def _spans(low: Iterable[int], high: Iterable[int]) -> tuple[slice, ...]:
    return tuple(slice(a, b) for a, b in zip(low, high, strict=True))
