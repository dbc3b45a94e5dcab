"""A volume that was opened and looked at, once for all stages of a run."""

from dataclasses import dataclass, field, replace
from typing import Any

from ..volumes.field_of_view import FieldOfView
from ..volumes.reading import Volume
from .rechunking import in_cubes
from .run_folder import RunFolder
from .work_plan import Plan


@dataclass(frozen=True)
class Source:
    """What the stages of a run work on; none of them opens the volume by its path again.

    Attributes
    ----------
    volume
        Grey values: loaded or mapped for work in one piece, else read as they are sliced.
    seen
        What of them was seen; all by default.
    plan
        Who does the work, in pieces of what size; by default all here, in one piece.
    """

    volume: Volume
    seen: FieldOfView = field(default_factory=FieldOfView)
    plan: Plan = field(default_factory=Plan)

    @property
    def facts(self) -> dict[str, Any]:
        """What run.json records of it."""
        return {**self.volume.facts, "field_of_view": self.seen.facts}

    def ready(self, run: RunFolder) -> "Source":
        """Copy the volume once into cubes if it is worked on in chunks, and its own are flat."""
        if self.plan.format == "tiff":
            return self
        return replace(self, volume=in_cubes(self.volume, run, self.plan.ceiling))
