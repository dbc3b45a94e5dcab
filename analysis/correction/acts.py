"""The acts of a person who corrects particles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

Point = tuple[int, int, int]
Box = tuple[int, int, int, int, int, int]
"""(z0, y0, x0, z1, y1, x1) in voxels, half open."""


@dataclass(frozen=True)
class Reference:
    """A particle as it was before an act.

    Attributes
    ----------
    label
        Its number.
    at
        The voxel of its own (z, y, x) nearest to its centroid.
    voxels
        How many it had.
    box
        Its bounding box.
    """

    label: int
    at: Point
    voxels: int
    box: Box


@dataclass(frozen=True)
class Accept:
    """A particle is right as it is."""

    name: ClassVar[str] = "accept"
    particle: Reference


@dataclass(frozen=True)
class Unsure:
    """A person looked at a particle and could not tell."""

    name: ClassVar[str] = "unsure"
    particle: Reference


@dataclass(frozen=True)
class Delete:
    """A particle is none."""

    name: ClassVar[str] = "delete"
    particle: Reference


@dataclass(frozen=True)
class Merge:
    """Particles are one; the first keeps its label."""

    name: ClassVar[str] = "merge"
    particles: tuple[Reference, ...]


@dataclass(frozen=True, eq=False)
class Split:
    """A particle is several, each grown from a seed; the first part keeps its label.

    Attributes
    ----------
    particle
        As it was.
    seeds
        A voxel (z, y, x) in each part.
    new
        Labels of the parts after the first.
    box
        Where `parts` lie; None if they are not known.
    parts
        A mask for each new label.
    """

    name: ClassVar[str] = "split"
    particle: Reference
    seeds: tuple[Point, ...]
    new: tuple[int, ...]
    box: Box | None = None
    parts: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class Cut:
    """A particle is two, on either side of a plane.

    Attributes
    ----------
    particle
        As it was.
    point, normal
        Of the plane, in voxels (z, y, x). Voxels p with (p - point) . normal >= 0 are the new
        particle.
    new
        Its label.
    """

    name: ClassVar[str] = "cut"
    particle: Reference
    point: tuple[float, float, float]
    normal: tuple[float, float, float]
    new: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Paint:
    """Voxels are added to a particle, wherever they lie, or taken from it.

    Attributes
    ----------
    particle
        As it was; None: a new one.
    new
        Label of a new particle, else empty.
    box
        Where the masks lie.
    add, remove
        Bool, over the box.
    """

    name: ClassVar[str] = "paint"
    particle: Reference | None
    new: tuple[int, ...]
    box: Box
    add: np.ndarray | None = None
    remove: np.ndarray | None = None


@dataclass(frozen=True)
class Undo:
    """The latest act that is not undone is taken back."""

    name: ClassVar[str] = "undo"


@dataclass(frozen=True)
class Redo:
    """The act that was undone last is done again."""

    name: ClassVar[str] = "redo"


Edit = Accept | Unsure | Delete | Merge | Split | Cut | Paint
Act = Edit | Undo | Redo


def slices(box: Box) -> tuple[slice, slice, slice]:
    """Give a box as what slices an array."""
    return slice(box[0], box[3]), slice(box[1], box[4]), slice(box[2], box[5])


def joined_box(first: Box, second: Box) -> Box:
    """Give the smallest box that holds two."""
    a, b = first, second
    low = min(a[0], b[0]), min(a[1], b[1]), min(a[2], b[2])
    return (*low, max(a[3], b[3]), max(a[4], b[4]), max(a[5], b[5]))


def wider_box(box: Box, margin: Sequence[int], shape: Sequence[int]) -> Box:
    """Give a box that reaches further by a margin (z, y, x), as far as the volume does."""
    z0, y0, x0 = (max(0, v - m) for v, m in zip(box[:3], margin, strict=True))
    z1, y1, x1 = (min(n, v + m) for v, m, n in zip(box[3:], margin, shape, strict=True))
    return z0, y0, x0, z1, y1, x1


def box_shape(box: Box) -> tuple[int, int, int]:
    """Give the sides of a box."""
    return box[3] - box[0], box[4] - box[1], box[5] - box[2]
