"""Finding particles in a label volume and reading what surrounds each, in memory or by slabs."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

# Voxels of a slab when arrays are read piece by piece: 0.25 GB of int32 labels.
_SLAB_VOXELS = 2**26

# Bounding boxes are kept in a table indexed by label.
_MAX_LABEL = 2**24


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


def thread_count() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
def _extend_boxes(labels, first, boxes):  # type: ignore[no-untyped-def]
    """Widen boxes[label] by a slab of labels, run by run; return the smallest label met."""
    smallest = 0
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            row = labels[z, y]
            x = 0
            while x < row.shape[0]:
                label = row[x]
                start = x
                while x < row.shape[0] and row[x] == label:
                    x += 1
                if label > 0:
                    box = boxes[label]
                    box[0] = min(box[0], first + z)
                    box[1] = max(box[1], first + z + 1)
                    box[2] = min(box[2], y)
                    box[3] = max(box[3], y + 1)
                    box[4] = min(box[4], start)
                    box[5] = max(box[5], x)
                elif label < 0:
                    smallest = min(smallest, label)
    return smallest


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
        If a label is negative or above 16,777,216.
    """
    found = np.empty((0, 6), np.int64)
    for low in range(0, labels.shape[0], depth):
        slab = np.asarray(labels[low : low + depth])
        highest = int(slab.max(initial=0))
        if highest > _MAX_LABEL:
            raise ValueError(
                f"labels run to {highest}, above {_MAX_LABEL}; "
                "renumber them, for example with fastremap.renumber"
            )
        if highest >= len(found):
            found = np.concatenate([found, _no_boxes(highest + 1 - len(found))])
        parts = np.array_split(np.arange(len(slab)), min(workers, len(slab)))
        tables = [_no_boxes(len(found)) for _ in parts]
        with ThreadPoolExecutor(workers) as pool:
            smallest = list(
                pool.map(
                    lambda part, table, slab=slab, low=low: _extend_boxes(
                        as_labels(slab[part[0] : part[-1] + 1]), low + int(part[0]), table
                    ),
                    parts,
                    tables,
                )
            )
        if min(smallest) < 0:
            raise ValueError(
                f"labels hold {min(smallest)}; they must be 0 (background) or positive"
            )
        for table in tables:
            found[:, ::2] = np.minimum(found[:, ::2], table[:, ::2])
            found[:, 1::2] = np.maximum(found[:, 1::2], table[:, 1::2])
    present = np.flatnonzero(found[:, 1] > 0)
    return Particles(present.astype(np.int32), found[present])


def _no_boxes(count: int) -> np.ndarray:
    nothing = np.iinfo(np.int64).max
    return np.tile(np.array([nothing, 0] * 3, np.int64), (count, 1))


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
