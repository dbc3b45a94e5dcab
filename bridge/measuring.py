"""Measuring the particles of label files, of a run or by themselves, in slabs or in one piece."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from particlebridge import analysis
from particlebridge.analysis.features.particle_rows import PieceMap

from ._shared.progress import inform
from .fusing.folder import SUFFIXES
from .fusing.run import find_solid_of
from .runs.measure_options import MeasureOptions
from .runs.piece_store import KeptMap, PieceStore
from .runs.run_folder import RunFolder
from .runs.run_labels import is_stale, made_by_older_version, was_changed
from .runs.source import Source
from .volumes.label_records import check_labels_of, companion, label_digest
from .volumes.labels import open_labels
from .volumes.ome_zarr import create_stack
from .volumes.reading import Volume, open_volume
from .volumes.stored_arrays import AnyArray, array_digest
from .volumes.tables import in_unit, write_table
from .volumes.voxel_size import KnownSize, length_unit, working_size


def measure_run(
    source: Source,
    run: RunFolder,
    key: Mapping[str, Any],
    measuring: MeasureOptions,
    folder: Path | None = None,
) -> bool:
    """Measure the particles of a run's labels, as they are now, into features and contacts.

    Parameters
    ----------
    source
        The volume, and who does it, how many slices at a time.
    run
        The folder, held by the caller.
    key
        What the result depends on besides `measuring`.
    measuring
        How.
    folder
        Where the labels lie and the tables go; None: the run's own.

    Returns
    -------
    bool
        Whether the labels were changed after fusing.

    Raises
    ------
    RuntimeError
        If pieces failed; the others are kept.
    """
    volume, seen, plan = source.volume, source.seen, source.plan
    place = folder or run.path
    file = place / f"labels{SUFFIXES[plan.format]}"
    labels, mask = open_labels(file), companion(file, "solid")
    check_labels_of(volume, labels, file)
    own = label_digest(labels)
    changed = was_changed(run, file, own)
    if is_stale(mask, file, own, made_by_older_version(file)):
        find_solid_of(source, labels, file, own)
    solid = open_volume(mask).data
    key = {**key, **measuring.given(), "labels": own, "solid": array_digest(solid)}
    files = [place / "contacts.csv", place / "features.csv"]
    if run.is_done("measure", key, files):
        return changed
    inform("measuring the particles")
    store = PieceStore(run.path, "measuring", key)
    kept = KeptMap(store, plan.block_runner)
    with run.stage("measure", key) as notes:
        write_measures(
            files,
            volume.voxels(plan.block_runner.remote),
            labels,
            volume.known_size,
            solid,
            measuring,
            _for_workers(seen.seen, store, volume) if plan.block_runner.remote else seen.seen,
            plan.slab_depth(volume),
            kept,
        )
        notes.update(labels=own, slabs=kept.total, resumed_slabs=kept.resumed)
        store.remove()
    return changed


def write_measures(
    files: Sequence[Path],
    grey: AnyArray,
    labels: AnyArray,
    size: KnownSize,
    solid: AnyArray | None,
    measuring: MeasureOptions,
    seen: AnyArray | None,
    depth: int | None = None,
    run: PieceMap = map,
) -> pd.DataFrame:
    """Measure particles and write both tables.

    Parameters
    ----------
    files
        contacts.csv and features.csv, which is written last.
    grey, labels, solid
        As `analysis.measure`.
    size
        What is known of the voxel size; without micrometres the tables name voxels.
    measuring
        How.
    seen
        Field of view; None: all was seen.
    depth
        Slices at a time; None: as `analysis.measure` chooses.
    run
        Who does the slabs.

    Returns
    -------
    DataFrame
        The features.
    """
    spacing, unit = working_size(size), length_unit(size)
    table = analysis.measure(
        grey,
        labels,
        spacing,
        solid=solid,
        **measuring.given(),
        field_of_view=seen,
        block=depth,
        run=run,
    )
    write_table(in_unit(analysis.contacts(labels, spacing, block=depth), unit), files[0])
    write_table(in_unit(table, unit), files[1])
    return table


def _for_workers(seen: AnyArray | None, store: PieceStore, volume: Volume) -> AnyArray | None:
    """Store the field of view where other processes can read it."""
    if seen is None:
        return None
    name = "field_of_view.zarr"
    if name not in store:
        with store.writing(name) as beside:
            chunks = (1, *volume.data.shape[1:])
            mask = create_stack(beside, volume.data.shape, np.uint8, None, chunks)
            for z in range(len(seen)):
                mask[z] = np.asarray(seen[z])
    return open_volume(store.path / name).data
