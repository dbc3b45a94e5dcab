"""Reading files whole: one image with its pixel size, or the array of any file."""

import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from particlebridge.analysis.io.errors import check_memory, check_stand_in, reraise_with_path
from particlebridge.analysis.io.images import (
    CROP,
    IMAGE_SUFFIXES,
    TIFF_SUFFIXES,
    opened_tiff,
    read_npy,
    read_picture,
    shape_text,
)
from particlebridge.analysis.io.pixels import whole_image
from particlebridge.analysis.io.tiff_series import main_image

from .chunked import open_chunked
from .chunked_source import is_chunked, split_dataset
from .data_bar import find_data_bar
from .stored_arrays import UNREADABLE
from .tiff_metadata import Sizes, data_bar_of, spacing_of


@dataclass(frozen=True)
class Image:
    """One 2-D image.

    Attributes
    ----------
    data
        (H, W) or (H, W, C) pixels.
    pixel_size
        (height, width) in micrometres, None if it is not known.
    source
        Its file.
    notes
        What was left out or assumed to read it, one sentence each.
    recorded_bar
        How many of the lowest rows are an electron microscope's data bar, if the file says so.
    """

    data: np.ndarray
    pixel_size: tuple[float, float] | None
    source: Path
    notes: tuple[str, ...] = ()
    recorded_bar: int = 0

    @cached_property
    def bar(self) -> int:
        """Rows of the data bar, which is found by its looks where the file does not record it."""
        return self.recorded_bar or find_data_bar(self.data)

    @property
    def sample(self) -> np.ndarray:
        """The pixels above the data bar."""
        return self.data[: len(self.data) - self.bar]


class Pixels(NamedTuple):
    """All that a file holds, as it is stored."""

    data: np.ndarray
    axes: str
    sizes: Sizes = Sizes(None)
    notes: tuple[str, ...] = ()
    bar: int = 0


def existing(path: str | os.PathLike[str]) -> Path:
    """Give a path whose file or folder is there, and is no stand-in for another one.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is a pointer of Git LFS, say.
    """
    path = Path(path)
    file = split_dataset(path)[0]
    if not file.exists():
        raise FileNotFoundError(f"{path}: no such file or folder")
    check_stand_in(file)
    return path


def read_image(path: str | os.PathLike[str]) -> Image:
    """Read one 2-D image, grey or with channels last.

    Parameters
    ----------
    path
        TIFF, PNG, JPEG, BMP or ``.npy``.

    Returns
    -------
    Image
        (H, W) or (H, W, C).

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_volume`, where the file is not one 2-D image.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.bridge import read_image
    >>> np.save("slice.npy", np.zeros((20, 30), np.uint8))
    >>> read_image("slice.npy").data.shape
    (20, 30)
    """
    path = existing(path)
    data, axes, sizes, notes, bar = read_array(path)
    kept = [(n, a) for n, a in zip(data.shape, axes, strict=True) if n > 1 or a in "YX"]
    data = data.reshape([n for n, _ in kept])
    axes = "".join(a for _, a in kept).replace("S", "C")
    if axes == "CYX":
        data, axes = np.moveaxis(data, 0, -1), "YXC"
    if data.ndim not in (2, 3) or (data.ndim == 3 and axes != "YXC"):
        fix = "give single slices, or this file by itself as a volume"
        raise ValueError(
            f"{path}: expected one 2-D image, found axes {axes} of shape {data.shape}; {fix}"
        )
    check_numbers(data, path)
    check_memory(data.nbytes, path, f"one image of {shape_text(data.shape)}", "crop it")
    size = sizes.recorded[1:] if sizes.recorded and sizes.has_unit else None
    return Image(data, size, path, (*notes, *sizes.notes), bar)


def is_image_stack(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file holds a volume (True) or one 2-D image, reading its header only."""
    path = existing(path)
    if is_chunked(path):
        source = open_chunked(path)
        return any(n > 1 for n, a in zip(source.shape, source.axes, strict=True) if a in "ZT")
    if path.suffix.lower() in TIFF_SUFFIXES:
        with opened_tiff(path) as tif:
            image = main_image(tif, path)
            sizes = dict(zip(image.axes, image.series.shape, strict=True))
            return any(sizes.get(axis, 1) > 1 for axis in "ZIQT")
    if path.suffix.lower() == ".npy":
        return read_npy(path).ndim == 3
    return False


def read_array(path: Path, palette: str = "grey") -> Pixels:
    """Read a file that is there, whole.

    Parameters
    ----------
    path
        Of any kind but a folder of slices.
    palette
        As `read_picture`.

    Returns
    -------
    Pixels
        Mapped where the file allows it.

    Raises
    ------
    ValueError
        If it cannot be read, or is of another kind.
    """
    if is_chunked(path):
        source = open_chunked(path, "labels" if palette == "labels" else "grey")
        with reraise_with_path(path, *UNREADABLE):
            array = source.opener()
            check_memory(math.prod(array.shape) * array.dtype.itemsize, path, "reading it", CROP)
            sizes = Sizes(source.spacing, has_unit=source.has_unit)
            return Pixels(np.asarray(array[...]), source.axes, sizes, source.notes)
    suffix = path.suffix.lower()
    if suffix in TIFF_SUFFIXES:
        with opened_tiff(path) as tif:
            pixels, axes, notes = whole_image(tif, path)
            return Pixels(pixels, axes, spacing_of(tif, path), notes, data_bar_of(tif))
    if suffix == ".npy":
        data = read_npy(path)
        axes = {2: "YX", 3: "ZYX"}.get(data.ndim, "")
        if not axes:
            raise ValueError(f"{path}: expected a 2-D or 3-D array, found shape {data.shape}")
        return Pixels(data, axes)
    if suffix in IMAGE_SUFFIXES:
        data = read_picture(path, palette=palette)
        return Pixels(data, "YX" if data.ndim == 2 else "YXS")
    known = ".tif, .png, .npy, .zarr, .h5, .mat or a folder of slices"
    raise ValueError(f"{path}: unknown kind of file '{path.suffix}'; use {known}")


def check_numbers(data: np.ndarray, path: Path) -> None:
    """Refuse what holds no grey values: text, complex numbers, nothing at all."""
    if data.dtype.kind not in "iufb":
        raise ValueError(f"{path}: holds {data.dtype}, not grey values; save as 8-, 16- or 32-bit")
    if data.size == 0:
        raise ValueError(f"{path}: is empty (shape {data.shape})")
