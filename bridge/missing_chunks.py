"""Chunks that a copy or a crash has lost, told from those that a writer left out as empty."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

_LEAST_EMPTY = 0.5


def check_chunks(
    data: Any, present: np.ndarray, cell: Sequence[int], fill: Any, path: Path
) -> None:
    """Refuse an array with lost chunks, which libraries read as the fill value.

    Zarr and HDF5 may leave out chunks that hold nothing but the fill value. Emptiness of that
    kind does not end just where a chunk does: the voxels across the border are mostly empty
    too. Where most of them are not, the chunk is lost. A lost chunk that was nearly empty
    cannot be told from an empty one.

    Parameters
    ----------
    data
        The array, in memory or on disk: only what lies beside missing chunks is read.
    present
        For each chunk of its grid, whether it is stored; as many axes as `data`.
    cell
        Shape of a chunk.
    fill
        What missing chunks were read as; None if that is not defined.
    path
        For the message.

    Raises
    ------
    ValueError
        If a chunk is lost; names its first voxel.
    """
    if present.all():
        return
    if not present.any():
        raise ValueError(f"{path}: none of its {present.size} chunks is there; copy it again")
    groups, count = ndimage.label(~present)
    touching = np.zeros(count + 1)
    empty = np.zeros(count + 1)
    for axis in range(data.ndim):
        for side in (1, -1):
            _look_across(data, groups, cell, fill, axis, side, touching, empty)
    lost = np.flatnonzero(empty < _LEAST_EMPTY * touching)
    if lost.size or fill is None:
        where = np.argwhere(groups == lost[0] if lost.size else groups > 0)
        first = tuple(int(v) for v in where[0] * np.asarray(cell))
        raise ValueError(
            f"{path}: {_missing(~present)} missing, "
            f"the one at voxel {first} amid data; copy it again, or cut the volume there"
        )


def _look_across(
    data: Any,
    groups: np.ndarray,
    cell: Sequence[int],
    fill: Any,
    axis: int,
    side: int,
    touching: np.ndarray,
    empty: np.ndarray,
) -> None:
    """Count, for each group of missing chunks, the stored voxels across one kind of border."""
    length = groups.shape[axis]
    here = np.moveaxis(groups, axis, 0)
    missing = here[: length - 1] if side == 1 else here[1:]
    beyond = here[1:] if side == 1 else here[: length - 1]
    for place in np.argwhere((missing > 0) & (beyond == 0)):
        at, *across = (int(v) for v in place)
        border = (at + 1) * cell[axis]
        extents = [n for a, n in enumerate(cell) if a != axis]
        window = [slice(c * n, (c + 1) * n) for c, n in zip(across, extents, strict=True)]
        window.insert(axis, slice(border, border + 1) if side == 1 else slice(border - 1, border))
        voxels = np.asarray(data[tuple(window)])
        group = missing[tuple(place)]
        touching[group] += voxels.size
        empty[group] += np.count_nonzero(voxels == fill if fill == fill else voxels != voxels)


def _missing(absent: np.ndarray) -> str:
    count = np.count_nonzero(absent)
    return f"{count} of its {absent.size} chunks {'is' if count == 1 else 'are'}"
