"""The paper recipe against values counted by hand, and against the paper's way of doing it."""

import numpy as np
import pytest
from paper_way import paper_way
from particlebridge.analysis import FEATURES, measure
from particlebridge.analysis.paper_recipe import matlab_round
from shapes import ellipsoid

# 10 voxels make a ball of 0.7 um, as in the paper.
SPACING = (0.07, 0.07, 0.07)


def test_cube_with_a_pore_counted_by_hand() -> None:
    labels = np.zeros((20, 20, 20), np.int32)
    labels[4:11, 5:12, 6:13] = 1
    labels[7, 8, 9] = 0
    volume = np.where(labels, 10.0, 3.0)
    volume[4, 5, 6] = 0
    row = measure(volume, labels, SPACING, recipe="paper").iloc[0]
    # Body 7^3; its shell 7^3 - 5^3; the pore's six neighbours have a face to it.
    assert row["Volume"] == 343
    assert row["SurfaceOuter"] == 343 - 125
    assert row["SurfaceInner"] == 6
    assert row["Damage"] == 1 / 343
    assert row["VSratio"] == pytest.approx(7 / np.sqrt(224))
    assert row["Sphericity"] == pytest.approx(36 * np.pi * 343**2 / 224**3)
    # The median takes the 8 corners (8 votes of 27) and the 12 edges of 5 (12 votes), and closes
    # the pore. Left with a face outside are the 6 faces of 5 x 5; no core voxel borders an edge.
    assert row["RoughOuter"] == pytest.approx(6 * 25 / 218)
    assert row["RoughInner"] == 0
    # A grey value of 0 is left out: 341 tens and the pore's 3.
    grey = np.array([10.0] * 341 + [3.0])
    assert row["EDensity"] == pytest.approx(grey.mean())
    assert row["Homogeneity"] == pytest.approx(grey.std(ddof=1))
    # MATLAB counts from 1; the pore is in the middle.
    assert row[["Z", "Y", "X"]].tolist() == [8, 9, 10]
    assert row["Elongation"] == pytest.approx(1)
    assert row["PDensity"] == 342 / 20**3


def test_plate_counted_by_hand() -> None:
    labels = np.zeros((30, 30, 30), np.int32)
    labels[14:16, 10:14, 10:18] = 5
    row = measure(np.ones(labels.shape), labels, (1, 1, 1), recipe="paper").iloc[0]
    assert row["Volume"] == row["SurfaceOuter"] == 2 * 4 * 8
    # Solid boxes: variances 2^2, 4^2, 8^2 over 12, the voxels' own size included.
    assert row["Elongation"] == pytest.approx(4)
    assert row[["Yaw", "Pitch", "Roll"]].tolist() == [0, 0, 0]
    assert row["Homogeneity"] == 0
    assert row["SurfaceInner"] == 0
    assert row["RoughInner"] == 1


def test_neighbours_are_counted_between_rounded_centroids() -> None:
    labels = np.zeros((12, 12, 40), np.int32)
    labels[5, 5, 4:6] = 1
    labels[5, 5, 10] = 2
    labels[5, 5, 20:24] = 3
    table = measure(np.ones(labels.shape), labels, (1, 1, 1), recipe="paper")
    # Centroids at 5.5, 11 and 22.5 (from 1): 6, 11, 23 as MATLAB rounds.
    assert table["DistNearest"].tolist() == [(5 + 17) / 2, (5 + 12) / 2, (12 + 17) / 2]
    assert table["VolumeStd"].tolist() == pytest.approx(
        [np.std([1, 4], ddof=1), np.std([2, 4], ddof=1), np.std([2, 1], ddof=1)]
    )


def test_every_column_is_what_the_papers_way_gives() -> None:
    rng = np.random.default_rng(0)
    shape = (44, 52, 60)
    labels = np.zeros(shape, np.int32)
    for label in range(1, 25):
        mask = ellipsoid(shape, rng.random(3) * shape, rng.uniform(4, 9, 3))
        labels[mask & (labels == 0)] = label
    labels[rng.random(shape) < 0.03] = 0
    labels[20:22] = 0
    volume = rng.normal(100, 20, shape)
    volume[rng.random(shape) < 0.01] = 0
    present = np.unique(labels)[1:]
    expected = paper_way(volume, labels, present, radius=3, cube=8)
    spacing = (1.25, 1.25, 1.25)
    table = measure(volume, labels, spacing, recipe="paper", ball=3 * 1.25)
    for name in expected:
        assert table[name].to_numpy() == pytest.approx(expected[name].to_numpy(), rel=1e-9), name
    assert table["SurfaceInner"].max() > 20


def test_spacing_does_not_enter_what_is_counted_in_voxels() -> None:
    labels = np.zeros((20, 20, 20), np.int32)
    labels[4:10, 5:12, 6:14] = 1
    volume = np.ones(labels.shape)
    counted = ["Volume", "SurfaceOuter", "Elongation", "X", "Y", "Z", "Yaw", "VSratio"]
    a = measure(volume, labels, (1, 1, 1), recipe="paper")[counted]
    b = measure(volume, labels, (3, 1, 2), recipe="paper")[counted]
    assert a.equals(b)


def test_published_regressors_are_there() -> None:
    assert len(FEATURES["paper"]) == 21
    labels = np.zeros((9, 9, 9), np.int32)
    labels[3:6, 3:6, 3:6] = 1
    table = measure(np.ones(labels.shape), labels, (1, 1, 1), recipe="paper")
    assert set(FEATURES["paper"]) <= set(table)


def test_halves_are_rounded_away_from_zero() -> None:
    assert matlab_round(np.array([0.5, 1.5, 2.5, -0.5, 2.4])).tolist() == [1, 2, 3, -1, 2]
