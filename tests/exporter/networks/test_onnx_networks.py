"""Networks by ONNX Runtime: the same record, the same numbers, and TensorFlow not imported."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from particlebridge.exporter import export, load_model
from particlebridge.exporter.networks.loading import backend_of
from particlebridge.exporter.networks.model_folders import SHIPPED
from particlebridge.exporter.networks.record import ModelRecord
from particlebridge.exporter.safe_zip import write_zip

PLUGIN = Path(__file__).parents[2] / "data" / "plugin"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundle") / "b.zip"
    return export(PLUGIN / "model", out, verify=False).path


def members(bundle: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def alone(bundle: Path) -> Path:
    path = bundle.with_name("b.onnx")
    path.write_bytes(members(bundle)["model.onnx"])
    return path


def test_the_shipped_model_is_one_model_by_both_backends() -> None:
    ours, theirs = load_model("nmc"), load_model("nmc", "tensorflow")
    assert (ours.backend, theirs.backend) == ("onnx", "tensorflow")
    assert ours.record == theirs.record
    for name in ("name", "n_channels", "rays", "grid", "multiple", "reach"):
        assert getattr(ours, name) == getattr(theirs, name)
    image = np.random.default_rng(0).random((128, 192), np.float32)
    (prob, dist), (their_prob, their_dist) = ours.predict(image), theirs.predict(image)
    # Measured: 1.3e-7 and 4.2e-5 pixels, the distances spanning 31 pixels.
    assert np.abs(prob - their_prob).max() < 1e-5
    assert np.abs(dist - their_dist).max() < 1e-5 * np.ptp(their_dist)


def test_nothing_of_tensorflow_is_imported_to_run_it() -> None:
    code = (
        "import sys, numpy; from particlebridge.exporter import load_model;"
        "load_model('nmc').predict(numpy.zeros((64, 64), numpy.float32));"
        "print({'tensorflow', 'keras', 'stardist', 'csbdeep', 'onnx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_bundle_that_holds_it_and_the_file_alone(bundle: Path, alone: Path) -> None:
    image = np.random.default_rng(0).random((128, 64), np.float32)
    networks = [load_model(bundle), load_model(bundle, "tensorflow"), load_model(alone)]
    assert [network.backend for network in networks] == ["onnx", "tensorflow", "onnx"]
    expected = load_model(PLUGIN / "model")
    for network in networks:
        assert network.digest == expected.digest
        assert network.thresholds == expected.thresholds
        assert network.reach == expected.reach
        for ours, theirs in zip(network.predict(image), expected.predict(image), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert networks[0].record == networks[1].record == networks[2].record


def test_threads_share_a_session_and_get_the_bits_of_one(alone: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    network = load_model(alone)
    rng = np.random.default_rng(0)
    images = [rng.random((64 * (1 + i % 3), 64), np.float32) for i in range(12)]
    one = [network.predict(image)[1].tobytes() for image in images]
    with ThreadPoolExecutor(4) as pool:
        assert [dist.tobytes() for _, dist in pool.map(network.predict, images)] == one


def test_a_backend_that_the_model_does_not_hold_is_refused(alone: Path) -> None:
    for model in (PLUGIN / "bundle.zip", PLUGIN / "model"):
        with pytest.raises(ValueError, match=r"holds no model\.onnx .*particlebridge export"):
            load_model(model, "onnx")
    with pytest.raises(ValueError, match="which TensorFlow does not run"):
        load_model(alone, "tensorflow")
    with pytest.raises(ValueError, match="must be auto, onnx or tensorflow"):
        load_model(alone, "torch")  # type: ignore[arg-type]


def test_the_backend_is_told_without_loading(bundle: Path, alone: Path) -> None:
    for model in ("nmc", SHIPPED / "nmc", bundle, alone):
        assert backend_of(model) == "onnx"
    for model in ("2D_versatile_fluo", PLUGIN / "model", PLUGIN / "bundle.zip"):
        assert backend_of(model) == "tensorflow"
    assert backend_of("nmc", "tensorflow") == "tensorflow"


def test_parts_of_different_models_are_refused(bundle: Path, tmp_path: Path) -> None:
    other = ModelRecord(digest="other", grid=(2, 2), rays=32)
    other.write(tmp_path / "r.json")
    mixed = {**members(bundle), "particlebridge.json": (tmp_path / "r.json").read_bytes()}
    write_zip(tmp_path / "mixed.zip", mixed)
    with pytest.raises(ValueError, match=r"mixed\.zip holds model\.onnx of another model"):
        load_model(tmp_path / "mixed.zip")
    write_zip(tmp_path / "cut.zip", {**mixed, "model.onnx": mixed["model.onnx"][:5000]})
    (tmp_path / "cut.onnx").write_bytes(mixed["model.onnx"][:5000])
    for name in ("cut.zip", "cut.onnx"):
        with pytest.raises(ValueError, match=rf"{name}.*export the model again") as caught:
            load_model(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_folder_trained_on_does_not_run_by_the_network_of_before(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(PLUGIN / "model", tmp_path / "model"))
    shutil.copy(SHIPPED / "nmc" / "model.onnx", folder)
    with pytest.warns(UserWarning, match=r"model\.onnx was made from other weights"):
        network = load_model(folder)
    assert network.backend == "tensorflow"
    assert network.digest == load_model(PLUGIN / "model").digest
