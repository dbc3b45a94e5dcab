"""The 2-D objects of a stack of slices, each under a number of its own."""

from typing import NamedTuple

import cc3d
import numpy as np

from .._shared.overlaps import as_labels


class Objects2D(NamedTuple):
    """The 2-D objects of a stack under numbers of their own.

    Attributes
    ----------
    numbers : ndarray of int32, shape (N, H, W)
        1, 2, ... through the whole stack, no number in two slices; 0 background.
    slices : ndarray of int64, shape (n + 1,)
        Slice of each object; that of background is -1.
    sizes : ndarray of int64, shape (n + 1,)
        Pixels of each object.
    """

    numbers: np.ndarray
    slices: np.ndarray
    sizes: np.ndarray


def number_objects(labels: np.ndarray) -> Objects2D:
    """Give every 2-D object of a stack a number that no other slice uses.

    Pieces that lie apart are objects of their own.

    Parameters
    ----------
    labels
        (N, H, W) integer labels that may start again in every slice.
    """
    if labels.ndim != 3:
        raise ValueError(f"A stack of slices has three axes, not {labels.ndim}.")
    numbers = np.empty(labels.shape, np.int32)
    counts = np.zeros(len(labels), np.int64)
    sizes = [np.zeros(1, np.int64)]
    first = 0
    for index, plane in enumerate(labels):
        flat = cc3d.connected_components(as_labels(plane), connectivity=8)
        count = np.bincount(flat.ravel(), minlength=1)
        counts[index] = count.size - 1
        sizes.append(count[1:])
        numbers[index] = np.where(flat, flat.astype(np.int32) + first, 0)
        first += count.size - 1
    slices = np.concatenate([[-1], np.repeat(np.arange(len(labels)), counts)])
    return Objects2D(numbers, slices, np.concatenate(sizes))
