"""One view of a volume as three OME-Zarr stacks, written slab by slab while slices get ready."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ..volumes.ome_zarr import SLAB, create_stack, mark_labels, open_stack, place_stack
from .view_folder import ViewFolder, piece_of

_CHUNKS = (SLAB, 256, 256)
_DTYPES = {"prob": np.float32, "dist": np.float32, "labels": np.int32}


class ChunkedViewFolder(ViewFolder):
    """A view's folder whose stacks are Zarr, so that no stack is ever held or written whole.

    Finished slices are pieces until their slab of `SLAB` slices is there; then it is written into
    the store's labels.zarr and the others, and is the piece. Workers on different slabs do not
    meet. The stacks move up when all slabs are there.
    """

    suffix = ".zarr"

    def prepare(self) -> None:
        """Make the empty stacks, if an earlier run has not."""
        if not self.is_whole:
            for name in _DTYPES:
                self.pieces.made_once(f"{name}.zarr", partial(self._create, name))

    def missing(self) -> list[int]:
        """List the slices that are still to be segmented."""
        return [i for i in super().missing() if _slab_of(i) not in self.pieces]

    def settle(self, indices: Sequence[int]) -> None:
        """Write the slabs of these slices whose slices are all there.

        No others: another worker may be about to write them, and to drop their slices.
        """
        for low in sorted({index - index % SLAB for index in indices}):
            stand_ins = self.stand_ins[low : low + SLAB]
            kept = {i: piece_of(i) for i in np.unique(stand_ins)}
            if _slab_of(low) in self.pieces or not all(p in self.pieces for p in kept.values()):
                continue
            for name, dtype in _DTYPES.items():
                slab = np.empty((len(stand_ins), *self.shape[1:]), dtype)
                for i, piece in kept.items():
                    slab[stand_ins == i] = self.pieces.load(piece, [name])[0]
                open_stack(self._stack(name))[low : low + len(stand_ins)] = slab
            self.pieces.note(_slab_of(low))
            for piece in kept.values():
                self.pieces.drop(piece)

    def join(self) -> None:
        """Move the whole stacks up, labels last, and drop what is left."""
        if not self.is_whole:
            self.settle(range(self.shape[0]))
            for name in _DTYPES:
                if self._stack(name).exists():
                    place_stack(self._stack(name), self.file(name))
        self.drop_pieces()

    def _stack(self, name: str) -> Path:
        return self.pieces.path / f"{name}.zarr"

    def _create(self, name: str, path: Path) -> None:
        create_stack(path, self.shape, _DTYPES[name], self.spacing, _CHUNKS)
        if name == "labels":
            mark_labels(path, self.file(name))


def _slab_of(index: int) -> str:
    return f"slab-{index - index % SLAB:05d}"
