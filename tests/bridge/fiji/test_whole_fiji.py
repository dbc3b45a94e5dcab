"""The Fiji engine whole: on plain ImageJ with ONNX Runtime, and on the Fiji of $FIJI_HOME."""

import os
import signal

import numpy as np
import pytest
import tifffile
from engine_contract import PLUGIN, THRESHOLDS, EngineContract, recorded
from particlebridge.bridge.engines.protocol import Settings
from particlebridge.bridge.fiji.engine import FijiEngine
from particlebridge.bridge.fiji.jars import IMAGEJ, ONNX_RUNTIME
from particlebridge.bridge.fiji.session import FijiSession
from particlebridge.exporter import export

# --- with ONNX Runtime on plain ImageJ from Maven Central: no Fiji, nothing mocked


class WholeEngine(EngineContract):
    def test_labels_are_the_recorded_ones_bit_for_bit(self, prediction):
        truth = recorded(PLUGIN / "phantom_slice_plugin_tiles1.npz")["label"]
        assert np.array_equal(prediction.labels, truth)

    def test_kill_9_in_the_midst_changes_nothing(self, engine):
        image = tifffile.imread(PLUGIN / "phantom_slice.tif")[:160, :160]
        slices = np.stack([np.roll(image, z, axis=1) for z in range(20)])
        whole = dict(engine.predict(slices, range(20)))
        resumed = {}
        for index, result in engine.predict(slices, range(20)):
            resumed[index] = result
            if index == 6:
                os.kill(engine._sessions[0][0].pid, signal.SIGKILL)
        for z in range(20):
            assert np.array_equal(resumed[z].labels, whole[z].labels)


class TestPlainImageJ(WholeEngine):
    @pytest.fixture(scope="class")
    def engine(self, tmp_path_factory):
        bundle = export(PLUGIN / "model", tmp_path_factory.mktemp("b") / "b.zip", verify=False)
        with FijiEngine(bundle, Settings(**THRESHOLDS), fiji="net.imagej:ij") as running:
            yield running

    def test_run_json_tells_what_computed_it(self, engine):
        facts = engine.versions()
        assert facts["backend"] == "onnx"
        assert facts["onnxruntime"] == ONNX_RUNTIME.version
        assert (facts["fiji"], facts["route"]) == ("net.imagej:ij", "text")
        assert facts["imagej"].startswith(IMAGEJ.version)
        assert facts["stardist"] == ""
        assert "pyimagej" not in facts


def test_plain_imagej_runs_macros():
    with FijiSession("net.imagej:ij") as session:
        assert session.run_macro("return '' + (6 * 7);") == "42"
        with pytest.raises(RuntimeError, match="Macro canceled"):
            session.run_macro("exit('enough');")


def test_plain_imagej_needs_model_onnx():
    with pytest.raises(ValueError, match=r"bundle.zip: holds no model.onnx.*export the model"):
        FijiEngine(PLUGIN / "bundle.zip", fiji="net.imagej:ij")


# --- with a whole Fiji


@pytest.mark.fiji
class TestFijiEngine(WholeEngine):
    @pytest.fixture(scope="class")
    def engine(self):
        if not os.environ.get("FIJI_HOME"):
            pytest.skip("needs a Fiji with CSBDeep and StarDist: set FIJI_HOME")
        with FijiEngine(PLUGIN / "bundle.zip", Settings(**THRESHOLDS)) as running:
            yield running
