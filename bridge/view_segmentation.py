"""One view of a volume: each slice segmented once, kept as a part, joined when all are there."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from particlebridge.analysis import Prediction, ViewStack, atomic_path

from .engine import Engine, Failure
from .volumes import read_volume
from .voxel_size import Spacing
from .writing import write_stack

VIEW_FILES = ("prob.tif", "dist.tif", "labels.tif")


class ViewFolder:
    """A view's folder: finished slices in ``.parts/``, then three stacks.

    Parameters
    ----------
    path
        Such as ``run/views/xy``.
    shape
        (N, H, W) of the view's stack.
    spacing
        (step, height, width) in micrometres, in the order of the stack's axes.
    """

    def __init__(
        self, path: str | os.PathLike[str], shape: tuple[int, int, int], spacing: Spacing
    ) -> None:
        self.path = Path(path)
        self.shape = shape
        self.spacing = spacing
        self._parts = self.path / ".parts"

    @property
    def is_whole(self) -> bool:
        """Whether the three stacks are there; labels.tif is written last."""
        return all((self.path / name).exists() for name in VIEW_FILES)

    def missing(self) -> list[int]:
        """List the slices that are still to be segmented."""
        if self.is_whole:
            return []
        return [i for i in range(self.shape[0]) if not self._part(i).exists()]

    def keep(self, index: int, prediction: Prediction) -> None:
        """Store one finished slice; it survives a kill from now on."""
        with atomic_path(self._part(index)) as beside, beside.open("wb") as file:
            np.savez(
                file, labels=prediction.labels, prob=prediction.prob, dist=prediction.dist
            )  # fmt: skip

    def join(self) -> None:
        """Write the three stacks from the parts, then drop the parts.

        Raises
        ------
        OSError
            If they cannot be written; the parts stay.
        """
        if not self.is_whole:
            most = max((int(part.max(initial=0)) for part in self._planes("labels")), default=0)
            fits = most <= np.iinfo(np.uint16).max
            kinds = {"prob": np.float32, "dist": np.float32}
            for name, dtype in {**kinds, "labels": np.uint16 if fits else np.int32}.items():
                write_stack(
                    self.path / f"{name}.tif", self._planes(name), self.shape, dtype, self.spacing
                )
        shutil.rmtree(self._parts, ignore_errors=True)

    def labels(self) -> np.ndarray:
        """Map the finished labels, (N, H, W), without loading them."""
        return self._mapped("labels")

    def stacks(self) -> ViewStack:
        """Map labels, probability and mean distance, without loading them."""
        return ViewStack(self._mapped("labels"), self._mapped("prob"), self._mapped("dist"))

    def _mapped(self, name: str) -> np.ndarray:
        return read_volume(self.path / f"{name}.tif").data

    def _planes(self, name: str) -> Iterator[np.ndarray]:
        for i in range(self.shape[0]):
            with np.load(self._part(i), allow_pickle=False) as part:
                yield part[name]

    def _part(self, index: int) -> Path:
        return self._parts / f"{index:05d}.npz"


def segment_view(
    stack: np.ndarray, folder: ViewFolder, engine: Engine, advance: Callable[[int], None]
) -> int:
    """Segment the slices of one view that are not finished yet.

    Parameters
    ----------
    stack
        (N, H, W) slices.
    folder
        Where they are kept.
    engine
        What segments them.
    advance
        Called with 1 after each slice.

    Returns
    -------
    int
        How many slices an earlier run had finished.

    Raises
    ------
    RuntimeError
        If slices failed; names them, and the others are kept.
    """
    missing = folder.missing()
    failures: list[Failure] = []
    for index, result in engine.predict(stack, missing):
        if isinstance(result, Failure):
            failures.append(result)
        else:
            folder.keep(index, result)
        advance(1)
    if failures:
        first = failures[0]
        named = ", ".join(str(f.index) for f in failures[:10])
        raise RuntimeError(
            f"{folder.path}: {len(failures)} of {len(stack)} slices failed ({named}); slice "
            f"{first.index}: {first.reason}. The others are kept: mend it and run the same "
            "command again"
        )
    folder.join()
    return folder.shape[0] - len(missing)
