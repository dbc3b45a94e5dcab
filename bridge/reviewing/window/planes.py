"""The three planes through a particle: which part of the volume they show, and where they are."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from particlebridge.analysis._shared.views import VIEWS, View

from .plane import Plane
from .presenter import Presenter
from .strokes import PaintedPart, Part

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from particlebridge.analysis.correction.acts import Box, Point

SIDE = 512
"""Voxels along each axis that are shown of a larger volume: a plane of it is read at once."""

_SHARE = 0.35
"""Share of a plane that a particle takes."""

_SMALL = 12
"""Voxels: a smaller particle is not zoomed up any more."""


class Planes:
    """Three viewers that show one voxel's planes, and what the presenter holds.

    Parameters
    ----------
    presenter
        What is shown; clicks and strokes go to it.
    viewers
        View -> viewer model, all three.

    Attributes
    ----------
    box : Box
        What is shown of the volume.
    painted : PaintedPart
        The labels in it, as napari shows them and paints on them.
    """

    def __init__(self, presenter: Presenter, viewers: "Mapping[View, ViewerModel]") -> None:
        session = presenter.session
        self.presenter = presenter
        self.box = _around(presenter.focus, session.labels.shape)
        self.painted = PaintedPart(session.labels, self.box)
        self._shown: Point | None = None
        self._place: Point | None = None
        # While layers move to another part of the volume, sliders are clipped to it.
        self._is_moving = True
        limits = _grey_limits(Part(session.volume.data, self.box))
        self.planes = {view: Plane(self, view, viewers[view], limits) for view in VIEWS}
        presenter.on_change.append(self.update)
        session.on_change.append(self._refresh)
        self._is_moving = False
        self.update()

    def update(self) -> None:
        """Show what the presenter holds now."""
        presenter = self.presenter
        arrived = presenter.place is not self._place
        if arrived or presenter.focus != self._shown:
            self._is_moving = True
            self._place, self._shown = presenter.place, presenter.focus
            box = _around(presenter.focus, presenter.session.labels.shape, self.box)
            if box != self.box:
                self.box = box
                self.painted = PaintedPart(presenter.session.labels, box)
                for plane in self.planes.values():
                    plane.move()
            for plane in self.planes.values():
                plane.go(arrived)
            self._is_moving = False
            if arrived:
                self.fit(always=False)
        for plane in self.planes.values():
            plane.update()

    def end_stroke(self) -> None:
        """Hand over what was painted."""
        stroke = self.painted.take()
        if stroke is not None:
            self.presenter.stroke(stroke)
        self._refresh()

    def slid(self, axis: int, index: int) -> None:
        """Follow a slider: the lines in the other planes show where it is."""
        focus = list(self.presenter.focus)
        if focus[axis] != index and not self._is_moving:
            focus[axis] = index
            self.presenter.focus = self._shown = (focus[0], focus[1], focus[2])
            for plane in self.planes.values():
                plane.draw_lines()
                plane.draw_seeds()

    def fit(self, always: bool = True) -> None:
        """Zoom all planes alike, so that the particle can be judged by what is around it.

        Parameters
        ----------
        always
            False: only if it is too large or too small in one of them.
        """
        row, session = self.presenter.row, self.presenter.session
        if row is None:
            return
        if row > 0:
            box = np.reshape(session.box(row), (2, 3))
            sides = np.maximum(box[1] - box[0], _SMALL) * session.spacing
        else:
            # A place where a particle may be missed is shown as large as a typical one.
            volume = session.usual_voxels * np.prod(session.spacing)
            sides = np.full(3, np.cbrt(6 / np.pi * volume))
        planes = list(self.planes.values())
        shares = [plane.share(sides) for plane in planes]
        if always or max(shares) > 0.9 or max(shares) < 0.1:
            for plane, share in zip(planes, shares, strict=True):
                plane.viewer.scene.camera.zoom *= _SHARE / share
            zoom = min(plane.viewer.scene.camera.zoom for plane in planes)
            for plane in planes:
                plane.viewer.scene.camera.zoom = zoom

    def _refresh(self, _box: Any = None) -> None:
        for plane in self.planes.values():
            plane.refresh()


def _around(focus: "Point", shape: tuple[int, ...], old: "Box | None" = None) -> "Box":
    """Give the box that is shown around a voxel; the old one while the voxel lies well in it."""
    low, high = [], []
    for axis, (p, n) in enumerate(zip(focus, shape, strict=True)):
        side = n if n <= SIDE * 3 // 2 else SIDE
        first = min(max(0, p - side // 2), n - side)
        if old is not None:
            before, margin = old[axis], side // 8
            is_near_first = before > 0 and p < before + margin
            is_near_last = before + side < n and p >= before + side - margin
            first = first if is_near_first or is_near_last else before
        low.append(first)
        high.append(first + side)
    return (low[0], low[1], low[2], high[0], high[1], high[2])


def _grey_limits(part: Part) -> tuple[float, float]:
    """Find black and white in the three planes through the middle."""
    z, y, x = (n // 2 for n in part.shape)
    values = np.concatenate([part[z].ravel(), part[:, y].ravel(), part[:, :, x].ravel()])
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, [0.2, 99.8]))
    return (low, high) if low < high else (low, low + 1)
