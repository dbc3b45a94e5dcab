"""Acts on labels: done, undone, and done again on labels that were fused in another way."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .acts import (
    Accept,
    Box,
    Cut,
    Delete,
    Edit,
    Merge,
    Paint,
    Point,
    Reference,
    Split,
    Unsure,
    joined_box,
    slices,
)
from .particles import Change, NoLongerFits, Particle, Voxels, check_same, look_at
from .regions import beyond_plane, split_by_seeds


class LabelEditor:
    """Particles of a label volume, and the acts that change them; only their boxes are read.

    Parameters
    ----------
    labels
        Written in place.
    boxes
        Label -> bounding box, of every particle.
    highest
        No label up to this is given to a new particle.
    grey
        Grey values, for splitting; None: by distance alone.
    spacing
        Voxel size (z, y, x).

    Attributes
    ----------
    particles
        Label -> the particle as it is now.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis.correction.acts import Merge
    >>> from particlebridge.analysis.correction.replay import LabelEditor
    >>> labels = np.zeros((1, 4, 8), np.int32)
    >>> labels[0, :, :4], labels[0, :, 4:] = 1, 2
    >>> editor = LabelEditor(labels, {1: (0, 0, 0, 1, 4, 4), 2: (0, 0, 4, 1, 4, 8)})
    >>> change = editor.do(Merge((editor.reference(1), editor.reference(2))))
    >>> np.unique(labels).tolist(), editor.known(1).voxels
    ([1], 32)
    >>> editor.undo(change)
    >>> np.unique(labels).tolist()
    [1, 2]
    """

    def __init__(
        self,
        labels: Voxels,
        boxes: Mapping[int, Box],
        highest: int = 0,
        grey: Any = None,
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        self.labels = labels
        self.particles = {int(label): Particle(box) for label, box in boxes.items()}
        self.highest = max(highest, max(self.particles, default=0))
        self.grey = grey
        self.spacing = spacing

    def known(self, label: int) -> Particle:
        """Give a particle with its voxels counted and its middle found.

        Raises
        ------
        ValueError
            If there is none of this label.
        """
        found = self.particles.get(label)
        if found is None:
            raise ValueError(f"there is no particle {label}")
        if found.voxels is None or found.at is None:
            voxels, at, box = look_at(self._mask(label, found.box), found.box)
            found = self.particles[label] = replace(found, voxels=voxels, at=at, box=box)
        return found

    def reference(self, label: int) -> Reference:
        """Describe a particle as it is now, so that an act on it can be done again."""
        found = self.known(label)
        assert found.at is not None and found.voxels is not None
        return Reference(label, found.at, found.voxels, found.box)

    def find(self, particle: Reference) -> int:
        """Find the particle that is now where one was.

        Raises
        ------
        NoLongerFits
            Saying what differs.
        """
        label = self._at(particle.at)
        if label not in self.particles:
            raise NoLongerFits(
                f"there is no particle at {list(particle.at)}, where {particle.label} was"
            )
        check_same(self.known(label), particle)
        return label

    def seeded(self, label: int, seeds: Sequence[Point]) -> tuple[Box, tuple[np.ndarray, ...]]:
        """Part a particle from seeds.

        Returns
        -------
        box : Box
            Of the particle.
        parts : tuple of ndarray of bool
            Those after the first.

        Raises
        ------
        ValueError
            If a seed does not lie in the particle, or two are one voxel.
        """
        if len(seeds) < 2 or len({tuple(seed) for seed in seeds}) < len(seeds):
            raise ValueError("a split needs two or more different points")
        box = self.known(label).box
        mask = self._mask(label, box)
        for seed in seeds:
            if self._at(seed) != label:
                raise ValueError(f"the point {list(seed)} does not lie in particle {label}")
        inner = [(z - box[0], y - box[1], x - box[2]) for z, y, x in seeds]
        grey = None if self.grey is None else np.asarray(self.grey[slices(box)])
        parts = split_by_seeds(mask, inner, grey, self.spacing)
        return box, tuple(parts == number for number in range(2, len(seeds) + 1))

    def do(self, act: Edit, exact: bool = True) -> Change:
        """Do an act.

        Parameters
        ----------
        act
            Its particles are found by their place.
        exact
            Whether it was made on these labels; else new particles get labels of their own, and a
            split is grown again from its seeds.

        Returns
        -------
        Change
            For `undo`.

        Raises
        ------
        NoLongerFits
            If a particle is not there, or no longer as it was.
        """
        change = Change()
        try:
            self._do(act, exact, change)
        except BaseException:
            self.undo(change)
            raise
        return change

    def undo(self, change: Change) -> None:
        """Take an act back; of several, the latest first."""
        change.take_back(self.labels, self.particles)

    def _do(self, act: Edit, exact: bool, change: Change) -> None:
        if isinstance(act, Accept | Unsure):
            label = self.find(act.particle)
            mark = "accepted" if isinstance(act, Accept) else "unsure"
            change.set(self.particles, label, replace(self.particles[label], mark=mark))
        elif isinstance(act, Delete):
            label = self.find(act.particle)
            box = self.particles[label].box
            change.write(self.labels, box, self._mask(label, box), 0)
            change.set(self.particles, label, None)
        elif isinstance(act, Merge):
            self._merge([self.find(one) for one in act.particles], change)
        elif isinstance(act, Split):
            label = self.find(act.particle)
            if act.box is not None and act.parts and exact:
                where, parts = act.box, act.parts
            else:
                try:
                    where, parts = self.seeded(label, act.seeds)
                except ValueError as error:
                    raise NoLongerFits(str(error)) from None
            self._part(label, where, parts, self._fresh(act.new, exact), change)
        elif isinstance(act, Cut):
            label = self.find(act.particle)
            box = self.particles[label].box
            beyond = beyond_plane(box, act.point, act.normal)
            self._part(label, box, (beyond,), self._fresh(act.new, exact), change)
        else:
            self._paint(act, exact, change)

    def _merge(self, labels: Sequence[int], change: Change) -> None:
        if len(set(labels)) < len(labels):
            raise NoLongerFits("two of the particles are one already")
        first, *others = labels
        for label in others:
            box = self.particles[label].box
            change.write(self.labels, box, self._mask(label, box), first)
        around = functools.reduce(joined_box, (self.particles[label].box for label in labels))
        change.set(self.particles, first, Particle(around, origin="corrected"))
        for label in others:
            change.set(self.particles, label, None)

    def _part(
        self,
        label: int,
        box: Box,
        parts: Sequence[np.ndarray],
        new: Sequence[int],
        change: Change,
    ) -> None:
        """Give parts of a particle labels of their own."""
        own = self._mask(label, box)
        taken = np.zeros_like(own)
        for mask, number in zip(parts, new, strict=True):
            part = own & mask & ~taken
            taken |= part
            if not part.any():
                raise NoLongerFits(f"a part of particle {label} would have no voxels")
            change.write(self.labels, box, part, number)
            self._found(number, box, "corrected", change)
        if (own & ~taken).sum() == 0:
            raise NoLongerFits(f"nothing of particle {label} would be left")
        self._found(label, self.particles[label].box, "corrected", change)

    def _paint(self, act: Paint, exact: bool, change: Change) -> None:
        if act.particle is None:
            (label,) = self._fresh(act.new, exact)
            before, origin = act.box, "added"
        else:
            label = self.find(act.particle)
            before, origin = self.particles[label].box, "corrected"
        there = np.asarray(self.labels[slices(act.box)])
        others: set[int] = set()
        if act.add is not None:
            others = {int(v) for v in np.unique(there[act.add])} - {0, label}
            change.write(self.labels, act.box, act.add, label)
        if act.remove is not None:
            own = self._mask(label, act.box)
            change.write(self.labels, act.box, act.remove & own, 0)
        self._found(label, joined_box(before, act.box), origin, change)
        for other in sorted(others):
            was = self.particles[other]
            # Nobody said that what is left of it is right.
            doubt = "unsure" if was.mark == "unsure" else ""
            self._found(other, was.box, was.origin or "trimmed", change, doubt)

    def _fresh(self, new: Sequence[int], exact: bool) -> list[int]:
        """Give new particles their labels, which nobody has or had."""
        if not exact:
            new = range(self.highest + 1, self.highest + 1 + len(new))
        for label in new:
            if label in self.particles:
                raise NoLongerFits(f"the new label {label} is a particle's already")
        if new and max(new) > np.iinfo(np.int32).max:
            raise NoLongerFits("there are no labels left below 2147483648")
        self.highest = max(self.highest, *new)
        return list(new)

    def _at(self, point: Point) -> int:
        """Give the label of a voxel; 0 outside the volume."""
        if not all(0 <= p < n for p, n in zip(point, self.labels.shape, strict=True)):
            return 0
        z, y, x = point
        return int(np.asarray(self.labels[z : z + 1, y : y + 1, x : x + 1]).item())

    def _mask(self, label: int, box: Box) -> np.ndarray:
        return np.asarray(np.asarray(self.labels[slices(box)]) == label)

    def _found(self, label: int, box: Box, origin: str, change: Change, mark: str = "") -> None:
        """Look at a particle that changed; one without voxels is gone."""
        mask = self._mask(label, box)
        if not mask.any():
            change.set(self.particles, label, None)
            return
        voxels, at, inner = look_at(mask, box)
        kept = self.particles.get(label)
        if kept is not None and kept.origin == "added":
            origin = "added"
        change.set(self.particles, label, Particle(inner, voxels, at, origin, mark))
