"""Consensus of the views: atoms, votes, bodies."""

from collections.abc import Mapping
from typing import NamedTuple

import numba
import numpy as np

from .agglomeration import agglomerate
from .atoms import Atoms, borders, refine
from .fragments import drop_fragments
from .linking import link_objects, number_objects
from .views import VIEWS, View, from_view


def consensus(
    stacks: Mapping[View, np.ndarray],
    spacing: tuple[float, float, float],
    min_diameter: float | None,
    min_iou: float,
    max_gap: int,
) -> np.ndarray:
    """Give the bodies on which the views' 2-D objects agree.

    Parameters
    ----------
    stacks
        Each view's 2-D labels in its own order.
    min_iou, max_gap
        As in `link_slices`.
    min_voxels
        Smaller bodies are dropped.

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)
    """
    atoms = cut_into_atoms(stacks, min_iou, max_gap)
    edges = borders(atoms, list(stacks), [1, 3, 6])
    n = len(atoms.sizes)
    cluster = agglomerate(edges.first, edges.second, edges.votes, edges.faces, n, False)
    volumes = np.bincount(cluster, weights=atoms.sizes, minlength=cluster.max() + 1)
    axes = np.array([VIEWS.index(view) for view in stacks])
    low, offsets, seen = find_presence(atoms, cluster, axes)
    labels = atoms.numbers
    body = np.where(volumes[cluster] >= 27, cluster, 0)
    body[0] = 0
    fraction = vote(labels, atoms.tracks, cluster, axes, low, offsets, seen)
    labels = settle(body[labels].astype(np.int32), fraction)
    return drop_fragments(labels, spacing, min_diameter)


def cut_into_atoms(stacks, min_iou, max_gap):
    shape = next(from_view(stack, view).shape for view, stack in stacks.items())
    atoms = Atoms(np.zeros(shape, np.int32), np.zeros((1, 0), np.int32), np.zeros(1, np.int64))
    for view, stack in stacks.items():
        objects = number_objects(stack)
        tracks = link_objects(objects, min_iou, max_gap)
        for plane in objects.numbers:
            np.take(tracks, plane, out=plane)
        atoms = refine(atoms, from_view(objects.numbers, view))
    return atoms


class Presence(NamedTuple):
    """Where each view has something of a cluster: bit v of flags[axis part]."""

    starts: np.ndarray
    offsets: np.ndarray
    seen: np.ndarray


def find_presence(atoms: Atoms, cluster: np.ndarray, axes: np.ndarray) -> Presence:
    n = int(cluster.max()) + 1
    low, high = _extents(atoms.numbers, cluster, n)
    lengths = np.maximum(high - low + 1, 0)[:, axes]
    offsets = np.concatenate([[0], np.cumsum(lengths)])[:-1].reshape(lengths.shape)
    total, own = _cross_sections(
        atoms.numbers, atoms.tracks, cluster, axes, low, offsets, int(lengths.sum())
    )
    return Presence(low, offsets, 4 * own >= total)


@numba.njit(cache=True)
def _extents(atoms, cluster, n):
    low = np.full((n, 3), 2**31 - 1, np.int64)
    high = np.full((n, 3), -1, np.int64)
    for z in range(atoms.shape[0]):
        for y in range(atoms.shape[1]):
            for x in range(atoms.shape[2]):
                a = atoms[z, y, x]
                if a:
                    k = cluster[a]
                    low[k, 0] = min(low[k, 0], z)
                    low[k, 1] = min(low[k, 1], y)
                    low[k, 2] = min(low[k, 2], x)
                    high[k, 0] = max(high[k, 0], z)
                    high[k, 1] = max(high[k, 1], y)
                    high[k, 2] = max(high[k, 2], x)
    return low, high


@numba.njit(cache=True)
def _cross_sections(atoms, tracks, cluster, axes, low, offsets, length):
    total, own = np.zeros(length, np.int64), np.zeros(length, np.int64)
    for z in range(atoms.shape[0]):
        for y in range(atoms.shape[1]):
            for x in range(atoms.shape[2]):
                a = atoms[z, y, x]
                if a:
                    k = cluster[a]
                    for v in range(axes.size):
                        axis = axes[v]
                        at = z if axis == 0 else (y if axis == 1 else x)
                        at += offsets[k, v] - low[k, axis]
                        total[at] += 1
                        own[at] += tracks[a, v] > 0
    return total, own


@numba.njit(cache=True)
def vote(atoms, tracks, cluster, axes, low, offsets, seen):
    shape = atoms.shape
    fraction = np.zeros(shape, np.uint8)
    for z in range(shape[0]):
        for y in range(shape[1]):
            for x in range(shape[2]):
                a = atoms[z, y, x]
                if a:
                    k = cluster[a]
                    ayes = 0
                    noes = 0
                    for v in range(axes.size):
                        if tracks[a, v] > 0:
                            ayes += 1
                        else:
                            axis = axes[v]
                            at = z if axis == 0 else (y if axis == 1 else x)
                            noes += seen[at + offsets[k, v] - low[k, axis]]
                    fraction[z, y, x] = (240 * ayes) // (ayes + noes)
    return fraction


@numba.njit(cache=True)
def settle(labels, fraction):
    shape = labels.shape
    out = np.zeros(shape, np.int32)
    names, tally = np.zeros(27, np.int32), np.zeros(27, np.int64)
    for z in range(shape[0]):
        z0, z1 = max(z - 1, 0), min(z + 1, shape[0] - 1)
        for y in range(shape[1]):
            y0, y1 = max(y - 1, 0), min(y + 1, shape[1] - 1)
            for x in range(shape[2]):
                x0, x1 = max(x - 1, 0), min(x + 1, shape[2] - 1)
                own, f = labels[z, y, x], fraction[z, y, x]
                same = True
                for zz in range(z0, z1 + 1):
                    for yy in range(y0, y1 + 1):
                        for xx in range(x0, x1 + 1):
                            if labels[zz, yy, xx] != own or fraction[zz, yy, xx] != f:
                                same = False
                if same:
                    out[z, y, x] = own if 2 * f > 240 else 0
                    continue
                used, inside, all_ = 0, 0, 0
                for zz in range(z0, z1 + 1):
                    for yy in range(y0, y1 + 1):
                        for xx in range(x0, x1 + 1):
                            w = (2 - abs(zz - z)) * (2 - abs(yy - y)) * (2 - abs(xx - x))
                            all_ += w * 240
                            w = w * np.int64(fraction[zz, yy, xx])
                            inside += w
                            name = labels[zz, yy, xx]
                            if name:
                                k = 0
                                while k < used and names[k] != name:
                                    k += 1
                                if k == used:
                                    names[k] = name
                                    tally[k] = 0
                                    used += 1
                                tally[k] += w
                if 2 * inside > all_ and used:
                    best = 0
                    for k in range(1, used):
                        if tally[k] > tally[best]:
                            best = k
                    out[z, y, x] = names[best]
    return out
