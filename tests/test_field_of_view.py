"""The field of view: constant corners, NaN outside, NaN inside."""

import numpy as np
import pytest
from particlebridge.bridge.field_of_view import field_of_view, fill_outside

RNG = np.random.default_rng(0)
Y, X = np.mgrid[:40, :50]
DISC = (Y - 20) ** 2 + (X - 25) ** 2 < 18**2
NOISE = RNG.normal(100, 5, (5, 40, 50)).astype(np.float32)


def test_noise_everywhere_is_seen_everywhere() -> None:
    assert field_of_view(NOISE) is None
    assert field_of_view(NOISE.astype(np.uint16)) is None


@pytest.mark.parametrize("fill", [np.nan, 37.0])
def test_round_field_of_view_is_found_exactly(fill: float) -> None:
    volume = np.where(DISC, NOISE, np.float32(fill))
    seen = field_of_view(volume)
    assert seen is not None
    assert np.array_equal(seen, np.broadcast_to(DISC, volume.shape))


def test_whole_numbers_too() -> None:
    seen = field_of_view(np.where(DISC, NOISE, 0).astype(np.uint8))
    assert seen is not None
    assert np.array_equal(seen[2], DISC)


def test_nan_outside_is_filled_with_a_grey_value_that_was_seen() -> None:
    volume = np.where(DISC, NOISE, np.float32(np.nan))
    filled = fill_outside(volume, field_of_view(volume))
    assert np.array_equal(filled[:, DISC], volume[:, DISC])
    assert 90 < filled[0, 0, 0] < 110


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_inside_is_an_error_that_names_the_slice(bad: float) -> None:
    volume = NOISE.copy()
    volume[3, 20, 20] = bad
    with pytest.raises(ValueError, match=r"scan\.tif: slice 3 .* inside the field of view"):
        field_of_view(volume, "scan.tif")


def test_a_missing_slice_between_others_is_an_error() -> None:
    volume = NOISE.copy()
    volume[2] = np.nan
    with pytest.raises(ValueError, match="slice 2"):
        field_of_view(volume)


def test_all_nan_is_an_error() -> None:
    with pytest.raises(ValueError, match="no finite value"):
        field_of_view(np.full((3, 8, 8), np.nan))


def test_constant_volume_counts_as_seen() -> None:
    assert field_of_view(np.zeros((3, 20, 20), np.uint8)) is None
