"""The one mask that a reconstruction leaves in every slice: a constant outside a convex shape."""

import numpy as np
from scipy.ndimage import binary_erosion, label
from skimage.morphology import convex_hull_image

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

    @property
    def is_open(self) -> bool:
        """Whether more planes could still show such a mask."""
        return self._fills is None or bool(self._fills)

    def add(self, z: int, plane: np.ndarray) -> None:
        """Look at the plane `z`; planes come in order."""
        if self._fills is None:
            corners = {float(value) for value in plane[:: len(plane) - 1 or 1, [0, -1]].ravel()}
            self._fills = {value: _Fill(self._shape) for value in corners if np.isfinite(value)}
        for value, fill in list(self._fills.items()):
            fill.add(z, plane == value)
            if not fill.alive:
                del self._fills[value]

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


class _Fill:
    """Where one value stands in every slice along each axis, and how often another one does."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        z, y, x = shape
        self._sizes = shape
        self._always = [np.ones((y, x), bool), np.zeros((z, x), bool), np.zeros((z, y), bool)]
        self._others = [np.zeros(mask.shape, np.int32) for mask in self._always]
        # An axis is given up when none of its slices' corners can lie outside any more.
        self._open = [min(mask.shape) > 2 for mask in self._always]

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
            if z == 0:
                self._open[axis] = bool(self._always[axis][0, [0, -1]].any())

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
    pieces, count = label(empty)
    if not count:
        return None
    corners = np.unique(pieces[[0, 0, -1, -1], [0, -1, 0, -1]])
    outside = np.isin(pieces, corners[corners > 0])
    return outside if np.count_nonzero(outside) >= _LEAST else None
