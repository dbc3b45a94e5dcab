"""Density in boxes and statistics over the six nearest, against brute force."""

import numpy as np
import pytest
from particlebridge.analysis.features.neighbourhood import (
    add_box_sums,
    nearest,
    orientation_spread,
    spread,
)


def test_box_sums_by_slabs_are_the_voxels_in_the_boxes() -> None:
    rng = np.random.default_rng(0)
    mask = (rng.random((20, 15, 12)) < 0.4).astype(np.uint8)
    low = rng.integers(0, [20, 15, 12], (50, 3))
    high = low + rng.integers(0, [20, 15, 12] - low + 1, (50, 3))
    boxes = np.stack([low, high], -1).reshape(50, 6)
    sums = np.zeros(50, np.int64)
    for first in (0, 7, 14):
        add_box_sums(mask[first : first + 7], first, boxes, sums)
    expected = [mask[a:b, c:d, e:f].sum() for a, b, c, d, e, f in boxes]
    assert sums.tolist() == expected


def test_nearest_are_the_six_nearest_others() -> None:
    points = np.random.default_rng(0).random((40, 3))
    index, distance = nearest(points)
    for i in range(40):
        apart = np.linalg.norm(points - points[i], axis=1)
        apart[i] = np.inf
        assert index[i].tolist() == np.argsort(apart)[:6].tolist()
        assert distance[i] == pytest.approx(np.sort(apart)[:6])


def test_points_in_one_place_are_each_others_neighbours_not_their_own() -> None:
    index, distance = nearest(np.zeros((10, 3)))
    assert index.shape == (10, 6)
    assert not (index == np.arange(10)[:, None]).any()
    assert (distance == 0).all()


def test_few_points_have_few_neighbours() -> None:
    assert nearest(np.zeros((0, 3)))[0].shape == (0, 0)
    assert nearest(np.zeros((1, 3)))[0].shape == (1, 0)
    index, distance = nearest(np.array([[0, 0, 0], [3.0, 4, 0]]))
    assert index.tolist() == [[1], [0]]
    assert distance.tolist() == [[5], [5]]


def test_spread_is_the_sample_deviation_without_nan() -> None:
    values = np.array([1.0, 4.0, 9.0, np.nan, 2.0])
    index = np.array([[1, 2, 4], [0, 3, 2], [3, 3, 0], [0, 0, 0], [1, 1, 1]])
    found = spread(values, index)
    assert found[0] == pytest.approx(np.std([4, 9, 2], ddof=1))
    assert found[1] == pytest.approx(np.std([1, 9], ddof=1))
    assert np.isnan(found[2])
    assert found[3:].tolist() == [0, 0]


def test_orientation_spread_is_the_largest_of_three() -> None:
    angles = np.array([[0.0, 0, 0], [89, 1, 10], [-89, -1, -10]])
    index = np.array([[1, 2]])
    assert orientation_spread(angles, index, "physical")[0] == pytest.approx(10, abs=0.2)
    assert orientation_spread(angles, index, "paper")[0] == pytest.approx(np.std([89, -89], ddof=1))
