"""How particles are measured, checked against the voxel size before any work."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from particlebridge.analysis._shared.parallel import thread_count
from particlebridge.analysis.features.columns import LengthUnit, Recipe
from particlebridge.analysis.features.particle_rows import Setting
from particlebridge.analysis.features.reach import (
    BALL,
    DENSITY_REACH,
    ball_doubts,
    check_reach,
    crop_bytes,
    seen_voxels,
)

from ..volumes.reading import Volume
from ..volumes.voxel_size import Spacing


@dataclass(frozen=True)
class MeasureOptions:
    """How particles are measured (`analysis.measure`).

    Attributes
    ----------
    recipe
        ``physical``, the default; ``paper``, as published; or ``both``, side by side.
    ball
        Radius of the ball that closes solids and spans the ring for Contact, um (default: 0.7).
    density_reach
        How far PDensity looks beyond a bounding box, um (default: 10).

    Examples
    --------
    >>> from particlebridge.bridge import MeasureOptions
    >>> MeasureOptions(ball=0.5).as_settings()
    {'recipe': 'physical', 'ball': 0.5, 'density_reach': 10.0}
    """

    recipe: Recipe = "physical"
    ball: float | None = None
    density_reach: float | None = None

    def given(self) -> dict[str, Any]:
        """Name the recipe, and what else is not left to the default."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def as_settings(self) -> dict[str, Any]:
        """As run.json records it: all that was measured with."""
        if self.recipe == "paper":
            return {"recipe": self.recipe, "ball": "10 voxels", "density_reach": DENSITY_REACH}
        defaults = {"ball": BALL, "density_reach": DENSITY_REACH}
        return {"recipe": self.recipe, **defaults, **self.given()}

    def check(
        self, path: str | os.PathLike[str], spacing: Spacing, unit: LengthUnit = "um"
    ) -> None:
        """Refuse a voxel size that cannot be measured with; the sentence names the file."""
        try:
            check_reach(spacing, self.ball, self.density_reach, self.recipe, unit)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def doubts(self, volume: Volume, closing: bool) -> list[str]:
        """Say what the voxel size of a volume does to the results."""
        spacing, unit = volume.spacing, volume.unit
        reach = self.density_reach or DENSITY_REACH
        lengths = f"the reach of PDensity, {reach:g} um, is"
        said = []
        if self.recipe == "paper":
            if np.ptp(spacing) > 1e-6 * max(spacing):
                size = " x ".join(f"{s:g}" for s in spacing) + (" um" if unit == "um" else "")
                said = [f"the paper recipe treats voxels of {size} for cubes"]
        else:
            said = ball_doubts(spacing, self.ball, closing, unit)
            lengths = f"the ball of {self.ball or BALL:g} um and {lengths[:-2]}are"
        if unit == "voxel":
            said = [f"without a voxel size {lengths} taken as so many voxels", *said]
        return [f"{volume.source}: {doubt}" for doubt in said]

    def bytes(self, spacing: Spacing) -> float:
        """Estimate the memory of particles under way, of which no more is known than the ball."""
        setting = Setting(spacing, self.ball or BALL, self.recipe == "paper", False)
        margin = setting.margin.astype(float)
        return crop_bytes(seen_voxels(2 * margin, margin), thread_count())
