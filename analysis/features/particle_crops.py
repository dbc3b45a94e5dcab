"""Finding particles in a label volume and reading what surrounds each, in memory or by slabs."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from .._shared.overlaps import grown, slot_of

# Voxels of a slab when arrays are read piece by piece: 0.25 GB of int32 labels.
_SLAB_VOXELS = 2**26

_MAX_LABEL = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Particles:
    """Labels present in a volume.

    Attributes
    ----------
    labels
        (n,) int32, rising.
    boxes
        (n, 6) int64: z0, z1, y0, y1, x0, x1, half open.
    """

    labels: np.ndarray
    boxes: np.ndarray


def slab_depth(shape: tuple[int, ...], block: int | None) -> int:
    """Slices to read at a time.

    Parameters
    ----------
    shape
        (Z, Y, X) of the volume.
    block
        Slices the caller asks for; None to choose.

    Returns
    -------
    int
        At least 1.
    """
    if block is not None:
        return max(1, int(block))
    return max(16, _SLAB_VOXELS // max(1, shape[1] * shape[2]))


@njit(nogil=True, cache=True)
def _boxes_of(labels, first):  # type: ignore[no-untyped-def]
    """List the boxes of the labels of a slab, run by run.

    Returned are one row per label (the label, then its box) in the order in which they are met,
    how many there are, and the smallest label met. A hash table tells the row of a label, so that
    memory follows the number of labels, not the highest. (Numba takes seconds to compile a
    dictionary or an assignment to a slice.)
    """
    keys, rows, used = np.full(128, np.int64(-1)), np.zeros(128, np.int64), 0
    table = np.empty((64, 7), np.int64)
    smallest = 0
    last, row = 0, 0
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            line = labels[z, y]
            x = 0
            while x < line.shape[0]:
                label = line[x]
                start = x
                while x < line.shape[0] and line[x] == label:
                    x += 1
                if label <= 0:
                    smallest = min(smallest, label)
                    continue
                if label != last:
                    last = label
                    slot = slot_of(keys, np.int64(label))
                    if keys[slot] == label:
                        row = rows[slot]
                    else:
                        row = used
                        keys[slot], rows[slot] = label, row
                        used += 1
                        if 2 * used > keys.size:
                            keys, rows = grown(keys, rows)
                        if row == len(table):
                            longer = np.empty((2 * row, 7), np.int64)
                            for i in range(row):
                                for j in range(7):
                                    longer[i, j] = table[i, j]
                            table = longer
                        table[row, 0] = label
                        table[row, 1], table[row, 3], table[row, 5] = first + z, y, start
                        table[row, 2], table[row, 4], table[row, 6] = 0, 0, 0
                box = table[row][1:]
                box[0] = min(box[0], first + z)
                box[1] = max(box[1], first + z + 1)
                box[2] = min(box[2], y)
                box[3] = max(box[3], y + 1)
                box[4] = min(box[4], start)
                box[5] = max(box[5], x)
    return table, used, smallest


def as_labels(array: Any) -> np.ndarray:
    """Read an integer array as C-ordered int32, the one type the compiled code knows."""
    return np.ascontiguousarray(array, np.int32)


def find_particles(labels: Any, depth: int, workers: int) -> Particles:
    """Labels present in a volume and their bounding boxes, in one pass.

    Parameters
    ----------
    labels
        (Z, Y, X) integers; any array that can be sliced.
    depth
        Slices to read at a time.
    workers
        Threads.

    Returns
    -------
    Particles

    Raises
    ------
    ValueError
        If a label is negative or does not fit int32.
    """
    found = np.empty((0, 7), np.int64)
    for low in range(0, labels.shape[0], depth):
        slab = np.asarray(labels[low : low + depth])
        highest = int(slab.max(initial=0))
        if highest > _MAX_LABEL:
            raise ValueError(
                f"labels run to {highest}, above {_MAX_LABEL}; "
                "renumber them, for example with fastremap.renumber"
            )
        parts = np.array_split(np.arange(len(slab)), min(workers, len(slab)))
        with ThreadPoolExecutor(workers) as pool:
            tables, used, smallest = zip(
                *pool.map(
                    lambda part, slab=slab, low=low: _boxes_of(
                        as_labels(slab[part[0] : part[-1] + 1]), low + int(part[0])
                    ),
                    parts,
                ),
                strict=True,
            )
        if min(smallest) < 0:
            raise ValueError(
                f"labels hold {min(smallest)}; they must be 0 (background) or positive"
            )
        met = [table[:n] for table, n in zip(tables, used, strict=True)]
        found = _joined(np.concatenate([found, *met]))
    return Particles(found[:, 0].astype(np.int32), found[:, 1:])


def _joined(table: np.ndarray) -> np.ndarray:
    """Join the boxes of rows of one label, rising."""
    table = table[np.argsort(table[:, 0], kind="stable")]
    _, first = np.unique(table[:, 0], return_index=True)
    joined = np.minimum.reduceat(table, first)
    joined[:, 2::2] = np.maximum.reduceat(table, first)[:, 2::2]
    return joined


def windows(
    boxes: np.ndarray, margin: int, depth: int, slices: int
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Slabs of the volume that hold every particle whole, with its margin.

    Parameters
    ----------
    boxes
        (n, 6) from `find_particles`.
    margin
        Slices needed beyond a box.
    depth
        Slices to read at a time. It is raised to one and a half times the height of 95 % of the
        particles, so that overlapping windows read a slice three times at most; a taller particle
        gets a window of its own height.
    slices
        Slices of the volume.

    Yields
    ------
    low, high : int
        Slices to read.
    index : ndarray of int
        The particles to measure in them.
    """
    if len(boxes):
        usual = np.quantile(boxes[:, 1] - boxes[:, 0] + 2 * margin, 0.95)
        depth = max(depth, int(1.5 * usual))
    order = np.argsort(boxes[:, 0], kind="stable")
    while len(order):
        low = max(0, int(boxes[order[0], 0]) - margin)
        tall = int(boxes[order[0], 1]) + margin
        high = min(slices, max(low + depth, tall))
        fits = np.minimum(boxes[order, 1] + margin, slices) <= high
        yield low, high, order[fits]
        order = order[~fits]


def crop(
    box: np.ndarray, margin: np.ndarray, low: int, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice, slice], np.ndarray]:
    """Tell where in a slab a particle's bounding box and its surroundings lie.

    Parameters
    ----------
    box
        z0, z1, y0, y1, x0, x1 in the volume.
    margin
        (3,) voxels to show beyond the box along each axis.
    low
        The slab's first slice in the volume.
    shape
        Of the slab.

    Returns
    -------
    here : tuple of slices
        Into the slab, as far as it reaches.
    beyond : ndarray of int (3, 2)
        Voxels missing before and behind: beyond the volume, since windows hold the margin too.
    """
    first = box[::2] - margin - [low, 0, 0]
    last = box[1::2] + margin - [low, 0, 0]
    start, stop = np.maximum(first, 0), np.minimum(last, shape)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return (z, y, x), np.stack([start - first, last - stop], axis=1)
