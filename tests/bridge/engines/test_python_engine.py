from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from particlebridge.analysis import Prediction, resize
from particlebridge.bridge import Failure, PythonEngine, Settings
from particlebridge.exporter import Network, load_model
from particlebridge.exporter.networks.record import ModelRecord
from stardist.matching import matching

PLUGIN = Path(__file__).parents[2] / "data" / "plugin"


@pytest.fixture(scope="module")
def network() -> Network:
    """The recorded model, as if it knew that its particles were 40 pixels across."""
    network = load_model(PLUGIN / "model")
    return replace(network, record=replace(network.record, diameter=40.0))


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return tifffile.imread(PLUGIN / "phantom_slice.tif").astype(np.float32)


@pytest.fixture(scope="module")
def plain(network: Network, image: np.ndarray) -> Prediction:
    return PythonEngine(network).segment(image)


@pytest.mark.parametrize("zoom", [0.5, 2.0, 1.5])
def test_a_rescaled_image_with_its_diameter_gives_the_same_particles(
    network: Network, image: np.ndarray, plain: Prediction, zoom: float
) -> None:
    shape = (round(240 * zoom), round(300 * zoom))
    # As a finer or coarser detector would see it.
    other = PythonEngine(network, Settings(diameter=40 * zoom)).segment(resize(image, shape))
    assert other.labels.shape == other.prob.shape == shape
    y, x = ((np.arange(n) + 0.5) / zoom for n in shape)
    expected = plain.labels[np.ix_(y.astype(int), x.astype(int))]
    assert matching(expected, other.labels, thresh=0.5).f1 > 0.85
    inside = expected > 0
    ratio = np.median(other.dist[inside]) / np.median(plain.dist[plain.labels > 0])
    assert ratio == pytest.approx(zoom, rel=0.1)
    assert other.prob.max() == pytest.approx(plain.prob.max(), abs=0.1)


def test_rectangular_pixels_become_square_for_the_network(
    network: Network, image: np.ndarray, plain: Prediction
) -> None:
    # A slice whose rows lie twice as far apart as its columns.
    flat = resize(image, (120, 300))
    engine = PythonEngine(network, Settings(pixel_size=(2, 1)))
    assert engine.used.scale == (2, 1)
    result = engine.segment(flat)
    assert result.labels.shape == (120, 300)
    assert matching(plain.labels[::2], result.labels, thresh=0.5).f1 > 0.85


def test_whole_numbers_and_fractions_are_one_setting() -> None:
    record = ModelRecord(diameter=30)
    whole = Settings(1, 1, (1, 99), 20, (1, 2)).effective(record)
    assert repr(whole) == repr(Settings(1.0, 1.0, (1.0, 99.0), 20.0, (1.0, 2.0)).effective(record))


def test_scale_needs_both_diameters(network: Network) -> None:
    assert PythonEngine(network).used.scale == (1, 1)
    assert PythonEngine(network, Settings(diameter=80)).used.scale == (0.5, 0.5)
    silent = replace(network, record=replace(network.record, diameter=None))
    assert PythonEngine(silent, Settings(diameter=80)).used.scale == (1, 1)


def test_labels_are_the_polygons(plain: Prediction) -> None:
    for label in (1, len(plain.polygons)):
        y, x = np.nonzero(plain.labels == label)
        outline = plain.polygons.outlines[label - 1]
        assert outline[:, 0].min() - 1 < y.min() <= y.max() < outline[:, 0].max() + 1
        assert outline[:, 1].min() - 1 < x.min() <= x.max() < outline[:, 1].max() + 1


def test_settings_win_over_the_model(network: Network, image: np.ndarray) -> None:
    strict = PythonEngine(network, Settings(prob_thresh=0.6)).segment(image)
    assert 0 < len(strict.polygons) < 19
    assert strict.polygons.prob.min() > 0.6
    none = PythonEngine(network, Settings(prob_thresh=1.0)).segment(image)
    assert not none.labels.any()
    assert none.dist.any()


def test_what_does_not_suit_is_a_failure_with_a_reason(network: Network) -> None:
    bad = [np.zeros((30, 30, 3)), np.zeros((0, 30)), np.full((30, 30), np.inf), np.zeros(9)]
    for index, result in PythonEngine(network).predict(bad, range(4)):
        assert isinstance(result, Failure)
        assert result.index == index
        assert "\n" not in result.reason


@pytest.mark.parametrize(
    "wrong",
    [{"prob_thresh": 2}, {"nms_thresh": -1}, {"percentiles": (9, 1)}, {"diameter": 0},
     {"pixel_size": (0, 1)}, {"numerics": "mine"}, {"diameter": float("nan")}],
)  # fmt: skip
def test_settings_outside_their_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"not "):
        Settings(**wrong)


def test_versions_tell_what_ran(network: Network) -> None:
    versions = PythonEngine(network).versions()
    assert versions["engine"] == "python"
    assert versions["model_digest"] == network.digest
    assert {"tensorflow", "stardist", "numpy"} <= set(versions)


def test_an_image_enlarged_beyond_all_memory_is_refused(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("particlebridge.bridge.engines.python.free_memory", lambda: 10**8)
    image = np.zeros((400, 500), np.uint8)
    ((_, result),) = PythonEngine(network, Settings(diameter=4)).predict([image], [0])
    assert isinstance(result, Failure)
    assert "400 x 500 pixels to 4000 x 5000" in result.reason
    assert "--diameter" in result.reason
