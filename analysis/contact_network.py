"""Which particles touch, over how much area: the particle network."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from numba import njit

from .features import check_labels, check_spacing
from .particle_crops import as_labels, slab_depth, thread_count
from .surfaces import DIRECTIONS, direction_weights


@njit(nogil=True, cache=True)
def _crossings(labels, slices, directions, out):  # type: ignore[no-untyped-def]
    """List pairs of neighbouring voxels of two particles whose first voxel is in `slices` slices.

    Each entry is (lower label, higher label, direction, z, y, x); the number of entries is
    returned, and written are as many as `out` holds.
    """
    depth, height, width = labels.shape
    found = 0
    for z in range(slices):
        for y in range(height):
            for x in range(width):
                here = labels[z, y, x]
                if here == 0:
                    continue
                for d in range(directions.shape[0]):
                    k, j, i = z + directions[d, 0], y + directions[d, 1], x + directions[d, 2]
                    if k >= depth or j < 0 or j >= height or i < 0 or i >= width:
                        continue
                    there = labels[k, j, i]
                    if there == 0 or there == here:
                        continue
                    if found < out.shape[0]:
                        out[found, 0] = min(here, there)
                        out[found, 1] = max(here, there)
                        out[found, 2] = d
                        out[found, 3] = z
                        out[found, 4] = y
                        out[found, 5] = x
                    found += 1
    return found


def contacts(
    labels: Any,
    spacing: tuple[float, float, float],
    *,
    block: int | None = None,
    workers: int | None = None,
) -> pd.DataFrame:
    """List the contacts between particles.

    Two particles touch where a voxel of one shares a face with a voxel of the other. Area is
    Crofton's, as for surfaces: the crossings from one to the other in 13 directions.

    Parameters
    ----------
    labels
        (Z, Y, X) integers, 0 = background; any array that can be sliced.
    spacing
        Voxel size (z, y, x), um.
    block
        Slices to read at a time; None: all of an array in memory, else as many as 0.25 GB hold.
    workers
        Threads; None: as many as processors.

    Returns
    -------
    DataFrame
        One row per touching pair: ``source`` < ``target`` (labels), ``area`` (um2), ``faces``
        (voxel faces shared), ``X``, ``Y``, ``Z`` (mean of the shared faces' centres, um).
        ``networkx.from_pandas_edgelist(table, edge_attr=True)`` reads it. ``attrs["units"]`` maps
        columns to units.

    Raises
    ------
    ValueError
        If labels are no (Z, Y, X) integers or `spacing` is not three positive numbers.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.zeros((4, 4, 4), np.int32)
    >>> labels[:2], labels[2:] = 1, 2
    >>> contacts(labels, spacing=(1, 1, 1))[["source", "target", "faces"]].to_dict("records")
    [{'source': 1, 'target': 2, 'faces': 16}]
    """
    spacing = check_spacing(spacing)
    check_labels(labels)
    depth = slab_depth(labels.shape, block, isinstance(labels, np.ndarray))
    workers = workers or thread_count()
    weights = direction_weights(spacing)
    pieces: list[pd.DataFrame] = []
    with ThreadPoolExecutor(workers) as pool:
        for low in range(0, labels.shape[0], depth):
            high = min(low + depth, labels.shape[0])
            # One slice more: pairs reach into the next slab.
            slab = np.asarray(labels[low : high + 1])
            parts = np.array_split(np.arange(high - low), min(workers, high - low))
            tables = pool.map(lambda part, slab=slab, low=low: _count(slab, part, low), parts)
            pieces.extend(tables)
    keys = ["source", "target"]
    counted: pd.DataFrame = pd.concat(pieces).groupby(keys, sort=True).sum().reset_index()
    counted = counted[counted["faces"] > 0].reset_index(drop=True)
    crossings = counted[[f"crossings_{d}" for d in range(len(DIRECTIONS))]].to_numpy()
    table = counted[keys].copy()
    table["area"] = crossings @ weights
    table["faces"] = counted["faces"]
    for name, size in zip("XYZ", spacing[::-1], strict=True):
        # Sums are of twice the coordinate, to stay whole numbers.
        table[name] = counted[name] / (2 * counted["faces"]) * size
    table.attrs["units"] = dict(
        zip(table.columns, ["1", "1", "um2", "1", *["um"] * 3], strict=True)
    )
    return table


def _count(slab: np.ndarray, part: np.ndarray, low: int) -> pd.DataFrame:
    """Crossings and faces between each pair, for pairs that start in the slices `part`."""
    first, last = int(part[0]), int(part[-1]) + 1
    labels = as_labels(slab[first : last + 1])
    out = np.empty((max(1024, labels[0].size), 6), np.int64)
    found = _crossings(labels, last - first, DIRECTIONS, out)
    if found > len(out):
        out = np.empty((found, 6), np.int64)
        _crossings(labels, last - first, DIRECTIONS, out)
    out = out[:found]
    count = len(DIRECTIONS)
    is_face = np.abs(DIRECTIONS).sum(axis=1) == 1
    table = pd.DataFrame({"source": out[:, 0], "target": out[:, 1]})
    for d in range(count):
        table[f"crossings_{d}"] = (out[:, 2] == d).astype(np.int64)
    face = is_face[out[:, 2]]
    table["faces"] = face.astype(np.int64)
    for axis, name in enumerate("ZYX"):
        start = out[:, 3 + axis] + (low + first if axis == 0 else 0)
        table[name] = np.where(face, 2 * start + DIRECTIONS[out[:, 2], axis], 0)
    return table.groupby(["source", "target"], sort=True).sum().reset_index()
