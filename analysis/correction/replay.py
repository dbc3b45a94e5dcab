"""Acts on labels: done, undone, and done again on labels that were fused in another way."""

import functools
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

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
    box_shape,
    joined_box,
    slices,
)
from .regions import beyond_plane, split_by_seeds, tight

_SAME_SIZE = 2.0
"""A particle of other labels is the same only if neither has so many times the other's voxels..."""

_SAME_BOX = 0.5
"""...and their bounding boxes have this IoU at least."""


class NoLongerFits(ValueError):
    """An act names a particle that is not there, or no longer as it was."""


class Voxels(Protocol):
    """Labels (Z, Y, X) that are read and written box by box."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(Z, Y, X)."""
        ...

    def __getitem__(self, key: Any, /) -> Any: ...
    def __setitem__(self, key: Any, value: Any, /) -> None: ...


@dataclass(frozen=True)
class Particle:
    """What is known of a particle now.

    Attributes
    ----------
    box
        Its bounding box.
    voxels, at
        How many it has, and the one nearest to its centroid; None: not looked at yet.
    origin
        ``corrected`` or ``added`` if its voxels are not as they were fused, else "".
    mark
        ``accepted``, ``unsure`` or "".
    """

    box: Box
    voxels: int | None = None
    at: Point | None = None
    origin: str = ""
    mark: str = ""

    @property
    def review(self) -> str:
        """As fusion.csv says it: accepted, unsure, corrected, added or ""."""
        return "unsure" if self.mark == "unsure" else self.origin or self.mark


@dataclass
class Change:
    """What an act changed: enough to take it back.

    Attributes
    ----------
    particles
        Label -> the particle as it was; None: there was none.
    patches
        Box -> its labels as they were, packed; in the order in which they were written.
    """

    particles: dict[int, Particle | None] = field(default_factory=dict)
    patches: list[tuple[Box, bytes]] = field(default_factory=list)


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
            voxels, at, box = _look(self._mask(label, found.box), found.box)
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
        z, y, x = particle.at
        label = int(np.asarray(self.labels[z : z + 1, y : y + 1, x : x + 1]).item())
        where = f"at {list(particle.at)}"
        if label not in self.particles:
            raise NoLongerFits(f"there is no particle {where}, where {particle.label} was")
        found = self.known(label)
        assert found.voxels is not None
        sizes = sorted((found.voxels, particle.voxels))
        if sizes[1] > _SAME_SIZE * sizes[0]:
            raise NoLongerFits(
                f"the particle {where} has {found.voxels:,} voxels, and {particle.label} had "
                f"{particle.voxels:,}"
            )
        if _box_iou(found.box, particle.box) < _SAME_BOX:
            raise NoLongerFits(
                f"the particle {where} lies elsewhere than {particle.label} did: their boxes "
                "hardly overlap"
            )
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
        inner = [_within(seed, box) for seed in seeds]
        for seed, at in zip(seeds, inner, strict=True):
            if at is None or not mask[at]:
                raise ValueError(f"the point {list(seed)} does not lie in particle {label}")
        grey = None if self.grey is None else np.asarray(self.grey[slices(box)])
        parts = split_by_seeds(mask, [at for at in inner if at], grey, self.spacing)
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
        for box, packed in reversed(change.patches):
            values = np.frombuffer(zlib.decompress(packed), np.int32)
            self.labels[slices(box)] = values.reshape(box_shape(box))
        for label, particle in change.particles.items():
            if particle is None:
                self.particles.pop(label, None)
            else:
                self.particles[label] = particle

    def _do(self, act: Edit, exact: bool, change: Change) -> None:
        if isinstance(act, Accept | Unsure):
            label = self.find(act.particle)
            mark = "accepted" if isinstance(act, Accept) else "unsure"
            self._set(label, replace(self.particles[label], mark=mark), change)
        elif isinstance(act, Delete):
            label = self.find(act.particle)
            box = self.particles[label].box
            self._fill(box, self._mask(label, box), 0, change)
            self._set(label, None, change)
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
            self._fill(box, self._mask(label, box), first, change)
        around = functools.reduce(joined_box, (self.particles[label].box for label in labels))
        self._set(first, Particle(around, origin="corrected"), change)
        for label in others:
            self._set(label, None, change)

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
            self._fill(box, part, number, change)
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
            self._fill(act.box, act.add, label, change)
        if act.remove is not None:
            own = np.asarray(self.labels[slices(act.box)]) == label
            self._fill(act.box, act.remove & own, 0, change)
        self._found(label, joined_box(before, act.box), origin, change)
        for other in sorted(others):
            self._found(other, self.particles[other].box, "corrected", change)

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

    def _mask(self, label: int, box: Box) -> np.ndarray:
        return np.asarray(np.asarray(self.labels[slices(box)]) == label)

    def _fill(self, box: Box, mask: np.ndarray, value: int, change: Change) -> None:
        there = np.array(self.labels[slices(box)], np.int32)
        change.patches.append((box, zlib.compress(there.tobytes(), 1)))
        there[mask] = value
        self.labels[slices(box)] = there

    def _found(self, label: int, box: Box, origin: str, change: Change) -> None:
        """Look at a particle that changed; one without voxels is gone."""
        mask = self._mask(label, box)
        if not mask.any():
            self._set(label, None, change)
            return
        voxels, at, inner = _look(mask, box)
        kept = self.particles.get(label)
        if kept is not None and kept.origin == "added":
            origin = "added"
        self._set(label, Particle(inner, voxels, at, origin), change)

    def _set(self, label: int, particle: Particle | None, change: Change) -> None:
        change.particles.setdefault(label, self.particles.get(label))
        if particle is None:
            self.particles.pop(label, None)
        else:
            self.particles[label] = particle


def _look(mask: np.ndarray, box: Box) -> tuple[int, Point, Box]:
    """Count a particle's voxels; find the one nearest to their centroid, and their box."""
    where = np.argwhere(mask)
    if not len(where):
        raise NoLongerFits("a particle has no voxels where the table says it lies")
    away = ((where - where.mean(axis=0)) ** 2).sum(axis=1)
    z, y, x = (int(v + o) for v, o in zip(where[int(away.argmin())], box[:3], strict=True))
    region = tight(mask, box[:3])
    assert region is not None
    return len(where), (z, y, x), region.box


def _within(point: Sequence[int], box: Box) -> Point | None:
    """Give a point in a box's own coordinates; None if it lies outside."""
    z, y, x = (int(p) - low for p, low in zip(point, box[:3], strict=True))
    inside = all(0 <= v < n for v, n in zip((z, y, x), box_shape(box), strict=True))
    return (z, y, x) if inside else None


def _box_iou(a: Box, b: Box) -> float:
    sides = [max(0, min(a[i + 3], b[i + 3]) - max(a[i], b[i])) for i in range(3)]
    both = math.prod(sides)
    return both / (math.prod(box_shape(a)) + math.prod(box_shape(b)) - both)
