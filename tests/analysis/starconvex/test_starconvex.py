import numpy as np
import pytest
from particlebridge.analysis import Polygons, candidates, in_reach, normalize, pad_symmetric


def test_percentiles_are_nearest_ranks_and_only_the_lower_one_clips() -> None:
    values = np.random.default_rng(0).permutation(101).astype(np.uint16).reshape(1, -1)
    result = normalize(values, (10, 90))
    # Of 0 ... 100 the ranks 10 and 90 are the values 10 and 90.
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, np.maximum((values - 10.0) / 80, 0), atol=1e-6)
    assert result.max() == pytest.approx(90 / 80)


def test_ranks_round_half_up() -> None:
    # (4 - 1) * 50 / 100 = 1.5 -> rank 2; numpy's own rounding would take rank 2 too, but
    # (2 - 1) * 50 / 100 = 0.5 -> rank 1 where half-to-even gives 0.
    assert normalize(np.array([[0.0, 10.0]]), (0, 50)).max() == 1
    assert normalize(np.array([[0.0, 1.0, 4.0, 8.0]]), (0, 50)).max() == 2


def test_channels_share_their_percentiles() -> None:
    image = np.stack([np.zeros((9, 9)), np.full((9, 9), 5.0)], axis=-1)
    result = normalize(image, (1, 99))
    assert result[..., 0].max() == 0
    assert result[..., 1].min() == 1


@pytest.mark.parametrize("factor", [2.0**-33, 2.0**-200, 2.0**115, 2.0**900])
def test_normalisation_does_not_depend_on_the_unit(factor: float) -> None:
    image = np.random.default_rng(0).integers(0, 4000, (40, 50)).astype(np.float64)
    assert np.allclose(normalize(image * factor), normalize(image), atol=1e-6)
    # Nor on the zero: float32 would keep a handful of steps of these.
    offset = image[:, ::-1] * 2.0**-20 + 1e4
    assert np.allclose(normalize(offset), normalize(image[:, ::-1]), atol=1e-5)


def test_a_lone_outlier_does_not_hide_small_values() -> None:
    image = np.random.default_rng(0).random((40, 50)) * 1e-9
    image[3, 3] = 1e30
    values = normalize(image)
    assert np.isfinite(values).all()
    assert 0.4 < np.median(values) < 0.6


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_usual_images_are_left_as_they_are(kind: type) -> None:
    image = np.random.default_rng(0).integers(0, 200, (40, 50)).astype(kind)
    assert in_reach(image) is image
    assert in_reach(np.full_like(image, 7)).max() == 7


def test_a_constant_image_becomes_zero() -> None:
    assert not normalize(np.full((8, 8), 1234.5)).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    image = np.ones((4, 4))
    image[1, 1] = bad
    with pytest.raises(ValueError, match="1 NaN or infinite"):
        normalize(image)


@pytest.mark.parametrize("percentiles", [(5, 5), (-1, 50), (0, 101), (90, 10)])
def test_percentiles_must_rise(percentiles: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="rise"):
        normalize(np.ones((4, 4)), percentiles)


def test_padding_mirrors_the_far_edges_with_the_edge_repeated() -> None:
    image = np.arange(6.0).reshape(2, 3)
    padded = pad_symmetric(image, 4)
    assert padded.shape == (4, 4)
    np.testing.assert_array_equal(padded[:2], [[0, 1, 2, 2], [3, 4, 5, 5]])
    np.testing.assert_array_equal(padded[2:], padded[1::-1])
    assert pad_symmetric(np.zeros((64, 65, 3))).shape == (64, 128, 3)


def test_candidates_come_by_probability_then_column_by_column() -> None:
    prob = np.zeros((20, 20), np.float32)
    prob[4, 9], prob[9, 4], prob[6, 4], prob[10, 10] = 0.5, 0.5, 0.5, 0.75
    dist = np.full((20, 20, 8), 3, np.float32)
    found = candidates(prob, dist, 0.25)
    assert found.points.tolist() == [[10, 10], [6, 4], [9, 4], [4, 9]]
    assert len(candidates(prob, dist, 0.5)) == 1  # above, not at, the threshold


def test_candidates_keep_off_the_border_of_the_image_not_of_the_padding() -> None:
    prob = np.ones((8, 8), np.float32)
    found = candidates(prob, np.ones((8, 8, 4), np.float32), 0.5, 2, (2, 2), (13, 11))
    # Rows 2 ... 10 and columns 2 ... 8 of 13 x 11 pixels, every second one.
    assert sorted({y for y, _ in found.points}) == [2, 4, 6, 8, 10]
    assert sorted({x for _, x in found.points}) == [2, 4, 6, 8]


def test_vertices_run_from_x_towards_y_in_hundredths() -> None:
    polygon = Polygons.from_rays([[10, 20]], [[1.004, 2.005, 3, 4]], [1.0])
    np.testing.assert_allclose(
        polygon.outlines[0], [[10, 21], [12.01, 20], [10, 17], [6, 20]], atol=1e-9
    )


def test_a_half_is_rounded_up_below_zero_too() -> None:
    polygon = Polygons.from_rays([[0, 0]], [[0, 0, 0.125, 0.125]], [1.0])
    # -12.5 steps become -12, as Java's Math.round makes it.
    assert polygon.outlines[0, 2, 1] == pytest.approx(-0.12)


def test_broken_input_is_named() -> None:
    with pytest.raises(ValueError, match="disagree"):
        candidates(np.ones((4, 4)), np.ones((4, 5, 8)), 0.5)
    with pytest.raises(ValueError, match="0 to 1"):
        candidates(np.ones((4, 4)), np.ones((4, 4, 8)), 1.5)
    with pytest.raises(ValueError, match="not finite"):
        candidates(np.ones((8, 8)), np.full((8, 8, 8), np.nan), 0.5)
