"""Splitting, growing and interpolating give the shapes that geometry says."""

import numpy as np
import pytest
from particlebridge.analysis.correction.regions import (
    beyond_plane,
    grow_region,
    interpolate_outlines,
    split_by_seeds,
    tight,
)


def ball(shape: tuple[int, int, int], centre: tuple[float, ...], radius: float) -> np.ndarray:
    grid = np.indices(shape)
    away = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))
    return np.asarray(away <= radius**2)


SHAPE = (24, 24, 44)
LEFT, RIGHT = ball(SHAPE, (12, 12, 13), 9), ball(SHAPE, (12, 12, 30), 9)


def test_two_balls_that_touch_are_split_where_they_are_thin() -> None:
    parts = split_by_seeds(LEFT | RIGHT, [(12, 12, 10), (12, 12, 33)])
    assert set(np.unique(parts)) == {0, 1, 2}
    # The balls meet halfway between their centres.
    assert not (parts[:, :, :21] == 2).any()
    assert not (parts[:, :, 23:] == 1).any()


@pytest.mark.parametrize("grainy", [False, True])
@pytest.mark.parametrize(
    "seeds",
    [[(12, 12, 5), (12, 12, 23)], [(12, 12, 13), (12, 12, 37)], [(4, 12, 13), (20, 12, 30)]],
)
def test_wherever_in_two_balls_the_clicks_lie_the_cut_is_at_the_neck(seeds, grainy: bool) -> None:
    both = LEFT | RIGHT
    grey = np.where(both, 100.0, 30.0) + np.random.default_rng(0).normal(0, 15, SHAPE)
    parts = split_by_seeds(both, seeds, grey if grainy else None)
    assert np.count_nonzero(parts[:, :, :21] == 2) + np.count_nonzero(parts[:, :, 23:] == 1) == 0
    np.testing.assert_array_equal(parts > 0, both)


@pytest.mark.parametrize("grainy", [False, True])
@pytest.mark.parametrize(
    "seeds",
    [[(20, 20, 11), (20, 20, 28)], [(20, 20, 24), (20, 20, 14)], [(8, 20, 15), (29, 24, 24)]],
)
def test_a_ball_without_a_waist_is_cut_midway_between_the_clicks(seeds, grainy: bool) -> None:
    whole = ball((40, 40, 40), (20, 20, 20), 17)
    grey = np.where(whole, 100.0, 30.0) + np.random.default_rng(0).normal(0, 15, whole.shape)
    parts = split_by_seeds(whole, seeds, grey if grainy else None)
    share = np.count_nonzero(parts == 1) / np.count_nonzero(whole)
    assert 0.4 < share < 0.6
    away = [np.linalg.norm(np.argwhere(whole) - seed, axis=1) for seed in seeds]
    # The tie belongs to either; so do the voxels that a flood by steps reaches from both.
    clear = abs(away[0] - away[1]) > 2
    nearest = np.where(away[0] < away[1], 1, 2)
    np.testing.assert_array_equal(parts[whole][clear], nearest[clear])


def test_sides_of_voxels_count_where_a_cut_lies_midway() -> None:
    bar = np.ones((30, 9, 9), bool)
    parts = split_by_seeds(bar, [(3, 2, 4), (9, 6, 4)], spacing=(0.1, 1.0, 1.0))
    # Across y the clicks are 4 um apart, along z 0.6 um.
    assert set(np.unique(parts[:, :3])) == {1}
    assert set(np.unique(parts[:, 6:])) == {2}


def test_a_dark_gap_splits_what_has_no_neck() -> None:
    bar = np.zeros((9, 9, 40), bool)
    bar[1:-1, 1:-1, 1:-1] = True
    grey = np.full(bar.shape, 100.0)
    grey[:, :, 12:14] = 40
    parts = split_by_seeds(bar, [(4, 4, 5), (4, 4, 25)], grey)
    assert not (parts[:, :, :11] == 2).any()
    assert not (parts[:, :, 15:] == 1).any()


def test_no_voxel_is_lost_of_a_particle_in_pieces() -> None:
    apart = (
        ball(SHAPE, (12, 12, 10), 5) | ball(SHAPE, (12, 12, 22), 3) | ball(SHAPE, (12, 12, 35), 5)
    )
    parts = split_by_seeds(apart, [(12, 12, 10), (12, 12, 35)])
    np.testing.assert_array_equal(parts > 0, apart)
    # The loose piece stays one.
    assert len(np.unique(parts[:, :, 19:26])) == 2


def test_the_plane_itself_is_beyond() -> None:
    beyond = beyond_plane((2, 0, 0, 6, 3, 3), (4.0, 0.0, 0.0), (2.0, 0.0, 0.0))
    assert beyond[:, 0, 0].tolist() == [False, False, True, True]


def test_a_ball_grows_from_a_click_and_does_not_run_into_its_neighbour() -> None:
    free = ~RIGHT
    grey = np.where(LEFT | RIGHT, 200.0, 50.0) + np.random.default_rng(1).normal(0, 5, SHAPE)
    grown = grow_region(grey, free, (12, 12, 11), (1.0, 1.0, 1.0), 14.0)
    missed = np.count_nonzero(grown ^ (LEFT & free))
    assert missed < 0.05 * np.count_nonzero(LEFT)


@pytest.mark.parametrize(
    "seed, words", [((12, 12, 30), "in a particle already"), ((1, 1, 1), "dark")]
)
def test_a_click_that_cannot_grow_is_refused(seed: tuple[int, int, int], words: str) -> None:
    grey = np.where(LEFT | RIGHT, 200.0, 50.0)
    with pytest.raises(ValueError, match=words):
        grow_region(grey, ~RIGHT, seed, (1.0, 1.0, 1.0), 14.0)


def test_outlines_of_a_ball_give_nearly_the_ball() -> None:
    whole = ball((25, 25, 25), (12, 12, 12), 10)
    first, filled = interpolate_outlines({z: whole[z] for z in (3, 6, 9, 12, 15, 18, 21)})
    assert first == 3
    assert len(filled) == 19
    inner = whole[3:22]
    assert np.count_nonzero(filled ^ inner) < 0.05 * np.count_nonzero(inner)


def test_an_empty_outline_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is drawn"):
        interpolate_outlines({1: np.zeros((3, 3), bool), 2: np.ones((3, 3), bool)})


def test_a_mask_is_cut_to_its_box() -> None:
    mask = np.zeros((4, 5, 6), bool)
    assert tight(mask) is None
    mask[1, 2, 3:5] = True
    region = tight(mask, (10, 20, 30))
    assert region is not None
    assert region.box == (11, 22, 33, 12, 23, 35)
    assert region.mask.shape == (1, 1, 2)
