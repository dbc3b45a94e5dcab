"""Particles of a segmented phase, parted where they are thin: no model, no grey values."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from ..features.measured_volume import check_spacing

# As published: the Gaussian before peaks are searched, and how far apart these are, voxels.
_SIGMA = 0.4
_APART = 4
BYTES_PER_VOXEL = 40
"""Beside the mask (measured: 36)."""


def split_phase(
    mask: ArrayLike, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> np.ndarray:
    """Split one phase of a segmented volume into particles, as SNOW does.

    Parameters
    ----------
    mask
        (Z, Y, X), non-zero where the phase is.
    spacing
        Voxel size (z, y, x).

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)
        1..n in the phase, 0 outside. Every voxel of the phase belongs to a particle.

    Raises
    ------
    ValueError
        If the mask is no volume.

    Notes
    -----
    1. Distance of each voxel of the phase to its edge, smoothed by a Gaussian of 0.4 voxels.
    2. Its peaks: voxels that none within 4 voxels exceeds.
    3. Of two peaks that are nearer to each other than the lower one is to the edge, one stays.
    4. A watershed of the distance map from the peaks that are left.

    The search for peaks on saddles is left out. Lengths are counted in the smallest side of a
    voxel where voxels are no cubes.

    References
    ----------
    Gostick, Phys. Rev. E 96 (2017) 023307 (SNOW, as in PoreSpy).

    Examples
    --------
    Two balls that touch.

    >>> import numpy as np
    >>> from particlebridge.analysis import split_phase
    >>> z, y, x = np.indices((20, 20, 40))
    >>> mask = np.zeros(z.shape, bool)
    >>> for centre in (11, 28):
    ...     mask |= (z - 10) ** 2 + (y - 10) ** 2 + (x - centre) ** 2 <= 81
    >>> int(split_phase(mask).max())
    2
    """
    phase = np.asarray(mask) != 0
    if phase.ndim != 3:
        raise ValueError(f"A mask of a volume has three axes (Z, Y, X), not {phase.ndim}.")
    sides = np.asarray(check_spacing(spacing)) / min(spacing)
    if not phase.any():
        return np.zeros(phase.shape, np.int32)
    depth = ndimage.distance_transform_edt(phase, sampling=sides).astype(np.float32)
    depth = ndimage.gaussian_filter(depth, _SIGMA / sides)
    reach = np.maximum(np.rint(_APART / sides).astype(int), 1)
    peaks = peak_local_max(
        depth,
        min_distance=int(reach.min()),
        footprint=np.ones(2 * reach + 1, bool),
        exclude_border=False,
        labels=phase.astype(np.int32),
    )
    seeds = np.zeros(phase.shape, np.int32)
    kept = peaks[_apart(peaks * sides, depth[tuple(peaks.T)])]
    seeds[tuple(kept.T)] = np.arange(1, len(kept) + 1)
    return np.asarray(watershed(-depth, seeds, mask=phase), np.int32)


def _apart(places: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Mark the peaks that stay: from the lowest on, those that no other is nearer to than edge."""
    tree = cKDTree(places)
    kept = np.ones(len(places), bool)
    for k in np.argsort(heights, kind="stable"):
        near = tree.query_ball_point(places[k], heights[k])
        kept[k] = not any(kept[n] for n in near if n != k)
    return kept
