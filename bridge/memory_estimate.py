"""How much memory a run takes; benchmarks/bench_memory.py measures it."""

import os

from .chunked_views import SLAB

BASE = 1.2e9
"""Bytes of a process with TensorFlow and a model loaded, before the first slice."""

NETWORK = 720
"""Bytes for each pixel that goes through the network at once."""

LEAST_PIXELS = 256 * 256
"""Smaller pieces of a slice would be all margin."""

FUSE = 60
"""Bytes for each voxel that is fused at once: 26 of labels, probabilities and grey values, 26 that
arrays were measured to take beside them (tracemalloc, 1 to 8 million voxels), the rest in hand."""

MEASURE = 12
"""Bytes for each voxel of the slices measured at once, beside grey values."""

_SLICE = 60
"""Bytes for each pixel of the slice under way, outside the network."""


def slice_bytes(depth: int, itemsize: int, format: str) -> int:
    """Estimate the bytes for each pixel of a slice: slabs read and written, and the slice itself.

    Parameters
    ----------
    depth
        Slices of a slab that is read at a time.
    itemsize
        Bytes of a voxel.
    format
        ``tiff`` or ``zarr``.
    """
    return depth * itemsize + (SLAB * 4 if format == "zarr" else 4) + _SLICE


def usual_ceiling() -> int:
    """Give three quarters of this machine's memory, bytes."""
    try:
        return int(0.75 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return int(12e9)
