"""The paper's per-particle recipe written as its MATLAB code does it: the whole volume each time.

Slow on purpose, and independent of the package: the tests hold `measure(..., recipe="paper")`
against it, and the benchmark its speed. It is spared the slowest part, a closing with a
4169-voxel structuring element: distance transforms do that here.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import ndimage


def _within(mask: np.ndarray, radius: int) -> np.ndarray:
    return ndimage.distance_transform_edt(~mask) <= radius if mask.any() else mask


def _close_and_fill(mask: np.ndarray, radius: int) -> np.ndarray:
    padded = np.pad(mask, radius + 1)
    closed = ndimage.distance_transform_edt(_within(padded, radius)) > radius
    filled = ndimage.binary_fill_holes(closed)
    return filled[(slice(radius + 1, -radius - 1),) * 3]


def _perimeter(mask: np.ndarray) -> int:
    return int((mask & ~ndimage.binary_erosion(mask)).sum())


def _median(mask: np.ndarray) -> np.ndarray:
    return ndimage.median_filter(mask.astype(np.uint8), 3, mode="constant") > 0


def paper_way(
    data: np.ndarray, seg: np.ndarray, labels: Iterable[int], radius: int, cube: int
) -> pd.DataFrame:
    """Own features of some particles, `radius` and `cube` in voxels."""
    rows = []
    for label in labels:
        particle = seg == label
        around = np.ones_like(seg, dtype=np.float32)
        index = np.argwhere(particle)
        tensor = np.cov(index.T, bias=True) + np.eye(3) / 12
        lengths = np.sqrt(np.linalg.eigvalsh(tensor))
        low, high = index.min(axis=0), index.max(axis=0) + 1
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        solid = np.pad(particle[box], 1)
        others = np.pad((seg[box] != label) & (seg[box] > 0), 1)
        body = _close_and_fill(solid, radius) & ~others
        grey = (np.pad(data[box], 1) * body)[body]
        grey = grey[grey != 0]
        outer, whole = _perimeter(body), _perimeter(solid)
        outer_smooth, whole_smooth = _perimeter(_median(body)), _perimeter(_median(solid))
        volume = int(body.sum())

        wide = tuple(
            slice(max(0, a - cube), min(n, b + cube))
            for a, b, n in zip(low, high, seg.shape, strict=True)
        )
        crop = seg[wide]
        alone = crop == label
        filled = _close_and_fill(alone, radius) & ~((crop != label) & (crop > 0))
        ring = _within(filled, radius) & ~filled
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
                "RoughInner": (whole_smooth - outer_smooth) / (whole - outer)
                if whole != outer
                else 1.0,
                "VSratio": volume ** (1 / 3) / whole**0.5,
                "Sphericity": 36 * np.pi * volume**2 / whole**3,
                "Damage": (volume - int(solid.sum())) / volume,
                "Contact": (crop[ring] > 0).mean(),
                "PDensity": (crop > 0).sum() / around[wide].sum(),
            }
        )
    return pd.DataFrame(rows)
