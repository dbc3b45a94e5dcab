"""Finished slices as the Groovy commands write them (fiji_macros/shared/Particles.groovy)."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from particlebridge import analysis
from particlebridge.analysis import Polygons, Prediction

_MAGIC = 0x31504250
_HEADER = np.dtype("<i4")
_HEADER_LENGTH = 7


@dataclass(frozen=True, eq=False)
class Part:
    """One slice's result.

    Attributes
    ----------
    prediction
        What the engine hands on.
    inner
        (H', W') of the image that the network saw.
    """

    prediction: Prediction
    inner: tuple[int, int]


def read_part(path: str | os.PathLike[str]) -> Part:
    """Read a finished slice.

    Little-endian: int32 magic, H, W, H', W', n, 3 + rays; uint16 labels (H, W); float32 prob and
    dist (H, W); float32 (n, 3 + rays) with y, x, probability and distances, network pixels.

    Parameters
    ----------
    path
        Such as ``.parts/00012.pbp``.

    Returns
    -------
    Part

    Raises
    ------
    ValueError
        If the file is cut short, or is none of these.
    """
    path = Path(path)
    data = path.read_bytes()
    size = _HEADER_LENGTH * _HEADER.itemsize
    if len(data) < size:
        raise ValueError(f"{path}: is damaged (too short); delete it and run again")
    magic, h, w, inner_h, inner_w, n, columns = np.frombuffer(
        data, _HEADER, _HEADER_LENGTH
    ).tolist()
    expected = size + 10 * h * w + 4 * n * columns
    sound = magic == _MAGIC and min(h, w, inner_h, inner_w) > 0 and n >= 0
    if not sound or len(data) != expected or (n > 0 and columns < 6):
        what = "is not a finished slice of Fiji"
        if sound and len(data) < expected:
            what = f"is damaged ({len(data):,} of {expected:,} bytes)"
        raise ValueError(f"{path}: {what}; delete it and run again")
    labels = np.frombuffer(data, "<u2", h * w, size).reshape(h, w)
    maps = np.frombuffer(data, "<f4", 2 * h * w, size + 2 * h * w).reshape(2, h, w)
    rays = np.frombuffer(data, "<f4", n * columns, size + 10 * h * w).reshape(n, columns)
    scale = inner_h / h, inner_w / w
    return Part(
        Prediction(
            labels=labels.astype(np.int32),
            prob=maps[0].astype(np.float32),
            dist=maps[1].astype(np.float32),
            polygons=analysis.rescale_polygons(_polygons(rays), scale),
        ),
        (inner_h, inner_w),
    )


def _polygons(rays: NDArray[np.float32]) -> Polygons:
    if len(rays) == 0:
        return Polygons.from_rays(np.empty((0, 2)), np.empty((0, 3)), np.empty(0))
    return Polygons.from_rays(rays[:, :2], rays[:, 3:], rays[:, 2])
