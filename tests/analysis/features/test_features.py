"""The particle table against geometry: shapes of known size, damage, orientation and place."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from particlebridge.analysis import COLUMNS, electrode, measure
from shapes import ball, ellipsoid, ellipsoid_area

CUBIC = (0.5, 0.5, 0.5)


def measure_one(mask: np.ndarray, spacing: Any = (1, 1, 1), **kwargs: Any) -> pd.Series:
    """The row of the only particle, labelled 1, on a grey value of 100 (solid) over 10."""
    solid = kwargs.get("solid", mask)
    volume = np.where(solid, 100.0, 10.0)
    table = measure(volume, mask.astype(np.int32), spacing, **kwargs)
    assert len(table) == 1
    return table.iloc[0]


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.25, 0.25, 0.25), (2.0, 1.0, 1.0)])
def test_ball(spacing) -> None:
    radius = 12 * max(spacing)
    shape = tuple(int(2 * radius / s) + 7 for s in spacing)
    centre = tuple(s * (n // 2 + 0.3) for n, s in zip(shape, spacing, strict=True))
    mask = ball(shape, centre, radius, spacing)
    row = measure_one(mask, spacing, solid=mask)
    assert row["Volume"] == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.01)
    assert row["SurfaceOuter"] == pytest.approx(4 * np.pi * radius**2, rel=0.03)
    assert row["SurfaceInner"] == 0
    assert row["Sphericity"] == pytest.approx(1, abs=0.09)
    assert row["BodySphericity"] == row["Sphericity"]
    ratio = (4 / 3 * np.pi) ** (1 / 3) / np.sqrt(4 * np.pi)
    assert row["VSratio"] == pytest.approx(ratio, rel=0.02)
    assert row["BodyVSratio"] == row["VSratio"]
    assert row["Elongation"] == pytest.approx(1, abs=0.01)
    assert row["Damage"] == 0
    assert row["RoughOuter"] == pytest.approx(1, abs=0.02)
    assert row["RoughInner"] == 1
    assert row[["Z", "Y", "X"]].tolist() == pytest.approx(centre, abs=0.02 * radius)
    assert not row["Border"]


def test_ellipsoid_turned_by_known_angles() -> None:
    spacing = (0.8, 0.5, 0.5)
    mask = ellipsoid((62, 80, 80), (24, 20, 20), (16, 9, 6), (40, -25, 30), spacing)
    row = measure_one(mask, spacing, solid=mask)
    assert row[["Yaw", "Pitch", "Roll"]].tolist() == pytest.approx([40, -25, 30], abs=1)
    assert row["Volume"] == pytest.approx(4 / 3 * np.pi * 16 * 9 * 6, rel=0.01)
    assert row["SurfaceOuter"] == pytest.approx(ellipsoid_area(16, 9, 6), rel=0.03)
    assert row["Elongation"] == pytest.approx(16 / 6, rel=0.02)


def test_box() -> None:
    mask = np.zeros((30, 40, 50), bool)
    mask[5:25, 8:32, 9:41] = True
    row = measure_one(mask, (0.5, 0.25, 0.125), solid=mask)
    assert row["Volume"] == 10 * 6 * 4
    assert row["SurfaceOuter"] == pytest.approx(2 * (60 + 40 + 24), rel=0.06)
    assert row["Elongation"] == pytest.approx(10 / 4)
    assert row[["Yaw", "Pitch", "Roll"]].abs().tolist() == pytest.approx([0, 90, 0])
    assert row[["z0", "z1", "y0", "y1", "x0", "x1"]].tolist() == [5, 25, 8, 32, 9, 41]
    assert row[["Z", "Y", "X"]].tolist() == pytest.approx([14.5 * 0.5, 19.5 * 0.25, 24.5 * 0.125])


def test_shell_is_a_damaged_ball_with_an_inner_surface() -> None:
    shape, centre = (50, 50, 50), (25, 25, 25)
    body, hollow = ball(shape, centre, 20), ball(shape, centre, 12)
    given = measure_one(body, solid=body & ~hollow)
    # Without a solid the labelled shell is the solid, and closing fills its hollow.
    closed = measure_one(body & ~hollow)
    for row in (given, closed):
        assert row["Damage"] == hollow.sum() / body.sum()
        assert row["Volume"] == body.sum()
        assert row["SurfaceInner"] == pytest.approx(4 * np.pi * 12**2, rel=0.03)
        assert row["SurfaceOuter"] == pytest.approx(4 * np.pi * 20**2, rel=0.03)
        assert row["RoughInner"] == pytest.approx(1, abs=0.03)
        assert row["Sphericity"] < 0.5 < row["BodySphericity"]
    assert given["EDensity"] == pytest.approx(100 - 90 * given["Damage"])
    assert given["SolidDensity"] == 100
    assert given["SolidStd"] == 0
    damage = given["Damage"]
    assert 1 / given["Homogeneity"] == pytest.approx(90 * np.sqrt(damage * (1 - damage)), rel=1e-3)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_ball_with_a_slab_removed(width: int) -> None:
    shape, spacing = (60, 60, 60), (0.1, 0.1, 0.1)
    body = ball(shape, (3, 3, 3), 2.5, spacing)
    solid = body.copy()
    solid[30 : 30 + width] = False
    true = (body & ~solid).sum() / body.sum()
    assert measure_one(body, spacing, solid=solid)["Damage"] == true
    # A slab of area pi r^2 to first order in its width.
    assert true == pytest.approx(0.75 * width * 0.1 / 2.5, rel=0.08)
    # A ball of 0.7 um closes the slab but for a notch at the rim.
    assert measure_one(solid, spacing)["Damage"] == pytest.approx(true, rel=0.1)


def test_wide_gaps_are_closed_by_a_larger_ball_only() -> None:
    spacing = (0.1, 0.1, 0.1)
    solid = ball((60, 60, 60), (3, 3, 3), 2.5, spacing)
    solid[21:39] = False
    assert measure_one(solid, spacing)["Damage"] < 0.01
    assert measure_one(solid, spacing, ball=1.2)["Damage"] > 0.3


def test_closed_body_never_takes_another_labels_voxels() -> None:
    labels = np.zeros((30, 30, 30), np.int32)
    labels[5:25, 5:25, 5:25] = 1
    labels[10:20, 10:20, 10:20] = 2
    labels[12:18, 12:18, 12:18] = 0
    table = measure(labels * 50.0, labels, (1, 1, 1)).set_index("label")
    assert table["Volume"].to_dict() == {1: 20**3 - 10**3, 2: 10**3}
    assert table["Damage"].to_dict() == {1: 0, 2: 6**3 / 10**3}


def test_two_balls_at_a_known_distance() -> None:
    shape = (30, 30, 60)
    labels = np.zeros(shape, np.int32)
    labels[ball(shape, (15, 15, 15), 8)] = 3
    labels[ball(shape, (15, 15, 40), 8)] = 8
    table = measure(None, labels, CUBIC)
    assert table["DistNearest"].tolist() == pytest.approx([12.5, 12.5])
    assert table["Contact"].tolist() == [0, 0]
    assert table["VolumeStd"].isna().all()


def test_neighbour_statistics_are_over_the_six_nearest() -> None:
    rng = np.random.default_rng(0)
    shape = (40, 80, 80)
    labels = np.zeros(shape, np.int32)
    for n, (y, x) in enumerate(np.ndindex(4, 4), start=1):
        size = rng.uniform(4, 9, 3)
        centre = np.array([20, 10 + 20 * y, 10 + 20 * x]) + rng.uniform(-1, 1, 3)
        labels[ellipsoid(shape, centre, size, rng.uniform(-80, 80, 3))] = n
    table = measure(labels * 1.0, labels, (1, 1, 1))
    points = table[["Z", "Y", "X"]].to_numpy()
    for i in range(16):
        apart = np.linalg.norm(points - points[i], axis=1)
        near = np.argsort(apart)[1:7]
        assert table["DistNearest"][i] == pytest.approx(apart[near].mean())
        for spread, of in [
            ("VolumeStd", "Volume"),
            ("ElongStd", "Elongation"),
            ("SpherStd", "Sphericity"),
            ("BodySpherStd", "BodySphericity"),
        ]:
            assert table[spread][i] == pytest.approx(table[of][near].std(ddof=1))
    assert table["OrienIso"].between(0, 90).all()


def test_contact_is_the_share_of_the_ring() -> None:
    # A plate between two others: the ring is one voxel around it, all but its rim is theirs.
    labels = np.zeros((20, 20, 20), np.int32)
    labels[9:11, 5:15, 5:15] = 1
    labels[11:13, 5:15, 5:15] = 2
    labels[8, 5:15, 5:15] = 3
    table = measure(None, labels, (1, 1, 1), ball=1.0).set_index("label")
    # 100 voxels above, 100 below, 2 * 4 * 10 at the rim (face neighbours only).
    assert table["Contact"][1] == pytest.approx(200 / 280)
    assert table["Contact"][3] == pytest.approx(100 / (200 + 40))


def test_packing_density_counts_solid_voxels_in_the_cube() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((30, 40, 50), np.int32)
    labels[10:14, 15:20, 20:26] = 1
    labels[25:30, 0:10, 40:50] = 2
    solid = rng.random(labels.shape) < 0.6
    table = measure(None, labels, (2, 1, 1), solid=solid).set_index("label")
    cube = (slice(5, 19), slice(5, 30), slice(10, 36))
    assert table["PDensity"][1] == ((labels > 0) & solid)[cube].mean()
    cube = (slice(20, 30), slice(0, 20), slice(30, 50))
    assert table["PDensity"][2] == ((labels > 0) & solid)[cube].mean()


def test_grey_values_of_the_body_and_of_the_solids_core() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((16, 16, 16), np.int32)
    labels[3:12, 3:12, 3:12] = 1
    solid = labels > 0
    solid[7] = False
    volume = rng.integers(0, 60000, labels.shape).astype(np.uint16)
    row = measure(volume, labels, (1, 1, 1), solid=solid).iloc[0]
    body = volume[labels == 1].astype(float)
    assert row["EDensity"] == pytest.approx(body.mean())
    assert row["Homogeneity"] == pytest.approx(1 / body.std(ddof=1))
    core = np.concatenate([volume[4:6, 4:11, 4:11].ravel(), volume[9:11, 4:11, 4:11].ravel()])
    assert row["SolidDensity"] == pytest.approx(core.mean())
    assert row["SolidStd"] == pytest.approx(core.astype(float).std(ddof=1))


def test_border_is_the_volumes_edge_or_the_field_of_views() -> None:
    labels = np.zeros((20, 20, 20), np.int32)
    labels[0:3, 5:8, 5:8] = 1
    labels[5:8, 5:8, 17:20] = 2
    labels[8:11, 8:11, 8:11] = 3
    labels[14:17, 14:17, 14:17] = 4
    volume = np.ones(labels.shape)
    assert measure(volume, labels, (1, 1, 1))["Border"].tolist() == [True, True, False, False]
    seen = np.ones(labels.shape, bool)
    seen[17:] = False
    flags = measure(volume, labels, (1, 1, 1), field_of_view=seen)["Border"]
    assert flags.tolist() == [True, True, False, True]
    volume[~seen] = np.nan
    with pytest.warns(UserWarning, match="outside the field of view"):
        table = measure(volume, labels, (1, 1, 1))
    assert table["Border"].tolist() == flags.tolist()
    assert (table["EDensity"] == 1).all()


def test_ring_and_cube_end_at_the_field_of_view() -> None:
    labels = np.zeros((20, 20, 20), np.int32)
    labels[8:12, 8:12, 8:12] = 1
    labels[8:12, 8:12, 12:16] = 2
    seen = np.zeros(labels.shape, bool)
    seen[8:12, 8:12, 7:17] = True
    table = measure(None, labels, (1, 1, 1), ball=1.0, field_of_view=seen)
    # What is left of the ring of 1: 16 voxels of background and 16 of particle 2.
    assert table["Contact"].tolist() == [0.5, 0.5]
    assert table["PDensity"].tolist() == pytest.approx([128 / 160, 128 / 160])


def test_nan_inside_a_particle_is_an_error_that_names_it() -> None:
    labels = np.zeros((20, 20, 20), np.int32)
    labels[5:15, 5:15, 5:15] = 6
    volume = np.ones(labels.shape, np.float32)
    volume[9, 9, 9] = np.nan
    with (
        pytest.warns(UserWarning, match="NaN"),
        pytest.raises(ValueError, match="1 NaN or infinite values inside particle 6"),
    ):
        measure(volume, labels, (1, 1, 1))
    # Cut by a field of view that is NaN outside, it is measured and flagged.
    volume[9, 9, 9] = 1
    volume[:, :, 13:] = np.nan
    with pytest.warns(UserWarning, match="NaN"):
        row = measure(volume, labels, (1, 1, 1)).iloc[0]
    assert row["Border"]
    assert row["EDensity"] == 1


def test_one_voxel_particle_has_documented_values() -> None:
    labels = np.zeros((5, 5, 5), np.int32)
    labels[2, 2, 2] = 1
    row = measure(labels * 7.0, labels, (1, 1, 1)).iloc[0]
    expected = {"Volume": 1, "SurfaceOuter": 6, "SurfaceInner": 0, "Elongation": 1, "Damage": 0}
    expected |= {"EDensity": 7, "Yaw": 0, "Pitch": 0, "Roll": 0, "RoughOuter": 0, "RoughInner": 1}
    assert {k: row[k] for k in expected} == pytest.approx(expected)
    undefined = {"Homogeneity", "SolidDensity", "SolidStd", "DistNearest", "VolumeStd", "ElongStd"}
    undefined |= {"SpherStd", "BodySpherStd", "OrienIso"}
    assert set(row.index[row.isna()]) == undefined


def test_wholly_void_body_keeps_its_place() -> None:
    labels = np.zeros((9, 9, 9), np.int32)
    labels[3:6, 3:6, 3:6] = 1
    table = measure(labels * 1.0, labels, (1, 1, 1), solid=np.zeros(labels.shape, bool))
    assert table["Damage"][0] == 1
    assert table[["Z", "Y", "X"]].values.tolist() == [[4, 4, 4]]
    assert np.isnan(table["Yaw"][0])


def test_without_grey_values_there_is_no_damage() -> None:
    labels = ball((24, 24, 24), (12, 12, 12), 9).astype(np.int32)
    table = measure(None, labels, (1, 1, 1))
    undefined = ["Damage", "SurfaceInner", "RoughInner", "EDensity", "Homogeneity", "SolidDensity"]
    assert table[undefined].isna().all().all()
    assert table["Volume"][0] == labels.sum()


def test_no_particles_are_an_empty_table() -> None:
    table = measure(np.zeros((4, 5, 6)), np.zeros((4, 5, 6), np.int32), (1, 1, 1))
    assert len(table) == 0
    assert list(table.columns) == list(COLUMNS)


def test_gaps_and_large_labels_and_other_integer_types() -> None:
    labels = np.zeros((20, 20, 40), np.uint32)
    labels[5:10, 5:10, 5:10] = 3
    labels[5:10, 5:10, 20:30] = 70001
    table = measure(None, labels, (1, 1, 1))
    assert table["label"].tolist() == [3, 70001]
    assert table["Volume"].tolist() == [125, 250]
    small = measure(None, (labels > 3).astype(np.uint8), (1, 1, 1))
    assert small["Volume"].tolist() == [250]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"volume": np.zeros((4, 4, 5))}, r"volume has shape \(4, 4, 5\) and labels \(4, 4, 4\)"),
        ({"solid": np.zeros((4, 4), bool)}, "solid has shape"),
        ({"labels": np.zeros((4, 4, 4))}, "must be integers"),
        ({"labels": np.full((4, 4, 4), -2)}, "labels hold -2"),
        ({"labels": np.full((4, 4, 4), 2**31)}, "renumber"),
        ({"labels": np.zeros((4, 4), int), "volume": None}, r"must be \(Z, Y, X\)"),
        ({"spacing": (1, 1)}, "three numbers"),
        ({"spacing": (1, -1, 1)}, "three numbers"),
        ({"recipe": "best"}, "'physical', 'paper' or 'both'"),
        ({"ball": 0}, "ball is 0"),
    ],
)
def test_bad_input_is_told_in_a_sentence(change: dict[str, Any], sentence: str) -> None:
    given = {
        "volume": np.zeros((4, 4, 4)),
        "labels": np.zeros((4, 4, 4), np.int32),
        "spacing": (1, 1, 1),
    }
    with pytest.raises(ValueError, match=sentence):
        measure(**(given | change))


def test_table_carries_its_units_and_recipe() -> None:
    labels = np.zeros((9, 9, 9), np.int32)
    labels[3:6, 3:6, 3:6] = 1
    table = measure(None, labels, (0.5, 1, 1))
    assert set(table.attrs["units"]) == set(table.columns)
    assert table.attrs["units"]["Volume"] == "um3"
    assert table.attrs["recipe"] == "physical"
    assert table.attrs["spacing"] == [0.5, 1, 1]
    assert measure(None, labels, (1, 1, 1), recipe="paper").attrs["units"]["Volume"] == "voxel"


def test_damage_of_a_generated_electrode_is_its_truth() -> None:
    e = electrode((80, 112, 112), seed=3)
    truth = e.truth.set_index("label")
    given = measure(e.volume, e.labels, e.spacing, solid=e.solid, field_of_view=e.field_of_view)
    given = given.set_index("label")
    assert given["Damage"].to_dict() == pytest.approx(truth["Damage"].to_dict())
    assert (given["Border"] == ~truth["Whole"]).mean() > 0.9
    # From labels of solids, as in the paper: the ball must span the cracks, here up to 2 um wide.
    whole = truth.index[truth["Whole"]]
    for radius, least in ((1.0, 0.9), (1.5, 0.99)):
        closed = measure(e.volume, e.labels * e.solid, e.spacing, ball=radius).set_index("label")
        pairs = closed["Damage"][whole], truth["Damage"][whole]
        assert np.corrcoef(*pairs)[0, 1] >= least
