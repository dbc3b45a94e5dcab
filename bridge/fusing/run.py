"""The fusion of a run: its views, segmented, become its labels."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from particlebridge.analysis._shared.views import View

from ..runs.blocks import BlockGrid
from ..runs.piece_store import PieceStore
from ..runs.run_folder import RunFolder
from ..runs.run_labels import check_fusion
from ..runs.sections import typical_section
from ..runs.source import Source
from ..runs.view_folder import ViewFolder
from ..volumes.label_records import companion
from ..volumes.stored_arrays import AnyArray
from .blocks import BlockFusion, fuse_in_blocks, stacks_for
from .material import find_solid_in_blocks
from .verdict import models_of


def fuse_run(
    source: Source,
    views: Mapping[View, ViewFolder],
    run: RunFolder,
    stage: str,
    key: Mapping[str, Any],
    target: Path,
    compared: Callable[[Path], Any] | None = None,
) -> None:
    """Fuse views into a label file, with the mask of material and fusion.csv beside it.

    Parameters
    ----------
    source
        The volume, and who does it, in blocks of what size.
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
    compared
        Tells of the labels what run.json notes as ``second_round``.

    Raises
    ------
    RuntimeError
        If blocks failed; the others are kept.
    ValueError
        If no block fits below the memory's ceiling.
    """
    stacks: dict[View, dict[str, AnyArray]] = {
        view: {name: folder.open(name) for name in stacks_for(key["fusing"]["method"])}
        for view, folder in views.items()
    }
    diameter, block_grid = _block_grid(source, stacks)
    if len(block_grid.blocks()) > 1:
        key = {**key, "side": block_grid.side, "halo": block_grid.halo}
    if run.is_done(stage, key, [companion(target, "fusion"), target]):
        return
    check_fusion(run, stage, target)
    with run.stage(stage, key) as notes:
        pieces = PieceStore(target.parent, f"fusion-{target.name}", key)
        models = models_of(run.record.get("claims", {}))
        work = _work(source, stacks, key["fusing"], block_grid, diameter, pieces, models)
        notes.update(fuse_in_blocks(work, target, source.plan.block_runner))
        if compared is not None:
            notes["second_round"] = compared(target)


def find_solid_of(source: Source, labels: AnyArray, file: Path, own: str) -> None:
    """Find the material of labels that were changed after fusing, into the mask beside them.

    Parameters
    ----------
    source
        The volume, and who does it, in blocks of what size.
    labels, file, own
        The labels, their file and their digest.
    """
    stacks: dict[View, dict[str, AnyArray]] = {"xy": {"labels": labels}}
    diameter, block_grid = _block_grid(source, stacks)
    pieces = PieceStore(file.parent, f"solid-{file.name}", [own, vars(block_grid)])
    work = _work(source, stacks, {}, block_grid, diameter, pieces, {})
    find_solid_in_blocks(work, file, source.plan.block_runner, own)


def _block_grid(
    source: Source, stacks: Mapping[View, Mapping[str, AnyArray]]
) -> tuple[float, BlockGrid]:
    """Choose blocks, by the typical diameter of particles, um."""
    volume = source.volume
    diameter = typical_section(stacks, volume.spacing)
    return diameter, source.plan.block_grid(
        volume.data.shape, volume.spacing, diameter, volume.source
    )


def _work(
    source: Source,
    stacks: Mapping[View, Mapping[str, AnyArray]],
    fusing: Mapping[str, Any],
    block_grid: BlockGrid,
    diameter: float,
    pieces: PieceStore,
    models: Mapping[View, str],
) -> BlockFusion:
    volume, seen = source.volume, source.seen
    return BlockFusion(
        source=volume.source,
        views=stacks,
        grey=volume.voxels(source.plan.block_runner.remote),
        fill=seen.fill,
        mask=seen.mask,
        size=volume.known_size,
        fusing=fusing,
        block_grid=block_grid,
        diameter=diameter,
        pieces=pieces,
        models=models,
    )
