"""Pixels of an image file as it is stored: an image, a stack, or labels."""

import os
from pathlib import Path

import numpy as np
import tifffile

from .images import TIFF_SUFFIXES, opened_tiff, read_picture, tiff_pixels
from .tiff_series import main_image, without_alpha


def read_pixels(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a label image or a stack of them, the indices of one with a palette.

    Parameters
    ----------
    path
        TIFF, PNG, JPEG or BMP.

    Returns
    -------
    ndarray
        (H, W), (H, W, C) or a stack.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no image, or is damaged.
    """
    return _read(path, palette="labels")[0]


def read_training_image(path: str | os.PathLike[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read an image or a stack to train on; parameters and errors as `read_pixels`.

    Returns
    -------
    pixels : ndarray
        Grey values of an image with a palette.
    notes : tuple of str
        What was left out or assumed, one sentence each.
    """
    return _read(path, palette="grey")


def whole_image(tif: tifffile.TiffFile, path: Path) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Read a TIFF's main image without transparency: pixels, axes, and what was assumed."""
    image = main_image(tif, path)
    pixels, axes = without_alpha(tiff_pixels(image.series, path), image.axes, image.series)
    return pixels, axes, image.notes


def _read(given: str | os.PathLike[str], palette: str) -> tuple[np.ndarray, tuple[str, ...]]:
    path = Path(given)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; check the path")
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return read_picture(path, palette=palette), ()
    with opened_tiff(path) as tif:
        data, axes, notes = whole_image(tif, path)
        channels = [a for n, a in zip(data.shape, axes, strict=True) if a in "SC" and n > 1]
        if len(channels) == 1:
            data = np.moveaxis(data, axes.index(channels[0]), -1)
        return np.array(data, data.dtype.newbyteorder("=")), notes
