"""Atoms: the pieces into which the tracks of all views cut a volume, and what lies between them.

Two voxels are in the same atom if every view puts them into the same track. Each view has a vote
on every face between two atoms: same body, different body, or no opinion.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numba
import numpy as np

from .overlaps import grown, slabs, slot_of
from .views import VIEWS, View


class Atoms(NamedTuple):
    """The atoms of a volume.

    Attributes
    ----------
    numbers : ndarray of int32, shape (Z, Y, X)
        Atom of every voxel; 0 where no view has an object.
    tracks : ndarray of int32, shape (n + 1, n_views)
        Track of each atom in each view, 0 for none.
    sizes : ndarray of int64, shape (n + 1,)
        Voxels of each atom.
    """

    numbers: np.ndarray
    tracks: np.ndarray
    sizes: np.ndarray


class Borders(NamedTuple):
    """Pairs of atoms that share faces: `votes` > 0 for one body, < 0 for two.

    Attributes
    ----------
    first, second : ndarray of int64
        The two atoms.
    faces : ndarray of float64
        Voxel faces between them.
    votes : ndarray of float64
        Sum of the views' votes over those faces.
    """

    first: np.ndarray
    second: np.ndarray
    faces: np.ndarray
    votes: np.ndarray


# Within a slice two objects with two labels are a view's own word; a track over slices is only
# inferred, and one that breaks says next to nothing.
IN_PLANE = 1.0
LINKED = 0.5
BROKEN = 0.1
HALF = 0.3


def refine(atoms: Atoms, tracks: np.ndarray) -> Atoms:
    """Cut atoms by the tracks of one more view.

    Parameters
    ----------
    atoms
        Its `numbers` are changed in place.
    tracks
        (Z, Y, X) integer tracks, in any memory order.
    """
    keys, values, used = np.full(1024, -1, np.int64), np.zeros(1024, np.int64), 0
    for slab in slabs(tracks.shape):
        plane = np.ascontiguousarray(tracks[slab], np.int32).ravel()
        keys, values, used = _pair_up(atoms.numbers[slab].ravel(), plane, keys, values, used)
    found = np.flatnonzero(keys != -1)
    found = found[np.argsort(values[found])]
    old, new = keys[found] >> 32, keys[found] & 0xFFFFFFFF
    table = np.zeros((used + 1, atoms.tracks.shape[1] + 1), np.int32)
    table[1:, :-1] = atoms.tracks[old]
    table[1:, -1] = new
    sizes = np.zeros(used + 1, np.int64)
    for slab in slabs(tracks.shape):
        sizes += np.bincount(atoms.numbers[slab].ravel(), minlength=used + 1)
    sizes[0] = 0
    return Atoms(atoms.numbers, table, sizes)


@numba.njit(cache=True)
def _pair_up(
    atoms: np.ndarray, tracks: np.ndarray, keys: np.ndarray, values: np.ndarray, used: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Renumber (atom, track) pairs 1, 2, ... in place as they first appear."""
    last_a, last_b, number = np.int32(0), np.int32(0), 0
    for at in range(atoms.size):
        a, b = atoms[at], tracks[at]
        if a != last_a or b != last_b:
            last_a, last_b, number = a, b, 0
            if a or b:
                key = (np.int64(a) << 32) | np.int64(b)
                slot = slot_of(keys, key)
                if keys[slot] == -1:
                    used += 1
                    keys[slot] = key
                    values[slot] = used
                number = values[slot]
                if 2 * used > keys.size:
                    keys, values = grown(keys, values)
        atoms[at] = number
    return keys, values, used


def borders(atoms: Atoms, views: Sequence[View], offsets: Sequence[int]) -> Borders:
    """Count the voxel pairs between atoms at some distances, and sum the views' votes on them."""
    keys, values, used = np.full(1024, -1, np.int64), np.zeros(1024, np.int64), 0
    for offset in offsets:
        for slab in slabs(atoms.numbers.shape):
            # As many slices more as a pair needs.
            plane = atoms.numbers[slab.start : slab.stop + offset]
            stride = max(1, offset // 2)
            keys, values, used = _count_pairs(
                plane, slab.stop - slab.start, offset, stride, keys, values, used
            )
    found = np.flatnonzero(keys != -1)
    second = keys[found] & 0x7FFFFFFF
    first, axis = np.divmod(keys[found] >> 31, 3)
    order = np.lexsort((axis, second, first))
    first, second, axis, pairs = first[order], second[order], axis[order], values[found][order]
    votes = np.zeros(found.size)
    for column, view in enumerate(views):
        here, there = atoms.tracks[first, column], atoms.tracks[second, column]
        across = axis == VIEWS.index(view)
        one = np.where(across, LINKED, IN_PLANE)
        two = np.where(across, BROKEN, IN_PLANE)
        half = np.where(across, 0.0, HALF)
        vote = np.where(here == there, one, -two)
        vote = np.where((here > 0) ^ (there > 0), -half, vote)
        votes += np.where((here > 0) | (there > 0), vote, 0.0) * pairs
    if not first.size:
        return Borders(first, second, pairs.astype(float), votes)
    starts = np.flatnonzero(np.diff((first << 31) | second, prepend=-1))
    return Borders(
        first[starts],
        second[starts],
        np.add.reduceat(pairs, starts).astype(float),
        np.add.reduceat(votes, starts),
    )


@numba.njit(cache=True)
def _count_pairs(
    atoms: np.ndarray,
    depth: int,
    offset: int,
    stride: int,
    keys: np.ndarray,
    values: np.ndarray,
    used: int,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Count pairs by (smaller atom, axis, larger atom) from the first `depth` slices on."""
    shape = atoms.shape
    for z in range(0, min(depth, shape[0]), stride):
        for y in range(0, shape[1], stride):
            for x in range(0, shape[2]):
                a = atoms[z, y, x]
                if a == 0:
                    continue
                for axis in range(3):
                    if axis == 0:
                        b = atoms[z + offset, y, x] if z + offset < shape[0] else 0
                    elif axis == 1:
                        b = atoms[z, y + offset, x] if y + offset < shape[1] else 0
                    else:
                        b = atoms[z, y, x + offset] if x + offset < shape[2] else 0
                    if b == 0 or b == a:
                        continue
                    low, high = np.int64(min(a, b)), np.int64(max(a, b))
                    key = ((low * 3 + axis) << 31) | high
                    slot = slot_of(keys, key)
                    if keys[slot] == -1:
                        keys[slot] = key
                        used += 1
                    values[slot] += 1
                    if 2 * used > keys.size:
                        keys, values = grown(keys, values)
    return keys, values, used
