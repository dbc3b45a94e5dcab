"""Pixels of single files as they are stored: TIFF, numpy arrays, pictures."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from .errors import check_declared_size, check_memory, reraise_with_path
from .tiff_pages import check_page_chain

TIFF_SUFFIXES = (".tif", ".tiff")
IMAGE_SUFFIXES = (*TIFF_SUFFIXES, ".png", ".jpg", ".jpeg", ".bmp")
UNREADABLE = ("its pixels cannot be read", "compare it with the original, or export it again")
CROP = "crop it, or write it as OME-Zarr"


@contextmanager
def opened_tiff(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF that holds an image.

    Parameters
    ----------
    path
        The file; nothing in it is trusted.

    Yields
    ------
    tifffile.TiffFile
        With at least one series; its chain of pages has an end.

    Raises
    ------
    ValueError
        If it is no TIFF or holds no pixels.
    """
    with reraise_with_path(path, "cannot be read as TIFF", "export it again"):
        check_page_chain(path)
        tif = tifffile.TiffFile(path)
    with tif:
        with reraise_with_path(path, "cannot be read as TIFF", "export it again"):
            _check_ome_sizes(tif, path)
            # tifffile only logs a broken first page.
            if not tif.series or not tif.series[0].size:
                raise ValueError("it has no pixels")
        yield tif


def _check_ome_sizes(tif: tifffile.TiffFile, path: Path) -> None:
    """Refuse an absurd size in OME-XML: tifffile lists all planes that it tells of."""
    if not tif.is_ome:
        return
    for pixels in re.findall(r"<(?:\w+:)?Pixels\s[^>]*", tif.ome_metadata or ""):
        sizes = re.findall(r"\sSize[XYZCT]\s*=\s*[\"'](\d{1,18})[\"']", pixels)
        check_declared_size(math.prod(map(int, sizes)), path.stat().st_size)


def check_tiff_size(series: tifffile.TiffPageSeries, path: Path) -> None:
    """Refuse an image or volume that declares more than its file can hold, before it is read.

    Raises
    ------
    ValueError
        If the file is cut short or declares an absurd size.
    """
    with reraise_with_path(path, *UNREADABLE):
        size = path.stat().st_size
        if series.dataoffset is not None:
            last = series.dataoffset + series.nbytes
            if last > size:
                raise ValueError(f"{last} bytes declared, {size} in the file")
            check_declared_size(series.nbytes, size)
            return
        # An OME-TIFF may lie in several files, one for each slice.
        files = {page.parent.filehandle for page in series if page is not None}
        check_declared_size(series.nbytes, sum(file.size for file in files))
        _check_strips(series)


def _check_strips(series: tifffile.TiffPageSeries) -> None:
    """Refuse strips or tiles that are not there: tifffile would read them as zeros."""
    wanted = math.prod(series.keyframe.chunked)
    for number, page in enumerate(series.pages, start=1):
        if page is None:
            raise ValueError(f"page {number} is missing")
        if min(len(page.dataoffsets), len(page.databytecounts)) < wanted:
            raise ValueError(f"page {number} lists {len(page.dataoffsets)} of {wanted:,} strips")
        size = page.parent.filehandle.size
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
            if offset + count > size:
                raise ValueError(f"page {number} ends at byte {offset + count:,} of {size:,}")


def tiff_pixels(series: tifffile.TiffPageSeries, path: Path) -> np.ndarray:
    """Read an image or volume of an opened TIFF, or map it where it lies in one piece.

    Raises
    ------
    ValueError
        As `check_tiff_size`, if a piece of it cannot be decoded, or if it is larger than memory.
    """
    check_tiff_size(series, path)
    if series.dataoffset is None:
        check_memory(series.nbytes, path, f"unpacking it to {shape_text(series.shape)}", CROP)
    with reraise_with_path(path, *UNREADABLE):
        # ImageJ writes big-endian: mapping it is fine, compiled code wants native order later.
        if series.dataoffset is None:
            return np.asarray(series.asarray()).reshape(series.shape)
        order = series.keyframe.parent.byteorder
        dtype = np.dtype(series.dtype).newbyteorder(order)
        return np.memmap(path, dtype, "r", series.dataoffset, series.shape)


def read_npy(path: Path) -> np.ndarray:
    """Map a ``.npy`` file; a pickle in it is refused, not run.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    with reraise_with_path(path, "cannot be read as .npy", "save it again"):
        _check_npy(path)
        return np.lib.format.open_memmap(path, mode="r")


def _check_npy(path: Path) -> None:
    """Say what is wrong with an array before numpy does in its own words."""
    heads = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    with path.open("rb") as file:
        head = heads.get(np.lib.format.read_magic(file))
        if head is None:
            return
        shape, _, dtype = head(file)
        if dtype.hasobject:
            raise ValueError("it holds Python objects, not numbers")
        declared, size = file.tell() + math.prod(shape) * dtype.itemsize, path.stat().st_size
    if declared > size:
        raise ValueError(f"{declared:,} bytes declared, {size:,} in the file")


def read_picture(path: Path, *, palette: str = "grey") -> np.ndarray:
    """Read PNG, JPEG or BMP.

    Parameters
    ----------
    path
        The file; nothing in it is trusted.
    palette
        What a picture with a palette holds: ``"grey"`` values, or ``"labels"``, its indices.

    Returns
    -------
    ndarray
        (H, W) or (H, W, 3), of 16 bits where the file has them; transparency is dropped.

    Raises
    ------
    ValueError
        If it cannot be decoded.
    """
    with (
        reraise_with_path(path, "cannot be read as an image", "save it again"),
        _picture(path) as picture,
    ):
        if picture.format == "PNG":
            _check_png(path)
        if _is_deep_png(path):
            check_declared_size(8 * math.prod(picture.size), path.stat().st_size)
            return _deep_png(path)
        kind = picture.mode
        if kind == "P" and palette == "labels":
            return np.asarray(picture)
        if kind in ("P", "1", "LA", "La"):
            return np.asarray(picture.convert("L"))
        plain = kind in ("L", "I", "F", "RGB") or kind.startswith("I;16")
        return np.asarray(picture if plain else picture.convert("RGB"))


def _check_png(path: Path) -> None:
    """Refuse a piece longer than the file: Pillow takes memory for it before it reads."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            end = file.tell() + int.from_bytes(head[:4], "big") + 4
            if end > size:
                raise ValueError(f"{end:,} bytes declared, {size:,} in the file")
            if head[4:] == b"IEND":
                return
            file.seek(end)


def _is_deep_png(path: Path) -> bool:
    """Tell whether a PNG has 16 bits and several channels: Pillow would drop the lower eight."""
    with path.open("rb") as file:
        head = file.read(26)
    return (
        len(head) == 26
        and head.startswith(b"\x89PNG\r\n\x1a\n")
        and head[24] == 16
        and head[25] in (2, 4, 6)
    )


def _deep_png(path: Path) -> np.ndarray:
    from imagecodecs import png_decode

    pixels = np.asarray(png_decode(path.read_bytes()))
    return pixels[..., 0] if pixels.shape[-1] == 2 else pixels[..., :3]


def grey_of(pixels: np.ndarray) -> np.ndarray | None:
    """Give the grey values of a picture that is stored in colour though it has none.

    Parameters
    ----------
    pixels
        (..., H, W, C): red, green and blue.

    Returns
    -------
    (..., H, W) ndarray or None
        None if the colours differ anywhere, or there are not three of them.
    """
    if pixels.shape[-1] != 3:
        return None
    red = pixels[..., 0]
    same = all(np.array_equal(red, pixels[..., k]) for k in (1, 2))
    return np.ascontiguousarray(red) if same else None


def _picture(path: Path) -> Any:
    from PIL import Image

    try:
        return Image.open(path)
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"{path}: declares more pixels than a PNG, JPEG or BMP may have; crop it, or save it "
            "as TIFF"
        ) from error


def shape_text(shape: Sequence[int]) -> str:
    """Write a shape as 3 x 100,000 x 100,000."""
    return " x ".join(f"{n:,}" for n in shape)
