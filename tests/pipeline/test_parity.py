"""The python engine equals the Fiji plugin: results recorded from the real one."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from engine_contract import PLUGIN, THRESHOLDS, EngineContract, matched_pixels, recorded
from particlebridge.bridge import PythonEngine, Settings
from particlebridge.exporter import export

SHARED = Path(__file__).parents[3] / "shared" / "data" / "plugin"


@pytest.fixture(scope="module", params=["model", "bundle.zip", "onnx", "tensorflow"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> PythonEngine:
    """The model's folder, a bundle of another maker, and our bundle of it by both backends."""
    if request.param in ("model", "bundle.zip"):
        return PythonEngine(PLUGIN / request.param, Settings(**THRESHOLDS))
    bundle = export(PLUGIN / "model", tmp_path_factory.mktemp("b") / "b.zip", verify=False)
    engine = PythonEngine(bundle, Settings(**THRESHOLDS, backend=request.param))
    assert engine.versions()["backend"] == request.param
    return engine


class TestPythonEngine(EngineContract):
    pass


@pytest.mark.skipif(
    not (SHARED / "real_slice.tif").exists(),
    reason="the real slice may not be in the repository; it lies in ../shared where there is one",
)
def test_real_slice_equals_the_plugin(engine: PythonEngine) -> None:
    prediction = engine.segment(tifffile.imread(SHARED / "real_slice.tif"))
    truth = recorded(SHARED / "real_slice_plugin_tiles1.npz")
    assert np.abs(prediction.prob[::2, ::2] - truth["prob"][::2, ::2]).max() < 1e-4
    assert np.abs(prediction.dist - truth["dist_mean"]).max() < 1e-4
    assert prediction.labels.max() == truth["label"].max() == 37
    assert matched_pixels(prediction.labels, truth["label"]) >= 0.9999


def by_stardist(
    engine: PythonEngine, image: np.ndarray, tiles: bool = False
) -> tuple[np.ndarray, int]:
    """What predict_instances finds: its labels, and how many objects."""
    from csbdeep.utils import normalize

    model = engine.network.stardist
    assert model is not None
    normalized = normalize(image, 1, 99.8)
    labels, found = model.predict_instances(
        normalized,
        prob_thresh=engine.used.prob_thresh,
        nms_thresh=engine.used.nms_thresh,
        n_tiles=model._guess_n_tiles(normalized) if tiles else None,
        show_tile_progress=False,
    )
    return labels, len(found["prob"])


def test_stardist_s_own_numerics_are_an_option() -> None:
    from csbdeep.utils import normalize
    from stardist.matching import matching

    image = tifffile.imread(PLUGIN / "phantom_slice.tif")
    engine = PythonEngine(PLUGIN / "model", Settings(**THRESHOLDS, numerics="stardist"))
    prediction = engine.segment(image)
    assert engine.network.stardist is not None
    expected, _ = engine.network.stardist.predict_instances(
        normalize(image, 1, 99.8), prob_thresh=0.397112, nms_thresh=0.3
    )
    assert prediction.labels.max() == expected.max() == 19
    assert matching(expected, prediction.labels, thresh=0.99).f1 == 1
    with pytest.raises(ValueError, match="StarDist folder"):
        PythonEngine(PLUGIN / "bundle.zip", Settings(numerics="stardist"))


@pytest.mark.skipif(
    not (SHARED / "real_slice.tif").exists(),
    reason="the real slice may not be in the repository; it lies in ../shared where there is one",
)
def test_a_real_slice_has_the_objects_of_predict_instances() -> None:
    engine = PythonEngine(PLUGIN / "model", Settings(**THRESHOLDS, numerics="stardist"))
    image = tifffile.imread(SHARED / "real_slice.tif")
    expected, count = by_stardist(engine, image)
    prediction = engine.segment(image)
    assert len(prediction.polygons) == count == 39
    np.testing.assert_array_equal(prediction.labels, expected)


REAL = Path(__file__).parents[3] / "shared" / "data" / "real"


@pytest.mark.skipif(
    not (REAL / "stardist_models").exists(),
    reason="models and images by others may not be in the repository; they lie in ../shared",
)
@pytest.mark.parametrize("name", ["stardist_psyn", "stardist_th"])
def test_others_models_find_the_objects_of_predict_instances(name: str) -> None:
    engine = PythonEngine(REAL / "stardist_models" / name, Settings(numerics="stardist"))
    for path in sorted((REAL / "nuclei2d" / "images").glob("*.tif"))[:4]:
        image = tifffile.imread(path)
        image = image if image.ndim == 2 else image[..., 0]
        expected, count = by_stardist(engine, image)
        prediction = engine.segment(image)
        assert len(prediction.polygons) == count, path.name
        np.testing.assert_array_equal(prediction.labels, expected)


def test_stardist_s_numerics_tile_as_stardist_does(monkeypatch: pytest.MonkeyPatch) -> None:
    image = tifffile.imread(PLUGIN / "phantom_slice.tif")
    settings = Settings(**THRESHOLDS, numerics="stardist")
    engine = PythonEngine(PLUGIN / "model", settings, max_pixels=image.size - 1)
    model = engine.network.stardist
    assert model is not None
    monkeypatch.setattr(model.config, "train_patch_size", (64, 64))
    sizes = []
    predict = model.keras_model.predict
    monkeypatch.setattr(
        model.keras_model, "predict", lambda x, **k: sizes.append(x.size) or predict(x, **k)
    )
    prediction = engine.segment(image)
    assert len(sizes) > 1 and max(sizes) < image.size
    expected, count = by_stardist(engine, image, tiles=True)
    assert len(prediction.polygons) == count
    np.testing.assert_array_equal(prediction.labels, expected)
