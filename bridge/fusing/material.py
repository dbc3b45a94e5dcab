"""The material of labels that are there already, found block by block."""

from functools import partial
from pathlib import Path

import fastremap
import numpy as np
from particlebridge import analysis
from particlebridge.analysis.material.void_evidence import coded, told

from ..runs.blocks import Block
from ..runs.piece_store import do_all
from ..runs.scheduling import Runner
from ..runs.void_words import say_void
from ..volumes.ome_zarr import create_stack, open_stack
from .blocks import BlockFusion, box_of, grey_of
from .placing import place_mask

_PARTS = ("labels", "voxels", "void")


def find_solid_in_blocks(work: BlockFusion, labels: Path, runner: Runner, own: str) -> None:
    """Find the material of labels, into the mask beside them.

    Parameters
    ----------
    work
        View xy holds the labels; its store is for this alone.
    labels
        Their file.
    runner
        Who does the blocks.
    own
        Digest of the labels.

    Raises
    ------
    RuntimeError
        If blocks failed; the others are kept.
    """
    stack = work.pieces.made_once(
        "solid.zarr", lambda path: create_stack(path, work.block_grid.shape, np.uint8, work.size)
    )
    blocks = work.block_grid.blocks()
    todo = {f"material of block {b.number}": b for b in blocks if _piece(b) not in work.pieces}
    do_all(runner, partial(_find_block, work), todo, (len(blocks), "blocks", labels.parent))
    found = (work.pieces.load(_piece(block), _PARTS) for block in blocks)
    names, voxels, void = (np.concatenate(parts) for parts in zip(*found, strict=True))
    # The block that holds most of a body says what is known of its void, as in `fuse_in_blocks`.
    order = np.lexsort((voxels, names))[::-1]
    _, first = np.unique(names[order], return_index=True)
    say_void(told(void[order][first]))
    place_mask(stack, labels, own, work.size)
    work.pieces.remove()


def _piece(block: Block) -> str:
    return f"block-{block.number:04d}.npz"


def _find_block(work: BlockFusion, block: Block) -> None:
    grey = grey_of(work, block)
    assert grey is not None
    there = box_of(work.views["xy"]["labels"], "xy", block)
    # Levels are tables by label: numbered in a row, their memory follows the number of bodies.
    labels, numbers = fastremap.renumber(there)
    labels = labels.astype(np.int32)
    solid, void = analysis.find_void(grey, labels, work.spacing)
    mask = coded(solid, labels, void)[block.inner]
    open_stack(work.pieces.path / "solid.zarr")[block.core] = mask
    names = np.zeros(len(void), np.int64)
    for name, number in numbers.items():
        names[int(number)] = int(name)
    voxels = np.bincount(labels[block.inner].ravel(), minlength=len(void))
    own = (voxels > 0) & (names > 0)
    work.pieces.keep(_piece(block), labels=names[own], voxels=voxels[own], void=void[own])
