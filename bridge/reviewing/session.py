"""A review of a run's particles: every act changes labels in memory and is on disk at once."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis.correction.acts import (
    Accept,
    Box,
    Cut,
    Delete,
    Merge,
    Paint,
    Point,
    Split,
    Unsure,
)
from particlebridge.analysis.correction.regions import Region

from .._shared.progress import notice
from ..runs.folder_lock import held
from ..runs.run_folder import RunFolder
from .history import History
from .log import LOG, By, CorrectionLog
from .proposing import bright_near, check_box, grown_from, interpolated
from .reviewed_run import ReviewedRun


class ReviewSession(ReviewedRun):
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

    def __init__(self, run: RunFolder, by: By) -> None:
        super().__init__(run)
        log = CorrectionLog(self.folder / LOG, self.labels.shape, mend=True)
        self._history = History(log, self._editor, self._fused.digest, by)
        self.on_change: list[Callable[[Box], object]] = self._history.on_change
        self.messages: list[str] = self._history.messages
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
            review = cls(RunFolder(path), by)
            review._held = stack.pop_all()
        return review

    def accept(self, label: int) -> None:
        """Say that a particle is right."""
        self._history.do(Accept(self._editor.reference(label)))

    def unsure(self, label: int) -> None:
        """Say that a particle was looked at, and that nobody can tell."""
        self._history.do(Unsure(self._editor.reference(label)))

    def delete(self, label: int) -> None:
        """Take a particle out."""
        self._history.do(Delete(self._editor.reference(label)))

    def merge(self, labels: Sequence[int]) -> None:
        """Make one particle of several; the first keeps its label."""
        if len(set(labels)) < max(2, len(labels)):
            raise ValueError("merging needs two or more different particles")
        self._history.do(Merge(tuple(self._editor.reference(label) for label in labels)))

    def split(self, label: int, seeds: Sequence[Point]) -> list[int]:
        """Split a particle from a point in each part: at its waists, else midway between points.

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
        self._history.do(Split(particle, points, new, box, parts))
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
        self._history.do(Cut(particle, tuple(at.tolist()), tuple(across.tolist()), new))
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
        return grown_from(at, self.labels, self._voxels, self.spacing, self.usual_voxels)

    def bright_near(self, place: Point) -> Point:
        """Find where to `grow` from at one of the places of `missed`: their middle may be a void.

        Returns
        -------
        tuple of int
            The brightest voxel (z, y, x) of no particle within a quarter of a typical radius.
        """
        at = _point(place)
        return bright_near(at, self.labels, self._voxels, self.spacing, self.usual_voxels)

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
        region = interpolated(planes, axis)
        check_box(region.box, self.labels.shape)
        return region

    def add(self, region: Region) -> int:
        """Add a particle, of the voxels of a region, whoever had them.

        Returns
        -------
        int
            Its label.
        """
        new = self._new(1)
        self._history.do(self._painted(None, new, region.box, region.mask, None))
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
        self._history.do(self._painted(label, (), box, add, remove))

    @property
    def can_undo(self) -> bool:
        """Whether there is an act to take back."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is an act that was taken back."""
        return self._history.can_redo

    def undo(self) -> None:
        """Take back the latest act."""
        self._history.undo()

    def redo(self) -> None:
        """Do the act again that was taken back last."""
        self._history.redo()

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
        masks: list[Any] = [None if m is None else np.asarray(m, bool) for m in (add, remove)]
        check_box(box, self.labels.shape, *masks)
        particle = None if label is None else self._editor.reference(label)
        return Paint(particle, new, box, *masks)


def _point(point: Sequence[float]) -> Point:
    z, y, x = (int(v) for v in point)
    return z, y, x
