"""Parts of a volume read as the volume does; a stroke stays apart until it is taken."""

import numpy as np
import pytest
from particlebridge.analysis._shared.views import VIEWS, to_view, view_axes
from particlebridge.bridge.reviewing.window.strokes import Chosen, PaintedPart, Part

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 4, (9, 10, 11)).astype(np.int32)
BOX = (2, 3, 1, 8, 9, 11)
INSIDE = LABELS[2:8, 3:9, 1:11]
KEYS = [
    (3, slice(None), slice(None)),
    (slice(None), -1, slice(None)),
    (slice(1, 4), slice(0, 6, 2), 5),
    (0, 0, 0),
    slice(2, 3),
    4,
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("view", VIEWS)
def test_a_part_reads_as_the_volume_whatever_the_order_of_its_axes(view, key) -> None:
    part = Part(to_view(LABELS, view), BOX, view_axes(view))
    assert part.shape == INSIDE.shape
    np.testing.assert_array_equal(part[key], INSIDE[key])


def test_a_place_outside_is_an_error() -> None:
    with pytest.raises(IndexError):
        Part(LABELS, BOX)[6, 0, 0]


@pytest.mark.parametrize("key", KEYS)
def test_what_is_painted_shows_and_the_labels_stay(key) -> None:
    labels = LABELS.copy()
    part = PaintedPart(labels, BOX)
    expected = INSIDE.copy()
    # napari paints as this: a box is read, changed, and written back.
    for low, side, label in (((1, 1, 1), 2, 7), ((3, 2, 6), 3, 8), ((2, 2, 2), 2, 0)):
        where = tuple(slice(a, a + side) for a in low)
        part[where] = np.full((side,) * 3, label)
        expected[where] = label
    np.testing.assert_array_equal(part[key], expected[key])
    np.testing.assert_array_equal(labels, LABELS)
    stroke = part.take()
    assert stroke is not None
    np.testing.assert_array_equal(part[:], INSIDE)
    assert part.take() is None
    assert stroke.painted == 8
    box = tuple(slice(a, b) for a, b in zip(stroke.box[:3], stroke.box[3:], strict=True))
    labels[box] = np.where(stroke.before != stroke.after, stroke.after, labels[box])
    np.testing.assert_array_equal(labels[2:8, 3:9, 1:11], expected)


def test_a_stroke_tells_what_a_particle_gained_lost_and_took() -> None:
    labels = np.zeros((4, 4, 4), np.int32)
    labels[0], labels[1], labels[2, 0] = 1, 2, 3
    part = PaintedPart(labels, (0, 0, 0, 4, 4, 4))
    part[0:3, 0:2, 0:2] = np.ones((3, 2, 2), np.int32)
    stroke = part.take()
    assert stroke is not None
    assert (stroke.painted, stroke.taken(1)) == (1, [2, 3])
    assert stroke.added(1).sum() == 8
    part[1:2, 0:4, 0:4] = np.zeros((1, 4, 4), np.int32)
    erased = part.take()
    assert erased is not None
    assert (erased.painted, erased.removed(2).sum(), erased.removed(1).any()) == (0, 16, False)


def test_chosen_labels_are_numbered_and_follow_the_choice() -> None:
    chosen = [3]
    part = Chosen(Part(LABELS, BOX), chosen)
    np.testing.assert_array_equal(part[2], INSIDE[2] == 3)
    chosen[:] = [1, 3]
    np.testing.assert_array_equal(part[2], np.select([INSIDE[2] == 1, INSIDE[2] == 3], [1, 2]))
