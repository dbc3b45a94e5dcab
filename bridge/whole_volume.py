"""A volume in memory, once its views are segmented: fused and measured in one piece."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from particlebridge import analysis
from particlebridge.analysis._shared.views import View
from particlebridge.analysis.material.void_evidence import told

from ._shared.progress import inform
from .fusing.folder import write_fusion
from .runs.measuring import measured_by
from .runs.run_folder import RunFolder
from .runs.run_labels import check_fusion, is_stale, made_by_older_version, was_changed
from .runs.view_folder import ViewFolder
from .runs.void_words import found_mask
from .second_round import what_changed
from .volumes.field_of_view import FieldOfView, fill_outside
from .volumes.label_records import Recorded, check_labels_of, companion, label_digest
from .volumes.reading import Volume, read_labels, read_volume
from .volumes.stored_arrays import array_digest
from .volumes.tables import write_table
from .volumes.writing import write_mask


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
        notes["labels"] = write_fusion(fusion, target, volume.spacing)
        notes["particles"] = len(fusion.table)
        if fusion.void is not None:
            notes["void"] = told(fusion.void[1:])
        if before is not None:
            notes["second_round"] = what_changed(before, fusion)


def measure_whole(
    volume: Volume, seen: FieldOfView, run: RunFolder, key: Mapping[str, Any]
) -> bool:
    """Measure the particles of labels.tif, as it is now, into features.csv and contacts.csv.

    Parameters
    ----------
    volume, seen
        Grey values and field of view.
    run
        The folder.
    key
        What the result depends on, ``recipe`` among it.

    Returns
    -------
    bool
        Whether the labels were changed after fusing.
    """
    file = run.path / "labels.tif"
    labels, mask = read_labels(file), companion(file, "solid")
    check_labels_of(volume, labels, file)
    own = label_digest(labels)
    changed = was_changed(run, file, own)
    if is_stale(mask, file, own, made_by_older_version(file)):
        grey = fill_outside(volume.data, seen)
        found = found_mask(grey, labels, volume.spacing)
        write_mask(mask, found, volume.spacing, Recorded(own, file.name).note)
    solid = read_volume(mask).data
    key = {**key, "labels": own, "solid": array_digest(solid)}
    files = [run.path / "contacts.csv", run.path / "features.csv"]
    if run.is_done("measure", key, files):
        return changed
    inform("measuring the particles")
    with run.stage("measure", key):
        table = analysis.measure(
            volume.data,
            labels,
            volume.spacing,
            solid=solid,
            **measured_by(key),
            field_of_view=seen.seen,
        )
        write_table(analysis.contacts(labels, volume.spacing), files[0])
        write_table(table, files[1])
    return changed
