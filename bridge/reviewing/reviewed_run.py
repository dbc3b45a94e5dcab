"""A run that is reviewed: its volume, its views, its particles as they are now."""

from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import pandas as pd
from particlebridge.analysis._shared.views import View
from particlebridge.analysis.correction.acts import Box
from particlebridge.analysis.correction.replay import LabelEditor

from ..runs.run_folder import RunFolder
from ..volumes.reading import Volume, open_volume
from ..volumes.stored_arrays import AnyArray
from ..volumes.tables import read_table
from ..volumes.voxel_size import Spacing
from .doubts import Doubts
from .edited_labels import EditedLabels
from .fused_files import FusedFiles, check_unchanged, find_fused, open_run_volume, open_views
from .replaying import boxes_of


class ReviewedRun:
    """What a review shows: the volume, what each view saw, and the particles, ranked by doubt.

    Parameters
    ----------
    run
        Fused, and held by the caller; `ReviewSession.open` hands that over when all went well.

    Its attributes are described with `ReviewSession`.
    """

    def __init__(self, run: RunFolder) -> None:
        self._held = ExitStack()
        self.folder = run.path
        self._fused: FusedFiles = find_fused(run)
        check_unchanged(run, self._fused)
        self.volume: Volume[AnyArray] = open_run_volume(run)
        self.spacing: Spacing = self.volume.spacing
        self._voxels: AnyArray = self.volume.data
        base = open_volume(self._fused.labels, holds="labels").data
        self.labels = EditedLabels(base)
        self.solid: AnyArray | None = None
        if self._fused.solid.exists():
            self.solid = open_volume(self._fused.solid).data
        self.views: Mapping[View, AnyArray] = open_views(run)
        fusion, features = pd.read_csv(self._fused.fusion), None
        if self._fused.features.is_file():
            features = read_table(self._fused.features)
        self._doubts = Doubts(run, self._fused, fusion, features, self.spacing)
        boxes = boxes_of(self._fused, base, fusion, features)
        self._editor = LabelEditor(self.labels, boxes, 0, self._voxels, self.spacing)

    def close(self) -> None:
        """Give the folder back."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def table(self) -> pd.DataFrame:
        """The particles as they are now, the most doubtful first.

        Columns: ``label``; ``z``, ``y``, ``x``, its middle in voxels; ``confidence`` of the fusion
        (NaN where voxels changed); ``doubt`` from 0 to 1; ``reasons`` for it, once ranked; and
        ``review``: accepted, unsure, corrected, added, trimmed (it lost voxels when another was
        painted, and nobody said more), or "".
        """
        return self._doubts.table(self._editor)

    @property
    def missed(self) -> pd.DataFrame:
        """Places where a particle may be missed (z, y, x, doubt, reasons); empty until ranked."""
        return self._doubts.missed

    @property
    def usual_voxels(self) -> float:
        """Voxels of a typical particle."""
        return self._doubts.usual_voxels

    @property
    def is_ranked(self) -> bool:
        """Whether `rank` was called, now or earlier; else doubt is 1 - confidence."""
        return self._doubts.is_ranked

    def rank(self) -> None:
        """Find the reasons for doubt, and what a look at each particle is worth.

        All of the volume and its views are read: seconds for a small volume, minutes for
        gigavoxels. What is found is kept in ``doubts.csv``.
        """
        self._doubts.rank(self.labels.base, self.views, self._voxels)

    def box(self, label: int) -> Box:
        """Give the bounding box of a particle as it is now."""
        return self._editor.known(label).box
