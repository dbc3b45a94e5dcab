"""Work on a volume in pieces, on all processors, by compiled loops that need no Python lock."""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np

# Pieces have no more voxels than this, so that copies of those under way stay small.
_PIECE = 1 << 24

Result = TypeVar("Result")


def thread_count() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_pieces(work: Callable[[int, int], Result], shape: tuple[int, ...]) -> list[Result]:
    """Call ``work(start, stop)`` for pieces of an array's first axis; the results in order.

    Parameters
    ----------
    work
        Must only write to what belongs to its own piece.
    shape
        The array's shape.
    """
    workers = thread_count()
    # A few pieces for each processor: they do not all take equally long.
    pieces = min(shape[0], max(4 * workers, math.ceil(math.prod(shape) / _PIECE)))
    edges = np.linspace(0, shape[0], pieces + 1).astype(int).tolist() if pieces else []
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda piece: work(*piece), pairwise(edges)))
