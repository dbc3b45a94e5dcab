"""What is too small to be a body, and pieces that lie apart from theirs."""

import cc3d
import numpy as np


def drop_fragments(
    labels: np.ndarray,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    min_diameter: float | None = None,
) -> np.ndarray:
    """Keep the largest piece of each body, drop small bodies, number the rest 1..n.

    Parameters
    ----------
    labels
        (Z, Y, X) int32; may be overwritten.
    spacing
        Voxel size (z, y, x), um.
    min_diameter
        A body smaller than a ball of this diameter, um, is dropped. By default a sixth of the
        typical body's diameter: that of the body in which the median labelled voxel lies.

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)
    """
    pieces = cc3d.connected_components(labels, connectivity=6, out_dtype=np.uint32)
    sizes = np.bincount(pieces.ravel())
    owner = np.zeros(sizes.size, np.int64)
    owner[pieces.ravel()] = labels.ravel()
    sizes[0] = 0
    order = np.lexsort((sizes, owner))
    largest = np.ones(order.size, bool)
    largest[:-1] = owner[order][1:] != owner[order][:-1]
    kept = order[largest & (owner[order] > 0)]
    if not kept.size:
        return np.zeros(labels.shape, np.int32)
    least = least_voxels(sizes[kept], spacing, min_diameter)
    kept = np.sort(kept[sizes[kept] >= least])
    table = np.zeros(sizes.size, np.int32)
    table[kept] = np.arange(1, kept.size + 1)
    return table[pieces]


def least_voxels(
    sizes: np.ndarray, spacing: tuple[float, float, float], min_diameter: float | None
) -> float:
    """Give the size, voxels, of the smallest body that is kept; see `drop_fragments`."""
    if min_diameter is not None:
        return float(np.pi / 6 * min_diameter**3 / np.prod(spacing))
    if not sizes.size:
        return 0.0
    ranked = np.sort(sizes)
    return float(ranked[np.searchsorted(np.cumsum(ranked), ranked.sum() / 2)] / 6**3)
