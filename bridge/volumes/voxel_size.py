"""Voxel sizes: (z, y, x) in micrometres, as people and files write them."""

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from particlebridge.analysis._shared.views import View, view_spacing, volume_spacing
from particlebridge.analysis.features.columns import LengthUnit

from .length_units import to_micrometres

Spacing = tuple[float, float, float]
Recorded = tuple[float | None, float, float]
"""(z, y, x) in micrometres as a file records it; without the z step if z is None."""
SizeFrom = Literal["given", "metadata", "pixel size", "ratio", "unknown"]
"""Where a voxel size is from; ``"ratio"``: from numbers without a unit of length."""


@dataclass(frozen=True)
class Ratio:
    """The sides (z, y, x) of a voxel without a unit of length: only their ratio is known."""

    sides: Spacing


KnownSize = Spacing | Ratio | None
"""What a file may record of its voxel size: micrometres, the ratio of the sides, or nothing."""


def known_size(spacing: Spacing, size_from: SizeFrom) -> KnownSize:
    """Tell what of a voxel size is known: a size filled in for calculations is not."""
    if size_from == "unknown":
        return None
    return Ratio(spacing) if size_from == "ratio" else spacing


def in_view(size: KnownSize, view: View) -> KnownSize:
    """Give what is known of a voxel size in the order of a view's stack."""
    if isinstance(size, Ratio):
        return Ratio(view_spacing(size.sides, view))
    return None if size is None else view_spacing(size, view)


def in_volume(size: KnownSize, view: View) -> KnownSize:
    """Give what a view's stack records in (Z, Y, X) order; the inverse of `in_view`."""
    if isinstance(size, Ratio):
        return Ratio(volume_spacing(size.sides, view))
    return None if size is None else volume_spacing(size, view)


def best_known(*sizes: KnownSize) -> KnownSize:
    """Choose the size of which most is known, the first of equals."""
    return max(sizes, key=lambda size: (size is not None) + isinstance(size, tuple))


def working_size(size: KnownSize) -> Spacing:
    """Give the sides to calculate with: without a size, cubes of side 1."""
    return size.sides if isinstance(size, Ratio) else size or (1.0, 1.0, 1.0)


def length_unit(size: KnownSize) -> LengthUnit:
    """Name the unit of lengths: micrometres, or the smallest side of a voxel without a size."""
    return "um" if isinstance(size, tuple) else "voxel"


def check_spacing(spacing: Sequence[float]) -> Spacing:
    """Check a voxel size: three positive, finite micrometres."""
    z, y, x = (float(v) for v in spacing)
    if not all(math.isfinite(v) and v > 0 for v in (z, y, x)):
        raise ValueError(f"voxel size {z}, {y}, {x} must be three positive numbers (Z,Y,X in um)")
    return (z, y, x)


def parse_voxel_size(text: str) -> Spacing:
    """Read "0.07" or "0.1,0.07,0.07" or "100,70,70nm" as (z, y, x) micrometres.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    parts = re.fullmatch(r"(.*[\d.])\s*(\D*)", text.strip())
    numbers, unit = (parts[1], parts[2] or "um") if parts else ("", "um")
    factor = to_micrometres(1.0, unit)
    if factor is None:
        raise ValueError(f"voxel size '{text}': '{unit}' is not a unit of length; give micrometres")
    try:
        values = [float(part) * factor for part in numbers.split(",")]
    except ValueError:
        values = []
    if len(values) not in (1, 3):
        raise ValueError(f"voxel size '{text}' is not Z,Y,X in micrometres, such as 0.1,0.07,0.07")
    return check_spacing(values * 3 if len(values) == 1 else values)


def completed(recorded: Recorded | None, has_unit: bool = True) -> tuple[Spacing, SizeFrom]:
    """Fill in what a file does not record of its voxel size, and say where the size is from.

    Numbers without a unit of length tell only how the sides of a voxel compare: the smallest side
    becomes 1.
    """
    if recorded is None:
        return (1.0, 1.0, 1.0), "unknown"
    z, y, x = recorded
    if not has_unit:
        sides = (y if z is None else z, y, x)
        finest = min(sides)
        return (sides[0] / finest, y / finest, x / finest), "ratio"
    return ((y, y, x), "pixel size") if z is None else ((z, y, x), "metadata")


def size_doubt(path: str | os.PathLike[str], spacing: Spacing, size_from: SizeFrom) -> str | None:
    """Say what a file does not record of its voxel size; None if nothing was filled in."""
    if size_from == "unknown":
        return f"{path}: records no voxel size; lengths are in voxels (give --voxel-size)"
    if size_from == "ratio":
        z, y, x = (f"{side:.4g}" for side in spacing)
        return (
            f"{path}: records the sides of a voxel without a unit of length; their ratio "
            f"{z} : {y} : {x} (Z : Y : X) is kept, and lengths are in units of the smallest side "
            "(give --voxel-size)"
        )
    if size_from == "pixel size":
        return (
            f"{path}: records no z step; it is assumed to equal the pixel height, "
            f"{spacing[1]:g} um (give --voxel-size)"
        )
    return None
