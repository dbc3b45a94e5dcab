"""Outlines of labels go back to the same pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.path import Path as Polygon
from particlebridge.exporter.annotations.outlines import label_outlines


def fill(labels: np.ndarray) -> np.ndarray:
    """Paint the outlines with somebody else's point-in-polygon test, even-odd over the rings."""
    centres = np.argwhere(np.ones(labels.shape, bool))[:, ::-1] + 0.5
    painted = np.zeros_like(labels)
    for label, rings in label_outlines(labels):
        inside = np.zeros(labels.size, bool)
        for ring in rings:
            inside ^= Polygon(ring[:, ::-1]).contains_points(centres)
        painted[inside.reshape(labels.shape)] = label
    return painted


@settings(deadline=None, max_examples=200)
@given(
    hnp.arrays(
        np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 3)
    )
)
def test_any_labels_come_back(labels: np.ndarray) -> None:
    np.testing.assert_array_equal(fill(labels), labels)


def test_a_disk_needs_few_vertices() -> None:
    y, x = np.mgrid[:101, :101]
    disk = ((y - 50) ** 2 + (x - 50) ** 2 <= 40**2).astype(np.int32)
    ((label, (ring,)),) = label_outlines(disk)
    np.testing.assert_array_equal(fill(disk), disk)
    assert label == 1
    assert len(ring) < 4 * 81 / 3  # the disk has 4 * 81 pixel sides
    # The outline is the circle itself within a pixel, not a staircase around it.
    assert np.abs(np.hypot(*(ring - 50.5).T) - 40.25).max() < 0.8


def test_rings_of_a_holed_label_and_label_order() -> None:
    labels = np.zeros((9, 9), np.uint16)
    labels[1:8, 1:8] = 7
    labels[3:6, 3:6] = 2
    found = dict(label_outlines(labels))
    assert list(found) == [2, 7]
    assert len(found[2]) == 1
    assert len(found[7]) == 2


def test_nothing_to_trace() -> None:
    assert list(label_outlines(np.zeros((4, 5), np.int32))) == []
    assert list(label_outlines(np.zeros((0, 5), np.int32))) == []


@pytest.mark.parametrize(
    ("labels", "wrong"),
    [
        (np.zeros((2, 3, 4), np.int32), "one slice at a time"),
        (np.zeros((3, 4), np.float32), "integer"),
        (np.full((3, 4), -1), "negative"),
    ],
)
def test_wrong_labels_say_so(labels: np.ndarray, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        list(label_outlines(labels))
