"""Material and void inside bodies, from grey values."""

import numpy as np
from scipy.ndimage import gaussian_filter


def find_solid(
    volume: np.ndarray, labels: np.ndarray, spacing: tuple[float, float, float]
) -> np.ndarray:
    """Mark the voxels of each body that are material; the rest of it is void.

    Parameters
    ----------
    volume
        (Z, Y, X) grey values; material is brighter than void.
    labels
        (Z, Y, X) int32 bodies.
    spacing
        Voxel size (z, y, x), um.

    Returns
    -------
    ndarray of bool, shape (Z, Y, X)
    """
    smooth = gaussian_filter(volume.astype(np.float32), [0.7 * min(spacing) / s for s in spacing])
    inside = labels > 0
    if not inside.any():
        return inside
    sizes = np.bincount(labels.ravel())
    mean = np.bincount(labels.ravel(), weights=smooth.ravel()) / np.maximum(sizes, 1)
    bright = inside & (smooth >= mean[labels])
    solid_grey = np.bincount(
        labels[bright], weights=smooth[bright], minlength=sizes.size
    ) / np.maximum(np.bincount(labels[bright], minlength=sizes.size), 1)
    dark = float(np.median(smooth[~inside])) if not inside.all() else float(smooth.min())
    return inside & (smooth >= ((solid_grey + dark) / 2)[labels])
