"""Cutting a volume into overlapping blocks of whole chunks."""

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from ..volumes.ome_zarr import CHUNK

Box = tuple[slice, slice, slice]


class Block(NamedTuple):
    """A block.

    Attributes
    ----------
    number : int
        Its number.
    place : tuple of int
        Its place in the grid of blocks.
    core : tuple of slice
        The voxels that are its own.
    reach : tuple of slice
        What it looks at: the core and the halo around it, as far as the volume goes.
    """

    number: int
    place: tuple[int, int, int]
    core: Box
    reach: Box

    @property
    def inner(self) -> Box:
        """Where the core lies in the reach."""
        z, y, x = (
            slice(c.start - r.start, c.stop - r.start)
            for c, r in zip(self.core, self.reach, strict=True)
        )
        return z, y, x


@dataclass(frozen=True)
class BlockGrid:
    """A grid of blocks that cover a volume.

    Attributes
    ----------
    shape
        Of the volume, (Z, Y, X).
    side
        Of the blocks' cores: multiples of the chunks', so that each chunk has one writer.
    halo
        Voxels that blocks see beyond their cores.
    """

    shape: tuple[int, int, int]
    side: tuple[int, int, int]
    halo: tuple[int, int, int]

    def blocks(self) -> list[Block]:
        """List the blocks."""
        found: list[Block] = []
        counts = [range(-(-n // s)) for n, s in zip(self.shape, self.side, strict=True)]
        for place in product(*counts):
            core, reach = [], []
            for at, n, s, h in zip(place, self.shape, self.side, self.halo, strict=True):
                low, high = at * s, min((at + 1) * s, n)
                core.append(slice(low, high))
                reach.append(slice(max(0, low - h), min(n, high + h)))
            z, y, x = place
            found.append(
                Block(
                    len(found),
                    (z, y, x),
                    (core[0], core[1], core[2]),
                    (reach[0], reach[1], reach[2]),
                )
            )
        return found

    def most_voxels(self) -> int:
        """Give the voxels of the largest block with its halo."""
        return max(_voxels(block.reach) for block in self.blocks())


def fewest_blocks(
    shape: tuple[int, int, int], halo: tuple[int, int, int], most_voxels: float
) -> BlockGrid | None:
    """Choose the fewest blocks that stay below a size.

    Parameters
    ----------
    shape
        Of the volume, (Z, Y, X).
    halo
        Voxels to see beyond a block's core, if there is more than one block.
    most_voxels
        A block and its halo have no more.

    Returns
    -------
    BlockGrid or None
        None if even blocks of one chunk are larger.
    """
    side = [-(-n // CHUNK) * CHUNK for n in shape]
    while True:
        block_grid = BlockGrid(shape, (side[0], side[1], side[2]), halo)
        if block_grid.most_voxels() <= most_voxels:
            return block_grid
        # Cutting the longest core adds the least halo.
        axis = side.index(max(side))
        if side[axis] == CHUNK:
            return None
        parts = -(-shape[axis] // (side[axis] - CHUNK))
        side[axis] = -(-shape[axis] // (parts * CHUNK)) * CHUNK


def neighbours(blocks: list[Block]) -> list[tuple[Block, Block]]:
    """List the pairs of blocks that share a face."""
    by_place = {block.place: block for block in blocks}
    found = []
    for block in blocks:
        for axis in range(3):
            z, y, x = (p + (a == axis) for a, p in enumerate(block.place))
            if (z, y, x) in by_place:
                found.append((block, by_place[z, y, x]))
    return found


def shared(first: Block, second: Block) -> tuple[Box, Box]:
    """Tell where what two blocks both see lies in the reach of each."""
    boxes: tuple[list[slice], list[slice]] = ([], [])
    for a, b in zip(first.reach, second.reach, strict=True):
        low, high = max(a.start, b.start), min(a.stop, b.stop)
        boxes[0].append(slice(low - a.start, high - a.start))
        boxes[1].append(slice(low - b.start, high - b.start))
    return (boxes[0][0], boxes[0][1], boxes[0][2]), (boxes[1][0], boxes[1][1], boxes[1][2])


def _voxels(box: Box) -> int:
    return (
        (box[0].stop - box[0].start) * (box[1].stop - box[1].start) * (box[2].stop - box[2].start)
    )
