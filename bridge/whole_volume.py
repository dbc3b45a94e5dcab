"""A volume in memory, once its views are segmented: fused in one piece."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from particlebridge import analysis
from particlebridge.analysis._shared.views import View
from particlebridge.analysis.material.void_evidence import told

from ._shared.progress import inform
from .fusing.folder import write_fusion
from .runs.run_folder import RunFolder
from .runs.run_labels import check_fusion
from .runs.view_folder import ViewFolder
from .second_round import what_changed
from .volumes.field_of_view import FieldOfView, fill_outside
from .volumes.label_records import companion
from .volumes.reading import Volume


def fuse_whole(
    volume: Volume,
    seen: FieldOfView,
    views: Mapping[View, ViewFolder],
    run: RunFolder,
    stage: str,
    key: Mapping[str, Any],
    target: Path,
    before: Path | None = None,
) -> None:
    """Fuse views into a label file, with solid.tif and fusion.csv beside it.

    Parameters
    ----------
    volume, seen
        Grey values and field of view.
    views
        Finished.
    run
        The folder.
    stage
        Its name in run.json.
    key
        What the result depends on, ``fusing`` among it.
    target
        The label file.
    before
        That of the first round, to say what the second one changed.
    """
    if run.is_done(stage, key, [companion(target, "fusion"), target]):
        return
    check_fusion(run, stage, target)
    inform("fusing the views")
    with run.stage(stage, key) as notes:
        stacks = {str(view): folder.stacks() for view, folder in views.items()}
        grey = fill_outside(volume.data, seen)
        fusion = analysis.fuse(stacks, grey, volume.spacing, **key["fusing"])
        target.parent.mkdir(exist_ok=True)
        notes["labels"] = write_fusion(fusion, target, volume.known_size)
        notes["particles"] = len(fusion.table)
        if fusion.void is not None:
            notes["void"] = told(fusion.void[1:])
        if before is not None:
            notes["second_round"] = what_changed(before, fusion)
