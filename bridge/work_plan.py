"""Who does a run's work, and in pieces of what size, so that it stays below a ceiling of memory."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .chunked_views import ChunkedViewFolder
from .scheduling import InProcess, Runner
from .view_segmentation import ViewFolder
from .voxel_size import Spacing

Format = Literal["tiff", "zarr"]


@dataclass(frozen=True)
class Plan:
    """How the work on one volume is cut up.

    Attributes
    ----------
    format
        ``tiff``: whole stacks. ``zarr``: chunked stacks, fused and measured in blocks.
    runner
        Who does the pieces.
    """

    format: Format = "tiff"
    runner: Runner = field(default_factory=InProcess)

    def view_folder(self, path: Path, shape: tuple[int, int, int], spacing: Spacing) -> ViewFolder:
        """Give a view's folder in this format."""
        kind = ChunkedViewFolder if self.format == "zarr" else ViewFolder
        return kind(path, shape, spacing)
