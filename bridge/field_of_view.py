"""What of a volume was seen: reconstructions fill the rest with NaN or one constant."""

from pathlib import Path
from typing import Any

import numpy as np
from skimage.measure import label

from .stored_arrays import AnyArray, StoredArray, planes

# Fewer equal pixels in a corner are chance, not a filled outside.
_LEAST_FILL = 64


def field_of_view(volume: AnyArray, source: Path | str = "volume") -> AnyArray | None:
    """Find the voxels that were really measured.

    Reconstructions are often round: outside the field of view they hold NaN (float) or one
    constant. Slices are looked at one by one, so no copy of the volume is made.

    Parameters
    ----------
    volume
        (Z, Y, X) grey values.
    source
        Name for error messages.

    Returns
    -------
    (Z, Y, X) bool, or None
        True inside; None where everything was seen. An array in memory; of a volume that is not,
        a `StoredArray` packed in memory.

    Raises
    ------
    ValueError
        If NaN or infinite values lie inside the field of view, or nothing is finite.
    """
    stored = isinstance(volume, StoredArray)
    seen = _packed_mask(volume.shape) if stored else np.empty(volume.shape, bool)
    is_float = volume.dtype.kind == "f"
    everything, present = True, np.zeros(len(volume), bool)
    for z, plane in enumerate(planes(volume)):
        mask = ~_constant_corners(plane)
        if is_float:
            mask &= _finite(plane, z, source)
        everything &= bool(mask.all())
        present[z] = mask.any()
        seen[z] = mask
    if is_float:
        _check_missing_slices(present, source)
    if everything:
        return None
    return StoredArray(lambda: seen, Path(source), (1, *volume.shape[1:])) if stored else seen


def fill_outside(volume: np.ndarray, seen: AnyArray | None) -> np.ndarray:
    """Replace NaN outside the field of view by the median of what was seen.

    Parameters
    ----------
    volume
        (Z, Y, X).
    seen
        The mask of `field_of_view`, or None.

    Returns
    -------
    ndarray
        The same array where it holds no NaN, else a filled copy.
    """
    fill = fill_value(volume, seen)
    if fill is None or not np.isnan(volume.sum(dtype=np.float64)):
        return volume
    filled = np.array(volume, copy=True)
    filled[np.isnan(filled)] = fill
    return filled


def fill_value(volume: AnyArray, seen: AnyArray | None) -> float | None:
    """Give the median of what was seen, from 16 slices; None if there can be no NaN to fill."""
    if seen is None or volume.dtype.kind != "f":
        return None
    return float(np.nanmedian(np.asarray(volume[:: max(1, volume.shape[0] // 16)])))


def _packed_mask(shape: tuple[int, ...]) -> Any:
    import zarr

    return zarr.create_array({}, shape=shape, dtype=bool, chunks=(1, *shape[1:]))


def _finite(plane: np.ndarray, z: int, source: Path | str) -> np.ndarray:
    finite = np.isfinite(plane)
    if finite.all():
        return finite
    holes = label(~finite, connectivity=1)
    edge = np.unique(np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]]))
    inside = holes.max() > np.count_nonzero(edge)
    if inside or np.isinf(plane).any() or label(finite, connectivity=2).max() > 1:
        raise ValueError(
            f"{source}: slice {z} holds NaN or infinite values inside the field of view; "
            "fill or crop them first (NaN is accepted only outside it)"
        )
    return finite


def _check_missing_slices(measured: np.ndarray, source: Path | str) -> None:
    present = np.flatnonzero(measured)
    if present.size == 0:
        raise ValueError(f"{source}: holds no finite value")
    gaps = np.setdiff1d(np.arange(present[0], present[-1] + 1), present)
    if gaps.size:
        raise ValueError(
            f"{source}: slice {gaps[0]} is all NaN between measured slices; "
            "replace it or cut the volume there"
        )


def _constant_corners(plane: np.ndarray) -> np.ndarray:
    outside = np.zeros(plane.shape, bool)
    h, w = plane.shape
    if min(h, w) < 3:
        return outside
    for y, x in ((0, 0), (0, w - 1), (h - 1, 0), (h - 1, w - 1)):
        same = plane == plane[y, x]
        towards = (y + (1 if y == 0 else -1), x + (1 if x == 0 else -1))
        if outside[y, x] or not same[towards]:
            continue
        parts = label(same, connectivity=1)
        region = parts == parts[y, x]
        if _LEAST_FILL <= np.count_nonzero(region) < plane.size:
            outside |= region
    return outside
