"""Share of solid voxels around each particle."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .measured_volume import MeasuredVolume, Slab
from .neighbourhood import add_box_sums
from .reach import DENSITY_REACH

# Slices whose mask is held at a time by each thread.
_PART = 16


def packing_density(
    arrays: MeasuredVolume,
    has_gaps: bool,
    boxes: np.ndarray,
    spacing: tuple[float, float, float],
    depth: int,
    workers: int,
    reach: float = DENSITY_REACH,
) -> np.ndarray:
    """Share of solid voxels, any particle's, in each bounding box and so far around it.

    Parameters
    ----------
    arrays
        Labels and what is known of the same voxels.
    has_gaps
        Whether voxels without a finite grey value are outside the field of view.
    boxes
        (n, 6) z0, z1, y0, y1, x0, x1, half open.
    spacing
        Voxel size (z, y, x), um.
    depth
        Slices to read at a time.
    workers
        Threads.
    reach
        How far beyond the box, um; at least one voxel.

    Returns
    -------
    ndarray (n,)
        Of the voxels inside the volume and the field of view.
    """
    shape = arrays.labels.shape
    # What reaches further than the volume is clipped to it, before it overflows.
    margin = np.round(np.clip(reach / np.array(spacing), 1, shape)).astype(np.int64)
    cubes = boxes.copy()
    cubes[:, ::2] = np.maximum(boxes[:, ::2] - margin, 0)
    cubes[:, 1::2] = np.minimum(boxes[:, 1::2] + margin, shape)
    sums = count_material(arrays, has_gaps, cubes, depth, workers)
    size = np.prod(cubes[:, 1::2] - cubes[:, ::2], axis=1) - sums[1]
    with np.errstate(invalid="ignore"):
        return sums[0] / size


def count_material(
    arrays: MeasuredVolume, has_gaps: bool, cubes: np.ndarray, depth: int, workers: int
) -> np.ndarray:
    """Count the voxels of material, and the unseen ones, in each cube.

    Parameters
    ----------
    arrays, has_gaps, depth, workers
        As `packing_density`.
    cubes
        (n, 6) z0, z1, y0, y1, x0, x1, half open.

    Returns
    -------
    ndarray of int64 (2, n)
    """
    sums = np.zeros((2, len(cubes)), np.int64)
    slices = arrays.labels.shape[0]
    with ThreadPoolExecutor(workers) as pool:
        for low in range(0, slices, depth):
            if not ((cubes[:, 0] < low + depth) & (cubes[:, 1] > low)).any():
                continue
            slab = arrays.read(low, min(low + depth, slices), has_gaps, with_grey=has_gaps)
            starts = range(0, len(slab.labels), _PART)
            for part in pool.map(lambda start, slab=slab: _count(slab, start, cubes), starts):
                sums += part
    return sums


def _count(slab: Slab, start: int, cubes: np.ndarray) -> np.ndarray:
    """Material and unseen voxels of some slices in each cube, (2, n)."""
    rows = slice(start, start + _PART)
    sums = np.zeros((2, len(cubes)), np.int64)
    material = slab.labels[rows] != 0
    if slab.solid is not None:
        material &= slab.solid[rows] != 0
    unseen = slab.unseen((rows, slice(None), slice(None)))
    if unseen is not None:
        material &= unseen == 0
        add_box_sums(unseen, slab.low + start, cubes, sums[1])
    add_box_sums(material.view(np.uint8), slab.low + start, cubes, sums[0])
    return sums
