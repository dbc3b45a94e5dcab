"""Slices in which an object is missing, filled with what it has on both sides."""

import numba
import numpy as np

from .objects import Objects2D


def close_gaps(linked: np.ndarray, objects: Objects2D, tracks: np.ndarray) -> None:
    """Give each track, where it is missing, the pixels that it has on both sides of the gap."""
    order = np.lexsort((objects.slices, tracks))
    before, after = order[:-1], order[1:]
    gap = (tracks[before] == tracks[after]) & (objects.slices[after] > objects.slices[before] + 1)
    lengths = np.bincount(tracks)
    boxes = _boxes(objects.numbers, objects.sizes.size)
    _fill(
        linked,
        objects.numbers,
        objects.slices,
        objects.sizes,
        boxes,
        before[gap],
        after[gap],
        tracks,
        lengths,
    )


@numba.njit(cache=True)
def _boxes(numbers: np.ndarray, n: int) -> np.ndarray:
    """Bounding box (top, bottom, left, right), ends included, of every 2-D object."""
    boxes = np.empty((n, 4), np.int32)
    boxes[:, 0::2] = 2**31 - 1
    boxes[:, 1::2] = -1
    for z in range(numbers.shape[0]):
        for y in range(numbers.shape[1]):
            for x in range(numbers.shape[2]):
                k = numbers[z, y, x]
                if k:
                    box = boxes[k]
                    box[0] = min(box[0], y)
                    box[1] = max(box[1], y)
                    box[2] = min(box[2], x)
                    box[3] = max(box[3], x)
    return boxes


@numba.njit(cache=True)
def _fill(
    linked: np.ndarray,
    numbers: np.ndarray,
    slices: np.ndarray,
    sizes: np.ndarray,
    boxes: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    tracks: np.ndarray,
    lengths: np.ndarray,
) -> None:
    taken = np.zeros(sizes.size, np.int64)
    for k in range(before.size):
        u, w = before[k], after[k]
        track = tracks[u]
        top, bottom, left, right = boxes[u]
        for z in range(slices[u] + 1, slices[w]):
            for paint in range(2):
                for y in range(top, bottom + 1):
                    for x in range(left, right + 1):
                        if numbers[slices[u], y, x] != u or numbers[slices[w], y, x] != w:
                            continue
                        v = numbers[z, y, x]
                        if paint == 0:
                            taken[v] += 1
                        # A longer track beside this one keeps what it has.
                        elif v == 0 or lengths[tracks[v]] < lengths[track]:
                            linked[z, y, x] = track
                # A piece that lies mostly between the two joins them whole.
                if paint == 0:
                    for y in range(top, bottom + 1):
                        for x in range(left, right + 1):
                            v = numbers[z, y, x]
                            if v and lengths[tracks[v]] == 1 and 2 * taken[v] > sizes[v]:
                                linked[z, y, x] = track
            for y in range(top, bottom + 1):
                for x in range(left, right + 1):
                    taken[numbers[z, y, x]] = 0
