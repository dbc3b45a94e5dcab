"""A volume larger than memory, once its views are segmented: fused and measured in blocks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge import analysis
from particlebridge.analysis import atomic_path
from particlebridge.analysis.files import remove_folder
from particlebridge.analysis.views import View

from .console import notice, progress
from .field_of_view import FieldOfView
from .fusion_blocks import BlockFusion, block_folder, fuse_in_blocks, stacks_for, typical_section
from .measuring import Measuring
from .ome_zarr import create_stack
from .run_folder import RunFolder, digest
from .scheduling import LostPiece, Runner
from .stored_arrays import AnyArray, StoredArray
from .tables import write_table
from .view_segmentation import ViewFolder
from .volumes import Volume, on_disk, open_volume
from .work_plan import Plan

MEASURING = tuple(field.name for field in fields(Measuring))


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
    files = [run.path / name for name in ("solid.zarr", "fusion.csv", "labels.zarr")]
    if run.is_done("fuse", key, files):
        return
    work = BlockFusion(
        stacks,
        on_disk(volume),
        seen.fill,
        seen.mask,
        volume.spacing,
        key["fusing"],
        layout,
        diameter,
        block_folder(run.path, key),
    )
    with run.stage("fuse", key) as notes:
        notes.update(fuse_in_blocks(work, files[-1], plan.runner))


def measure_large(
    volume: Volume, seen: FieldOfView, run: RunFolder, key: Mapping[str, Any], plan: Plan
) -> None:
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

    Raises
    ------
    RuntimeError
        If pieces failed; the others are kept.
    """
    files = [run.path / name for name in ("contacts.csv", "features.csv")]
    if run.is_done("measure", key, files):
        return
    notice("measuring the particles")
    scratch = run.path / f".measure-{digest(key)}"
    kept = KeptMap(scratch, plan.runner)
    depth = plan.slab_depth(volume)
    with run.stage("measure", key) as notes:
        labels = open_volume(run.path / "labels.zarr").data
        table = analysis.measure(
            on_disk(volume),
            labels,
            volume.spacing,
            solid=open_volume(run.path / "solid.zarr").data,
            **{name: key[name] for name in MEASURING if name in key},
            field_of_view=_mask_on_disk(seen.seen, scratch, volume),
            block=depth,
            run=kept,
        )
        write_table(analysis.contacts(labels, volume.spacing, block=depth), files[0])
        write_table(table, files[1])
        notes.update(slabs=kept.total, resumed_slabs=kept.resumed)
        remove_folder(scratch)


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
                if isinstance(done, LostPiece):
                    lost.append(done)
        if lost:
            named = "; ".join(f"{piece.name}: {piece.reason}" for piece in lost[:5])
            raise RuntimeError(
                f"{self._folder.parent}: {len(lost)} of {len(files)} slabs failed ({named}). The "
                "others are kept: mend it and run the same command again"
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
