"""One plane through a particle: napari's viewer model, its layers and its mouse."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points, Vectors
from napari.utils.colormaps import CyclicLabelColormap
from particlebridge.analysis._shared.views import View, view_axes

from .plugin import placed
from .presenter import Presenter
from .strokes import Chosen, PaintedPart, Part

if TYPE_CHECKING:
    from particlebridge.analysis.correction.acts import Box, Point
    from particlebridge.analysis.correction.regions import Region

_NEAR = 2
"""Slices from which a clicked point is shown."""

_CLICK = 4
"""Pixels that the mouse may move in a click."""

_YELLOW, _CYAN, _MAGENTA = (1.0, 0.9, 0.1, 1.0), (0.2, 0.9, 1.0, 1.0), (1.0, 0.3, 0.8, 1.0)
_CLEAR = (0.0, 0.0, 0.0, 0.0)
_ORDER = {"xy": (0, 1, 2), "xz": (1, 0, 2), "yz": (2, 1, 0)}
"""Of the axes in each plane: the last two are shown. xz lies under xy, and yz beside it."""


class _Planes(Protocol):
    """All three, as one plane knows them."""

    presenter: Presenter
    box: "Box"
    painted: PaintedPart

    def end_stroke(self) -> None: ...

    def slid(self, axis: int, index: int) -> None: ...


class Plane:
    """One of the three planes.

    Parameters
    ----------
    planes
        Of which it is one.
    view
        ``xy``, ``xz`` or ``yz``.
    viewer
        Shows it.
    limits
        Grey values that are black and white.
    """

    def __init__(
        self, planes: _Planes, view: View, viewer: ViewerModel, limits: tuple[float, float]
    ) -> None:
        self._planes = planes
        self._presenter = planes.presenter
        self.viewer = viewer
        self.axis = _ORDER[view][0]
        self.view: View = view
        session = self._presenter.session
        self._spacing = np.asarray(session.spacing)
        self._place = placed(session.volume)
        # What each layer shows a part of, and in which order.
        self._parts: dict[Any, tuple[Any, tuple[int, int, int]]] = {}
        self.grey = self._add(
            Image(self._part(session.volume.data), name="grey values", contrast_limits=limits,
                  colormap="gray", **self._place), session.volume.data)  # fmt: skip
        if session.solid is not None:
            self._add(
                Labels(self._part(session.solid), name="solid", opacity=0.4, visible=False,
                       colormap=_one_colour(_MAGENTA), **self._place), session.solid)  # fmt: skip
        self.particles = self._add_fixed(
            Labels(planes.painted, name="particles", opacity=0.35, **self._place)
        )
        seen = session.views.get(view)
        if seen is not None:
            self._add(
                Labels(self._part(seen, view_axes(view)), name=f"outlines seen in {view}",
                       colormap=_one_colour(_CYAN), opacity=0.8, **self._place),
                seen, view_axes(view)).contour = 1  # fmt: skip
        self._chosen: list[int] = []
        self.chosen = self._add_fixed(
            Labels(Chosen(planes.painted, self._chosen), name="selected",
                   colormap=_one_colour(_YELLOW), **self._place))  # fmt: skip
        self.chosen.contour = 1
        self._draft: Labels | None = None
        self._draft_of: Region | None = None
        self.lines = self._add_fixed(
            Vectors(np.zeros((2, 2, 3)), name="planes", opacity=0.4, edge_color="white",
                    vector_style="line", **self._place))  # fmt: skip
        self.seeds = self._add_fixed(
            Points(np.zeros((0, 3)), name="points", face_color="red", border_color="white",
                   **self._place))  # fmt: skip
        self.drawn = self._add_fixed(
            Vectors(np.zeros((0, 2, 3)), name="drawn", edge_color="red", vector_style="line",
                    **self._place))  # fmt: skip
        viewer.dims.order = _ORDER[view]
        viewer.dims.axis_labels = ("z", "y", "x")
        name = viewer.canvas.overlays.text
        name.text, name.visible = view, True
        viewer.layers.selection.active = self.particles
        self.particles.n_edit_dimensions = 3
        self.particles.events.paint.connect(lambda _: planes.end_stroke())
        self.particles.events.mode.connect(lambda _: self._mode_chosen())
        self.particles.events.brush_size.connect(lambda _: self._brush_chosen())
        viewer.mouse_drag_callbacks.append(self._on_drag)
        viewer.dims.events.point.connect(lambda _: self._slid())
        viewer.scene.camera.events.zoom.connect(lambda _: self._set_widths())
        self.move()

    def move(self) -> None:
        """Show the part of the volume that lies in the box."""
        painted = self._planes.painted
        moved = {layer: self._part(array, order) for layer, (array, order) in self._parts.items()}
        for layer, part in (
            *moved.items(), (self.particles, painted), (self.chosen, Chosen(painted, self._chosen))
        ):  # fmt: skip
            layer.data = part
            layer.translate = np.asarray(self._planes.box[:3]) * self._spacing
        self.draw_lines()

    def go(self, arrived: bool) -> None:
        """Show the slice in which the planes meet.

        Parameters
        ----------
        arrived
            Move to the middle; else only if the place is not to be seen, since a picture that
            jumps is hard to click in.
        """
        focus = np.asarray(self._presenter.focus) * self._spacing
        self.viewer.dims.set_point(range(3), focus)
        camera, place = self.viewer.scene.camera, focus[list(_ORDER[self.view][1:])]
        seen = np.asarray(self.viewer.canvas.size) / camera.zoom / 2
        if arrived or np.any(abs(place - camera.center[-2:]) > seen):
            camera.center = (0.0, *place)
        self.draw_lines()

    def share(self, sides: np.ndarray) -> float:
        """Tell which part of the canvas something of these sides (z, y, x), um, takes now."""
        shown = sides[list(_ORDER[self.view][1:])] * self.viewer.scene.camera.zoom
        return float(np.max(shown / np.asarray(self.viewer.canvas.size)))

    def draw_lines(self) -> None:
        """Draw where the other two planes cut this one."""
        box = np.reshape(self._planes.box, (2, 3))
        lines = np.zeros((3, 2, 3))
        for axis in range(3):
            lines[axis, 0] = self._presenter.focus
            lines[axis, 0, axis] = box[0, axis]
            lines[axis, 1, axis] = box[1, axis] - box[0, axis]
        self.lines.data = np.delete(lines, self.axis, axis=0)
        self._set_widths()

    def update(self) -> None:
        """Show the selection, the tool and what is drawn."""
        presenter = self._presenter
        if presenter.selected != self._chosen:
            self._chosen[:] = presenter.selected
            self.chosen.refresh()
        self.draw_seeds()
        self._show_draft()
        mode = presenter.tool if presenter.tool in ("paint", "erase") else "pan_zoom"
        if self.particles.mode != mode:
            # The eraser keeps to the selected particle, the brush takes from its neighbours.
            self.particles.preserve_labels = mode == "erase"
            self.particles.mode = mode
        if mode == "pan_zoom":
            self.particles.mouse_pan = presenter.tool not in ("cut", "outline")
        self.particles.brush_size = presenter.brush
        if presenter.current is not None:
            self.particles.selected_label = presenter.current

    def refresh(self) -> None:
        """Read the labels again."""
        self.particles.refresh()
        self.chosen.refresh()

    def _part(self, array: Any, order: tuple[int, int, int] = (0, 1, 2)) -> Part:
        return Part(array, self._planes.box, order)

    def _add(self, layer: Any, array: Any, order: tuple[int, int, int] = (0, 1, 2)) -> Any:
        self._parts[layer] = (array, order)
        return self._add_fixed(layer)

    def _add_fixed(self, layer: Any) -> Any:
        self.viewer.add_layer(layer)
        return layer

    def _show_draft(self) -> None:
        region = self._presenter.drawing.draft
        if region is self._draft_of:
            return
        self._draft_of = region
        if self._draft is not None:
            self.viewer.layers.remove(self._draft)
            self._draft = None
        if region is not None:
            self._draft = self._add_fixed(
                Labels(region.mask.astype(np.uint8), name="to be added", opacity=0.6,
                       colormap=_one_colour(_YELLOW),
                       translate=np.asarray(region.box[:3]) * self._spacing,
                       **self._place))  # fmt: skip
        self.viewer.layers.selection.active = self.particles

    def draw_seeds(self) -> None:
        """Draw the points that were clicked in this slice or near it."""
        seeds = np.reshape(np.asarray(self._presenter.drawing.seeds, float), (-1, 3))
        here = self._presenter.focus[self.axis]
        near = seeds[abs(seeds[:, self.axis] - here) <= _NEAR]
        near[:, self.axis] = here
        self.seeds.data = near
        self._set_widths()

    def _set_widths(self) -> None:
        """Keep lines and points as wide on the screen as they were."""
        pixel = 1 / (self.viewer.scene.camera.zoom * float(self._spacing.min()))
        self.lines.edge_width = pixel
        self.drawn.edge_width = 2 * pixel
        self.seeds.size = 10 * pixel

    def _mode_chosen(self) -> None:
        mode = str(self.particles.mode)
        if mode in ("paint", "erase") and self._presenter.tool != mode:
            self._presenter.choose("paint" if mode == "paint" else "erase")

    def _brush_chosen(self) -> None:
        self._presenter.brush = int(self.particles.brush_size)

    def _slid(self) -> None:
        index = round(self.viewer.dims.point[self.axis] / self._spacing[self.axis])
        self._planes.slid(self.axis, int(index))

    def _on_drag(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        tool = self._presenter.tool
        if event.button != 1 or viewer.dims.ndisplay == 3 or self.particles.mode != "pan_zoom":
            return
        path, start, moved = [self._voxel(event.position)], np.asarray(event.pos), False
        yield
        while event.type == "mouse_move":
            moved = moved or bool(np.linalg.norm(np.asarray(event.pos) - start) > _CLICK)
            if tool in ("cut", "outline"):
                path.append(self._voxel(event.position))
                self._draw(path if tool == "outline" else [path[0], path[-1]])
            yield
        self._draw(path[:1])
        if tool in ("cut", "outline"):
            self._presenter.drag(path, self.axis)
        elif not moved and self._inside(path[0]):
            self._presenter.click(path[0], "Shift" in event.modifiers)

    def _draw(self, path: "list[Point]") -> None:
        points = np.reshape(np.asarray(path, float), (-1, 3))
        # Of a Shapes layer, the first path would compile for seconds.
        self.drawn.data = np.stack([points[:-1], np.diff(points, axis=0)], axis=1)
        self._set_widths()

    def _voxel(self, position: Any) -> "Point":
        z, y, x = (round(float(p)) for p in np.asarray(position) / self._spacing)
        return z, y, x

    def _inside(self, point: "Point") -> bool:
        box = self._planes.box
        return all(a <= p < b for a, p, b in zip(box[:3], point, box[3:], strict=True))


def _one_colour(colour: tuple[float, float, float, float]) -> CyclicLabelColormap:
    # A DirectLabelColormap would compile for seconds.
    return CyclicLabelColormap(colors=[_CLEAR, colour])
