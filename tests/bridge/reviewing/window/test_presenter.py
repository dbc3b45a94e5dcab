"""What the keys and the mouse do, without a window."""

import numpy as np
import pandas as pd
import pytest
from particlebridge.bridge import ReviewSession
from particlebridge.bridge.reviewing.window.presenter import Presenter
from particlebridge.bridge.reviewing.window.strokes import PaintedPart
from scipy import ndimage


@pytest.fixture
def presenter(session: ReviewSession) -> Presenter:
    made = Presenter(session)
    made.next()
    return made


def rows(presenter: Presenter) -> list[int]:
    return [int(label) for label in presenter.table.rows["label"]]


def reviews(presenter: Presenter) -> dict[int, str]:
    return dict(zip(rows(presenter), presenter.table.rows["review"], strict=True))


def whole(presenter: Presenter) -> np.ndarray:
    return np.asarray(presenter.session.labels[:])


def largest(presenter: Presenter) -> int:
    counts = np.bincount(whole(presenter).ravel())
    return int(np.argmax(counts[1:]) + 1)


def test_begins_with_the_least_sure_and_goes_through_the_table(presenter: Presenter) -> None:
    order = rows(presenter)
    assert presenter.selected == order[:1]
    assert presenter.session.labels[presenter.focus] == order[0]
    presenter.next()
    presenter.next()
    assert presenter.selected == [order[2]]
    presenter.previous()
    assert presenter.selected == [order[1]]
    presenter.previous()
    presenter.previous()
    assert (presenter.selected, presenter.message) == (
        [order[0]],
        "This is the first particle of the table.",
    )


def test_a_judgement_goes_on_to_the_next(presenter: Presenter) -> None:
    order = rows(presenter)
    presenter.accept()
    assert presenter.selected == [order[1]]
    presenter.unsure()
    presenter.delete()
    assert presenter.selected == [order[3]]
    assert presenter.message == f"Deleted particle {order[2]}."
    found = reviews(presenter)
    assert (found[order[0]], found[order[1]]) == ("accepted", "unsure")
    assert order[2] not in found
    assert presenter.table.progress == f"2 of {len(order) - 1} particles looked at"
    # What was looked at is not offered again.
    presenter.select([order[0]])
    presenter.next()
    assert presenter.selected == [order[3]]


def test_ranking_gives_the_reasons(presenter: Presenter) -> None:
    presenter.rank()
    first = rows(presenter)[0]
    assert presenter.table.reasons(first)
    assert (presenter.failed, presenter.session.is_ranked) == (False, True)


Missing = tuple[Presenter, int, tuple[int, int, int]]


@pytest.fixture
def missing(session: ReviewSession) -> Missing:
    """Look at a place where a particle is missed: one was taken out, and its views were not."""
    label = int(np.argmax(np.bincount(np.asarray(session.labels[:]).ravel())[1:]) + 1)
    mask = np.asarray(session.labels[:]) == label
    # In its material: the middle may be void.
    grey = np.where(mask, ndimage.uniform_filter(session.volume.data, 3), 0)
    z, y, x = (int(v) for v in np.unravel_index(np.argmax(grey), grey.shape))
    session.delete(label)
    session.rank()
    free = np.where(np.asarray(session.labels[:]) == 0, session.volume.data, np.inf)
    dark = np.unravel_index(np.argmin(free), free.shape)
    places = [[z, y, x, 0.999, "a particle may be missed: outlined in xy only"],
              [*dark, 0.0, "a particle may be missed: outlined in yz only; dark"]]  # fmt: skip
    session._doubts.missed = pd.DataFrame(places, columns=["z", "y", "x", "doubt", "reasons"])
    made = Presenter(session)
    made.next()
    return made, int(mask.sum()), (z, y, x)


def test_places_stand_among_the_particles_in_the_order_of_doubt(missing: Missing) -> None:
    presenter, _, point = missing
    order = rows(presenter)
    assert presenter.table.rows["doubt"].is_monotonic_decreasing
    assert [label for label in order if label < 0] == [-1, -2]
    assert (order[0], presenter.row, presenter.current) == (-1, -1, None)
    assert presenter.focus == presenter.place == point
    assert presenter.table.reasons(-1) == ["a particle may be missed: outlined in xy only"]
    assert (
        presenter.table.progress == f"0 of {len(order) - 2} particles and 0 of 2 places looked at"
    )
    presenter.select([order[1], -2])
    assert presenter.selected == [order[1]]
    presenter.select([-1])
    presenter.choose("split")
    assert (presenter.tool, presenter.message) == ("look", "Select a particle first.")
    presenter.click(tuple(np.argwhere(whole(presenter) == order[1])[0]), several=True)  # type: ignore[arg-type]
    assert presenter.selected == [order[1]]


def test_a_missed_particle_is_grown_at_its_place(missing: Missing) -> None:
    presenter, voxels, point = missing
    presenter.accept()
    assert presenter.failed and "G grows one" in presenter.message
    presenter.focus = (0, 0, 0)
    presenter.choose("grow")
    assert not presenter.failed
    assert np.abs(np.subtract(presenter.focus, point)).max() <= 2
    presenter.confirm()
    assert presenter.current == presenter.session.labels[point]
    assert (whole(presenter) == presenter.current).sum() > voxels / 4
    # It is a particle now, and no place any more, until that is undone.
    assert -1 not in rows(presenter)
    presenter.undo()
    assert -1 in rows(presenter)
    # What was grown at one place is not added at the next.
    presenter.select([-1])
    presenter.choose("grow")
    presenter.next()
    presenter.confirm()
    assert presenter.message == "There is nothing to add yet."
    presenter.select([-2])
    presenter.choose("grow")
    assert presenter.failed and "dark" in presenter.message


def test_a_place_with_nothing_is_not_offered_again(missing: Missing) -> None:
    presenter, _, _ = missing
    order = rows(presenter)
    presenter.delete()
    assert presenter.message == "Place marked as nothing there, until the window is closed."
    assert presenter.selected == [order[1]]
    presenter.select([-2])
    presenter.unsure()
    assert presenter.selected == [order[1]]
    assert (reviews(presenter)[-1], reviews(presenter)[-2]) == ("nothing there", "unsure")
    assert "2 of 2 places" in presenter.table.progress
    # No particle was touched.
    assert [label for label in rows(presenter) if label > 0] == [n for n in order if n > 0]


def test_a_particle_that_was_not_measured_is_shown_in_its_box(presenter: Presenter) -> None:
    label = rows(presenter)[1]
    presenter.table.rows.loc[1, ["z", "y", "x"]] = np.nan
    presenter.next()
    box = presenter.session.box(label)
    assert presenter.selected == [label]
    assert all(a <= p < b for a, p, b in zip(box[:3], presenter.place, box[3:], strict=True))


def test_the_last_particle_is_said(presenter: Presenter) -> None:
    for _ in rows(presenter):
        presenter.accept()
    assert presenter.message.endswith("Every particle has been looked at.")
    presenter.next()
    assert presenter.message == "Every particle has been looked at."


def test_undo_and_redo_tell_when_there_is_nothing(presenter: Presenter) -> None:
    presenter.undo()
    assert presenter.message == "There is nothing to undo."
    before, label = whole(presenter), presenter.current
    presenter.delete()
    presenter.undo()
    np.testing.assert_array_equal(whole(presenter), before)
    presenter.redo()
    assert label not in whole(presenter)
    assert presenter.message == "Done again."


def test_merging_needs_two(presenter: Presenter) -> None:
    presenter.merge()
    assert presenter.failed
    first, second = presenter.current, rows(presenter)[1]
    at = tuple(int(v) for v in np.argwhere(whole(presenter) == second)[0])
    presenter.click(at, several=True)  # type: ignore[arg-type]
    assert presenter.selected == [first, second]
    presenter.accept()
    assert presenter.message == "Several particles are selected; click one of them."
    presenter.merge()
    assert (presenter.selected, presenter.failed) == ([first], False)
    assert second not in whole(presenter)


def test_a_click_moves_no_picture(presenter: Presenter) -> None:
    place, label = presenter.place, largest(presenter)
    at = tuple(int(v) for v in np.argwhere(whole(presenter) == label)[0])
    presenter.click(at)  # type: ignore[arg-type]
    assert (presenter.selected, presenter.focus) == ([label], at)
    assert presenter.place is place
    empty = tuple(int(v) for v in np.argwhere(whole(presenter) == 0)[0])
    presenter.click(empty)  # type: ignore[arg-type]
    assert (presenter.selected, presenter.message) == ([label], "No particle is there.")


def test_split_takes_points_of_the_particle_only(presenter: Presenter) -> None:
    label = largest(presenter)
    presenter.select([label])
    presenter.choose("split")
    presenter.confirm()
    assert presenter.failed
    inside = np.argwhere(whole(presenter) == label)
    outside = np.argwhere(whole(presenter) == 0)[0]
    for point in (inside[0], inside[0], outside):
        presenter.click(tuple(int(v) for v in point))  # type: ignore[arg-type]
    assert len(presenter.drawing.seeds) == 1
    assert presenter.message == f"That point is not in particle {label}."
    presenter.click(tuple(int(v) for v in inside[-1]))  # type: ignore[arg-type]
    presenter.confirm()
    now = whole(presenter)
    new = int(now[tuple(inside[-1])])
    assert now[tuple(inside[0])] == label != new
    assert presenter.message == f"Split particle {label}: the new part is {new}."
    assert (presenter.tool, presenter.drawing.seeds) == ("look", [])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_line_cuts_straight_down(presenter: Presenter, axis: int) -> None:
    label = largest(presenter)
    presenter.select([label])
    presenter.choose("cut")
    box = np.reshape(presenter.session.box(label), (2, 3))
    start, end = box[0].copy(), box[1].copy()
    start[axis] = end[axis] = presenter.focus[axis]
    before = whole(presenter) == label
    along, across = [a for a in range(3) if a != axis]
    # Along one axis of the plane, in the middle of the other.
    start[across] = end[across] = (box[0, across] + box[1, across]) // 2
    path = [tuple(int(v) for v in point) for point in (start, end)]
    presenter.drag(path, axis)  # type: ignore[arg-type]
    assert not presenter.failed
    first = np.argwhere(whole(presenter) == label)[:, across]
    rest = np.argwhere(before & (whole(presenter) != label))[:, across]
    assert len(first) + len(rest) == before.sum()
    assert first.max() < start[across] <= rest.min() or rest.max() <= start[across] < first.min()
    assert along != axis


def test_painting_and_erasing_are_acts(presenter: Presenter) -> None:
    label = largest(presenter)
    presenter.select([label])
    z, y, x = (int(v) for v in np.argwhere(whole(presenter) == label)[0])
    part = PaintedPart(presenter.session.labels, (0, 0, 0, *presenter.session.labels.shape))
    part[z : z + 1, y : y + 1, x - 1 : x + 2] = np.full((1, 1, 3), label)
    stroke = part.take()
    assert stroke is not None
    presenter.stroke(stroke)
    assert (whole(presenter)[z, y, x - 1 : x + 2] == label).all()
    part[z : z + 1, y : y + 1, x : x + 1] = np.zeros((1, 1, 1))
    stroke = part.take()
    assert stroke is not None
    presenter.stroke(stroke)
    assert presenter.message == f"Erased 1 voxel of particle {label}."
    assert whole(presenter)[z, y, x] == 0
    presenter.undo()
    presenter.undo()
    assert not presenter.session.can_undo


def test_a_missed_particle_is_grown_from_a_click(presenter: Presenter) -> None:
    label = largest(presenter)
    presenter.select([label])
    mask = whole(presenter) == label
    # In its material: the middle may be void.
    grey = np.where(mask, ndimage.uniform_filter(presenter.session.volume.data, 3), 0)
    middle = tuple(int(v) for v in np.unravel_index(np.argmax(grey), grey.shape))
    presenter.delete()
    presenter.choose("grow")
    presenter.confirm()
    assert presenter.message == "There is nothing to add yet."
    presenter.click(middle)  # type: ignore[arg-type]
    assert presenter.drawing.draft is not None
    others = whole(presenter)
    assert not others[mask].any()
    presenter.confirm()
    assert presenter.current is not None
    added = whole(presenter) == presenter.current
    assert added[middle]
    np.testing.assert_array_equal(np.where(added, 0, whole(presenter)), others)
    assert (presenter.tool, presenter.drawing.draft) == ("grow", None)
    # A place that is taken cannot be grown from.
    presenter.click(middle)  # type: ignore[arg-type]
    assert presenter.failed


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_outlines_of_a_plane_become_a_particle(presenter: Presenter, axis: int) -> None:
    label = largest(presenter)
    presenter.select([label])
    mask = whole(presenter) == label
    box = np.reshape(presenter.session.box(label), (2, 3))
    presenter.delete()
    presenter.choose("outline")
    presenter.drag(_square(box, axis, box[0, axis] + 1), axis)  # type: ignore[arg-type]
    assert presenter.drawing.draft is None
    presenter.drag(_square(box, 1 if axis != 1 else 0, 3), 1 if axis != 1 else 0)
    assert presenter.message == "Draw all outlines of a particle in the same plane."
    presenter.drag(_square(box, axis, box[1, axis] - 2), axis)  # type: ignore[arg-type]
    assert presenter.message == "2 outlines; Enter adds the particle."
    presenter.confirm()
    assert presenter.current is not None
    added = np.argwhere(whole(presenter) == presenter.current)
    np.testing.assert_array_equal(added.min(axis=0)[axis], box[0, axis] + 1)
    np.testing.assert_array_equal(added.max(axis=0)[axis], box[1, axis] - 2)
    assert (whole(presenter) == presenter.current)[mask].mean() > 0.5


def _square(box: np.ndarray, axis: int, index: int) -> list[tuple[int, int, int]]:
    """Drag around a box, in one slice."""
    first, second = [a for a in range(3) if a != axis]
    corners = [(0, 0), (0, 1), (1, 1), (1, 0)]
    path = []
    for a, b in corners:
        point = [0, 0, 0]
        point[axis], point[first], point[second] = (
            int(index), int(box[a, first]), int(box[b, second])
        )  # fmt: skip
        path.append((point[0], point[1], point[2]))
    return path


def test_tools_need_a_particle_and_esc_leaves(presenter: Presenter) -> None:
    presenter.select([])
    presenter.choose("split")
    assert (presenter.tool, presenter.message) == ("look", "Select a particle first.")
    presenter.accept()
    assert presenter.failed
    presenter.choose("grow")
    presenter.cancel()
    assert presenter.tool == "look"


def test_what_cannot_be_written_is_said_and_not_done(
    presenter: Presenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before, label = whole(presenter), presenter.current
    monkeypatch.setattr("os.fsync", full)
    presenter.delete()
    assert presenter.failed and "No space left" in presenter.message
    np.testing.assert_array_equal(whole(presenter), before)
    assert presenter.current == label
