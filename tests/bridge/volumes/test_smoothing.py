"""Smoothing before the network: one Gaussian in every view, and what the noise asks for."""

import json
import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
from particlebridge.analysis import VIEWS, electrode, to_view
from particlebridge.bridge import read_labels, segment
from particlebridge.bridge.volumes.smoothing import measure_noise, smoothed, view_stack
from particlebridge.bridge.volumes.stored_arrays import SliceStack, StoredArray
from scipy.ndimage import gaussian_filter

SPACING = (2.0, 1.0, 1.0)


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)


def disks(ratio: float, seed: int = 0) -> np.ndarray:
    """Disks of grey 150 on 50, with noise of `ratio` times that step."""
    y, x = np.mgrid[:128, :128]
    grey = np.where((y % 32 - 16) ** 2 + (x % 32 - 16) ** 2 < 100, 150.0, 50.0)
    return grey + np.random.default_rng(seed).normal(0, 100 * ratio, grey.shape)


@pytest.mark.parametrize("view", VIEWS)
def test_slices_are_those_of_the_smoothed_volume(view: str) -> None:
    volume = noise((9, 11, 13))
    whole = to_view(gaussian_filter(volume.astype(np.float64), (0.75, 1.5, 1.5)), view)
    stack = view_stack(volume, view, None, None, 1.5, SPACING)
    assert stack.shape == whole.shape
    for k in range(len(stack)):
        np.testing.assert_allclose(stack[k], whole[k], atol=2e-3)
    # Whatever was read before, and in whatever process, a slice has the same bits.
    stored = StoredArray(partial(noise, volume.shape), Path("noise"), (4, 4, 4))
    other = pickle.loads(pickle.dumps(view_stack(stored, view, None, None, 1.5, SPACING)))
    for k in reversed(range(len(stack))):
        np.testing.assert_array_equal(other[k], stack[k])
    with pytest.raises(IndexError):
        stack[len(stack)]
    assert type(view_stack(volume, view, None, None, 0.0, SPACING)) is SliceStack


def test_what_was_not_seen_is_filled_before() -> None:
    volume = np.full((5, 8, 8), 7, np.float32)
    volume[:, :3] = np.nan
    np.testing.assert_allclose(view_stack(volume, "xy", 7.0, None, 1.0, SPACING)[2], 7, rtol=1e-6)


def test_noise_is_measured_against_the_step() -> None:
    found = measure_noise([disks(0.4)])
    assert found.deviation == pytest.approx(40, rel=0.1)
    assert found.step == pytest.approx(100, rel=0.1)
    # Clipped ground has no noise: that of the particles counts.
    clipped = np.where(disks(0.0) > 100, disks(0.4), 0)
    assert measure_noise([clipped]).deviation == pytest.approx(40, rel=0.3)
    assert measure_noise([disks(0.2)]).sigma == 0 and found.sigma == 1
    assert measure_noise([np.full((9, 9), 3)]).sigma == 0
    assert measure_noise([np.stack([disks(0.4)] * 3, axis=2)]).sigma == 1


@pytest.mark.parametrize("contrast", [1.0, 0.35])
def test_generated_electrodes_are_left_alone(contrast: float) -> None:
    made = electrode((24, 96, 96), seed=3, contrast=contrast)
    assert measure_noise([made.volume[12]]).sigma == 0


def test_segmenting_smooths_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image = disks(0.45, seed=1).clip(0, 255).astype(np.uint8)
    tifffile.imwrite(tmp_path / "noisy.tif", image)
    tifffile.imwrite(tmp_path / "smooth.tif", smoothed(image, (1.0, 1.0)))
    labels = {}
    for name, smooth in (("noisy", "auto"), ("smooth", None)):
        out = tmp_path / name
        done = segment(tmp_path / f"{name}.tif", out, diameter=20, smooth=smooth)
        labels[name] = read_labels(done.labels[f"{name}.tif"])
    assert labels["noisy"].max() >= 9
    np.testing.assert_array_equal(labels["noisy"], labels["smooth"])
    told = json.loads((tmp_path / "noisy/run.json").read_text())
    assert told["smoothing"]["sigma"] == 1 and told["smoothing"]["from"] == "auto"
    assert "smoothing" not in json.loads((tmp_path / "smooth/run.json").read_text())
    assert "smoothing before the network: a Gaussian of 1 pixel (" in caplog.text
    with pytest.raises(ValueError, match=r"other settings|another"):
        segment(tmp_path / "noisy.tif", tmp_path / "noisy", diameter=20)
    with pytest.raises(ValueError, match="smoothing is auto or"):
        segment(tmp_path / "noisy.tif", tmp_path / "none", smooth=-1)


def test_a_volume_is_smoothed_across_its_slices_too(tmp_path: Path) -> None:
    volume = np.stack([disks(0.45, seed=k)[:64, :64] for k in range(3)]).clip(0, 255)
    np.save(tmp_path / "noisy.npy", volume.astype(np.float32))
    np.save(tmp_path / "smooth.npy", gaussian_filter(volume.astype(np.float32), 2.0))
    found = []
    for name, smooth in (("noisy", 2.0), ("smooth", None)):
        done = segment(
            tmp_path / f"{name}.npy", tmp_path / name, views=("xy",), diameter=20, smooth=smooth
        )
        found.append(read_labels(done.labels["xy"]))
    assert found[0].max() >= 3
    assert (found[0] != found[1]).mean() < 0.002  # sums in another order
