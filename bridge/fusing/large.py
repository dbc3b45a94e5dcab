"""A volume larger than memory, once its views are segmented: fused and measured in blocks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge import analysis
from particlebridge.analysis import atomic_path
from particlebridge.analysis._shared.views import View
from particlebridge.analysis.io.atomic import remove_folder

from .._shared.progress import inform, progress
from ..runs.measuring import measured_by
from ..runs.run_folder import RunFolder, scratch_folder
from ..runs.run_labels import check_fusion, is_stale, made_by_older_version, was_changed
from ..runs.scheduling import FailedTask, Runner
from ..runs.view_folder import ViewFolder
from ..runs.work_plan import Plan
from ..volumes.field_of_view import FieldOfView
from ..volumes.label_records import check_labels_of, companion, label_digest
from ..volumes.ome_zarr import create_stack
from ..volumes.reading import Volume, on_disk, open_volume
from ..volumes.stored_arrays import AnyArray, StoredArray, array_digest
from ..volumes.tables import write_table
from .blocks import (
    BlockFusion,
    find_solid_in_blocks,
    fuse_in_blocks,
    stacks_for,
    typical_section,
)


def fuse_large(
    volume: Volume,
    seen: FieldOfView,
    views: Mapping[View, ViewFolder],
    run: RunFolder,
    key: Mapping[str, Any],
    plan: Plan,
) -> None:
    """Fuse chunked views into labels.zarr, solid.zarr and fusion.csv of a run folder.

    Parameters
    ----------
    volume, seen
        Grey values and field of view.
    views
        Finished.
    run
        The folder.
    key
        What the result depends on, ``fusing`` among it.
    plan
        Who does it, in blocks of what size.

    Raises
    ------
    RuntimeError
        If blocks failed; the others are kept.
    ValueError
        If no block fits below the memory's ceiling.
    """
    stacks = {
        view: {name: folder.open(name) for name in stacks_for(key["fusing"]["method"])}
        for view, folder in views.items()
    }
    diameter = typical_section(stacks, volume.spacing)
    shape = volume.data.shape
    layout = plan.layout(shape, volume.spacing, diameter, volume.source)
    key = {**key, "side": layout.side, "halo": layout.halo}
    target = run.path / "labels.zarr"
    if run.is_done("fuse", key, [companion(target, "fusion"), target]):
        return
    check_fusion(run, "fuse", target)
    work = BlockFusion(
        stacks,
        on_disk(volume),
        seen.fill,
        seen.mask,
        volume.spacing,
        key["fusing"],
        layout,
        diameter,
        scratch_folder(run.path, "fusion", key),
    )
    with run.stage("fuse", key) as notes:
        notes.update(fuse_in_blocks(work, target, plan.runner))


def measure_large(
    volume: Volume, seen: FieldOfView, run: RunFolder, key: Mapping[str, Any], plan: Plan
) -> bool:
    """Measure the particles of labels.zarr into features.csv and contacts.csv, slab by slab.

    Parameters
    ----------
    volume, seen
        Grey values and field of view.
    run
        The folder.
    key
        What the result depends on, what `Measuring` says among it.
    plan
        Who does it, and how many slices at a time.

    Returns
    -------
    bool
        Whether the labels were changed after fusing.

    Raises
    ------
    RuntimeError
        If pieces failed; the others are kept.
    """
    file = run.path / "labels.zarr"
    labels = open_volume(file).data
    check_labels_of(volume, labels, file)
    own = label_digest(labels)
    mask = companion(file, "solid")
    changed = was_changed(run, file, own)
    if is_stale(mask, file, own, made_by_older_version(file)):
        _find_solid(volume, seen, labels, run, own, plan)
    solid = open_volume(mask).data
    key = {**key, "labels": own, "solid": array_digest(solid)}
    files = [run.path / name for name in ("contacts.csv", "features.csv")]
    if run.is_done("measure", key, files):
        return changed
    inform("measuring the particles")
    scratch = scratch_folder(run.path, "measuring", key)
    kept = KeptMap(scratch, plan.runner)
    depth = plan.slab_depth(volume)
    with run.stage("measure", key) as notes:
        table = analysis.measure(
            on_disk(volume),
            labels,
            volume.spacing,
            solid=solid,
            **measured_by(key),
            field_of_view=_mask_on_disk(seen.seen, scratch, volume),
            block=depth,
            run=kept,
        )
        write_table(analysis.contacts(labels, volume.spacing, block=depth), files[0])
        write_table(table, files[1])
        notes.update(slabs=kept.total, resumed_slabs=kept.resumed)
        remove_folder(scratch)
    return changed


def _find_solid(
    volume: Volume, seen: FieldOfView, labels: AnyArray, run: RunFolder, own: str, plan: Plan
) -> None:
    """Find the material of labels that were changed after fusing, block by block."""
    stored = on_disk(Volume(labels, volume.spacing, volume.spacing_from, run.path / "labels.zarr"))
    diameter = typical_section({"xy": {"labels": stored}}, volume.spacing)
    layout = plan.layout(volume.data.shape, volume.spacing, diameter, volume.source)
    work = BlockFusion(
        {"xy": {"labels": stored}},
        on_disk(volume),
        seen.fill,
        seen.mask,
        volume.spacing,
        {},
        layout,
        diameter,
        scratch_folder(run.path, "solid", own),
    )
    find_solid_in_blocks(work, run.path / "labels.zarr", plan.runner, own)


class KeptMap:
    """A `map` whose results are kept on disk, so that a run that was killed goes on.

    Parameters
    ----------
    folder
        For the results; pieces must be the same when it is used again.
    runner
        Who does the pieces.
    """

    def __init__(self, folder: Path, runner: Runner) -> None:
        self._folder = folder
        self._runner = runner
        self.total = self.resumed = self._passes = 0

    def __call__(
        self, function: Callable[[Any], tuple[np.ndarray, ...]], pieces: Iterable[Any]
    ) -> Iterator[tuple[np.ndarray, ...]]:
        """Give the function's result for each piece, in order."""
        # Both recipes go through the volume, each with pieces of its own.
        self._passes += 1
        files = {}
        todo = {}
        for number, piece in enumerate(pieces):
            file = self._folder / f"slab-{self._passes}-{number:04d}.npz"
            files[file] = number
            if not file.exists():
                todo[f"measuring slab {number}"] = (file, piece)
        resumed = len(files) - len(todo)
        self.total, self.resumed = self.total + len(files), self.resumed + resumed
        lost = []
        with progress("measured slabs", len(files), resumed) as advance:
            for _, done in self._runner.run(partial(_keep, function), todo):
                advance(1)
                if isinstance(done, FailedTask):
                    lost.append(done)
        if lost:
            named = "; ".join(f"{piece.name}: {piece.reason}" for piece in lost[:5])
            raise RuntimeError(
                f"{self._folder.parent}: {len(lost)} of {len(files)} slabs failed ({named}). The "
                "others are kept: fix it and run the same command again"
            )
        for file in files:
            with np.load(file, allow_pickle=False) as held:
                yield tuple(held[name] for name in held.files)


def _keep(function: Callable[[Any], tuple[np.ndarray, ...]], piece: tuple[Path, Any]) -> None:
    with atomic_path(piece[0]) as beside, beside.open("wb") as file:
        np.savez(file, *function(piece[1]))


def _mask_on_disk(seen: AnyArray | None, folder: Path, volume: Volume) -> StoredArray | None:
    """Store the field of view where other processes can read it."""
    if seen is None:
        return None
    path = folder / "field_of_view.zarr"
    if not path.exists():
        with atomic_path(path) as beside:
            chunks = (1, *volume.data.shape[1:])
            mask = create_stack(beside, volume.data.shape, np.uint8, volume.spacing, chunks)
            for z in range(len(seen)):
                mask[z] = np.asarray(seen[z])
    stored = open_volume(path).data
    assert isinstance(stored, StoredArray)
    return stored
