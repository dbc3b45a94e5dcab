"""One view of a volume: each slice segmented once, kept as a piece, joined when all are there."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis import Prediction
from particlebridge.analysis._shared.views import View

from .._shared.failures import item_errors, why_failed
from ..engines.protocol import Engine, Failure
from ..volumes.reading import open_volume, read_volume
from ..volumes.stored_arrays import AnyArray, SliceStack
from ..volumes.voxel_size import KnownSize
from ..volumes.writing import write_stack
from .piece_store import PieceStore, remove_pieces
from .slice_sampling import stand_ins

VIEW_FILES = ("prob", "dist", "labels")
_PIECES = "slices"


def view_outputs(run: Path, views: Sequence[View], format: str) -> dict[str, list[Path]]:
    """Name what segmenting views writes into a run folder: part or stage -> files."""
    suffix = ".zarr" if format == "zarr" else ".tif"
    files = {f"views/{v}": [run / "views" / v / f"{n}{suffix}" for n in VIEW_FILES] for v in views}
    if format == "tiff":
        files |= {f"rois {v}": [run / "rois" / f"{v}.zip"] for v in views}
    return files


class SlicesFailed(RuntimeError):
    """Some slices of a view could not be segmented; the others are kept.

    Attributes
    ----------
    failures
        All of them.
    """

    def __init__(self, text: str, failures: Sequence[Failure]) -> None:
        super().__init__(text)
        self.failures = failures


class ViewFolder:
    """A view's folder: finished slices in a store, then three stacks.

    Parameters
    ----------
    path
        Such as ``run/views/xy``.
    shape
        (N, H, W) of the view's stack.
    spacing
        What is known of (step, height, width), in the order of the stack's axes; the stacks record
        it.
    key
        What the slices depend on; finished slices of another key are deleted.
    every
        One of so many slices is segmented and stands for its neighbours (`stand_ins`).
    """

    suffix = ".tif"

    def __init__(
        self,
        path: str | os.PathLike[str],
        shape: tuple[int, int, int],
        spacing: KnownSize,
        key: Any = None,
        every: int = 1,
    ) -> None:
        self.path = Path(path)
        self.shape = shape
        self.spacing = spacing
        self._key = key
        self.stand_ins = stand_ins(shape[0], every)

    @cached_property
    def pieces(self) -> PieceStore:
        """The finished slices of a view that is not whole."""
        return PieceStore(self.path, _PIECES, self._key)

    @property
    def is_whole(self) -> bool:
        """Whether the three stacks are there; labels.tif is written last."""
        return all(self.file(name).exists() for name in VIEW_FILES)

    def file(self, name: str) -> Path:
        """Name the file of a stack: ``labels``, ``prob`` or ``dist``."""
        return self.path / f"{name}{self.suffix}"

    @property
    def segmented(self) -> list[int]:
        """The slices that the network sees, rising."""
        return np.unique(self.stand_ins).tolist()

    def prepare(self) -> None:
        """Get ready for slices to be kept."""

    def settle(self, indices: Sequence[int]) -> None:
        """Use these slices, which were kept, where they can be used before all are there."""

    def missing(self) -> list[int]:
        """List the slices that are still to be segmented."""
        if self.is_whole:
            return []
        return [i for i in self.segmented if piece_of(i) not in self.pieces]

    def keep(self, index: int, prediction: Prediction) -> None:
        """Store one finished slice; it survives a kill from now on."""
        arrays = {name: getattr(prediction, name) for name in VIEW_FILES}
        self.pieces.keep(piece_of(index), **arrays)

    def join(self) -> None:
        """Write the three stacks from the slices, then drop these.

        Raises
        ------
        OSError
            If they cannot be written; the slices stay.
        """
        if not self.is_whole:
            most = max((int(part.max(initial=0)) for part in self._planes("labels")), default=0)
            fits = most <= np.iinfo(np.uint16).max
            kinds = {"prob": np.float32, "dist": np.float32}
            for name, dtype in {**kinds, "labels": np.uint16 if fits else np.int32}.items():
                write_stack(self.file(name), self._planes(name), self.shape, dtype, self.spacing)
        self.drop_pieces()

    def drop_pieces(self) -> None:
        """Delete the slices: the stacks are whole."""
        remove_pieces(self.path, _PIECES)

    def open(self, name: str) -> AnyArray:
        """Open a finished stack, ``labels``, ``prob`` or ``dist``, without loading it."""
        return open_volume(self.file(name)).data

    def labels(self) -> np.ndarray:
        """Map the finished labels, (N, H, W), without loading them."""
        return read_volume(self.file("labels")).data

    def _planes(self, name: str) -> Iterator[np.ndarray]:
        for i, standing_for in groupby(self.stand_ins):
            plane = self.pieces.load(piece_of(i), [name])[0]
            for _ in standing_for:
                yield plane


def piece_of(index: int) -> str:
    """Name the piece that holds a slice."""
    return f"{index:05d}.npz"


def segment_slices(
    stack: SliceStack,
    folder: ViewFolder,
    engine: Engine,
    indices: Sequence[int],
    advance: Callable[[int], None],
) -> list[Failure]:
    """Segment slices of one view.

    Parameters
    ----------
    stack
        The view's slices.
    folder
        Where they are kept.
    engine
        What segments them.
    indices
        Which slices.
    advance
        Called with 1 after each slice.

    Returns
    -------
    list of Failure
        The slices that could not be segmented; the others are kept.
    """
    failures: list[Failure] = []
    for index, result in engine.predict(stack, indices):
        if isinstance(result, Failure):
            failures.append(result)
        else:
            try:
                folder.keep(index, result)
            except item_errors() as error:
                failures.append(Failure(index, why_failed(error)))
        advance(1)
    folder.settle(indices)
    return failures


def check_failures(folder: ViewFolder, failures: Sequence[Failure]) -> None:
    """Name the slices of a view that failed.

    Raises
    ------
    SlicesFailed
        If there are any.
    """
    if failures:
        first, total = failures[0], len(folder.segmented)
        named = ", ".join(str(f.index) for f in failures[:10])
        raise SlicesFailed(
            f"{folder.path}: {len(failures)} of {total} slices failed ({named}); slice "
            f"{first.index}: {first.reason}. The others are kept: fix it and run the same "
            "command again",
            failures,
        )
