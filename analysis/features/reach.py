"""How far measurements look around a particle, and whether the voxel size makes sense of it."""

from typing import Any

import numpy as np

from .closing import ball_reach
from .columns import LengthUnit

BALL = 0.7
"""Radius of the ball that closes a solid and spans the ring for Contact, um."""

DENSITY_REACH = 10.0
"""How far PDensity looks beyond a bounding box, um."""

MOST_VOXELS = 250
"""A ball of 0.7 um reaches so far in voxels of 2.8 nm; beyond, the size is in another unit."""

CROP_BYTES = 24
"""Bytes for each voxel of a particle's bounding box and what is seen around it."""

CROPS_BYTES = 2 << 30
"""What the crops that are measured at the same time may take, unless one alone takes more."""

_UNITS = {"nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6}


def check_ball(
    spacing: tuple[float, float, float], ball: float | None = None, unit: LengthUnit = "um"
) -> None:
    """Refuse a voxel size that makes the ball so many voxels wide that it is a slip of the unit.

    Parameters
    ----------
    spacing
        Voxel size (z, y, x), um.
    ball
        Radius, um; None: 0.7.
    unit
        Of the voxel size; ``voxel``: it is not known, and the ball counts in voxels.

    Raises
    ------
    ValueError
        The sentence names the likely unit.
    """
    ball = BALL if ball is None else ball
    if not ball > 0 or not np.isfinite(ball):
        raise ValueError(f"ball is {ball}; it must be a radius above 0 um")
    finest = min(spacing)
    if ball / finest > MOST_VOXELS and unit == "voxel":
        raise ValueError(
            f"without a voxel size, the ball of {ball:g} um is taken as {ball:g} voxels; give the "
            "voxel size, or a smaller ball"
        )
    if ball / finest > MOST_VOXELS:
        raise ValueError(
            f"a voxel of {finest:g} um would make the ball of {ball:g} um {ball / finest:,.0f} "
            f"voxels wide; is the size in micrometres?{_likely(finest, ball)} Give the voxel size "
            "in micrometres, or a smaller ball"
        )


def check_reach(
    spacing: tuple[float, float, float],
    ball: float | None,
    density_reach: float | None,
    recipe: str,
    unit: LengthUnit = "um",
) -> None:
    """Refuse what cannot be measured with; see `check_ball`.

    Raises
    ------
    ValueError
        Also if the paper recipe is given a ball or a reach of one's own.
    """
    if recipe == "paper":
        if ball is not None or density_reach is not None:
            raise ValueError(
                "the paper recipe's ball is always 10 voxels, and PDensity reaches 10 um; leave "
                "out the ball and the reach, or take the physical recipe"
            )
        return
    check_ball(spacing, ball, unit)
    if density_reach is not None and not (density_reach > 0 and np.isfinite(density_reach)):
        raise ValueError(f"the reach of PDensity is {density_reach}; it must be above 0 um")


def ball_doubts(
    spacing: tuple[float, float, float],
    ball: float | None = None,
    closing: bool = False,
    unit: LengthUnit = "um",
) -> list[str]:
    """Say what a ball narrower than a voxel cannot do.

    Parameters
    ----------
    spacing, ball, unit
        As `check_ball`.
    closing
        Bodies are found by closing solids.
    """
    ball = BALL if ball is None else ball
    coarsest = max(spacing)
    if ball_reach(ball, spacing).all():
        return []
    if unit == "um":
        what = f"a voxel of {coarsest:g} um is larger than the ball of {ball:g} um"
        looks = f"{coarsest:g} um, one voxel,"
    else:
        what = f"the ball of {ball:g} voxels is narrower than a voxel"
        looks = "one voxel"
    doubts = [f"{what}: Contact looks {looks} around a particle instead"]
    if closing and not ball_reach(ball, spacing).any():
        doubts.append(f"{what}: it closes no crack, so Damage counts enclosed holes only")
    if unit == "um" and (likely := _likely(coarsest, ball)):
        doubts[0] += f"; is the size in micrometres?{likely.rstrip('.')}"
    return doubts


def ring_radius(spacing: tuple[float, float, float], ball: float) -> float:
    """Radius of the ring for Contact, um: the ball's, or a voxel where the ball is narrower."""
    return ball if ball_reach(ball, spacing).all() else max(ball, *spacing)


def crop_bytes(voxels: float, workers: int) -> float:
    """Bytes that particles take while they are measured, each with `voxels` around it."""
    one = CROP_BYTES * voxels
    return float(min(workers * one, max(one, CROPS_BYTES)))


def threads_for(voxels: float, workers: int) -> int:
    """How many particles may be measured at the same time."""
    return int(np.clip(CROPS_BYTES // max(1, CROP_BYTES * voxels), 1, workers))


def seen_voxels(size: Any, margin: Any) -> float:
    """Voxels of a box of `size` with `margin` on every side."""
    return float(np.prod(np.asarray(size, float) + 2 * np.asarray(margin, float)))


def _likely(size: float, ball: float) -> str:
    """Name the unit in which a voxel size would be usual for a ball of this radius."""
    for unit, micrometres in _UNITS.items():
        meant = size * micrometres
        # A slip of a thousand or more; sizes near the ball's own are no slip.
        if 0.5 <= ball / meant <= 100 and not 0.5 <= ball / size <= MOST_VOXELS:
            return f" {size:g} {unit} would be {meant:g} um."
    return ""
