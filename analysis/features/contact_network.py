"""Which particles touch, over how much area: the particle network."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numba import njit

from .._shared.parallel import thread_count
from .measured_volume import check_labels, check_spacing
from .particle_crops import as_labels, slab_depth
from .surfaces import KERNEL

# Slices that the normal of a face looks at, before and behind its first voxel.
_BEFORE, _BEHIND = 3, 4

# Cosines are summed as whole numbers: the sum does not depend on how a volume is read.
_FIXED_POINT = 2**24

_ENTRY = ["source", "target", "axis", "cosine", "Z", "Y", "X"]


@cache
def _stencil(axis: int) -> np.ndarray:
    """Taps of the slope at the face between a voxel and the next along an axis.

    Returns
    -------
    ndarray of int64 (n, 6)
        Offset (z, y, x) from the first voxel, and the tap's weight in the slope along z, y, x: the
        smoothing kernel, central differences, summed over the face's two voxels, as in
        `surfaces.projected_area`.
    """
    size = _BEFORE + _BEHIND + 1
    taps = np.zeros((3, size, size, size), np.int64)
    for component in range(3):
        lines = []
        for a in range(3):
            line = np.zeros(size, np.int64)
            line[_BEFORE - 2 : _BEFORE + 3] = KERNEL
            if a == component:
                line = np.roll(line, 1) - np.roll(line, -1)
            if a == axis:
                line = line + np.roll(line, 1)
            lines.append(line)
        taps[component] = np.einsum("i,j,k->ijk", *lines)
    where = np.argwhere(taps.any(axis=0))
    return np.concatenate([where - _BEFORE, taps[(slice(None), *where.T)].T], axis=1)


@njit(nogil=True, cache=True)
def _cosine(labels, z, y, x, axis, other, stencil, spacing):  # type: ignore[no-untyped-def]
    """Cosine between a face and the boundary of the two particles that share it."""
    here = labels[z, y, x]
    slope = np.zeros(3)
    for i in range(stencil.shape[0]):
        k, j, m = z + stencil[i, 0], y + stencil[i, 1], x + stencil[i, 2]
        if 0 <= k < labels.shape[0] and 0 <= j < labels.shape[1] and 0 <= m < labels.shape[2]:
            label = labels[k, j, m]
            if label == here:
                slope += stencil[i, 3:]
            elif label == other:
                slope -= stencil[i, 3:]
    slope /= spacing
    length = np.sqrt((slope * slope).sum())
    return 1.0 if length == 0 else max(0.0, -slope[axis] / length)


@njit(nogil=True, cache=True)
def _shared_faces(labels, first, last, stencils, spacing, out):  # type: ignore[no-untyped-def]
    """List the faces between two particles whose first voxel is in the slices first to last.

    Written are as many as `out` holds, as `_ENTRY`; the number there are is returned.
    """
    depth, height, width = labels.shape
    found = 0
    for z in range(first, last):
        for y in range(height):
            for x in range(width):
                here = labels[z, y, x]
                if here == 0:
                    continue
                for axis in range(3):
                    k, j, i = z + (axis == 0), y + (axis == 1), x + (axis == 2)
                    if k >= depth or j >= height or i >= width:
                        continue
                    there = labels[k, j, i]
                    if there == 0 or there == here:
                        continue
                    if found < out.shape[0]:
                        cosine = _cosine(labels, z, y, x, axis, there, stencils[axis], spacing)
                        row = out[found]
                        row[0], row[1] = min(here, there), max(here, there)
                        row[2], row[3] = axis, round(cosine * _FIXED_POINT)
                        row[4], row[5], row[6] = z, y, x
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

    Two particles touch where a voxel of one shares a face with a voxel of the other. As for
    surfaces, each shared face is projected onto the local plane of the boundary.

    Parameters
    ----------
    labels
        (Z, Y, X) integers, 0 = background; any array that can be sliced.
    spacing
        Voxel size (z, y, x), um.
    block
        Slices to read at a time; None: as many as 0.25 GB of labels.
    workers
        Threads; None: as many as processors.

    Returns
    -------
    DataFrame
        One row per touching pair: ``source`` < ``target`` (labels), ``area`` (um2), ``faces``
        (voxel faces shared), ``X``, ``Y``, ``Z`` (mean of the shared faces' centres, um), and
        ``unit``, that of the row's lengths.
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
    slices = labels.shape[0]
    depth = slab_depth(labels.shape, block)
    workers = workers or thread_count()
    pieces = [_group(np.empty((0, len(_ENTRY)), np.int64))]
    with ThreadPoolExecutor(workers) as pool:
        for low in range(0, slices, depth):
            high = min(low + depth, slices)
            start = max(0, low - _BEFORE)
            slab = np.asarray(labels[start : high + _BEHIND])
            # Thin parts share the work evenly among the threads.
            edges = np.unique(np.linspace(low, high, 4 * workers + 1).astype(int))
            tables = pool.map(
                lambda first, last, slab=slab, start=start: _count(
                    slab, start, first, last, np.array(spacing)
                ),
                edges[:-1],
                edges[1:],
            )
            pieces.extend(tables)
    table: pd.DataFrame = pd.concat(pieces).groupby(["source", "target"]).sum().reset_index()
    face_area = np.prod(spacing) / np.array(spacing)
    cosines = table[["cosine_0", "cosine_1", "cosine_2"]].to_numpy() / _FIXED_POINT
    result = table[["source", "target"]].copy()
    result["area"] = cosines @ face_area
    result["faces"] = table["faces"]
    for name, size in zip("XYZ", spacing[::-1], strict=True):
        # Sums are of twice the coordinate, to stay whole numbers.
        result[name] = table[name] / (2 * table["faces"]) * size
    result["unit"] = "um"
    units = ["1", "1", "um2", "1", "um", "um", "um", "1"]
    result.attrs["units"] = dict(zip(result.columns, units, strict=True))
    return result


def _count(
    slab: np.ndarray, start: int, first: int, last: int, spacing: np.ndarray
) -> pd.DataFrame:
    """Sum over the faces of each pair in the slices `first` to `last` of the volume."""
    low = max(first - _BEFORE, start)
    labels = as_labels(slab[low - start : last + _BEHIND - start])
    stencils = tuple(_stencil(axis) for axis in range(3))
    out = np.empty((0, len(_ENTRY)), np.int64)
    found = _shared_faces(labels, first - low, last - low, stencils, spacing, out)
    if found:
        out = np.empty((found, len(_ENTRY)), np.int64)
        _shared_faces(labels, first - low, last - low, stencils, spacing, out)
    out[:, 4] += low
    return _group(out)


def _group(entries: np.ndarray) -> pd.DataFrame:
    """Sum entries by pair: cosines per axis, faces, twice the faces' centres."""
    table = pd.DataFrame({name: entries[:, i] for i, name in enumerate(_ENTRY)})
    for i, name in enumerate("ZYX"):
        table[name] = 2 * table[name] + (table["axis"] == i)
        table[f"cosine_{i}"] = table["cosine"].where(table["axis"] == i, 0)
    table["faces"] = 1
    return table.drop(columns=["axis", "cosine"]).groupby(["source", "target"]).sum().reset_index()
