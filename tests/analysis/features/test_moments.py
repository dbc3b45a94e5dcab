"""Moments against geometry."""

import numpy as np
import pytest
from particlebridge.analysis.features.moments import principal_axes, second_moments
from shapes import ellipsoid


def test_box_has_the_moments_of_a_solid_box() -> None:
    mask = np.zeros((12, 12, 12), np.uint8)
    mask[1:5, 2:8, 3:11] = 1
    count, centroid, covariance = second_moments(mask)
    assert count == 4 * 6 * 8
    assert centroid.tolist() == [2.5, 4.5, 6.5]
    # A box of length L has the variance L^2 / 12, its voxels' own size included.
    assert covariance == pytest.approx(np.diag([16, 36, 64]) / 12)


def test_ellipsoid_has_its_axis_lengths() -> None:
    mask = ellipsoid((50, 50, 50), (25, 25, 25), (20, 14, 8), (20, 30, 40)).astype(np.uint8)
    lengths, axes = principal_axes(second_moments(mask)[2])
    assert lengths == pytest.approx([40, 28, 16], rel=0.01)
    assert axes.T @ axes == pytest.approx(np.eye(3))


def test_covariance_of_scattered_voxels_is_numpys() -> None:
    mask = (np.random.default_rng(0).random((9, 8, 7)) < 0.3).astype(np.uint8)
    expected = np.cov(np.argwhere(mask).T, bias=True) + np.eye(3) / 12
    assert second_moments(mask)[2] == pytest.approx(expected)


def test_empty_mask_has_no_centre() -> None:
    count, centroid, covariance = second_moments(np.zeros((3, 3, 3), np.uint8))
    assert count == 0
    assert np.isnan(centroid).all()
    assert np.isnan(covariance).all()
