"""Surface areas against geometry."""

import numpy as np
import pytest
from particlebridge.analysis.features.surfaces import perimeter_voxels, projected_area, smooth
from scipy.ndimage import correlate1d
from shapes import ball, ellipsoid, ellipsoid_area, offsets


def surface_area(mask, spacing) -> float:
    return projected_area(np.pad(np.asarray(mask, np.uint8), 1), np.asarray(spacing, float))


def area_of_ball(radius: float, spacing, shift) -> float:
    shape = tuple(int(2 * radius / s) + 6 for s in spacing)
    centre = tuple((n / 2 + d) * s for n, d, s in zip(shape, shift, spacing, strict=True))
    return surface_area(ball(shape, centre, radius, spacing), spacing)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.07, 0.07, 0.07), (2.0, 1.0, 1.0)])
@pytest.mark.parametrize("voxels", [8, 12, 20])
def test_ball_within_three_percent(voxels: int, spacing) -> None:
    radius = voxels * max(spacing)
    for shift in [(0, 0, 0), (0.3, -0.2, 0.45)]:
        assert area_of_ball(radius, spacing, shift) == pytest.approx(
            4 * np.pi * radius**2, rel=0.03
        )


def test_ball_within_one_percent_on_cubic_voxels() -> None:
    areas = [area_of_ball(r, (1, 1, 1), (0.2, 0.1, 0)) / (4 * np.pi * r**2) for r in (8, 16, 24)]
    assert np.allclose(areas, 1, atol=0.01)


def test_strongly_anisotropic_voxels_within_five_percent() -> None:
    for spacing in [(3.0, 1.0, 1.0), (2.0, 1.0, 0.5), (1.0, 1.0, 3.0)]:
        assert area_of_ball(24, spacing, (0.1, 0.2, 0.3)) == pytest.approx(
            4 * np.pi * 24**2, rel=0.05
        )


@pytest.mark.parametrize("half_axes", [(20, 8, 8), (8, 14, 20), (16, 16, 6)])
@pytest.mark.parametrize("angles", [(0, 0, 0), (35, 20, -50)])
def test_ellipsoid(half_axes, angles) -> None:
    mask = ellipsoid((50, 50, 50), (25.2, 24.9, 25), half_axes, angles)
    assert surface_area(mask, (1, 1, 1)) == pytest.approx(ellipsoid_area(*half_axes), rel=0.03)


def test_flat_face_in_any_direction() -> None:
    # A thick plate, so wide that its rim hardly counts.
    rng = np.random.default_rng(0)
    xyz = offsets((61, 61, 61), (30, 30, 30), (1, 1, 1))
    for _ in range(8):
        normal = rng.normal(size=3)
        normal /= np.linalg.norm(normal)
        height = xyz @ normal
        disc = ((xyz - height[..., None] * normal) ** 2).sum(-1) <= 25**2
        plate = disc & (np.abs(height) <= 6)
        true = 2 * np.pi * 25**2 + 2 * np.pi * 25 * 12
        assert surface_area(plate, (1, 1, 1)) == pytest.approx(true, rel=0.03)


def test_box_within_six_percent_and_closer_as_it_grows() -> None:
    errors = []
    for n in (12, 24, 48):
        true = 2 * (n * n + n * 2 * n + n * 2 * n) * 0.25
        errors.append(abs(surface_area(np.ones((n, n, 2 * n)), (0.5, 0.5, 0.5)) / true - 1))
    assert errors[0] < 0.075
    assert errors[1] < 0.04
    assert errors[2] < 0.02


@pytest.mark.parametrize(("width", "tolerance"), [(1, 0.16), (3, 0.1), (5, 0.12)])
def test_crack_has_two_walls_however_narrow(width: int, tolerance: float) -> None:
    whole = ball((65, 65, 65), (32, 32, 32), 20)
    split = whole.copy()
    split[32 - width // 2 : 33 + width // 2] = False
    walls = surface_area(split, (1, 1, 1)) - surface_area(whole, (1, 1, 1))
    # Two discs, less the rim that the slab took out of the ball; the sharp edges are rounded.
    discs = 2 * np.pi * (20**2 - (width / 2) ** 2)
    assert walls == pytest.approx(discs - 2 * np.pi * 20 * width, rel=tolerance)


def test_area_scales_with_the_square_of_length() -> None:
    mask = ball((20, 20, 20), (9.7, 10, 10), 7)
    assert surface_area(mask, (0.5, 0.5, 0.5)) == pytest.approx(surface_area(mask, (1, 1, 1)) / 4)


def test_area_follows_permuted_axes() -> None:
    mask = ellipsoid((40, 30, 24), (20, 15, 12), (9, 11, 16))
    turned = mask.transpose(2, 0, 1)
    assert surface_area(mask, (2, 1, 0.7)) == pytest.approx(surface_area(turned, (0.7, 2, 1)))


def test_one_voxel_has_six_faces() -> None:
    assert surface_area(np.ones((1, 1, 1)), (2, 3, 5)) == pytest.approx(2 * (6 + 10 + 15))
    assert surface_area(np.zeros((3, 3, 3)), (1, 1, 1)) == 0


def test_smooth_is_a_separable_binomial() -> None:
    mask = np.random.default_rng(1).integers(0, 2, (5, 6, 7)).astype(np.uint8)
    expected = np.pad(mask, 2).astype(int)
    for axis in range(3):
        expected = correlate1d(expected, [1, 4, 6, 4, 1], axis=axis, mode="constant")
    assert np.array_equal(smooth(mask), expected)


def test_perimeter_voxels_of_a_box_are_its_shell() -> None:
    box = np.pad(np.ones((5, 6, 7), np.uint8), 1)
    assert perimeter_voxels(box) == 5 * 6 * 7 - 3 * 4 * 5
