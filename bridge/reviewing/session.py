"""A review of a run's particles: every act changes labels in memory and is on disk at once."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
from particlebridge.analysis._shared.views import View
from particlebridge.analysis.correction.acts import (
    Accept,
    Act,
    Box,
    Cut,
    Delete,
    Edit,
    Merge,
    Paint,
    Point,
    Redo,
    Split,
    Undo,
    Unsure,
    box_shape,
    slices,
)
from particlebridge.analysis.correction.regions import (
    Region,
    grow_region,
    interpolate_outlines,
    tight,
)
from particlebridge.analysis.correction.replay import Change, LabelEditor

from .._shared.progress import notice
from ..runs.folder_lock import held
from ..runs.run_folder import RunFolder
from ..volumes.reading import Volume, open_volume
from ..volumes.stored_arrays import AnyArray
from ..volumes.voxel_size import Spacing
from .edited_labels import EditedLabels
from .fused_files import FusedFiles, check_unchanged, find_fused, open_run_volume, open_views
from .log import LOG, By, CorrectionLog
from .replaying import Replayed, boxes_of, fusion_table, replay

_USUAL = 1.5
"""A particle is grown no further from the click than so many typical radii."""


class ReviewSession:
    """The particles of a run, corrected by a person.

    Labels are changed in memory, box by box; the run's own files stay as they are. Every act is a
    line in ``corrections.jsonl`` before its method returns, so nothing is lost however the program
    ends. `apply_corrections` makes the run's results again.

    Use `open`, and close the session, or use it in a ``with`` block: it holds the run folder.

    Attributes
    ----------
    volume
        Grey values of the run (``volume.data`` is read as it is sliced).
    labels
        (Z, Y, X) int32 as they are now; sliced like an array.
    solid
        (Z, Y, X) mask of material in the particles as they were fused; None if it is gone.
    views
        View -> its 2-D labels, in the view's own order.
    spacing
        Voxel size (z, y, x), um.
    on_change
        Called with the box (z0, y0, x0, z1, y1, x1) of each change of labels.
    messages
        What was noticed when it was opened: a line that was cut off, acts that no longer fit.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import electrode
    >>> from particlebridge.bridge import ReviewSession, run
    >>> made = electrode((16, 40, 44), seed=3, radius=(4, 7))
    >>> np.save("scan.npy", made.volume)
    >>> _ = run(["scan.npy"], "results", voxel_size=made.spacing, diameter=12)
    >>> with ReviewSession.open("results", by="script") as review:
    ...     first, second = review.table["label"][:2]
    ...     review.accept(first)
    ...     review.delete(second)
    ...     review.undo()
    ...     review.table.set_index("label").loc[[first, second], "review"].tolist()
    ['accepted', '']
    >>> len(open("results/corrections.jsonl").readlines())
    3
    """

    def __init__(self, run: RunFolder, by: By, stack: ExitStack) -> None:
        self._stack = stack
        self._by: By = by
        self.folder = run.path
        self._fused: FusedFiles = find_fused(run)
        check_unchanged(run, self._fused)
        self.volume: Volume[AnyArray] = open_run_volume(run)
        self.spacing: Spacing = self.volume.spacing
        self._voxels: AnyArray = self.volume.data
        base = open_volume(self._fused.labels, holds="labels").data
        self.labels = EditedLabels(base)
        self.solid: AnyArray | None = None
        if self._fused.solid.exists():
            self.solid = open_volume(self._fused.solid).data
        self.views: Mapping[View, AnyArray] = open_views(run)
        self.on_change: list[Callable[[Box], object]] = []
        self._log = CorrectionLog(self.folder / LOG, self.labels.shape, mend=True)
        boxes = boxes_of(self._fused, base)
        self._editor = LabelEditor(self.labels, boxes, 0, self._voxels, self.spacing)
        self._acts: Replayed = replay(self._log, self._editor, self._fused.digest)
        self.messages: list[str] = [*self._log.messages, *self._acts.messages]
        for message in self.messages:
            notice(message)

    @classmethod
    def open(cls, folder: str | os.PathLike[str], by: By = "script") -> "ReviewSession":
        """Open the particles of a run, with what was corrected before.

        Parameters
        ----------
        folder
            One volume's folder of results.
        by
            What the log calls this program: ``napari``, ``fiji`` or ``script``.

        Raises
        ------
        FileNotFoundError, ValueError
            If the folder holds no finished run of one volume, its labels were changed by another
            program, or its corrections are of another volume or damaged.
        RuntimeError
            If another review or run holds the folder.
        """
        path = Path(folder)
        if not (path / "run.json").is_file():
            raise FileNotFoundError(
                f"{path}: has no run.json; give a folder of results that 'particlebridge run' made"
            )
        with ExitStack() as stack:
            stack.enter_context(held(path))
            return cls(RunFolder(path), by, stack.pop_all())
        raise AssertionError

    def close(self) -> None:
        """Give the folder back."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @cached_property
    def _fusion(self) -> pd.DataFrame:
        return fusion_table(self._fused, self.spacing)

    @property
    def table(self) -> pd.DataFrame:
        """The particles as they are now, the least sure first.

        Columns: ``label``; ``z``, ``y``, ``x``, its middle in voxels; ``confidence`` of the fusion
        (NaN of a particle that was corrected); ``doubt`` from 0 to 1; ``reasons`` for it; and
        ``review``: accepted, unsure, corrected, added, or "".
        """
        now = self._editor.particles
        known = self._fusion.reindex(list(now))
        known["review"] = [particle.review for particle in now.values()]
        for label, particle in now.items():
            if particle.origin:
                assert particle.at is not None or particle.box
                middle = particle.at or self._editor.known(label).at
                known.loc[label, ["z", "y", "x"]] = middle
                known.loc[label, "confidence"] = np.nan
        known["doubt"] = (1 - known["confidence"]).fillna(0.0).clip(0, 1)
        known["reasons"] = ""
        ordered = known.sort_values("doubt", ascending=False, kind="stable")
        table = ordered.rename_axis("label").reset_index()
        return table[["label", "z", "y", "x", "confidence", "doubt", "reasons", "review"]]

    def box(self, label: int) -> Box:
        """Give the bounding box of a particle as it is now."""
        return self._editor.known(label).box

    def accept(self, label: int) -> None:
        """Say that a particle is right."""
        self._do(Accept(self._editor.reference(label)))

    def unsure(self, label: int) -> None:
        """Say that a particle was looked at, and that nobody can tell."""
        self._do(Unsure(self._editor.reference(label)))

    def delete(self, label: int) -> None:
        """Take a particle out."""
        self._do(Delete(self._editor.reference(label)))

    def merge(self, labels: Sequence[int]) -> None:
        """Make one particle of several; the first keeps its label."""
        if len(set(labels)) < max(2, len(labels)):
            raise ValueError("merging needs two or more different particles")
        self._do(Merge(tuple(self._editor.reference(label) for label in labels)))

    def split(self, label: int, seeds: Sequence[Point]) -> list[int]:
        """Split a particle by a watershed from a point in each part.

        Parameters
        ----------
        label
            The particle.
        seeds
            Two or more voxels (z, y, x) of it; the part of the first keeps its label.

        Returns
        -------
        list of int
            The new labels.
        """
        points = tuple(_point(seed) for seed in seeds)
        particle = self._editor.reference(label)
        box, parts = self._editor.seeded(label, points)
        new = self._new(len(points) - 1)
        self._do(Split(particle, points, new, box, parts))
        return list(new)

    def cut(self, label: int, point: Sequence[float], normal: Sequence[float]) -> int:
        """Cut a particle by a plane.

        Parameters
        ----------
        label
            The particle.
        point, normal
            Of the plane, in voxels (z, y, x).

        Returns
        -------
        int
            The new label, of the voxels p with (p - point) . normal >= 0.
        """
        at, across = np.asarray(point, float), np.asarray(normal, float)
        known = at.shape == across.shape == (3,) and np.isfinite([at, across]).all()
        if not known or not across.any():
            raise ValueError("a plane needs a point and a normal (z, y, x) of finite numbers")
        new = self._new(1)
        particle = self._editor.reference(label)
        self._do(Cut(particle, tuple(at.tolist()), tuple(across.tolist()), new))
        return new[0]

    def grow(self, point: Point) -> Region:
        """Grow a particle that the views missed from a click; nothing is changed yet.

        Parameters
        ----------
        point
            A voxel (z, y, x) of bright material that is no particle's.

        Returns
        -------
        Region
            For `add`.
        """
        at = _point(point)
        sizes = self._fusion["voxels"]
        usual = float(sizes.median()) if len(sizes) else 1e4
        radius = _USUAL * (3 * usual * float(np.prod(self.spacing)) / (4 * np.pi)) ** (1 / 3)
        reach = [int(np.ceil(radius / s)) + 2 for s in self.spacing]
        low = [max(0, p - r) for p, r in zip(at, reach, strict=True)]
        high = [min(n, p + r + 1) for p, r, n in zip(at, reach, self.labels.shape, strict=True)]
        box: Box = (*low, *high)  # type: ignore[assignment]
        seed = (at[0] - box[0], at[1] - box[1], at[2] - box[2])
        if not all(0 <= s < n for s, n in zip(seed, box_shape(box), strict=True)):
            raise ValueError(f"the point {list(at)} lies outside the volume")
        grey, free = np.asarray(self._voxels[slices(box)]), self.labels[slices(box)] == 0
        grown = tight(grow_region(grey, free, seed, self.spacing, radius), box[:3])
        assert grown is not None
        return grown

    def interpolate(self, planes: Mapping[int, np.ndarray], axis: int = 0) -> Region:
        """Make a region of outlines drawn in a few slices; nothing is changed yet.

        Parameters
        ----------
        planes
            Number of a slice -> bool mask of the whole slice.
        axis
            Across which the slices lie: 0, 1 or 2 for z, y or x.

        Returns
        -------
        Region
            For `add`.
        """
        first, mask = interpolate_outlines(planes)
        origin = [0, 0, 0]
        origin[axis] = first
        region = tight(np.moveaxis(mask, 0, axis), origin)
        assert region is not None
        self._check_inside(region.box)
        return region

    def add(self, region: Region) -> int:
        """Add a particle, of the voxels of a region, whoever had them.

        Returns
        -------
        int
            Its label.
        """
        new = self._new(1)
        self._do(self._painted(None, new, region.box, region.mask, None))
        return new[0]

    def paint(
        self,
        label: int,
        box: Box,
        add: np.ndarray | None = None,
        remove: np.ndarray | None = None,
    ) -> None:
        """Give voxels to a particle, whoever had them, or take voxels of its own from it.

        Parameters
        ----------
        label
            The particle.
        box
            Where the masks lie.
        add, remove
            Bool masks over the box.
        """
        self._do(self._painted(label, (), box, add, remove))

    @property
    def can_undo(self) -> bool:
        """Whether there is an act to take back."""
        return bool(self._acts.done)

    @property
    def can_redo(self) -> bool:
        """Whether there is an act that was taken back."""
        return bool(self._acts.undone)

    def undo(self) -> None:
        """Take back the latest act."""
        if not self._acts.done:
            raise ValueError("there is nothing to undo")
        act, exact, change = self._acts.done.pop()
        if change is not None:
            self._editor.undo(change)
        try:
            self._keep(Undo())
        except BaseException:
            self._acts.done.append((act, exact, self._editor.do(act, exact) if change else None))
            raise
        self._acts.undone.append((act, exact))
        self._tell(change)

    def redo(self) -> None:
        """Do the act again that was taken back last."""
        if not self._acts.undone:
            raise ValueError("there is nothing to redo")
        act, exact = self._acts.undone[-1]
        change = self._editor.do(act, exact)
        self._keep(Redo(), change)
        self._acts.undone.pop()
        self._acts.done.append((act, exact, change))
        self._tell(change)

    def _do(self, act: Edit) -> None:
        change = self._editor.do(act)
        self._keep(act, change)
        self._acts.done.append((act, True, change))
        self._acts.undone.clear()
        self._tell(change)

    def _keep(self, act: Act, change: Change | None = None) -> None:
        """Write an act to the log; what cannot be written is not done."""
        try:
            self._log.append(act, self._by, self._fused.digest)
        except BaseException:
            if change is not None:
                self._editor.undo(change)
            raise

    def _tell(self, change: Change | None) -> None:
        for box in dict.fromkeys(box for box, _ in change.patches) if change else ():
            for told in self.on_change:
                told(box)

    def _new(self, count: int) -> tuple[int, ...]:
        return tuple(range(self._editor.highest + 1, self._editor.highest + 1 + count))

    def _painted(
        self,
        label: int | None,
        new: tuple[int, ...],
        box: Box,
        add: np.ndarray | None,
        remove: np.ndarray | None,
    ) -> Paint:
        self._check_inside(box)
        masks: list[Any] = [None if m is None else np.asarray(m, bool) for m in (add, remove)]
        for mask in masks:
            if mask is not None and mask.shape != box_shape(box):
                raise ValueError(f"the mask has shape {mask.shape}, but its box {box_shape(box)}")
        if not any(mask is not None and mask.any() for mask in masks):
            raise ValueError("there is nothing painted")
        particle = None if label is None else self._editor.reference(label)
        return Paint(particle, new, box, *masks)

    def _check_inside(self, box: Box) -> None:
        sides = zip(box[:3], box[3:], self.labels.shape, strict=True)
        if not all(0 <= a < b <= n for a, b, n in sides):
            raise ValueError(f"the box {list(box)} is empty or lies outside the volume")


def _point(point: Sequence[float]) -> Point:
    z, y, x = (int(v) for v in point)
    return z, y, x
