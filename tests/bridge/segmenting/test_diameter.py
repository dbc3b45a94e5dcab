from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from particlebridge.analysis import electrode, resize, typical_diameter
from particlebridge.bridge import estimate_diameter
from particlebridge.bridge.segmenting.diameter import Trial, choose_diameter
from particlebridge.exporter import Network, load_model

PLUGIN = Path(__file__).parents[2] / "data" / "plugin"
REAL = Path(__file__).parents[4] / "shared" / "data" / "nmc_slice.tif"


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


def test_an_estimate_stays_within_what_images_can_hold(network: Network) -> None:
    # Noise has specks at any scale: the estimate followed them down to 2.9 pixels.
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(100, 10, (96, 128))
        try:
            found = estimate_diameter([noise], network)
        except ValueError:
            continue
        assert 6 <= found <= 96


def test_noise_keeps_the_models_scale(network: Network) -> None:
    choice = choose_diameter([np.random.default_rng(1).normal(100, 10, (160, 160))], network)
    assert choice.diameter == 42
    assert choice.told("pixels").startswith("warning")


def test_a_model_made_of_such_images_runs_at_their_scale(network: Network) -> None:
    image = tifffile.imread(PLUGIN / "phantom_slice.tif").astype(np.float32)
    choice = choose_diameter([image], network)
    assert choice.diameter == choice.record == 42
    assert choice.estimate == pytest.approx(42, rel=0.5)
    assert "own scale" in choice.told("pixels")
    assert "warning" not in choice.told("pixels")


def test_clusters_are_not_taken_for_the_particles_of_a_models_own_images(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grains of 42 pixels in clusters of 250: clusters hold more area, outlined less surely."""
    found = {6: (0.55, 0.1, 9, 30), 42: (0.78, 0.3, 44, 40), 250: (0.55, 0.7, 260, 6)}

    def at(self: object, supposed: float) -> Trial:
        nearest = min(found, key=lambda d: abs(np.log(d / supposed)))
        probability, covered, size, per_image = found[nearest]
        return Trial(supposed, probability, covered, size, per_image)

    monkeypatch.setattr("particlebridge.bridge.segmenting.diameter._Looks.at", at)
    choice = choose_diameter([np.zeros((1000, 1000))], network)
    assert choice.diameter == 42
    # A network that is surer of the large ones is told of both.
    found[42] = (0.5, 0.1, 60, 40)
    found[250] = (0.9, 0.7, 250, 6)
    choice = choose_diameter([np.zeros((1000, 1000))], network)
    assert choice.diameter == pytest.approx(250)
    assert choice.told("pixels").startswith("warning: estimate and model disagree")
    assert "250 pixels" in choice.told("pixels")
    assert "trained at 42" in choice.told("pixels")


def test_a_model_trained_at_its_images_scale_keeps_that_of_others(network: Network) -> None:
    record = replace(network.record, own_scale=True)
    own = replace(network, record=record)
    choice = choose_diameter([discs(110, 700)], own)
    assert choice.diameter == choice.record == 42
    assert choice.estimate == pytest.approx(110, rel=0.3)
    told = choice.told("pixels")
    assert told.startswith("warning: estimate and model disagree") and "own scale" in told
    assert choose_diameter([np.zeros((96, 96))], own).diameter == 42


def test_images_at_another_scale_are_rescaled(network: Network) -> None:
    choice = choose_diameter([discs(110, 700)], network)
    assert choice.diameter == choice.estimate == pytest.approx(110, rel=0.3)


def test_what_cannot_be_estimated_is_said(network: Network) -> None:
    with pytest.raises(ValueError, match="no particles were found"):
        estimate_diameter([np.zeros((64, 64))], network)
    with pytest.raises(ValueError, match="no image"):
        estimate_diameter([], network)
    silent = replace(network, record=replace(network.record, diameter=None))
    with pytest.raises(ValueError, match="records no training diameter"):
        estimate_diameter([discs(30)], silent)
