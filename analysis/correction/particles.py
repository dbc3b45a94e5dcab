"""What is known of particles while acts change them, and whether one is still the same."""

import math
import zlib
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from .acts import Box, Point, Reference, box_shape, slices
from .regions import tight

_SAME_SIZE = 2.0
"""A particle of other labels is the same only if neither has so many times the other's voxels..."""

_SAME_BOX = 0.5
"""...and their bounding boxes have this IoU at least."""


class NoLongerFits(ValueError):
    """An act names a particle that is not there, or no longer as it was."""


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
        ``corrected`` or ``added`` if an act named or made it and its voxels are not as they were
        fused; ``trimmed`` if it only lost voxels to others that were painted; else "".
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
        """As fusion.csv says it: accepted, unsure, corrected, added, trimmed or ""."""
        # What was accepted after it lost voxels is right as it is now.
        if self.mark == "unsure" or self.origin == "trimmed":
            return self.mark or self.origin
        return self.origin or self.mark


class Voxels(Protocol):
    """Labels (Z, Y, X) that are read and written box by box."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(Z, Y, X)."""
        ...

    def __getitem__(self, key: Any, /) -> Any: ...
    def __setitem__(self, key: Any, value: Any, /) -> None: ...


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

    def write(self, labels: Voxels, box: Box, mask: np.ndarray, value: int) -> None:
        """Give voxels of a box a label."""
        there = np.array(labels[slices(box)], np.int32)
        self.patches.append((box, zlib.compress(there.tobytes(), 1)))
        there[mask] = value
        labels[slices(box)] = there

    def set(self, particles: dict[int, Particle], label: int, particle: Particle | None) -> None:
        """Note what is known of a particle now; None: it is gone."""
        self.particles.setdefault(label, particles.get(label))
        _put(particles, label, particle)

    def take_back(self, labels: Voxels, particles: dict[int, Particle]) -> None:
        """Make labels and particles as they were."""
        for box, packed in reversed(self.patches):
            values = np.frombuffer(zlib.decompress(packed), np.int32)
            labels[slices(box)] = values.reshape(box_shape(box))
        for label, particle in self.particles.items():
            _put(particles, label, particle)


def _put(particles: dict[int, Particle], label: int, particle: Particle | None) -> None:
    if particle is None:
        particles.pop(label, None)
    else:
        particles[label] = particle


def look_at(mask: np.ndarray, box: Box) -> tuple[int, Point, Box]:
    """Count a particle's voxels; find the one nearest to their centroid, and their box."""
    where = np.argwhere(mask)
    if not len(where):
        raise NoLongerFits("a particle has no voxels where the table says it lies")
    away = ((where - where.mean(axis=0)) ** 2).sum(axis=1)
    z, y, x = (int(v + o) for v, o in zip(where[int(away.argmin())], box[:3], strict=True))
    region = tight(mask, box[:3])
    assert region is not None
    return len(where), (z, y, x), region.box


def check_same(now: Particle, was: Reference) -> None:
    """Refuse a particle, with its voxels counted, that is not the one that was at its place.

    Raises
    ------
    NoLongerFits
        Saying what differs.
    """
    assert now.voxels is not None
    where = f"at {list(was.at)}"
    sizes = sorted((now.voxels, was.voxels))
    if sizes[1] > _SAME_SIZE * sizes[0]:
        raise NoLongerFits(
            f"the particle {where} has {now.voxels:,} voxels, and {was.label} had {was.voxels:,}"
        )
    if _box_iou(now.box, was.box) < _SAME_BOX:
        raise NoLongerFits(
            f"the particle {where} lies elsewhere than {was.label} did: their boxes hardly overlap"
        )


def _box_iou(a: Box, b: Box) -> float:
    sides = [max(0, min(a[i + 3], b[i + 3]) - max(a[i], b[i])) for i in range(3)]
    both = math.prod(sides)
    return both / (math.prod(box_shape(a)) + math.prod(box_shape(b)) - both)
