"""One view of a volume as three OME-Zarr stacks, written slab by slab while slices get ready."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from particlebridge.analysis.io.atomic import remove_folder

from ..volumes.ome_zarr import SLAB, create_stack, open_stack, place_stack
from .view_folder import ViewFolder

_CHUNKS = (SLAB, 256, 256)
_DTYPES = {"prob": np.float32, "dist": np.float32, "labels": np.int32}


class ChunkedViewFolder(ViewFolder):
    """A view's folder whose stacks are Zarr, so that no stack is ever held or written whole.

    Finished slices lie in ``.parts/`` until their slab of `SLAB` slices is there; then it is
    written into ``.parts/labels.zarr`` and the others, and noted in ``.parts/slab-00000``. Workers
    on different slabs do not meet. The stacks move up when all slabs are noted.
    """

    suffix = ".zarr"

    def prepare(self) -> None:
        """Make the empty stacks, if an earlier run has not."""
        if self.is_whole:
            return
        self._parts.mkdir(parents=True, exist_ok=True)
        ready = self._parts / "ready"
        if not ready.exists():
            for name, dtype in _DTYPES.items():
                create_stack(self._parts / f"{name}.zarr", self.shape, dtype, self.spacing, _CHUNKS)
            ready.touch()

    def missing(self) -> list[int]:
        """List the slices that are still to be segmented."""
        written = {low // SLAB for low in self._slabs() if self._note(low).exists()}
        return [i for i in super().missing() if i // SLAB not in written]

    def settle(self, indices: Sequence[int]) -> None:
        """Write the slabs of these slices whose slices are all there.

        No others: another worker may be about to write them, and to drop their slices.
        """
        for low in sorted({index - index % SLAB for index in indices}):
            parts = [self._part(i) for i in range(low, min(low + SLAB, self.shape[0]))]
            if self._note(low).exists() or not all(part.exists() for part in parts):
                continue
            for name, dtype in _DTYPES.items():
                slab = np.empty((len(parts), *self.shape[1:]), dtype)
                for plane, part in zip(slab, parts, strict=True):
                    with np.load(part, allow_pickle=False) as held:
                        plane[:] = held[name]
                open_stack(self._parts / f"{name}.zarr")[low : low + len(parts)] = slab
            self._note(low).touch()
            for part in parts:
                part.unlink()

    def join(self) -> None:
        """Move the whole stacks up, labels last, and drop what is left."""
        if not self.is_whole:
            self.settle(range(self.shape[0]))
            for name in _DTYPES:
                stack = self._parts / f"{name}.zarr"
                if stack.exists():
                    place_stack(stack, self.file(name))
        remove_folder(self._parts)

    def _slabs(self) -> Iterator[int]:
        return iter(range(0, self.shape[0], SLAB))

    def _note(self, low: int) -> Path:
        return self._parts / f"slab-{low:05d}"
