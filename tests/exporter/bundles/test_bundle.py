import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import small_models
from particlebridge.exporter.bundles import export as bundle_module
from particlebridge.exporter.bundles.export import export
from particlebridge.exporter.bundles.verification import RuntimeResult, Verification
from particlebridge.exporter.networks.loading import load_model

KERAS2 = Path(__file__).parents[2] / "data" / "keras2_model"


def settings(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("particlebridge.json"))


def outcome(status):
    result = RuntimeResult("1.15.0", status, status == "passed", {}, detail="the reason")
    return Verification("b", "", "Keras", (), "17", (result,))


def test_the_zip_holds_the_contract_and_no_clock(tmp_path):
    written = export(small_models.stardist(n_channel_in=2), tmp_path / "b.zip", verify=False)
    assert os.fspath(written) == str(tmp_path / "b.zip")
    with zipfile.ZipFile(written) as archive:
        graph, record, onnx = "saved_model.pb", "particlebridge.json", "model.onnx"
        assert archive.namelist() == ["variables/", graph, record, onnx]
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    told = settings(written)
    assert told["kind"] == "stardist2d"
    assert (told["axes"], told["channels"], told["rays"], told["grid"]) == ("YXC", 2, 8, [1, 1])
    assert told["percentiles"] == [1.0, 99.8]
    assert len(told["digest"]) == 64
    assert {"tensorflow", "keras", "stardist", "particlebridge"} <= told["producer"].keys()


def test_the_same_model_gives_the_same_bytes(tmp_path):
    small_models.stardist("m", tmp_path, grid=(2, 2), unet_batch_norm=True)
    first = export(tmp_path / "m", tmp_path / "1.zip", verify=False).path.read_bytes()
    small_models.care()  # moves Keras's counters on
    again = export(tmp_path / "m", tmp_path / "2.zip", verify=False).path.read_bytes()
    assert first == again
    small_models.stardist("m", tmp_path, grid=(2, 2), unet_batch_norm=True, seed=1)
    assert export(tmp_path / "m", tmp_path / "3.zip", verify=False).path.read_bytes() != first


def test_the_folder_record_travels_and_says_who_tuned_it(tmp_path):
    small_models.stardist("m", tmp_path)
    (tmp_path / "m" / "thresholds.json").write_text('{"prob": 0.7, "nms": 0.2}')
    told = settings(export(tmp_path / "m", tmp_path / "b.zip", verify=False))
    assert told["thresholds"] == {"prob": 0.7, "nms": 0.2}
    assert told["numerics"] == "stardist"  # tuned by StarDist's own rules
    record = {"numerics": "plugin", "percentiles": [2, 99], "diameter": 31.5}
    (tmp_path / "m" / "particlebridge.json").write_text(json.dumps(record))
    told = settings(export(tmp_path / "m", tmp_path / "b.zip", verify=False))
    assert (told["numerics"], told["percentiles"], told["diameter"]) == ("plugin", [2, 99], 31.5)


def test_the_python_engines_loader_reads_it_back(tmp_path):
    model = small_models.stardist(grid=(2, 2), n_channel_in=3)
    model.thresholds = dict(prob=0.3, nms=0.6)
    network = load_model(export(model, tmp_path / "b.zip", verify=False).path)
    assert (network.grid, network.rays, network.thresholds.prob) == ((2, 2), 8, 0.3)
    x = np.random.default_rng(0).random((64, 64, 3), np.float32)
    prob, dist = network.predict(x)
    expected = model.keras_model([x[None]], training=False)
    np.testing.assert_allclose(prob, expected[0][0, ..., 0], atol=1e-5)
    np.testing.assert_allclose(dist, expected[1][0], atol=1e-4)


def test_a_class_head_is_dropped_with_a_notice(tmp_path):
    with pytest.warns(UserWarning, match="class head of keras2_model was left out"):
        written = export(KERAS2, tmp_path / "b.zip", verify=False)
    assert len(written.notices) == 1


def test_care_has_no_thresholds(tmp_path):
    written = export(small_models.care(), tmp_path / "c.zip", verify=False)
    told = settings(written)
    with zipfile.ZipFile(written) as archive:
        assert "model.onnx" in archive.namelist()
    assert (told["kind"], told["axes"], told["divisors"]) == ("care2d", "YXC", [4, 4])
    assert told["percentiles"] == [2.0, 99.8]  # CSBDeep's own
    assert "thresholds" not in told


def test_unasked_verification_is_said_in_the_proof(tmp_path):
    written = export(small_models.stardist(), tmp_path / "b.zip", verify=False)
    assert written.status == "unverified"
    assert written.proof == tmp_path / "b.verify.json"
    assert json.loads(written.proof.read_text())["status"] == "unverified"


def test_a_bundle_that_fails_is_not_left(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_module, "verify_bundle", lambda *_: outcome("failed"))
    with pytest.raises(RuntimeError, match=r"b\.zip was not written: on TensorFlow 1\.15\.0"):
        export(small_models.stardist(), tmp_path / "b.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_bundle_of_before(tmp_path, monkeypatch):
    export(small_models.stardist(), tmp_path / "b.zip", verify=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(bundle_module, "verify_bundle", lambda *_: outcome("failed"))
    with pytest.raises(RuntimeError):
        export(small_models.stardist(seed=1), tmp_path / "b.zip")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_without_a_runtime_the_bundle_is_kept_and_unverified(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_module, "verify_bundle", lambda *_: outcome("unavailable"))
    with pytest.warns(UserWarning, match="could not be verified: the reason"):
        written = export(small_models.stardist(), tmp_path / "b.zip")
    assert written.path.is_file()
    assert json.loads(written.proof.read_text())["status"] == "unverified"


def test_a_name_that_fiji_would_not_take_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"does not end in \.zip"):
        export(small_models.stardist(), tmp_path / "model", verify=False)
    with pytest.raises(ValueError, match="SelectV2"):
        export(small_models.stardist(unet_activation="soft_shrink"), tmp_path / "b.zip")
    assert list(tmp_path.iterdir()) == []
