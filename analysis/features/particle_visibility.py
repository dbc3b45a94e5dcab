"""Which particles the edge of the field of view cuts."""

import cc3d
import numpy as np
from numba import njit

from .measured_volume import WITHOUT_VALUE


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


def hide_unseen(near: np.ndarray, label: int, unseen: np.ndarray) -> bool:
    """Mark in a particle's crop what cannot be seen.

    Parameters
    ----------
    near
        (Z, Y, X) int32 labels around the particle, at least a voxel wider than it on every side;
        unseen background becomes -1 in place.
    label
        The particle.
    unseen
        (Z, Y, X) uint8, what is hidden there (`measured_volume.Slab.unseen`).

    Returns
    -------
    bool
        True if the particle touches what is unseen, or reaches into it.

    Raises
    ------
    ValueError
        If values are missing inside the particle, closed in by seen voxels.
    """
    touches, holds = _hide(near, label, unseen)
    if holds and (unseen[near == label] == WITHOUT_VALUE).any():
        parts = cc3d.connected_components((unseen != 0).view(np.uint8), connectivity=26)
        edge = np.concatenate([np.take(parts, [0, -1], axis=axis).ravel() for axis in range(3)])
        enclosed = ~np.isin(parts, edge) & (near == label) & (unseen == WITHOUT_VALUE)
        if enclosed.any():
            raise ValueError(
                f"the volume has {int(enclosed.sum())} NaN or infinite values inside particle "
                f"{label}, away from the field of view's edge; fill them first"
            )
    return bool(touches)
