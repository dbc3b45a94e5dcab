"""The results of a run made again as its particles were corrected."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from particlebridge import analysis
from particlebridge.analysis import atomic_path
from particlebridge.analysis.correction.acts import Box
from particlebridge.analysis.correction.replay import LabelEditor
from particlebridge.analysis.features.remeasure import contacts_again, measure_again

from .._shared.progress import inform, notice
from ..runs.measure_options import MeasureOptions
from ..runs.run_folder import RunFolder
from ..runs.source import Source
from ..volumes.label_records import (
    Recorded,
    check_replaceable,
    label_digest,
    record_in_stack,
)
from ..volumes.ome_zarr import open_stack
from ..volumes.reading import open_volume
from ..volumes.stored_arrays import StoredArray, planes
from ..volumes.tables import in_unit, read_table, write_table
from ..volumes.voxel_size import length_unit
from ..volumes.writing import write_stack
from .changed_bodies import Changes, find_changes, find_solid_again, score_machine
from .edited_labels import EditedLabels
from .fused_files import FusedFiles, check_unchanged, find_fused
from .log import LOG, CorrectionLog
from .replaying import boxes_of, replay

STAGE = "corrections"
"""Its name in run.json."""


def correct_run(source: Source, run: RunFolder, measuring: MeasureOptions) -> dict[str, Any]:
    """Write labels, material and tables as the log says, from those in ``fused/``.

    Parameters
    ----------
    source
        The volume.
    run
        Held by the caller; fused and measured, what the machine made `set_aside`.
    measuring
        How particles are measured.

    Returns
    -------
    dict
        What run.json notes: how many particles were corrected, by which acts, and what that did.

    Raises
    ------
    ValueError
        If the log or the fused labels cannot be used, or what is to be replaced was changed.
    """
    fused = find_fused(run)
    target = run.path / fused.labels.name
    files = FusedFiles(target, "")
    labels = open_volume(fused.labels, holds="labels").data
    log = CorrectionLog(run.path / LOG, labels.shape, mend=True)
    text = log.path.read_bytes() if log.path.exists() else b""
    measured = run.record["stages"]["measure"]["key"]
    key = {"measured": measured, "log": hashlib.sha256(text).hexdigest()}
    if run.is_done(STAGE, key, files.all):
        return dict(run.record["stages"][STAGE])
    check_unchanged(run, fused)
    check_replaceable(files.all)
    with run.stage(STAGE, key) as notes:
        notes.update(_correct(source, log, EditedLabels(labels), fused, files, measuring))
    return dict(run.record["stages"][STAGE])


def _correct(
    source: Source,
    log: CorrectionLog,
    labels: EditedLabels,
    fused: FusedFiles,
    files: FusedFiles,
    measuring: MeasureOptions,
) -> dict[str, Any]:
    volume, as_fused = source.volume, pd.read_csv(fused.fusion)
    table = read_table(fused.features)
    boxes = boxes_of(fused, labels.base, as_fused, table)
    editor = LabelEditor(labels, boxes, 0, volume.data, volume.spacing)
    acts = replay(log, editor, fused.digest)
    for message in (*log.messages, *acts.messages):
        notice(message)
    changes = find_changes(labels, editor, boxes)
    inform(
        f"{len(acts.in_force)} corrections change {len(changes.now)} particles and take out "
        f"{len(changes.gone)}"
    )
    solid, void = find_solid_again(source, labels, open_volume(fused.solid).data, changes)
    features, again = _measured(source, labels, solid, editor, changes, table, measuring)
    unit = length_unit(volume.known_size)
    near = contacts_again(
        pd.read_csv(fused.contacts), labels, volume.spacing, changes.now, changes.gone
    )
    write_table(in_unit(near, unit), files.contacts)
    write_table(features, files.features)
    fusion = _fusion(as_fused, editor, changes, void, volume.spacing)
    write_table(fusion.assign(Unit=unit), files.fusion)
    own = label_digest(cast(StoredArray, labels))
    mask = Recorded(own, files.labels.name)
    _write(solid, fused.solid, files.solid, mask, source, np.uint8)
    fits = max(editor.particles, default=0) <= np.iinfo(np.uint16).max
    kind = np.uint16 if fits else np.int32
    # Labels last: what they belong to is there.
    _write(labels, fused.labels, files.labels, Recorded(own), source, kind)
    score = score_machine(labels, set(editor.particles), set(boxes), changes)
    return {
        "labels": own,
        "particles": len(editor.particles),
        "particles_fused": len(boxes),
        "acts": acts.counts,
        "review": dict(Counter(p.review for p in editor.particles.values() if p.review)),
        "taken_out": len(set(boxes) - set(editor.particles)),
        "carried_over": acts.carried,
        "no_longer_fits": [
            {"line": line.number, "act": line.act.name, "why": why} for line, why in acts.misfits
        ],
        "changed_particles": len(changes.now),
        "measured_again": again,
        "mean_damage": {"fused": _damage(table), "corrected": _damage(features)},
        "f1_of_fused": {f"{threshold:g}": value for threshold, value in score.f1.items()},
    }


def _measured(
    source: Source,
    labels: EditedLabels,
    solid: EditedLabels,
    editor: LabelEditor,
    changes: Changes,
    table: pd.DataFrame,
    measuring: MeasureOptions,
) -> tuple[pd.DataFrame, int]:
    """Measure the particles that changed or have a change in reach; the others keep their rows."""
    if not changes.places:
        return table, 0
    volume = source.volume
    same: dict[str, Any] = {
        "volume": volume.data,
        "labels": labels,
        "spacing": volume.spacing,
        "solid": solid,
        "field_of_view": source.seen.seen,
        **measuring.given(),
    }
    recipe = same.pop("recipe")
    if recipe != "physical":
        # The published recipe has margins and densities of its own.
        notice(f"recipe {recipe}: all particles are measured again")
        found = analysis.measure(**same, recipe=recipe)
        return in_unit(found, length_unit(volume.known_size)), len(found)
    boxes: dict[int, Box] = {label: one.box for label, one in editor.particles.items()}
    return measure_again(table, **same, boxes=boxes, changed=changes.places)


def _fusion(
    table: pd.DataFrame,
    editor: LabelEditor,
    changes: Changes,
    void: Mapping[int, str],
    spacing: tuple[float, float, float],
) -> pd.DataFrame:
    """Say of each particle how far the views agree, and what a person did.

    The agreement of the views on a body that was corrected is not known.
    """
    known = table.set_index("label").reindex(sorted(editor.particles))
    agreements = [c for c in known if c == "confidence" or str(c).startswith("agreement_")]
    for label in changes.now:
        known.loc[label, agreements] = np.nan
        known.loc[label, "Volume"] = (editor.known(label).voxels or 0) * float(np.prod(spacing))
        if "Void" in known:
            known.loc[label, "Void"] = void[label]
    known["review"] = [editor.particles[label].review for label in known.index]
    return known.rename_axis("label").reset_index()


def _write(
    edited: EditedLabels,
    base: Path,
    target: Path,
    record: Recorded,
    source: Source,
    dtype: Any,
) -> None:
    """Write labels or their mask in the format of what they were made of."""
    if target.suffix != ".zarr":
        stack: Iterator[np.ndarray] = planes(cast(StoredArray, edited))
        write_stack(target, stack, edited.shape, dtype, source.volume.known_size, record.note)
        return
    with atomic_path(target) as beside:
        shutil.copytree(base, beside)
        record_in_stack(beside, record)
        stored = open_stack(beside)
        for box, chunk in edited.changed():
            stored[box] = chunk


def _damage(table: pd.DataFrame) -> float | None:
    """Average Damage over whole particles where it is known."""
    known = table.loc[~table["Border"].astype(bool), "Damage"].dropna()
    return None if known.empty else round(float(known.mean()), 6)
