"""The field of view: one constant outside one shape, NaN outside, masks of files, NaN inside."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile
from particlebridge.analysis import electrode
from particlebridge.bridge.volumes.field_of_view import (
    FieldOfView,
    fill_image,
    fill_outside,
    find_field_of_view,
)
from particlebridge.bridge.volumes.images import Image
from particlebridge.bridge.volumes.stored_arrays import SliceStack
from scipy.ndimage import gaussian_filter
from shapes import disc

RNG = np.random.default_rng(0)
Y, X = np.mgrid[:40, :50]
DISC = (Y - 20) ** 2 + (X - 25) ** 2 < 18**2
NOISE = RNG.normal(100, 5, (5, 40, 50)).astype(np.float32)
REAL = Path(__file__).parents[4] / "shared" / "data" / "real" / "nmc_ct"


def is_seen(view: FieldOfView, mask: np.ndarray) -> bool:
    return view.seen is not None and np.array_equal(view.seen, mask)


def packing(seed: int = 0, shape: tuple[int, int, int] = (24, 96, 96)) -> np.ndarray:
    """Give touching, irregular particles, 200, between pores of exactly 0, as 8-bit scans do."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 3)
    return np.where(field > np.quantile(field, 0.45), 200, 0).astype(np.uint8)


def test_noise_everywhere_is_seen_everywhere() -> None:
    assert find_field_of_view(NOISE).seen is None
    assert find_field_of_view(NOISE.astype(np.uint16)).seen is None


@pytest.mark.parametrize("fill", [np.nan, 37.0])
def test_round_field_of_view_is_found_exactly(fill: float) -> None:
    volume = np.where(DISC, NOISE, np.float32(fill))
    view = find_field_of_view(volume)
    assert is_seen(view, np.broadcast_to(DISC, volume.shape))
    assert view.facts["share"] == pytest.approx(1 - DISC.mean(), abs=1e-4)


def test_pores_clipped_to_0_are_background() -> None:
    # Corners of hundreds of equal pixels, as all particles of such volumes were Border for.
    volume = packing()
    assert all((plane[:8, :8] == 0).any() for plane in volume)
    assert find_field_of_view(volume).seen is None
    assert find_field_of_view(volume[:1]).seen is None


@pytest.mark.skipif(not REAL.exists(), reason="the real packing lies in ../shared, not here")
def test_pores_of_a_real_packing_are_background() -> None:
    phases = tifffile.imread(REAL / "nmc_calendered_phases.tif")
    grey = np.array([0, 200, 90], np.uint8)[phases]
    assert find_field_of_view(grey).seen is None
    assert find_field_of_view(np.where(phases == 1, 200, 0).astype(np.uint8)).seen is None


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_disc_is_found_among_pores_of_the_same_grey_along_any_axis(axis: int) -> None:
    volume = packing(shape=(40, 96, 96))
    seen = np.broadcast_to(disc(volume.shape), volume.shape)
    turned, expected = (np.moveaxis(a, 0, axis) for a in (volume * seen, seen))
    assert is_seen(find_field_of_view(turned), expected)


@pytest.mark.parametrize("radius", [12, 20, 40])
def test_a_single_particle_on_a_flat_background_is_no_field_of_view(radius: int) -> None:
    at = np.ogrid[(slice(-radius - 2, radius + 3),) * 3]
    ball = sum(c**2 for c in at) <= radius**2
    assert find_field_of_view((ball * 200).astype(np.uint8)).seen is None


def test_what_differs_from_slice_to_slice_is_no_field_of_view() -> None:
    # An organoid whose surroundings were set to 0.
    z, y, x = np.ogrid[-10:10, -60:60, -50:50]
    inside = (z / 11) ** 2 + (y / (50 + z)) ** 2 + (x / (45 - z)) ** 2 < 1
    assert find_field_of_view(np.where(inside, packing(1, inside.shape) + 9, 0)).seen is None


def test_a_blank_strip_is_masked() -> None:
    volume = NOISE.copy()
    volume[..., 40:] = 0
    assert is_seen(find_field_of_view(volume), np.broadcast_to(X < 40, volume.shape))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("fill", [0, 9])
@pytest.mark.parametrize("blank", [[0, 1], [17], [5, 6, 39]])
@pytest.mark.parametrize("value", [0, 120])
def test_blank_slices_inside_a_disc_are_told_and_break_no_mask(
    axis: int, fill: int, blank: list[int], value: int, capsys: pytest.CaptureFixture[str]
) -> None:
    volume = packing(shape=(40, 96, 96)) + 20
    seen = np.broadcast_to(disc(volume.shape), volume.shape)
    turned, expected = (np.moveaxis(a, 0, axis) for a in (np.where(seen, volume, fill), seen))
    turned = np.ascontiguousarray(turned)
    turned[blank] = value
    view = find_field_of_view(turned, "scan.tif")
    # Of a disc that was turned, the first slices show the outline alone.
    told = [z for z in blank if axis == 0 or z > 1]
    if axis:
        keep = np.setdiff1d(np.arange(len(turned)), blank)
        assert view.seen is not None
        assert np.array_equal(np.asarray(view.seen[:])[keep], expected[keep])
    else:
        assert is_seen(view, expected)
    assert view.facts.get("blank_slices", []) == told
    assert view.key is not None
    assert "blank_slices" not in view.key
    if told:
        assert "blank, of one grey value throughout" in " ".join(capsys.readouterr().err.split())


def test_constant_volume_counts_as_seen() -> None:
    assert find_field_of_view(np.zeros((3, 20, 20), np.uint8)).seen is None


def test_generated_electrodes_even_clipped() -> None:
    made = electrode((24, 96, 96), seed=3)
    assert is_seen(find_field_of_view(made.volume), made.field_of_view)
    dark = np.percentile(made.volume, 40)
    clipped = np.where(made.field_of_view, np.clip(made.volume - dark, 0, None), 0)
    assert is_seen(find_field_of_view(clipped.astype(np.uint16)), made.field_of_view)


def test_what_is_masked_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    find_field_of_view(np.where(DISC, NOISE, 0), "scan.tif")
    said = " ".join(capsys.readouterr().err.split())
    assert "scan.tif: field of view: 49.8 % of the voxels are masked, 0 in every slice" in said


@pytest.mark.parametrize("fill", [np.nan, 0.0, 5000.0])
def test_what_lies_outside_is_filled_with_the_grey_that_was_seen(fill: float) -> None:
    volume = np.where(DISC, NOISE, np.float32(fill))
    view = find_field_of_view(volume)
    result = fill_outside(volume, view)
    assert np.array_equal(result[:, DISC], volume[:, DISC])
    assert 90 < result[0, 0, 0] < 110
    for name, plane in (("xy", result[3]), ("xz", result[:, 7]), ("yz", result[:, :, 9])):
        index = {"xy": 3, "xz": 7, "yz": 9}[name]
        stack = SliceStack(volume, name, view.fill, view.mask)  # type: ignore[arg-type]
        assert np.array_equal(stack[index], plane)


def test_an_image_is_filled_too() -> None:
    grey = np.where(DISC, NOISE[0], 0)
    filled = fill_image(Image(grey, None, Path("image.tif")))
    assert 90 < filled[0, 0] < 110
    assert np.array_equal(fill_image(Image(grey, None, Path("image.tif")), "none"), grey)


def test_none_takes_all_as_seen_but_not_nan() -> None:
    assert find_field_of_view(np.where(DISC, NOISE, 0), "scan.tif", "none").seen is None
    with pytest.raises(ValueError, match=r"scan\.tif: slice 0 holds NaN .*none"):
        find_field_of_view(np.where(DISC, NOISE, np.nan), "scan.tif", "none")


@pytest.mark.parametrize("flat", [False, True])
def test_a_mask_of_a_file(tmp_path: Path, flat: bool) -> None:
    file = tmp_path / "mask.tif"
    whole = np.broadcast_to(DISC, NOISE.shape).copy()
    whole[2, 5:9] &= flat
    tifffile.imwrite(file, (DISC if flat else whole).astype(np.uint8) * 255)
    view = find_field_of_view(NOISE, "scan.tif", file)
    assert is_seen(view, whole)
    assert view.mask is not None
    # Workers get it by mail.
    assert np.array_equal(pickle.loads(pickle.dumps(view.mask)), whole)
    assert 90 < fill_outside(NOISE, view)[0, 0, 0] < 110


@pytest.mark.parametrize(
    ("hidden", "said"),
    [
        (0, "scan.tif: field of view: mask.tif masks nothing: it is 0 nowhere"),
        (1, "scan.tif: field of view: less than 0.1 % of the voxels are masked, as mask.tif says"),
        (10, "scan.tif: field of view: 0.1 % of the voxels are masked, as mask.tif says"),
    ],
)
def test_a_mask_that_hides_nothing_or_little_is_told(
    tmp_path: Path, hidden: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = np.ones(NOISE.shape, np.uint8)
    mask.flat[:hidden] = 0
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    view = find_field_of_view(NOISE, "scan.tif", tmp_path / "mask.tif")
    assert said in " ".join(capsys.readouterr().err.split())
    assert (view.facts["share"] == 0) == (hidden == 0)


def test_a_mask_of_another_volume_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mask.tif"
    tifffile.imwrite(file, np.ones((5, 30, 50), np.uint8))
    with pytest.raises(ValueError, match=r"mask\.tif: has shape \(5, 30, 50\), but scan\.tif"):
        find_field_of_view(NOISE, "scan.tif", file)
    tifffile.imwrite(file, np.zeros((5, 40, 50), np.uint8))
    with pytest.raises(ValueError, match="is 0 everywhere"):
        find_field_of_view(NOISE, "scan.tif", file)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_inside_is_an_error_that_names_the_slice(bad: float) -> None:
    volume = NOISE.copy()
    volume[3, 20, 20] = bad
    with pytest.raises(ValueError, match=r"scan\.tif: slice 3 .* inside the field of view"):
        find_field_of_view(volume, "scan.tif")


def test_a_missing_slice_between_others_is_an_error() -> None:
    volume = NOISE.copy()
    volume[2] = np.nan
    with pytest.raises(ValueError, match="slice 2"):
        find_field_of_view(volume)


def test_all_nan_is_an_error() -> None:
    with pytest.raises(ValueError, match="no finite value"):
        find_field_of_view(np.full((3, 8, 8), np.nan))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "others", [np.s_[5, 5], np.s_[5, :], np.s_[:, 9], np.s_[0, 0], (np.arange(64), np.arange(64))]
)
def test_a_constant_but_for_a_pixel_or_a_line_is_no_field_of_view(others: object) -> None:
    image = np.full((1, 64, 64), 7, np.uint8)
    image[0][others] = 9  # type: ignore[index]
    assert find_field_of_view(image).seen is None
