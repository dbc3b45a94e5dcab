"""Yaw, Pitch and Roll of known rotations; spread of axes."""

import numpy as np
import pytest
from particlebridge.analysis.features.moments import principal_axes, second_moments
from particlebridge.analysis.features.orientation import axial_spread, euler_angles
from scipy.spatial.transform import Rotation
from shapes import ellipsoid

HALF_AXES = (20, 12, 7)


def angles_of(mask: np.ndarray) -> np.ndarray:
    _, _, covariance = second_moments(mask.astype(np.uint8))
    return euler_angles(principal_axes(covariance)[1])


@pytest.mark.parametrize(
    "angles", [(0, 0, 0), (30, 0, 0), (0, 25, 0), (0, 0, 40), (35, -20, 50), (-70, 40, -80)]
)
def test_rotation_by_known_angles_is_found_within_one_degree(angles) -> None:
    mask = ellipsoid((45, 45, 45), (22, 22, 22), HALF_AXES, angles)
    assert angles_of(mask) == pytest.approx(angles, abs=1)


def test_positive_yaw_turns_x_towards_y() -> None:
    mask = np.zeros((3, 20, 20), bool)
    mask[1, np.arange(20), np.arange(20)] = True
    assert angles_of(mask)[0] == pytest.approx(45)
    assert angles_of(mask[:, ::-1])[0] == pytest.approx(-45)


def test_positive_pitch_turns_x_away_from_z() -> None:
    # Ry(pitch) takes +x to -z.
    mask = np.zeros((20, 3, 20), bool)
    mask[np.arange(20), 1, np.arange(20)] = True
    assert angles_of(mask)[1] == pytest.approx(-45)


def test_signs_of_the_axes_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    for seed in range(50):
        frame = Rotation.random(random_state=seed).as_matrix()
        expected = euler_angles(frame)
        flipped = frame * rng.choice([-1, 1], 3)
        assert euler_angles(flipped) == pytest.approx(expected, abs=1e-9)


def test_angles_rebuild_the_axes() -> None:
    for seed in range(50):
        frame = Rotation.random(random_state=seed).as_matrix()
        yaw, pitch, roll = euler_angles(frame)
        assert -90 < yaw <= 90
        assert -90 <= pitch <= 90
        assert -90 < roll <= 90
        back = Rotation.from_euler("ZYX", [yaw, pitch, roll], degrees=True).as_matrix()
        assert np.abs(np.sum(back * frame, axis=0)) == pytest.approx(1)


def test_longest_axis_along_z_has_no_yaw() -> None:
    mask = ellipsoid((50, 30, 30), (25, 15, 15), (7, 12, 20))
    yaw, pitch, roll = angles_of(mask)
    assert yaw == 0
    assert abs(pitch) == pytest.approx(90)
    turned = angles_of(ellipsoid((50, 30, 30), (25, 15, 15), (7, 12, 20), (30, 0, 0)))
    # Yaw and roll turn about one line there: it is all in roll.
    assert abs(turned[2] - roll) == pytest.approx(30, abs=1)


def test_shapes_without_a_direction_get_zeros() -> None:
    assert angles_of(np.ones((1, 1, 1))).tolist() == [0, 0, 0]
    assert angles_of(np.ones((4, 4, 4))).tolist() == [0, 0, 0]


def test_a_particle_and_its_copy_get_the_same_bits() -> None:
    mask = ellipsoid((45, 45, 45), (22, 22, 22), HALF_AXES, (35, -20, 50))
    moved = np.zeros((60, 60, 60), bool)
    moved[11:56, 3:48, 7:52] = mask
    box = moved[11:56, 3:48, 7:52]
    assert np.array_equal(angles_of(mask), angles_of(np.ascontiguousarray(box)))


def test_small_noise_moves_elongated_particles_little() -> None:
    rng = np.random.default_rng(0)
    for seed in range(20):
        angles = rng.uniform([-75, -60, -75], [75, 60, 75])
        mask = ellipsoid((49, 49, 49), (24, 24, 24), (22, 12, 7), angles)
        # One voxel in five of the surface's neighbourhood changes side.
        edge = mask ^ ellipsoid((49, 49, 49), (24, 24, 24), (23, 13, 8), angles)
        noisy = mask ^ (edge & (np.random.default_rng(seed).random(mask.shape) < 0.2))
        change = (angles_of(noisy) - angles_of(mask) + 90) % 180 - 90
        assert np.abs(change).max() < 2


def test_nan_stays_nan() -> None:
    lengths, axes = principal_axes(np.full((2, 3, 3), np.nan))
    assert np.isnan(lengths).all()
    assert np.isnan(euler_angles(axes)).all()


def test_axial_spread_knows_that_axes_repeat() -> None:
    assert axial_spread(np.array([179.0, -179.0])) == pytest.approx(1, abs=0.01)
    assert axial_spread(np.array([89.0, -89.0])) == pytest.approx(1, abs=0.01)
    assert axial_spread(np.array([10.0, 10.0, 10.0])) == pytest.approx(0, abs=1e-6)
    assert axial_spread(np.array([0.0, 90.0])) == 90
    assert np.isnan(axial_spread(np.array([3.0, np.nan])))


def test_axial_spread_of_close_angles_is_the_ordinary_one() -> None:
    angles = np.random.default_rng(0).normal(20, 3, 10000)
    assert axial_spread(angles) == pytest.approx(angles.std(), rel=0.02)
