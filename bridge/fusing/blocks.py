"""Fusing views block by block, then numbering the bodies through; one block is all in memory."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from particlebridge import analysis
from particlebridge.analysis import ViewStack
from particlebridge.analysis._shared.views import View, view_axes
from particlebridge.analysis.fusion.block_labels import JoinedLabels, join_labels, match_labels
from particlebridge.analysis.fusion.methods import Method
from particlebridge.analysis.material.void_evidence import NONE, WORDS, coded, told

from .._shared.progress import inform, notice, progress
from ..engines import memory_estimate
from ..runs.blocks import Block, BlockGrid, neighbours, shared
from ..runs.piece_store import PieceStore, do_all
from ..runs.scheduling import Runner, report_progress
from ..runs.void_words import say_void
from ..volumes.label_records import companion, label_digest
from ..volumes.ome_zarr import create_stack, open_stack
from ..volumes.reading import open_volume
from ..volumes.stored_arrays import AnyArray, filled
from ..volumes.tables import write_table
from ..volumes.voxel_size import KnownSize, Spacing, length_unit, working_size
from .placing import place_labels, place_mask
from .verdict import verdict_of

STACKS = ("solid", "labels")
_CRUMBS = 12
"""In a block, bodies below this share of the typical diameter go; the rest when all are known."""


@dataclass(frozen=True)
class BlockFusion:
    """What the fusion of each block needs, from disk or from memory.

    Attributes
    ----------
    source
        The volume or the folder of the views, for messages.
    views
        View name -> its stacks by name: ``labels``, and what else the method uses.
    grey
        Grey values; None if there are none.
    fill
        Grey value in place of what was not seen; None if there is nothing to fill.
    mask
        What was seen; None where only NaN was not.
    size
        What is known of the voxel size (z, y, x): the results record it.
    fusing
        The method and its settings, as `FuseOptions.given` gives them.
    block_grid
        The blocks.
    diameter
        Of a typical particle, um.
    pieces
        Where the blocks' results go.
    models
        View -> digest of the model that segmented it, where known: the verdict depends on it.
    """

    source: Path
    views: Mapping[View, Mapping[str, AnyArray]]
    grey: AnyArray | None
    fill: float | None
    mask: AnyArray | None
    size: KnownSize
    fusing: Mapping[str, Any]
    block_grid: BlockGrid
    diameter: float
    pieces: PieceStore
    models: Mapping[View, str] = field(default_factory=dict)

    @property
    def spacing(self) -> Spacing:
        """Sides of a voxel (z, y, x) to calculate with."""
        return working_size(self.size)


def stacks_for(method: Method) -> tuple[str, ...]:
    """Name the stacks of a view that a method uses."""
    more: dict[str, tuple[str, ...]] = {"consensus": ("prob",), "paper": ("dist",)}
    return ("labels", *more.get(method, ()))


def fuse_in_blocks(work: BlockFusion, target: Path, runner: Runner) -> dict[str, Any]:
    """Fuse block by block into labels, the mask of their material, and fusion.csv.

    Blocks overlap; two labels are one body if they agree, by an IoU above one half, on what both
    blocks see. One block gives what `analysis.fuse` gives.

    Parameters
    ----------
    work
        What to fuse. The results of finished blocks are kept as pieces, so that a run that was
        killed goes on.
    target
        labels.tif or labels.zarr; its `companion`s go beside it. They appear when all are whole,
        labels last; what is there is replaced.
    runner
        Who does the blocks.

    Returns
    -------
    dict
        ``particles``, the digest of their ``labels``, ``blocks`` and ``resumed_blocks``; with grey
        values ``void``, as `analysis.void_evidence.told` counts it; where there are any,
        ``doubted_views``: view -> blocks in which it counted a tenth (`analysis.Fusion.doubted`);
        ``verdict``, as `verdict_of` gives it. What it calls noise is dropped.

    Raises
    ------
    ValueError
        If the method needs the volume in one piece.
    RuntimeError
        If blocks failed; the others are kept.
    """
    blocks = work.block_grid.blocks()
    if work.fusing["method"] == "paper" and len(blocks) > 1:
        # The darkest cluster of a block without particles is not background, but half of it.
        raise ValueError(
            f"{target}: method paper clusters the whole volume at once, and it would be cut into "
            f"{len(blocks)} blocks; allow more --memory (with --format tiff: leave it out), or use "
            "another method"
        )
    todo = {f"fusion block {b.number}": b for b in blocks if _piece(b) not in work.pieces}
    resumed = len(blocks) - len(todo)
    cut = ""
    if len(blocks) > 1:
        side = " x ".join(str(n) for n in work.block_grid.side)
        size = memory_estimate.FUSE * work.block_grid.most_voxels() / 1e9
        cut = f" in {len(blocks)} blocks of {side} voxels, {size:.1f} GB for each"
    inform(f"fusing the views{cut}")
    of = (len(blocks), "blocks", target.parent)
    with progress("fused blocks", len(blocks), resumed) as advance:
        do_all(runner, partial(_fuse_block, work), todo, of, advance)
    joined, table, doubted = _join(work, blocks)
    void = _void(table)
    solid, labels = (_stack(work, name) for name in STACKS)
    create_stack(labels, work.block_grid.shape, np.int32, work.size)
    if work.grey is not None:
        create_stack(solid, work.block_grid.shape, np.uint8, work.size)
    pieces = {f"numbering block {b.number}": (b, joined.names[b.number]) for b in blocks}
    do_all(runner, partial(_write_block, work, void), pieces, of)
    bodies = open_volume(labels).data
    verdict = verdict_of(work.views, bodies, table, work.fusing["method"], work.models)
    if verdict is not None and verdict.noise:
        table = table[:0]
        void = _void(table)
        none = {name: (b, np.zeros_like(names)) for name, (b, names) in pieces.items()}
        do_all(runner, partial(_write_block, work, void), none, of)
    own = label_digest(bodies)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_table(table.assign(Unit=length_unit(work.size)), companion(target, "fusion"))
    place_mask(solid, target, own, work.size)
    place_labels(labels, target, own, work.size, work.source)
    work.pieces.remove()
    told_of: dict[str, Any] = {
        "particles": len(table),
        "labels": own,
        "blocks": len(blocks),
        "resumed_blocks": resumed,
    }
    if verdict is not None:
        told_of["verdict"] = verdict.as_record()
        (inform if verdict.word == "trust" else notice)(f"{target}: {verdict.sentence}")
    if doubted:
        told_of["doubted_views"] = doubted
        notice(
            f"Views {' and '.join(doubted)} cut particles between slices that lie far apart, where "
            "the slices show one; they count a tenth of the others"
            + (f" in up to {max(doubted.values())} blocks" if len(blocks) > 1 else "")
        )
    if void is None:
        return told_of
    say_void(told(void[1:]))
    return {**told_of, "void": told(void[1:])}


def _piece(block: Block) -> str:
    return f"block-{block.number:04d}.zarr"


def _stack(work: BlockFusion, name: str) -> Path:
    return work.pieces.path / f"{name}.zarr"


def _fuse_block(work: BlockFusion, block: Block) -> None:
    import zarr

    views = {
        str(view): ViewStack(**{name: box_of(stack, view, block) for name, stack in stacks.items()})
        for view, stacks in work.views.items()
    }
    single = block.core == block.reach and work.block_grid.shape == tuple(
        s.stop for s in block.core
    )
    try:
        fusion = analysis.fuse(
            views,
            grey_of(work, block),
            work.spacing,
            min_diameter=None if single else work.diameter / _CRUMBS,
            **work.fusing,
        )
    except ValueError as error:
        raise ValueError(f"{work.source}: {error}") from error
    with work.pieces.writing(_piece(block)) as beside:
        group = zarr.open_group(beside, mode="w")
        group.create_array("labels", data=fusion.labels, chunks=_chunks(fusion.labels))
        if fusion.solid is not None:
            solid = np.ascontiguousarray(fusion.solid[block.inner])
            group.create_array("solid", data=solid, chunks=_chunks(solid))
        own = np.bincount(
            fusion.labels[block.inner].ravel(), minlength=int(fusion.labels.max()) + 1
        )
        group.create_array("own", data=own)
        group.attrs["doubted"] = list(fusion.doubted)
        fusion.table.to_csv(beside / "bodies.csv", index=False)
    report_progress(1)


def _join(
    work: BlockFusion, blocks: list[Block]
) -> tuple[JoinedLabels, pd.DataFrame, dict[str, int]]:
    """Give the bodies one numbering, what is known of each, and the blocks that doubt a view."""
    import zarr

    folders = [work.pieces.path / _piece(block) for block in blocks]
    held: list[Any] = [zarr.open_group(folder, mode="r") for folder in folders]
    matches = {}
    for a, b in neighbours(blocks):
        in_a, in_b = shared(a, b)
        matches[a.number, b.number] = match_labels(
            np.asarray(held[a.number]["labels"][in_a]), np.asarray(held[b.number]["labels"][in_b])
        )
    own = [np.asarray(group["own"][:]) for group in held]
    # A single block has dropped what is too small by itself.
    joined = join_labels(own, matches, work.spacing, 0.0 if len(blocks) == 1 else None)
    tables = []
    for folder, names in zip(folders, joined.names, strict=True):
        table = pd.read_csv(folder / "bodies.csv", float_precision="round_trip")
        tables.append(table.assign(label=names[table["label"]]))
    # The block that sees most of a body says how far the views agree on it.
    every = pd.concat(tables).sort_values(["label", "Volume"], kind="stable")
    table = every[every["label"] > 0].drop_duplicates("label", keep="last").reset_index(drop=True)
    table["Volume"] = joined.sizes[table["label"]] * float(np.prod(work.spacing))
    doubted = Counter(view for group in held for view in group.attrs.get("doubted", ()))
    return joined, table, dict(doubted)


def _void(table: pd.DataFrame) -> np.ndarray | None:
    """Give what is known of each body's void, as the block that sees most of it does."""
    if "Void" not in table:
        return None
    void = np.full(int(table["label"].max() if len(table) else 0) + 1, NONE, np.uint8)
    void[table["label"]] = [WORDS.index(word) for word in table["Void"]]
    return void


def _write_block(
    work: BlockFusion, void: np.ndarray | None, piece: tuple[Block, np.ndarray]
) -> None:
    import zarr

    block, names = piece
    held: Any = zarr.open_group(work.pieces.path / _piece(block), mode="r")
    labels = names[np.asarray(held["labels"][block.inner])]
    open_stack(_stack(work, "labels"))[block.core] = labels
    if "solid" in held:
        solid = np.asarray(held["solid"][:]) & (labels > 0)
        mask = solid.astype(np.uint8) * 255 if void is None else coded(solid, labels, void)
        open_stack(_stack(work, "solid"))[block.core] = mask


def grey_of(work: BlockFusion, block: Block) -> np.ndarray | None:
    """Read a block's grey values, what was not seen filled; None if there are none."""
    if work.grey is None:
        return None
    seen = None if work.mask is None else work.mask[block.reach]
    return filled(np.asarray(work.grey[block.reach]), work.fill, seen)


def box_of(stack: AnyArray, view: View, block: Block) -> np.ndarray:
    """Cut a block out of a view's stack."""
    box = tuple(block.reach[axis] for axis in view_axes(view))
    return np.ascontiguousarray(stack[box])


def _chunks(array: np.ndarray) -> tuple[int, ...]:
    return tuple(min(64, max(1, n)) for n in array.shape)
