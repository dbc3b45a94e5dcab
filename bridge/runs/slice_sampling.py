"""Which slice of a view stands for each: the network need not see all of them."""

import numpy as np

from ..volumes.ome_zarr import SLAB


def stand_ins(slices: int, every: int) -> np.ndarray:
    """Name, for each slice, the segmented slice whose outlines it takes.

    The middle one of every few neighbours stands for them; of an even number the lower and the
    upper middle in turn, so that outlines move neither up nor down on average. No slice stands for
    one of another slab, so that slabs of a Zarr stack can be written each for itself.

    Parameters
    ----------
    slices
        How many there are.
    every
        Neighbours that share a segmented slice; 1: each has its own.

    Returns
    -------
    ndarray of int64, shape (slices,)

    Examples
    --------
    >>> from particlebridge.bridge.runs.slice_sampling import stand_ins
    >>> stand_ins(8, 2).tolist()
    [0, 0, 3, 3, 4, 4, 7, 7]
    >>> stand_ins(8, 3).tolist()
    [1, 1, 1, 4, 4, 4, 6, 6]
    """
    index = np.arange(slices)
    low = index - index % SLAB
    group = (index - low) // every
    start = low + group * every
    stop = np.minimum(np.minimum(start + every, low + SLAB), slices)
    return start + (stop - start - 1 + group % 2) // 2
