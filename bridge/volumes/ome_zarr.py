"""Writing volumes and stacks as OME-Zarr 0.4 (Zarr v2), which napari and Fiji open."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import DTypeLike
from particlebridge.analysis.io.atomic import remove_folder

from .multiscales import multiscale
from .voxel_size import KnownSize, working_size

_ALL_CHUNKS = {"chunks": "all are written"}
SLAB = 16
"""Slices of a view that are written together: the depth of its chunks."""

CHUNK = 64
"""Side of a chunk of a volume, voxels."""

# Zarr's own name for a chunk that is being written.
_PARTIAL = re.compile(r".+\.[0-9a-f]{32}\.partial")


def create_stack(
    path: str | os.PathLike[str],
    shape: Sequence[int],
    dtype: DTypeLike,
    spacing: KnownSize,
    chunks: Sequence[int] = (CHUNK, CHUNK, CHUNK),
) -> Any:
    """Make an OME-Zarr image of one level, to be filled chunk by chunk.

    Parameters
    ----------
    path
        Folder to make; what is there is replaced.
    shape
        Of the array, three axes.
    dtype
        Of the voxels.
    spacing
        Micrometres along each axis, in the array's own order; a `Ratio` is written without a unit;
        None: unknown, and the image claims no size.
    chunks
        Shape of a chunk; cut to that of the array.

    Returns
    -------
    zarr.Array
        Zeros. Writers of different chunks do not disturb each other, and a chunk on disk is
        whole or not there.

    Notes
    -----
    Version 0.4 of OME-NGFF, because fewer readers know 0.5. Chunks of zeros are written too,
    and an attribute says so: a missing chunk is a lost one.
    """
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=2)
    name = Path(path).name.removesuffix(".zarr")
    unit = {"unit": "micrometer"} if isinstance(spacing, tuple) else {}
    axes = [{"name": axis, "type": "space", **unit} for axis in "zyx"]
    scale = {"type": "scale", "scale": [float(s) for s in working_size(spacing)]}
    image: Any = [
        {
            "version": "0.4",
            "name": name,
            "axes": axes,
            "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
        }
    ]
    group.attrs["multiscales"] = image
    group.attrs["particlebridge"] = _ALL_CHUNKS
    return group.create_array(
        "0",
        shape=tuple(shape),
        dtype=dtype,
        chunks=tuple(min(c, n) for c, n in zip(chunks, shape, strict=True)),
        chunk_key_encoding={"name": "v2", "separator": "/"},
        compressors=_zstd(),
        fill_value=0,
        config={"write_empty_chunks": True},
    )


def mark_labels(stack: Path, target: Path, image: Path | None = None) -> None:
    """Say in a stack's attributes that its values are labels, as OME-NGFF's `image-label` does.

    Parameters
    ----------
    stack
        Of `create_stack`.
    target
        Where it will lie.
    image
        What the labels are of; named, by its path from the labels, if it is an OME-Zarr image.
    """
    import zarr

    told: Any = {"version": "0.4"}
    if image is not None and (path := _from(target, image)):
        told["source"] = {"image": path}
    zarr.open_group(stack, mode="r+").attrs["image-label"] = told


def _from(target: Path, image: Path) -> str:
    """Give the path from labels to the OME-Zarr image that they are of, "" if it is none."""
    import zarr

    try:
        group = zarr.open_group(image, mode="r")
        # On Windows there is no way from one drive to another.
        return Path(os.path.relpath(image, target)).as_posix() if multiscale(group) else ""
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""


def writes_all_chunks(path: str | os.PathLike[str]) -> bool:
    """Tell whether an image is one of `create_stack`, of which no chunk may be missing."""
    try:
        attributes = json.loads((Path(path) / ".zattrs").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(attributes, dict) and attributes.get("particlebridge") == _ALL_CHUNKS


def open_stack(path: str | os.PathLike[str]) -> Any:
    """Open an array of `create_stack` to write to it."""
    import zarr

    # zarr's open_array passes over a `config` argument where the array is there already.
    with zarr.config.set({"array.write_empty_chunks": True}):
        return zarr.open_array(Path(path) / "0", mode="r+")


def place_stack(stack: Path, target: Path) -> None:
    """Move a stack that is whole to its name, without the chunks that killed writers left in it.

    Parameters
    ----------
    stack
        Of `create_stack`; nobody writes to it any more. That there is none is no error.
    target
        Its name; what is there, the caller's own, is replaced.
    """
    for file in stack.rglob("*.partial"):
        if _PARTIAL.fullmatch(file.name):
            file.unlink()
    remove_folder(target)
    if stack.exists():
        stack.rename(target)


def _zstd() -> Any:
    import numcodecs

    return numcodecs.Zstd(level=1)
