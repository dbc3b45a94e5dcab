"""How many voxels two label volumes share, object by object: one linear pass, one sparse table."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numba
import numpy as np

from .parallel import in_pieces

_EMPTY = np.int64(-1)


class Overlaps(NamedTuple):
    """A sparse contingency table: `counts[k]` voxels carry `first[k]` and `second[k]`.

    All three are int64 of one length; background (0) is a label like any other, and pairs are
    sorted by first, then second.
    """

    first: np.ndarray
    second: np.ndarray
    counts: np.ndarray


@numba.njit(cache=True, inline="always")
def slot_of(keys: np.ndarray, key: np.int64) -> np.int64:
    """Find the slot of a non-negative key, or the empty one where it belongs.

    `keys` is an open-addressing table, a power of two long, -1 where empty.
    """
    mask = np.uint64(keys.size - 1)
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    slot = np.int64((mixed ^ (mixed >> np.uint64(32))) & mask)
    while keys[slot] != _EMPTY and keys[slot] != key:
        slot = np.int64(np.uint64(slot + 1) & mask)
    return slot


@numba.njit(cache=True)
def grown(keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give a table twice as long with the same entries."""
    more_keys = np.full(2 * keys.size, _EMPTY, np.int64)
    more_values = np.zeros(2 * keys.size, np.int64)
    for old in range(keys.size):
        if keys[old] != _EMPTY:
            slot = slot_of(more_keys, keys[old])
            more_keys[slot] = keys[old]
            more_values[slot] = values[old]
    return more_keys, more_values


@numba.njit(cache=True, nogil=True)
def pairs_within(starts: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Give every two different members that some group holds, as lower << 32 | higher, once.

    Group g holds ``members[starts[g]:starts[g + 1]]``.
    """
    keys, values, used = np.full(1024, _EMPTY), np.zeros(1024, np.int64), 0
    for group in range(starts.size - 1):
        for i in range(starts[group], starts[group + 1]):
            for j in range(i + 1, starts[group + 1]):
                low, high = min(members[i], members[j]), max(members[i], members[j])
                slot = slot_of(keys, (low << 32) | high)
                if keys[slot] == _EMPTY:
                    keys[slot] = (low << 32) | high
                    used += 1
                    if 2 * used > keys.size:
                        keys, values = grown(keys, values)
    return keys[keys != _EMPTY]


@numba.njit(cache=True, nogil=True)
def _count_pairs(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of values, as first << 32 | second, of two flat arrays, and how often each occurs."""
    keys, values, used = np.full(1024, _EMPTY), np.zeros(1024, np.int64), 0
    at = 0
    while at < first.size:
        a, b = first[at], second[at]
        start = at
        at += 1
        # Labels come in runs: one look-up for each run, not for each voxel.
        while at < first.size and first[at] == a and second[at] == b:
            at += 1
        key = (np.int64(a) << 32) | np.int64(b)
        slot = slot_of(keys, key)
        if keys[slot] == _EMPTY:
            keys[slot] = key
            used += 1
        values[slot] += at - start
        if 2 * used > keys.size:
            keys, values = grown(keys, values)
    return keys[keys != _EMPTY], values[keys != _EMPTY]


def overlap_table(first: np.ndarray, second: np.ndarray) -> Overlaps:
    """Count the voxels of every pair of labels that meet somewhere.

    Parameters
    ----------
    first, second
        Integer label arrays of one shape, up to three axes, in memory or mapped from a file;
        0 is background, labels are below 2**31.

    Returns
    -------
    Overlaps
        The sparse contingency table; time is linear in the voxels and memory in the pairs.

    Raises
    ------
    ValueError
        If the shapes differ or an array does not hold labels.
    """
    if first.shape != second.shape:
        raise ValueError(
            f"The two label arrays have shapes {first.shape} and {second.shape}; "
            "give labels of one and the same volume."
        )
    return pair_counts(first, second)


def pair_counts(
    first: np.ndarray,
    second: np.ndarray,
    first_names: np.ndarray | None = None,
    second_names: np.ndarray | None = None,
) -> Overlaps:
    """Do the work of `overlap_table`, with labels renamed on the way by ``names[label]``."""

    def work(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        a, b = as_labels(first[start:stop]), as_labels(second[start:stop])
        if first_names is not None:
            a = first_names[a]
        if second_names is not None:
            b = second_names[b]
        return _count_pairs(a.ravel(), b.ravel())

    found = [(np.zeros(0, np.int64),) * 2, *in_pieces(work, first.shape)]
    keys, where = np.unique(np.concatenate([part[0] for part in found]), return_inverse=True)
    # Counts are added as float64, which is exact up to 2**53 voxels.
    counts = np.bincount(where, np.concatenate([part[1] for part in found]), keys.size)
    return Overlaps(keys >> 32, keys & 0xFFFFFFFF, counts.astype(np.int64))


def slabs(shape: tuple[int, ...], voxels: int = 1 << 24) -> Iterator[slice]:
    """Cut the first axis into slabs of about so many voxels, at least one slice each."""
    step = max(1, voxels // max(1, math.prod(shape[1:])))
    return (slice(start, start + step) for start in range(0, shape[0], step))


def as_labels(labels: np.ndarray) -> np.ndarray:
    """Copy labels to a contiguous, writable int32 array, if they are not one, and check each value.

    Raises
    ------
    ValueError
        If values are not whole numbers from 0 to 2**31 - 1.
    """
    if labels.dtype.kind not in "iub":
        raise ValueError(f"Labels are whole numbers, not {labels.dtype}; convert them to int32.")
    if labels.size and labels.dtype.kind == "i" and labels.min() < 0:
        raise ValueError("Labels are 0 (background) or positive; there is a negative one.")
    if labels.size and labels.dtype.itemsize >= 4 and labels.max() > np.iinfo(np.int32).max:
        raise ValueError("A label is above 2147483647; renumber the labels first.")
    return np.require(labels, np.int32, ("C", "W"))
