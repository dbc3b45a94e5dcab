"""Writing stacks that open in Fiji and carry axes and voxel size; whole or not at all."""

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import tifffile
from particlebridge.analysis import atomic_path

from .voxel_size import KnownSize, Ratio

SOFTWARE = "Particlebridge"
"""What the TIFF tag of this name says of files of ours, as long as nobody else saves them."""

_CLASSIC_TIFF = 2**32 - 2**25


def write_labels(
    path: str | os.PathLike[str], labels: np.ndarray, spacing: KnownSize, note: str = ""
) -> None:
    """Write labels: uint16 ImageJ TIFF where they fit and the file stays below 4 GB, else OME-TIFF.

    Parameters
    ----------
    path
        Target; it appears when whole.
    labels
        (N, H, W) or (H, W) whole numbers from 0.
    spacing
        (step, height, width) of a voxel in micrometres, in the order of the stack's axes; a
        `Ratio` is written in pixels; None: unknown, and the file claims no size.
    note
        As `write_stack`.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    fits = labels.size == 0 or int(labels.max()) <= np.iinfo(np.uint16).max
    dtype = np.uint16 if fits else np.int32
    write_stack(
        path,
        iter(labels if labels.ndim == 3 else labels[None]),
        _stack_shape(labels),
        dtype,
        spacing,
        note,
    )


def write_map(path: str | os.PathLike[str], values: np.ndarray, spacing: KnownSize) -> None:
    """Write a float32 map, such as the probability, as a stack; parameters as `write_labels`."""
    write_stack(
        path,
        iter(values if values.ndim == 3 else values[None]),
        _stack_shape(values),
        np.float32,
        spacing,
    )


def write_mask(
    path: str | os.PathLike[str], mask: np.ndarray, spacing: KnownSize, note: str = ""
) -> None:
    """Write a mask as 0 and 255, as ImageJ's binary images are.

    Parameters
    ----------
    path, spacing
        As `write_labels`.
    mask
        Of uint8 it holds its values already (`analysis.void_evidence.coded`).
    note
        As `write_stack`.
    """
    stack = mask if mask.ndim == 3 else mask[None]
    planes = (p if p.dtype == np.uint8 else p.astype(np.uint8) * 255 for p in stack)
    write_stack(path, planes, _stack_shape(mask), np.uint8, spacing, note)


def write_stack(
    path: str | os.PathLike[str],
    planes: Iterable[np.ndarray],
    shape: tuple[int, int, int],
    dtype: Any,
    spacing: KnownSize,
    note: str = "",
) -> None:
    """Write planes one after the other, never holding the whole stack.

    Parameters
    ----------
    path
        Target; it appears when whole.
    planes
        `shape[0]` arrays of (H, W).
    shape
        (N, H, W).
    dtype
        Type on disk; whole numbers above 16 bit and files over 4 GB become OME-TIFF.
    spacing
        As `write_labels`.
    note
        A line that stays with the image: ImageJ's Image > Show Info shows it.
    """
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    imagej = size < _CLASSIC_TIFF and dtype in (np.uint8, np.uint16, np.float32)
    metadata: dict[str, Any] = {"axes": "ZYX"}
    sides = spacing.sides if isinstance(spacing, Ratio) else spacing
    has_unit = not isinstance(spacing, Ratio)
    if imagej and sides is not None:
        metadata |= {"spacing": sides[0], "unit": "micron" if has_unit else "pixel"}
    elif sides is not None:
        for axis, value in zip("ZYX", sides, strict=True):
            metadata[f"PhysicalSize{axis}"] = value
            metadata[f"PhysicalSize{axis}Unit"] = "µm" if has_unit else "pixel"
    if note:
        metadata["Info" if imagej else "Description"] = note
    converted = (np.ascontiguousarray(plane, dtype) for plane in planes)
    with atomic_path(path) as beside:
        tifffile.imwrite(
            beside,
            converted,
            shape=shape,
            dtype=dtype,
            imagej=imagej,
            ome=not imagej,
            bigtiff=not imagej,
            byteorder="<",  # so that our own readers map it without swapping
            resolution=None if sides is None else (1 / sides[2], 1 / sides[1]),
            metadata=metadata,
            software=SOFTWARE,
        )


def _stack_shape(stack: np.ndarray) -> tuple[int, int, int]:
    h, w = stack.shape[-2:]
    return (stack.shape[0] if stack.ndim == 3 else 1, h, w)
