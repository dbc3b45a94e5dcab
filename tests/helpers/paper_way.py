"""The published per-particle code written as its MATLAB does it: the whole volume each time.

Slow on purpose, and independent of the package: the tests hold `measure(..., recipe="paper")`
against it, and the benchmark its speed. It is spared the slowest part, a closing with a
4169-voxel structuring element: distance transforms do that here.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import ndimage

RADIUS = 10


def _within(mask: np.ndarray) -> np.ndarray:
    return ndimage.distance_transform_edt(~mask) <= RADIUS if mask.any() else mask


def _close_and_fill(mask: np.ndarray) -> np.ndarray:
    """imclose and imfill: beyond the array's edges lies nothing that could open it again."""
    dilated = _within(mask)
    closed = dilated if dilated.all() else ndimage.distance_transform_edt(dilated) > RADIUS
    return ndimage.binary_fill_holes(closed)


def _perimeter(mask: np.ndarray) -> int:
    return int((mask & ~ndimage.binary_erosion(mask)).sum())


def _median(mask: np.ndarray) -> np.ndarray:
    return ndimage.median_filter(mask.astype(np.uint8), 3, mode="reflect") > 0


def paper_way(data: np.ndarray, seg: np.ndarray, labels: Iterable[int], cube: int) -> pd.DataFrame:
    """Own features of some particles, `cube` (10 um) in voxels."""
    rows = []
    inner = np.zeros(seg.shape, np.float32)
    inner[(slice(cube, -cube),) * 3] = 1
    for label in labels:
        particle = seg == label
        index = np.argwhere(particle)
        tensor = np.cov(index.T, bias=True) + np.eye(3) / 12
        lengths = np.sqrt(np.linalg.eigvalsh(tensor))
        low, high = index.min(axis=0), index.max(axis=0) + 1
        box = tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))
        solid = particle[box]
        body = _close_and_fill(solid)
        grey = data[box][body]
        grey = grey[grey != 0]
        outer, whole = _perimeter(body), _perimeter(solid)
        outer_smooth, whole_smooth = _perimeter(_median(body)), _perimeter(_median(solid))
        volume = int(body.sum())

        wide = tuple(slice(max(0, a - cube), b + 1 + cube) for a, b in zip(low, high, strict=True))
        crop = seg[wide]
        filled = _close_and_fill(crop == label)
        ring = _within(filled) & ~filled
        with np.errstate(divide="ignore", invalid="ignore"):
            rows.append(
                {
                    "label": label,
                    **dict(zip("ZYX", index.mean(axis=0) + 1, strict=True)),
                    "Elongation": lengths[-1] / lengths[0],
                    "Volume": volume,
                    "EDensity": grey.mean(),
                    "Homogeneity": grey.std(ddof=1),
                    "SurfaceOuter": outer,
                    "SurfaceInner": whole - outer,
                    "RoughOuter": outer_smooth / outer,
                    "RoughInner": np.float64(whole_smooth - outer_smooth) / (whole - outer),
                    "VSratio": volume ** (1 / 3) / whole**0.5,
                    "Sphericity": 36 * np.pi * volume**2 / whole**3,
                    "Damage": (volume - int(solid.sum())) / volume,
                    "Contact": (crop[ring] > 0).mean(),
                    "PDensity": np.float64((crop > 0).sum()) / inner[wide].sum(),
                }
            )
    return pd.DataFrame(rows)
