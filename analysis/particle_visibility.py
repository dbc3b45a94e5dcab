"""What part of a volume was imaged, and which particles its edge cuts."""

from dataclasses import dataclass
from typing import Any

import cc3d
import numpy as np
from numba import njit

from .particle_crops import read_around


@njit(nogil=True, cache=True)
def _hide(near, label, unseen):  # type: ignore[no-untyped-def]
    """Set unseen background to -1; tell if the particle touches what is unseen, and holds it."""
    touches, holds = False, False
    depth, height, width = near.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                if near[z, y, x] == label:
                    holds |= unseen[z, y, x] != 0
                    # The crop is wider than the particle by a voxel at least.
                    touches |= (
                        unseen[z - 1, y, x]
                        | unseen[z + 1, y, x]
                        | unseen[z, y - 1, x]
                        | unseen[z, y + 1, x]
                        | unseen[z, y, x - 1]
                        | unseen[z, y, x + 1]
                    ) != 0
                elif near[z, y, x] == 0 and unseen[z, y, x]:
                    near[z, y, x] = -1
    return touches or holds, holds


@dataclass(frozen=True)
class FieldOfView:
    """Voxels that were imaged: those of a mask, less those without a grey value.

    Attributes
    ----------
    mask
        (Z, Y, X) array-like, non-zero inside; None: everything.
    has_gaps
        Whether some of the volume's grey values are not finite.
    """

    mask: Any
    has_gaps: bool

    @classmethod
    def of(cls, volume: Any, mask: Any, depth: int) -> "FieldOfView":
        """Look for gaps in a volume, `depth` slices at a time."""
        gaps = False
        if volume is not None and np.issubdtype(volume.dtype, np.floating):
            gaps = any(
                not np.isfinite(np.asarray(volume[low : low + depth])).all()
                for low in range(0, volume.shape[0], depth)
            )
        return cls(mask, gaps)

    @property
    def is_everything(self) -> bool:
        """Whether nothing is hidden."""
        return self.mask is None and not self.has_gaps

    def slab(self, low: int, high: int, grey: np.ndarray | None) -> np.ndarray | None:
        """Give the field of view in some slices.

        Parameters
        ----------
        low, high
            Slices, half open.
        grey
            The volume's values there, None without a volume.

        Returns
        -------
        ndarray of int32
            0 inside, 1 outside the mask, 2 without a grey value inside the mask; None if everything
            is inside.
        """
        if self.is_everything:
            return None
        if self.mask is None:
            assert grey is not None
            return np.where(np.isfinite(grey), np.int32(0), np.int32(2))
        outside = (np.asarray(self.mask[low:high]) == 0).astype(np.int32)
        if self.has_gaps and grey is not None:
            outside[~np.isfinite(grey) & (outside == 0)] = 2
        return outside

    def hide_unseen(
        self,
        near: np.ndarray,
        label: int,
        unseen_slab: np.ndarray,
        low: int,
        box: np.ndarray,
        margin: np.ndarray,
    ) -> bool:
        """Mark in a particle's crop what cannot be seen.

        Parameters
        ----------
        near
            Labels around the particle (`read_around`); unseen background becomes -1 in place.
        label
            The particle.
        unseen_slab
            From `slab`.
        low, box, margin
            As for `read_around`.

        Returns
        -------
        bool
            True if the particle touches what is unseen, or reaches into it.

        Raises
        ------
        ValueError
            If values are missing inside the particle, closed in by seen voxels.
        """
        unseen = read_around(unseen_slab, low, box, margin)
        touches, holds = _hide(near, label, unseen)
        if holds and (unseen[near == label] == 2).any():
            parts = cc3d.connected_components(unseen != 0, connectivity=26)
            edge = np.concatenate([np.take(parts, [0, -1], axis=axis).ravel() for axis in range(3)])
            enclosed = ~np.isin(parts, edge) & (near == label) & (unseen == 2)
            if enclosed.any():
                raise ValueError(
                    f"the volume has {int(enclosed.sum())} NaN or infinite values inside particle "
                    f"{label}, away from the field of view's edge; fill them first"
                )
        return bool(touches)
