"""The python engine equals the Fiji plugin: results recorded from the real one."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from engine_contract import PLUGIN, THRESHOLDS, EngineContract, matched_pixels, recorded
from particlebridge.bridge import PythonEngine, Settings

SHARED = Path(__file__).parents[2] / "shared" / "data" / "plugin"


@pytest.fixture(scope="module", params=["model", "bundle.zip"])
def engine(request: pytest.FixtureRequest) -> PythonEngine:
    return PythonEngine(PLUGIN / request.param, Settings(**THRESHOLDS))


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
