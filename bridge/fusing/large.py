"""A volume larger than memory, once its views are segmented: fused in blocks."""

from collections.abc import Mapping
from typing import Any

from particlebridge.analysis._shared.views import View

from ..runs.piece_store import PieceStore
from ..runs.run_folder import RunFolder
from ..runs.run_labels import check_fusion
from ..runs.view_folder import ViewFolder
from ..runs.work_plan import Plan
from ..volumes.field_of_view import FieldOfView
from ..volumes.label_records import companion
from ..volumes.reading import Volume
from ..volumes.stored_arrays import AnyArray
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
        volume.voxels(plan.runner.remote),
        seen.fill,
        seen.mask,
        volume.spacing,
        volume.known_size,
        key["fusing"],
        layout,
        diameter,
        PieceStore(run.path, "fusion", key).path,
    )
    with run.stage("fuse", key) as notes:
        notes.update(fuse_in_blocks(work, target, plan.runner))


def find_solid_of(
    volume: Volume, seen: FieldOfView, labels: AnyArray, run: RunFolder, own: str, plan: Plan
) -> None:
    """Find the material of a run's labels that were changed after fusing, block by block.

    Parameters
    ----------
    volume, seen
        Grey values and field of view.
    labels, own
        Of the run's labels.zarr, and their digest.
    run
        The folder.
    plan
        Who does it, in blocks of what size.
    """
    diameter = typical_section({"xy": {"labels": labels}}, volume.spacing)
    layout = plan.layout(volume.data.shape, volume.spacing, diameter, volume.source)
    work = BlockFusion(
        {"xy": {"labels": labels}},
        volume.voxels(plan.runner.remote),
        seen.fill,
        seen.mask,
        volume.spacing,
        volume.known_size,
        {},
        layout,
        diameter,
        PieceStore(run.path, "solid", own).path,
    )
    find_solid_in_blocks(work, run.path / "labels.zarr", plan.runner, own)
