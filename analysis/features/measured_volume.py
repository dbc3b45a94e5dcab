"""The arrays that particles are measured in, read whole or by slabs of slices."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..material.void_evidence import MASK_VALUES

OUTSIDE, WITHOUT_VALUE = 1, 2

# Slices looked through at a time for missing values.
_SCAN_SLICES = 16


@dataclass(frozen=True)
class Slab:
    """Some slices of the arrays.

    Attributes
    ----------
    low
        The first slice.
    labels
        (z, Y, X) integers.
    solid, grey, mask
        Material, grey values and field of view there; None where there is none.
    has_gaps
        Whether grey values that are not finite count as unseen.
    """

    low: int
    labels: np.ndarray
    solid: np.ndarray | None
    grey: np.ndarray | None
    mask: np.ndarray | None
    has_gaps: bool

    def unseen(self, box: tuple[slice, slice, slice]) -> np.ndarray | None:
        """Tell what is hidden in a box of the slab.

        Returns
        -------
        ndarray of uint8 or None
            0 seen, `OUTSIDE` the field of view, or `WITHOUT_VALUE` inside it; None where the whole
            volume is seen.
        """
        hidden = None if self.mask is None else np.where(self.mask[box], 0, OUTSIDE)
        if self.has_gaps and self.grey is not None:
            missing = np.where(np.isfinite(self.grey[box]), 0, WITHOUT_VALUE)
            hidden = missing if hidden is None else np.where(hidden, hidden, missing)
        return None if hidden is None else hidden.astype(np.uint8)


@dataclass(frozen=True)
class MeasuredVolume:
    """Labels and what is known of the same voxels; arrays that have a shape and can be sliced.

    Attributes
    ----------
    labels
        (Z, Y, X) integers.
    solid, grey, mask
        Material, grey values, field of view, of the same shape; None where there is none.
    """

    labels: Any
    solid: Any = None
    grey: Any = None
    mask: Any = None

    def check(self) -> None:
        """Raise ValueError if the arrays do not fit each other."""
        check_labels(self.labels)
        for name, array in (
            ("volume", self.grey),
            ("solid", self.solid),
            ("field_of_view", self.mask),
        ):
            if array is not None and tuple(array.shape) != tuple(self.labels.shape):
                raise ValueError(
                    f"{name} has shape {tuple(array.shape)} and labels "
                    f"{tuple(self.labels.shape)}: they must be equal"
                )

    def has_gaps(self, depth: int) -> bool:
        """Whether some grey values are not finite, looking at `depth` slices at a time at most."""
        if self.grey is None or not np.issubdtype(self.grey.dtype, np.floating):
            return False
        step = min(depth, _SCAN_SLICES)
        return any(
            not np.isfinite(np.asarray(self.grey[low : low + step])).all()
            for low in range(0, self.grey.shape[0], step)
        )

    def is_coded(self, depth: int) -> bool:
        """Whether the mask of material says of which bodies void cannot be known."""
        if self.solid is None or self.solid.dtype != np.uint8:
            return False
        known = np.zeros(256, bool)
        known[[0, *MASK_VALUES]] = True
        return all(
            bool(known[np.asarray(self.solid[low : low + depth])].all())
            for low in range(0, self.solid.shape[0], depth)
        )

    def read(self, low: int, high: int, has_gaps: bool, with_grey: bool = True) -> Slab:
        """Read the slices `low` to `high`, the grey values only if asked for."""

        def part(array: Any) -> np.ndarray | None:
            return None if array is None else np.asarray(array[low:high])

        return Slab(
            low,
            np.asarray(self.labels[low:high]),
            part(self.solid),
            part(self.grey) if with_grey else None,
            part(self.mask),
            has_gaps,
        )


def check_labels(labels: Any) -> None:
    """Raise ValueError for labels that are no three-dimensional integers."""
    if len(labels.shape) != 3:
        raise ValueError(f"labels have shape {tuple(labels.shape)}; they must be (Z, Y, X)")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels are {labels.dtype}; they must be integers")


def check_spacing(spacing: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return the voxel size as three floats, or say what is wrong with it."""
    sizes = tuple(float(s) for s in np.ravel(spacing))
    if len(sizes) != 3 or not all(np.isfinite(s) and s > 0 for s in sizes):
        raise ValueError(f"spacing is {spacing}; it must be three numbers above 0: z, y, x in um")
    return sizes
