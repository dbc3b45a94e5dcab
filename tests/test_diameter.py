from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from particlebridge.analysis import electrode, resize, typical_diameter
from particlebridge.bridge import estimate_diameter
from particlebridge.exporter import Network, load_model

PLUGIN = Path(__file__).parent / "data" / "plugin"
REAL = Path(__file__).parents[2] / "shared" / "data" / "nmc_slice.tif"


@pytest.fixture(scope="module")
def network() -> Network:
    """The recorded model, as if it knew that its particles were 42 pixels across."""
    network = load_model(PLUGIN / "model")
    return replace(network, record=replace(network.record, diameter=42.0))


def discs(diameter: float, size: int = 240) -> np.ndarray:
    """A square packing of bright discs in noise."""
    y, x = np.indices((size, size))
    pitch = 1.25 * diameter
    off = [(v + pitch / 2) % pitch - pitch / 2 for v in (y - pitch / 2, x - pitch / 2)]
    noise = np.random.default_rng(0).normal(100, 10, (size, size))
    return 100.0 * (np.hypot(*off) <= diameter / 2) + noise


def test_half_of_all_area_lies_below_the_typical_diameter() -> None:
    # One disc of diameter 20 outweighs sixty caps of diameter 2.
    areas = np.pi / 4 * np.array([2.0] * 60 + [20.0]) ** 2
    assert typical_diameter(areas) == pytest.approx(20)
    assert typical_diameter([np.pi]) == pytest.approx(2)
    with pytest.raises(ValueError, match="no particles"):
        typical_diameter([0.0])


@pytest.mark.parametrize("diameter", [14, 60])
def test_discs_of_known_diameter(network: Network, diameter: float) -> None:
    found = estimate_diameter([discs(diameter)], network)
    # This small network outlines discs up to a fifth too wide.
    assert found == pytest.approx(diameter, rel=0.25)


def test_a_round_field_of_view_is_no_particle() -> None:
    made = electrode((40, 192, 192), seed=5, radius=(6, 18))
    found = estimate_diameter([made.volume[12], made.volume[28]], load_model("nmc"))
    assert 15 < found < 45


def test_an_image_at_twice_the_size_has_twice_the_diameter(network: Network) -> None:
    image = tifffile.imread(PLUGIN / "phantom_slice.tif").astype(np.float32)
    with np.load(PLUGIN / "phantom_slice_plugin_tiles1.npz") as recorded:
        known = typical_diameter(np.bincount(recorded["label"].ravel())[1:])
    doubled = estimate_diameter([resize(image, (480, 600))], network)
    assert doubled == pytest.approx(2 * known, rel=0.15)
    # The same picture, sampled half as finely from row to row.
    flat = estimate_diameter([resize(image, (120, 300))], network, pixel_size=(2, 1))
    assert flat == pytest.approx(known, rel=0.15)


@pytest.mark.skipif(
    not REAL.exists(),
    reason="the real slice may not be in the repository; it lies in ../shared where there is one",
)
def test_real_slice(network: Network) -> None:
    # Its particles are about 120 px wide.
    assert estimate_diameter([tifffile.imread(REAL)], network) == pytest.approx(120, rel=0.15)


def test_what_cannot_be_estimated_is_said(network: Network) -> None:
    with pytest.raises(ValueError, match="no particles were found"):
        estimate_diameter([np.zeros((64, 64))], network)
    with pytest.raises(ValueError, match="no image"):
        estimate_diameter([], network)
    silent = replace(network, record=replace(network.record, diameter=None))
    with pytest.raises(ValueError, match="records no training diameter"):
        estimate_diameter([discs(30)], silent)
