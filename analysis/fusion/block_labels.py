"""One numbering for labels that were made block by block."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .._shared.overlaps import overlap_table
from .fragments import least_voxels


class JoinedLabels(NamedTuple):
    """Bodies of the whole volume.

    Attributes
    ----------
    names : list of ndarray of int32
        For each block, the body of each of its labels; 0 where there is none.
    sizes : ndarray of int64, shape (n_bodies + 1,)
        Voxels of each body in the whole volume; entry 0 is 0.
    """

    names: list[np.ndarray]
    sizes: np.ndarray


def match_labels(first: np.ndarray, second: np.ndarray, min_iou: float = 0.5) -> np.ndarray:
    """Find the labels of two blocks that are one body, where the blocks overlap.

    Parameters
    ----------
    first, second
        The same voxels as two blocks labelled them.
    min_iou
        They are one body above this IoU; from 1/2 on no label has two partners.

    Returns
    -------
    ndarray of int64, shape (n, 2)
        Pairs of labels.
    """
    table = overlap_table(first, second)
    size_first = np.bincount(table.first, weights=table.counts)
    size_second = np.bincount(table.second, weights=table.counts)
    union = size_first[table.first] + size_second[table.second] - table.counts
    same = (table.first > 0) & (table.second > 0) & (table.counts > min_iou * union)
    return np.stack([table.first[same], table.second[same]], axis=1)


def join_labels(
    core_sizes: Sequence[np.ndarray],
    matches: Mapping[tuple[int, int], np.ndarray],
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    min_diameter: float | None = None,
) -> JoinedLabels:
    """Give the bodies of all blocks one numbering, those that blocks share one number.

    Parameters
    ----------
    core_sizes
        For each block, how many voxels of its own each of its labels has (those of the overlap
        belong to one block only).
    matches
        For pairs of blocks, the labels that are one body (`match_labels`).
    spacing
        Voxel size (z, y, x), um.
    min_diameter
        Smaller bodies are dropped, by the rule of `drop_fragments`.

    Returns
    -------
    JoinedLabels
        Bodies are numbered 1..n in the order of blocks and labels.
    """
    starts = np.cumsum([0, *(sizes.size for sizes in core_sizes)])
    sizes = np.concatenate([*core_sizes, np.zeros(0, np.int64)]).astype(np.int64)
    sizes[starts[:-1]] = 0
    links = [pairs + starts[[a, b]] for (a, b), pairs in matches.items()]
    first, second = np.concatenate([*links, np.zeros((0, 2), np.int64)]).T
    graph = coo_array((np.ones(first.size), (first, second)), shape=(sizes.size, sizes.size))
    _, body = connected_components(graph, directed=False)
    whole = np.bincount(body, weights=sizes).astype(np.int64)
    kept = (whole > 0) & (whole >= least_voxels(whole[whole > 0], spacing, min_diameter))
    order, where = np.unique(body[kept[body]], return_index=True)
    number = np.zeros(whole.size, np.int32)
    number[order[np.argsort(where)]] = np.arange(1, order.size + 1)
    names = [number[body[a:b]] for a, b in pairwise(starts)]
    return JoinedLabels(
        names, np.concatenate([[0], whole[order[np.argsort(where)]]]).astype(np.int64)
    )
