"""The paper recipe against values counted by hand, and against the paper's way of doing it."""

import numpy as np
import pandas as pd
import pytest
from paper_way import paper_way
from particlebridge.analysis import FEATURES, measure
from particlebridge.analysis.features.paper_recipe import matlab_round
from scipy.stats import spearmanr
from shapes import ball, ellipsoid

SPACING = (0.07, 0.07, 0.07)


def test_cube_with_a_pore_counted_by_hand() -> None:
    labels = np.zeros((20, 20, 20), np.int32)
    labels[4:11, 5:12, 6:13] = 1
    labels[7, 8, 9] = 0
    volume = np.where(labels, 10.0, 3.0)
    volume[4, 5, 6] = 0
    row = measure(volume, labels, SPACING, recipe="paper").iloc[0]
    # The box is 8 voxels wide, and with a ball of 10 voxels all of it is closed.
    assert row["Volume"] == 512
    assert row["SurfaceOuter"] == 512 - 216
    # The cube's shell and the pore's six neighbours have a face towards the outside.
    assert row["SurfaceInner"] == 343 - 125 + 6 - 296
    assert row["Damage"] == (512 - 342) / 512
    assert row["VSratio"] == pytest.approx(8 / np.sqrt(224))
    assert row["Sphericity"] == pytest.approx(36 * np.pi * 512**2 / 224**3)
    # Mirrored at the box's faces the median changes nothing of a full box.
    assert row["RoughOuter"] == 1
    # A grey value of 0 is left out: 341 tens and the threes of the rest.
    grey = np.array([10.0] * 341 + [3.0] * 170)
    assert row["EDensity"] == pytest.approx(grey.mean())
    assert row["Homogeneity"] == pytest.approx(grey.std(ddof=1))
    # MATLAB counts from 1; the pore is in the middle.
    assert row[["Z", "Y", "X"]].tolist() == [8, 9, 10]
    assert row["Elongation"] == pytest.approx(1)
    # No voxel of the volume lies 10 um inside it.
    assert np.isinf(row["PDensity"])


@pytest.mark.parametrize(
    ("radius", "damage", "voxel"),
    # The ball has 10 voxels at any size of theirs.
    [(30, 0.129, 0.07), (30, 0.129, 0.1), (50, 0.067, 0.07), (70, 0.041, 0.07)],
)
def test_an_intact_ball_reads_damage(radius: int, damage: float, voxel: float) -> None:
    # Centred between voxels: exactly 2 x radius of them wide.
    shape = (2 * radius + 8,) * 3
    labels = ball(shape, (radius + 3.5,) * 3, radius).astype(np.int32)
    row = measure(None, labels, (voxel,) * 3, recipe="paper").iloc[0]
    assert row["Damage"] == pytest.approx(damage, abs=5e-4)
    assert row["SurfaceInner"] < 0
    assert measure(labels, labels, (voxel,) * 3).iloc[0]["Damage"] < 0.003


def test_published_damage_follows_size_and_ours_does_not() -> None:
    rng = np.random.default_rng(0)
    shape, cells = (48, 288, 288), 6
    bodies, solid = np.zeros(shape, np.int32), np.zeros(shape, bool)
    true = []
    for k in range(cells * cells):
        y, x = 48 * (k // cells), 48 * (k % cells)
        mask = ellipsoid((48, 48, 48), (23.5, 23.5, 23.5), rng.uniform(7, 20, 3))
        # A crack of random width through the middle.
        width = rng.integers(0, 4)
        material = mask.copy()
        material[:, :, 22 : 22 + width] = False
        bodies[:, y : y + 48, x : x + 48][mask] = k + 1
        solid[:, y : y + 48, x : x + 48][material] = True
        true.append(1 - material.sum() / mask.sum())
    table = measure(None, bodies, SPACING, solid, recipe="both")
    assert table["Damage"].to_numpy() == pytest.approx(true)
    published = spearmanr(table["Volume_paper"], table["Damage_paper"]).statistic
    assert published < -0.75
    assert abs(spearmanr(table["Volume"], table["Damage"]).statistic) < 0.4
    # The same numbers as each recipe alone, from labels of solids for the paper's.
    alone = measure(None, bodies * solid, SPACING, recipe="paper")
    assert table["Damage_paper"].tolist() == alone["Damage"].tolist()
    assert table["Contact"].equals(measure(None, bodies, SPACING, solid)["Contact"])
    assert table.attrs["units"]["Volume_paper"] == "voxel"


def test_the_papers_ball_cannot_be_chosen() -> None:
    labels = np.zeros((9, 9, 9), np.int32)
    labels[3:6, 3:6, 3:6] = 1
    with pytest.raises(ValueError, match="always 10 voxels"):
        measure(None, labels, SPACING, recipe="paper", ball=0.7)


def test_plate_counted_by_hand() -> None:
    labels = np.zeros((30, 30, 30), np.int32)
    labels[14:16, 10:14, 10:18] = 5
    row = measure(np.ones(labels.shape), labels, (1, 1, 1), recipe="paper").iloc[0]
    assert row["Volume"] == 3 * 5 * 9
    assert row["SurfaceOuter"] == 3 * 5 * 9 - 1 * 3 * 7
    # Solid boxes: variances 2^2, 4^2, 8^2 over 12, the voxels' own size included.
    assert row["Elongation"] == pytest.approx(4)
    assert row[["Yaw", "Pitch", "Roll"]].tolist() == [0, 0, 0]
    assert row["Homogeneity"] == 0
    assert row["SurfaceInner"] == 2 * 4 * 8 - row["SurfaceOuter"]


def test_neighbours_are_counted_between_rounded_centroids() -> None:
    labels = np.zeros((12, 12, 40), np.int32)
    labels[5, 5, 4:6] = 1
    labels[5, 5, 10] = 2
    labels[5, 5, 20:24] = 3
    table = measure(np.ones(labels.shape), labels, (1, 1, 1), recipe="paper")
    # Centroids at 5.5, 11 and 22.5 (from 1): 6, 11, 23 as MATLAB rounds.
    assert table["DistNearest"].tolist() == [(5 + 17) / 2, (5 + 12) / 2, (12 + 17) / 2]
    assert table["VolumeStd"].tolist() == pytest.approx(
        [np.std(pair, ddof=1) for pair in ([8, 20], [12, 20], [12, 8])]
    )


def test_every_column_is_what_the_papers_way_gives() -> None:
    rng = np.random.default_rng(0)
    shape = (60, 70, 80)
    labels = np.zeros(shape, np.int32)
    for label in range(1, 25):
        mask = ellipsoid(shape, rng.random(3) * shape, rng.uniform(5, 14, 3))
        labels[mask & (labels == 0)] = label
    labels[rng.random(shape) < 0.03] = 0
    labels[20:22] = 0
    volume = rng.normal(100, 20, shape)
    volume[rng.random(shape) < 0.01] = 0
    present = np.unique(labels)[1:]
    # 10 um are 16 voxels.
    expected = paper_way(volume, labels, present, cube=16)
    table = measure(volume, labels, (0.625,) * 3, recipe="paper")
    for name in expected:
        assert table[name].to_numpy() == pytest.approx(expected[name].to_numpy(), rel=1e-9), name
    assert table["Border"].any() and not table["Border"].all()
    assert (table["Contact"] > 0).any()
    again = measure(volume, labels, (0.625,) * 3, recipe="paper", block=7)
    pd.testing.assert_frame_equal(table, again)


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
