"""What is drawn in the planes before it becomes an act: points, outlines, a new particle."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from particlebridge.analysis._shared.wording import listing, plural
from skimage.draw import polygon2mask

if TYPE_CHECKING:
    from particlebridge.analysis.correction.acts import Box, Point
    from particlebridge.analysis.correction.regions import Region

    from ..session import ReviewSession


class Drawing:
    """Points to split by, outlines, and the particle that would be added.

    Parameters
    ----------
    session
        Grows and interpolates.

    Attributes
    ----------
    seeds : list of tuple
        Points (z, y, x) that were clicked for a split.
    outlines : dict of int to ndarray
        Slice -> mask of what was drawn in it.
    axis : int
        Across which these slices lie.
    draft : Region or None
        The particle that would be added.
    """

    def __init__(self, session: "ReviewSession") -> None:
        self._session = session
        self.clear()

    def clear(self) -> None:
        """Drop all of it."""
        self.seeds: list[Point] = []
        self.outlines: dict[int, np.ndarray] = {}
        self.axis = 0
        self.draft: Region | None = None

    def point(self, point: "Point") -> str:
        """Keep a point to split by; say how many there are."""
        if point not in self.seeds:
            self.seeds.append(point)
        return f"{plural(len(self.seeds), 'point')}."

    def grow(self, point: "Point") -> str:
        """Grow a particle from a point, instead of the last one; say how large it is.

        Raises
        ------
        ValueError
            If none can be grown there.
        """
        self.draft = None
        self.draft = self._session.grow(point)
        voxels = int(np.count_nonzero(self.draft.mask))
        return f"A particle of {plural(voxels, 'voxel')}; Enter adds it."

    def outline(self, path: Sequence["Point"], axis: int) -> str:
        """Take an outline, and make a particle if there are two; say what comes next.

        Raises
        ------
        ValueError
            If it does not fit the others.
        """
        if self.outlines and axis != self.axis:
            raise ValueError("Draw all outlines of a particle in the same plane.")
        drawn = np.delete(np.asarray(path), axis, axis=1)
        mask = polygon2mask(np.delete(self._session.labels.shape, axis), drawn)
        if not mask.any():
            raise ValueError("That outline holds no voxel: drag around the particle.")
        self.axis = axis
        self.outlines[path[0][axis]] = mask
        if len(self.outlines) < 2:
            return "Go to another slice of the particle and draw again."
        self.draft = self._session.interpolate(self.outlines, axis)
        return f"{plural(len(self.outlines), 'outline')}; Enter adds the particle."

    def add(self) -> int:
        """Add the particle that was grown or outlined; give its label."""
        assert self.draft is not None
        label = self._session.add(self.draft)
        self.clear()
        return label

    def split(self, label: int) -> str:
        """Split a particle by the points; say what the new parts are.

        Raises
        ------
        ValueError
            If a point does not lie in it.
        """
        new = self._session.split(label, self.seeds)
        named = listing(map(str, new))
        return f"Split particle {label}: the new part{'s are' if new[1:] else ' is'} {named}."

    def cut(self, label: int, start: "Point", end: "Point", axis: int) -> str:
        """Cut a particle along a line and straight down from it; say what the new part is.

        Parameters
        ----------
        label
            The particle.
        start, end
            Voxels (z, y, x) of the line; not the same.
        axis
            Across the plane in which it was drawn.

        Raises
        ------
        ValueError
            If the line does not cross it.
        """
        normal = np.cross(np.subtract(end, start), np.eye(3)[axis])
        new = self._session.cut(label, start, (normal / np.linalg.norm(normal)).tolist())
        return f"Cut particle {label}: the new part is {new}."


def middle_of(box: "Box") -> "Point":
    """Give the voxel (z, y, x) in the middle of a box."""
    return (box[0] + box[3]) // 2, (box[1] + box[4]) // 2, (box[2] + box[5]) // 2
