"""napari's viewer models show the planes and pass on clicks and strokes; no display is needed."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from particlebridge.analysis._shared.views import VIEWS, View
from particlebridge.bridge import ReviewSession

napari = pytest.importorskip("napari", reason="napari is an extra: particlebridge[review]")

from napari.components import ViewerModel  # noqa: E402
from napari.utils import interactions  # noqa: E402
from particlebridge.bridge.reviewing.window.plane import Plane  # noqa: E402
from particlebridge.bridge.reviewing.window.planes import SIDE, Planes, _around  # noqa: E402
from particlebridge.bridge.reviewing.window.presenter import Presenter  # noqa: E402


@pytest.fixture(scope="module")
def opened(
    fused_once: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Planes, pd.DataFrame]]:
    work = tmp_path_factory.mktemp("planes") / "work"
    shutil.copytree(fused_once, work)
    with ReviewSession.open(work / "results", by="napari") as session:
        models: dict[View, ViewerModel] = {view: ViewerModel() for view in VIEWS}
        yield Planes(Presenter(session), models), session.table


@pytest.fixture
def planes(opened: tuple[Planes, pd.DataFrame]) -> Planes:
    """Give the planes as they are when the window opens: what a test did is undone."""
    made, table = opened
    presenter = made.presenter
    while presenter.session.can_undo:
        presenter.undo()
    presenter.cancel()
    presenter.select([int(table["label"].iloc[0])])
    return made


def drag(plane: Plane, points: list, button: int = 1, modifiers: tuple[str, ...] = ()) -> None:
    """Press the mouse at the first voxel, go through the others, and let it go at the last."""
    spacing = np.asarray(plane._presenter.session.spacing)
    kinds = ["mouse_press", *["mouse_move"] * (len(points) - 1), "mouse_release"]
    event = SimpleNamespace(
        button=button, modifiers=modifiers, view_direction=None, handled=False, camera_zoom=1.0,
        is_dragging=True, dims_displayed=list(plane.viewer.dims.displayed),
        dims_point=plane.viewer.dims.point,
    )  # fmt: skip
    steps = [
        interactions.mouse_press_callbacks,
        *[interactions.mouse_move_callbacks] * (len(points) - 1),
        interactions.mouse_release_callbacks,
    ]
    for kind, step, point in zip(kinds, steps, [*points, points[-1]], strict=True):
        event.type, event.pos = kind, (20 * points.index(point), 0)
        event.position = tuple(np.asarray(point) * spacing)
        step(plane.viewer, event)
        step(plane.particles, event)


def inside(planes: Planes, label: int) -> np.ndarray:
    return np.argwhere(np.asarray(planes.presenter.session.labels[:]) == label)


@pytest.mark.parametrize("view", VIEWS)
def test_each_plane_shows_the_slice_of_the_particle(planes: Planes, view: View) -> None:
    presenter, plane = planes.presenter, planes.planes[view]
    for _ in range(2):
        axis, index = plane.axis, presenter.focus[plane.axis]
        labels = np.take(np.asarray(presenter.session.labels[:]), index, axis)
        grey = np.take(np.asarray(presenter.session.volume.data), index, axis)
        turn = (lambda a: a.T) if view == "yz" else (lambda a: a)
        np.testing.assert_array_equal(plane.particles._slice.image.raw, turn(labels))
        np.testing.assert_array_equal(plane.grey._slice.image.raw, turn(grey))
        np.testing.assert_array_equal(
            plane.chosen._slice.image.raw, turn(labels == presenter.current)
        )
        presenter.next()


@pytest.mark.parametrize("view", VIEWS)
def test_outlines_are_those_that_the_view_saw(planes: Planes, view: View) -> None:
    session, plane = planes.presenter.session, planes.planes[view]
    layer = plane.viewer.layers[f"outlines seen in {view}"]
    seen = np.asarray(session.views[view])[planes.presenter.focus[plane.axis]]
    raw = layer._slice.image.raw
    np.testing.assert_array_equal(raw.T if view == "yz" else raw, seen)


def test_a_click_in_any_plane_selects_and_the_others_follow(planes: Planes) -> None:
    presenter = planes.presenter
    label = int(presenter.table.rows["label"].iloc[-1])
    point = tuple(int(v) for v in inside(planes, label)[0])
    drag(planes.planes["xz"], [point])
    assert (presenter.selected, presenter.focus) == ([label], point)
    spacing = presenter.session.spacing
    for plane in planes.planes.values():
        np.testing.assert_allclose(plane.viewer.dims.point, np.multiply(point, spacing))
    other = int(presenter.table.rows["label"].iloc[-2])
    point = tuple(int(v) for v in inside(planes, other)[0])
    drag(planes.planes["yz"], [point], modifiers=("Shift",))
    assert presenter.selected == [label, other]
    # Moving the picture, the other buttons, and clicks outside the volume select nothing.
    drag(planes.planes["xy"], [(3, 3, 3), (3, 9, 9)])
    drag(planes.planes["xy"], [(3, 3, 3)], button=2)
    drag(planes.planes["xy"], [(3, -4, 3)])
    assert presenter.selected == [label, other]


def test_a_slider_moves_the_lines_of_the_other_planes(planes: Planes) -> None:
    planes.planes["xy"].viewer.dims.set_current_step(0, 5)
    assert planes.presenter.focus[0] == 5
    assert (planes.planes["xz"].lines.data[:, 0, 0] == 5).any()


def test_a_dragged_line_cuts_and_does_not_move_the_picture(planes: Planes) -> None:
    presenter, plane = planes.presenter, planes.planes["xy"]
    label = int(presenter.table.rows["label"].iloc[-1])
    presenter.select([label])
    presenter.choose("cut")
    assert not plane.viewer.scene.camera.mouse_pan
    z, y, x = presenter.focus
    drag(plane, [(z, y - 20, x), (z, y, x), (z, y + 20, x)])
    assert (presenter.failed, presenter.tool) == (False, "look")
    assert inside(planes, label)[:, 2].max() < x or inside(planes, label)[:, 2].min() >= x
    assert plane.viewer.scene.camera.mouse_pan
    np.testing.assert_array_equal(plane.particles._slice.image.raw, presenter.session.labels[z])


def test_one_stroke_is_one_act_seen_in_all_planes(planes: Planes) -> None:
    presenter, plane = planes.presenter, planes.planes["xz"]
    label = presenter.current
    assert label is not None
    before = np.asarray(presenter.session.labels[:])
    presenter.choose("paint")
    z, y, x = presenter.focus
    drag(plane, [(z, y, x), (z, y, x + 2), (z + 1, y, x + 4)])
    after = np.asarray(presenter.session.labels[:])
    assert (after[z - 1 : z + 2, y, x + 4] == label).all()
    assert (after[z, y - 3 : y + 4, x] == label).all()  # a ball
    np.testing.assert_array_equal(after[after != label], before[after != label])
    raw = planes.planes["xy"].particles._slice.image.raw
    np.testing.assert_array_equal(raw, after[z])
    presenter.undo()
    np.testing.assert_array_equal(presenter.session.labels[:], before)
    assert not presenter.session.can_undo


def test_the_eraser_keeps_to_the_particle(planes: Planes) -> None:
    presenter = planes.presenter
    label = presenter.current
    before = np.asarray(presenter.session.labels[:])
    presenter.choose("erase")
    drag(planes.planes["yz"], [presenter.focus])
    after = np.asarray(presenter.session.labels[:])
    changed = before != after
    assert changed.any() and (before[changed] == label).all() and not after[changed].any()


def test_naparis_own_buttons_choose_the_tool(planes: Planes) -> None:
    planes.planes["xz"].particles.mode = "erase"
    assert planes.presenter.tool == "erase"
    assert planes.planes["xy"].particles.mode == "erase"


def test_points_and_what_would_be_added_are_drawn(planes: Planes) -> None:
    presenter, plane = planes.presenter, planes.planes["xy"]
    presenter.choose("split")
    drag(plane, [presenter.focus])
    assert len(plane.seeds.data) == 1
    presenter.choose("outline")
    for z in (4, 8):
        plane.viewer.dims.set_current_step(0, z)
        drag(plane, [(z, 10, 10), (z, 10, 20), (z, 20, 20), (z, 20, 10)])
    assert "to be added" in plane.viewer.layers
    presenter.cancel()
    assert "to be added" not in plane.viewer.layers
    assert len(plane.seeds.data) == 0


def test_of_a_large_volume_a_part_is_shown_that_follows() -> None:
    shape = (300, 5000, 5000)
    box = _around((150, 2000, 4990), shape)
    assert box == (0, 2000 - SIDE // 2, 5000 - SIDE, 300, 2000 + SIDE // 2, 5000)
    assert _around((10, 2100, 4999), shape, box) == box
    moved = _around((10, 2250, 4999), shape, box)
    assert moved == (0, 2250 - SIDE // 2, 5000 - SIDE, 300, 2250 + SIDE // 2, 5000)


def test_the_part_that_is_shown_follows_from_particle_to_particle(
    session: ReviewSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("particlebridge.bridge.reviewing.window.planes.SIDE", 24)
    presenter = Presenter(session)
    planes = Planes(presenter, {view: ViewerModel() for view in VIEWS})
    assert planes.box[4] - planes.box[1] == 24
    for _ in range(4):
        presenter.next()
        assert presenter.focus == presenter.place
        z, y, x = presenter.focus
        low, high = planes.box[:3], planes.box[3:]
        shown = np.asarray(session.labels[z])[low[1] : high[1], low[2] : high[2]]
        assert shown[y - low[1], x - low[2]] == session.labels[z, y, x]
        np.testing.assert_array_equal(planes.planes["xy"].particles._slice.image.raw, shown)
