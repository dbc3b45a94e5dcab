"""The one mask that a reconstruction leaves in every slice: a constant outside a convex shape."""

import numpy as np
from cc3d import connected_components

from .data_bar import find_data_bar
from .stored_arrays import AnyArray

_LEAST = 64
"""Fewer pixels in a corner are chance, not a filled outside."""

_SPAN = 0.8
"""A reconstruction fills its frame: in one direction the mask spans this share of it."""

_RIM_FILLED = 0.6
"""The rim of a field of view holds as many values as its inside. Of particles on a background
clipped to a constant, the hull touches only the outermost ones."""


class SharedMask:
    """Looks, plane by plane, for a constant that lies outside the same convex shape everywhere.

    The shape is the same in all slices across Z, Y or X (a volume may have been turned after its
    reconstruction).

    Parameters
    ----------
    shape
        (Z, Y, X).
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self._shape = shape
        self._fills: dict[float, _Fill] | None = None
        self._blank: dict[int, float] = {}
        self._only_blank = True
        self._looked = {0, shape[0] // 2, shape[0] - 1}
        self.bars: dict[int, int] = {}
        """Rows of the data bar of the first, middle and last plane, as far as they were seen."""

    @property
    def is_open(self) -> bool:
        """Whether more planes could still show such a mask."""
        return self._fills is None or bool(self._fills)

    def add(self, z: int, plane: np.ndarray) -> None:
        """Look at the plane `z`; planes come in order.

        A blank plane, of one value throughout, shows nothing of a mask with another value outside.
        """
        is_blank = bool((plane == plane[0, 0]).all())
        if is_blank:
            self._blank[z] = float(plane[0, 0])
        fills = self._fills = {} if self._fills is None else self._fills
        if self._only_blank:
            corners = {float(value) for value in plane[:: len(plane) - 1 or 1, [0, -1]].ravel()}
            for value in corners - fills.keys():
                if np.isfinite(value):
                    fills[value] = _Fill(self._shape)
            self._only_blank = is_blank
        for value, fill in list(fills.items()):
            if is_blank and value != self._blank[z]:
                continue
            fill.add(z, plane == value)
            if not fill.alive:
                del fills[value]

    def look_for_bar(self, z: int, plane: np.ndarray) -> None:
        """Look for a data bar if `z` is the first, middle or last plane."""
        if z in self._looked and self._shape[0] > 1:  # an image knows its own
            self.bars[z] = find_data_bar(plane)

    def bar(self, volume: AnyArray) -> int:
        """Count the lowest rows that are a data bar in the first, middle and last plane alike."""
        for z in self._looked - self.bars.keys():
            self.look_for_bar(z, np.asarray(volume[z]))
        found = set(self.bars.values())
        return found.pop() if len(found) == 1 else 0

    def found(self) -> tuple[int, np.ndarray, float] | None:
        """Give the axis along which the mask is the same, the mask, and the constant outside it.

        Returns
        -------
        (axis, mask, fill) or None
            `mask` is bool over the other two axes, True inside; of several, the one that hides
            most.
        """
        every = [
            (axis, mask, value)
            for value, fill in (self._fills or {}).items()
            for axis, mask in fill.masks()
        ]
        return min(every, key=lambda one: one[1].mean()) if every else None

    def blank(self, axis: int, mask: np.ndarray) -> list[int]:
        """List the planes of one value throughout that the mask which was found does not hide."""
        return [z for z in self._blank if axis == 0 or mask[z].any()]


def same_in_all(volume: AnyArray, shared: SharedMask) -> tuple[int, np.ndarray, str, str] | None:
    """Give what all slices hide alike: a data bar, or what a `SharedMask` found.

    Parameters
    ----------
    volume
        (Z, Y, X) grey values.
    shared
        That has seen its planes.

    Returns
    -------
    (axis, mask, words, what) or None
        `mask` is bool over the two axes other than `axis`, True inside; `words` say what was
        hidden, and `what` it is if no field of view.
    """
    if bar := shared.bar(volume):
        inside = np.ones(volume.shape[1:], bool)
        inside[-bar:] = False
        return 0, inside, f"the lowest {bar} rows of every slice", "data bar"
    found = shared.found()
    if found is None:
        return None
    axis, inside, value = found
    words = f"{value:g} in every slice across {'ZYX'[axis]}"
    if inside[np.ix_(inside.any(axis=1), inside.any(axis=0))].all():
        return axis, inside, f"{words} outside one rectangle", "empty margin"
    return axis, inside, f"{words} outside one convex shape", ""


class _Fill:
    """Where one value stands in every slice along each axis, and how often another one does."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        z, y, x = shape
        self._sizes = shape
        # What was not looked at adds no point to a hull: that of the others spans it.
        self._always = [np.ones((y, x), bool), np.ones((z, x), bool), np.ones((z, y), bool)]
        self._others = [np.zeros(mask.shape, np.int32) for mask in self._always]
        # An axis is given up when none of its slices' corners can lie outside any more.
        self._open = [min(mask.shape) > 2 for mask in self._always]
        self._is_first = True

    @property
    def alive(self) -> bool:
        return any(self._open)

    def add(self, z: int, same: np.ndarray) -> None:
        other = ~same
        if self._open[0]:
            self._always[0] &= same
            self._others[0] += other
            self._open[0] = bool(np.count_nonzero(self._always[0]) >= _LEAST)
        for axis in (1, 2):
            if not self._open[axis]:
                continue
            self._always[axis][z] = same.all(axis=axis - 1)
            self._others[axis][z] = np.count_nonzero(other, axis=axis - 1)
            if self._is_first:
                self._open[axis] = bool(self._always[axis][z, [0, -1]].any())
        self._is_first = False

    def masks(self) -> list[tuple[int, np.ndarray]]:
        found = []
        for axis in range(3):
            if self._open[axis]:
                mask = _convex(self._always[axis], self._others[axis])
                if mask is not None:
                    found.append((axis, mask))
        return found


def _convex(always: np.ndarray, others: np.ndarray) -> np.ndarray | None:
    """Give the hull of all that ever holds another value, if it looks like a field of view.

    Parameters
    ----------
    always
        Pixels that hold the constant in every slice.
    others
        In how many slices a pixel holds another value.
    """
    if _is_flat(~always) or _outside(always) is None:
        return None
    from scipy.ndimage import binary_erosion
    from skimage.morphology import convex_hull_image

    hull = convex_hull_image(~always, offset_coordinates=False)
    # Corners of the hull's outline that a chance equal pixel cut off are inside all the same.
    outside = _outside(~hull)
    if outside is None:
        return None
    inside = ~outside
    rows, columns = (np.flatnonzero(inside.any(axis=1 - axis)) for axis in (0, 1))
    spans = (np.ptp(rows) + 1) / inside.shape[0], (np.ptp(columns) + 1) / inside.shape[1]
    if max(spans) < _SPAN:
        return None
    rim = inside & ~binary_erosion(inside, np.ones((3, 3), bool), border_value=1)
    if others[rim].mean() < _RIM_FILLED * others[inside].mean():
        return None
    return inside


def _is_flat(mask: np.ndarray) -> bool:
    """Tell whether the pixels of a mask lie on one line, so that their hull has no area."""
    places = np.argwhere(mask)
    if not len(places):
        return True
    away = places - places[0]
    y, x = away[np.abs(away).sum(axis=1).argmax()]
    return not (away[:, 0] * x != away[:, 1] * y).any()


def _outside(empty: np.ndarray) -> np.ndarray | None:
    """Give what of `empty` hangs together with a corner, if it is more than chance."""
    if not empty.any():
        return None
    pieces = connected_components(empty, connectivity=4)
    corners = np.unique(pieces[[0, 0, -1, -1], [0, -1, 0, -1]])
    outside = np.isin(pieces, corners[corners > 0])
    return outside if np.count_nonzero(outside) >= _LEAST else None
