"""Opening and reading volumes from what microscopes, Fiji and Python write."""

import math
import os
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from particlebridge.analysis.features.columns import LengthUnit
from particlebridge.analysis.io.errors import check_memory
from particlebridge.analysis.io.images import (
    CROP,
    TIFF_SUFFIXES,
    check_tiff_size,
    grey_of,
    opened_tiff,
    shape_text,
)
from particlebridge.analysis.io.tiff_series import main_image, open_pages

from .array_choice import Holds
from .axes import volume_axes
from .chunked import open_chunked
from .chunked_source import is_chunked
from .images import check_numbers, existing, read_array, read_image
from .slice_folder import SliceFiles, grey_slice, list_slices
from .stored_arrays import AnyArray, StoredArray, array_digest
from .tiff_metadata import Sizes, spacing_of
from .voxel_size import (
    KnownSize,
    Ratio,
    SizeFrom,
    Spacing,
    check_spacing,
    completed,
    known_size,
    length_unit,
    size_doubt,
)

Voxels = TypeVar("Voxels", bound=AnyArray)


@dataclass(frozen=True)
class Volume(Generic[Voxels]):
    """A volume as it was read or opened.

    Attributes
    ----------
    data
        (Z, Y, X) array, memory-mapped where the file allows it; any real number type. From
        `open_volume`, what cannot be mapped is a `StoredArray`.
    spacing
        Voxel size (z, y, x) in micrometres.
    spacing_from
        Where the voxel size comes from: ``"given"``; ``"metadata"``; ``"pixel size"`` where the
        distance between slices is not recorded; ``"ratio"`` where no unit of length is, and the
        smallest side is 1; or ``"unknown"`` (then it is 1, and lengths are in voxels).
    source
        The file or folder it was read from.
    notes
        What was chosen or assumed to read it, one sentence each.
    stored
        The voxels as they are read by slicing, also where `data` holds them `loaded`; None where
        `data` is mapped or was never in a file of its own.
    """

    data: Voxels
    spacing: Spacing
    spacing_from: SizeFrom
    source: Path
    notes: tuple[str, ...] = ()
    stored: StoredArray | None = None

    @property
    def doubts(self) -> list[str]:
        """What a person should know of how it was read: the notes, and a doubtful voxel size."""
        size = size_doubt(self.source, self.spacing, self.spacing_from)
        return [*self.notes, *([size] if size else [])]

    @property
    def known_size(self) -> KnownSize:
        """What files made of it may record of its voxel size."""
        return known_size(self.spacing, self.spacing_from)

    @property
    def unit(self) -> LengthUnit:
        """The unit of its lengths."""
        return length_unit(self.known_size)

    @property
    def size_key(self) -> dict[str, str]:
        """What results depend on beyond voxels and spacing: that no length is known."""
        return {} if self.unit == "um" else {"voxel_size": self.spacing_from}

    @property
    def facts(self) -> dict[str, Any]:
        """What run.json records of it."""
        size = self.known_size
        ratio = {"voxel_sides": size.sides} if isinstance(size, Ratio) else {}
        return {
            "path": self.source,
            "shape": self.data.shape,
            "dtype": str(self.data.dtype),
            "digest": self.digest,
            "voxel_size_um": size if isinstance(size, tuple) else None,
            **ratio,
            "voxel_size_from": self.spacing_from,
            **({"notes": self.notes} if self.notes else {}),
        }

    @cached_property
    def digest(self) -> str:
        """What tells these voxels from others; computed once, since it reads them all."""
        return array_digest(self.data)

    def loaded(self) -> "Volume[np.ndarray]":
        """Give the same volume with its voxels in memory, or mapped as they were.

        Raises
        ------
        ValueError
            If they do not fit into memory.
        """
        data = self.data
        if isinstance(data, StoredArray):
            what = f"reading its {shape_text(data.shape)} voxels at once"
            check_memory(data.nbytes, self.source, what, "run it with --format zarr, or crop it")
            return replace(self, data=data[:])  # type: ignore[arg-type, return-value]
        return self  # type: ignore[return-value]

    def voxels(self, remote: bool) -> AnyArray:
        """Give the voxels as this process reads them, or as other processes open them."""
        return self.for_workers() if remote else self.data

    def for_workers(self) -> StoredArray:
        """Give the voxels as what other processes open and read for themselves."""
        if self.stored is not None:
            return self.stored
        # Any part of a mapped file can be read by itself.
        return StoredArray(partial(_mapped, self.source), self.source, (1, 1, 1))


def read_volume(
    path: str | os.PathLike[str], voxel_size: Spacing | None = None
) -> Volume[np.ndarray]:
    """Read a 3-D volume of grey values.

    Parameters
    ----------
    path
        A TIFF (plain, ImageJ or OME), a ``.npy`` file, an OME-Zarr or Zarr folder, an HDF5
        dataset (``scan.h5::/path/to/dataset``), a variable of MATLAB (``scan.mat::name``: its rows,
        columns and pages are Y, X and Z), or a folder of numbered slices of one size, taken in the
        order of the numbers in their names.
    voxel_size
        (z, y, x) in micrometres; wins over what the file says.

    Returns
    -------
    Volume
        `data` is (Z, Y, X) of the file's dtype; `spacing` (z, y, x) in micrometres, and
        `spacing_from` says where it is from. Uncompressed TIFF and ``.npy`` are memory-mapped,
        not loaded; all else is in memory.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If it is not one readable 3-D volume of real numbers; the message names the fix.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.bridge import read_volume
    >>> np.save("scan.npy", np.zeros((5, 20, 30), np.uint16))
    >>> volume = read_volume("scan.npy", (0.1, 0.07, 0.07))
    >>> volume.data.shape, volume.spacing
    ((5, 20, 30), (0.1, 0.07, 0.07))
    """
    return open_volume(path, voxel_size).loaded()


def open_volume(
    path: str | os.PathLike[str], voxel_size: Spacing | None = None, holds: Holds = "grey"
) -> Volume[AnyArray]:
    """Open a 3-D volume of grey values, which may be larger than memory.

    Parameters
    ----------
    path
        A TIFF (plain, ImageJ or OME), a ``.npy`` file, an OME-Zarr or Zarr folder, an HDF5
        dataset (``scan.h5::/path/to/dataset``; see `open_chunked`), or a folder of numbered
        slices of one size, taken in the order of the numbers in their names.
    voxel_size
        (z, y, x) in micrometres; wins over what the file says.
    holds
        ``"grey"`` or ``"labels"``: what is looked for where a file holds both.

    Returns
    -------
    Volume
        Uncompressed TIFF and ``.npy`` are memory-mapped, all else is read as it is sliced: what
        is wrong with a chunk shows when it is read.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If it is not one readable 3-D volume of real numbers; the message names the fix.
    """
    path = existing(path)
    opened = _open_array(path, holds)
    data = opened.data
    stored = data if isinstance(data, StoredArray) else None
    if stored is not None:
        chunk = math.prod(stored.chunks) * stored.dtype.itemsize
        what = f"each of its pieces of {shape_text(stored.chunks)}"
        check_memory(chunk, path, what, "write it again as OME-Zarr in chunks of 64 x 64 x 64")
    if voxel_size is not None:
        return Volume(data, check_spacing(voxel_size), "given", path, opened.notes, stored)
    notes = (*opened.notes, *opened.sizes.notes)
    return Volume(
        data, *completed(opened.sizes.recorded, opened.sizes.has_unit), path, notes, stored
    )


def _mapped(path: Path) -> np.ndarray:
    return read_volume(path).data


class _Opened(NamedTuple):
    """An opened volume, what its file says of its voxel size, and what was assumed to read it."""

    data: AnyArray
    sizes: Sizes
    notes: tuple[str, ...] = ()


def _open_array(path: Path, holds: Holds) -> _Opened:
    """Open a volume, and read what its file says of its voxel size."""
    if is_chunked(path):
        source = open_chunked(path, holds)
        kept = volume_axes(source.shape, source.axes, path)
        chunks = [source.chunks[axis] for axis in kept]
        data = StoredArray(source.opener, path, chunks, kept)
        return _Opened(data, Sizes(source.spacing, has_unit=source.has_unit), source.notes)
    if path.is_dir():
        return _open_slices(path)
    if path.suffix.lower() in TIFF_SUFFIXES:
        with opened_tiff(path) as tif:
            image = main_image(tif, path)
            series = image.series
            packed = series.dataoffset is None and np.dtype(series.dtype).kind in "iufb"
            if packed and "S" not in image.axes:
                check_tiff_size(series, path)
                kept = volume_axes(series.shape, image.axes, path)
                page = (1, *series.shape[-2:])
                stored = StoredArray(partial(open_pages, path), path, page, kept)
                return _Opened(stored, spacing_of(tif, path), image.notes)
    pixels, axes, sizes, notes, _ = read_array(path)
    check_numbers(pixels, path)
    if "S" in axes and pixels.ndim > 3:
        check_memory(pixels.nbytes, path, "comparing its colours", CROP)
        grey = grey_of(np.moveaxis(pixels, axes.index("S"), -1))
        pixels, axes = (pixels, axes) if grey is None else (grey, axes.replace("S", ""))
    kept = volume_axes(pixels.shape, axes, path)
    return _Opened(pixels.reshape([pixels.shape[axis] for axis in kept]), sizes, notes)


def _open_slices(folder: Path) -> _Opened:
    files, notes = list_slices(folder)
    first = read_image(files[0])
    pixels = grey_slice(first.data, files[0])
    shape = (len(files), *pixels.shape)
    kept = volume_axes(shape, "ZYX", folder)
    opener = partial(SliceFiles, files, shape, pixels.dtype)
    recorded = (None, *first.pixel_size) if first.pixel_size else None
    if first.bar:
        low, high = len(pixels) - first.bar, len(pixels) - 1
        notes.append(
            f"{folder}: rows {low} to {high} of its slices look like a data bar; crop them"
        )
    data = StoredArray(opener, folder, (1, *shape[1:]), kept)
    return _Opened(data, Sizes(recorded), (*notes, *first.notes))
