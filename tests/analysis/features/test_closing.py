"""Closing with a ball and hole filling against scipy and geometry."""

import numpy as np
import pytest
from particlebridge.analysis.features.closing import (
    ball_reach,
    close_and_fill,
    fill_holes,
    keep_connected,
    squared_distance,
)
from scipy import ndimage
from shapes import ball, offsets


def close(mask: np.ndarray, radius: float, spacing) -> np.ndarray:
    padded = np.pad(mask, 1).astype(np.uint8)
    sizes = np.array(spacing, float)
    closed = close_and_fill(padded, radius, np.maximum(ball_reach(radius, spacing), 1), sizes)
    return closed[1:-1, 1:-1, 1:-1].astype(bool)


def brute_force(mask: np.ndarray, radius: float, spacing) -> np.ndarray:
    reach = [int(radius / s + 1e-6) for s in spacing]
    centre = [r * s for r, s in zip(reach, spacing, strict=True)]
    size = tuple(2 * r + 1 for r in reach)
    element = (offsets(size, centre, spacing) ** 2).sum(-1) <= radius**2 * (1 + 1e-4)
    margin = max(reach) + 2
    padded = np.pad(mask, margin)
    closed = ndimage.binary_erosion(ndimage.binary_dilation(padded, element), element)
    inner = closed[(slice(margin, -margin),) * 3]
    return ndimage.binary_fill_holes(np.pad(inner, 1))[1:-1, 1:-1, 1:-1]


@pytest.mark.parametrize(
    ("spacing", "radius"),
    [((1, 1, 1), 3), ((0.07, 0.07, 0.07), 0.28), ((2, 1, 1), 3.2), ((1, 0.5, 0.7), 1.5)],
)
def test_closing_is_dilation_then_erosion(spacing, radius: float) -> None:
    rng = np.random.default_rng(0)
    for density in (0.02, 0.1, 0.4):
        mask = rng.random((14, 17, 19)) < density
        assert np.array_equal(close(mask, radius, spacing), brute_force(mask, radius, spacing))


def test_ten_voxels_of_70_nm_are_within_0_7_um() -> None:
    assert ball_reach(0.7, (0.07, 0.07, 0.07)).tolist() == [10, 10, 10]
    assert ball_reach(0.7, (0.1, 0.07, 0.35)).tolist() == [7, 10, 2]
    assert ball_reach(0.7, (1, 1, 1)).tolist() == [0, 0, 0]


def test_a_ball_smaller_than_a_voxel_closes_nothing() -> None:
    mask = np.random.default_rng(0).random((9, 9, 9)) < 0.3
    filled = ndimage.binary_fill_holes(np.pad(mask, 1))[1:-1, 1:-1, 1:-1]
    assert np.array_equal(close(mask, 0.7, (1, 1, 1)), filled)


def test_crack_is_closed_up_to_the_ball_and_no_further() -> None:
    whole = ball((40, 40, 40), (20, 20, 20), 15)
    narrow, wide = whole.copy(), whole.copy()
    narrow[18:22] = False
    wide[10:30] = False
    # A slab of 4 voxels closes but for a notch at its rim; one of 20 stays open.
    assert close(narrow, 4, (1, 1, 1))[20, 20, 20]
    assert close(narrow, 4, (1, 1, 1)).sum() == pytest.approx(whole.sum(), rel=0.03)
    assert np.array_equal(close(wide, 4, (1, 1, 1)), wide)


def test_cavity_is_filled_whatever_its_size() -> None:
    shell = ball((40, 40, 40), (20, 20, 20), 17) & ~ball((40, 40, 40), (20, 20, 20), 13)
    assert np.array_equal(close(shell, 1, (1, 1, 1)), ball((40, 40, 40), (20, 20, 20), 17))


def test_distance_is_exact_within_the_reach() -> None:
    rng = np.random.default_rng(2)
    mask = (rng.random((12, 13, 14)) < 0.01).astype(np.uint8)
    spacing = np.array([0.5, 1.0, 0.7])
    reach = ball_reach(3.0, tuple(spacing))
    found = squared_distance(mask, mask.shape, np.zeros(3, np.int64), reach, spacing)
    true = ndimage.distance_transform_edt(mask == 0, sampling=spacing)
    near = true <= 3
    assert np.sqrt(found[near]) == pytest.approx(true[near], rel=1e-5)
    assert (found[~near] > 9).all()


def test_fill_holes_is_scipys() -> None:
    mask = np.pad(np.random.default_rng(0).random((15, 15, 15)) < 0.7, 1)
    filled = mask.astype(np.uint8)
    fill_holes(filled)
    assert np.array_equal(filled.astype(bool), ndimage.binary_fill_holes(mask))


def test_keep_connected_keeps_what_touches_a_seed() -> None:
    rng = np.random.default_rng(0)
    mask = np.pad(rng.random((12, 12, 12)) < 0.3, 1)
    seeds = mask & np.pad(rng.random((12, 12, 12)) < 0.02, 1)
    parts, _ = ndimage.label(mask)
    expected = np.isin(parts, np.unique(parts[seeds])) & mask
    kept = mask.astype(np.uint8)
    keep_connected(kept, seeds.astype(np.uint8))
    assert 0 < kept.sum() < mask.sum()
    assert np.array_equal(kept.astype(bool), expected)
