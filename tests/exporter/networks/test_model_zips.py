"""Models as people send them: a zipped folder, a BioImage.IO package, an .onnx file."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from particlebridge.exporter.bundles.export import export
from particlebridge.exporter.bundles.inspection import inspect
from particlebridge.exporter.networks.loading import load_model
from particlebridge.exporter.networks.model_folders import SHIPPED
from particlebridge.exporter.networks.model_zips import unpacked
from particlebridge.exporter.safe_zip import write_zip

KERAS2 = Path(__file__).parents[2] / "data" / "keras2_model"
PARTS = {file.name: file.read_bytes() for file in KERAS2.iterdir() if file.suffix != ".py"}


def zipped_folder(path, inside=""):
    extra = {f"__MACOSX/{inside}._config.json": b"\x00\x05\x16\x07"}
    write_zip(path, {f"{inside}{name}": content for name, content in PARTS.items()} | extra)
    return path


def package(path, **changes):
    """A package as StarDist's export_bioimageio lays it out, without its TensorFlow weights."""
    settings = {
        "python_version": "0.9.1",
        "thresholds": {"prob": 0.5, "nms": 0.4},
        "weights": "stardist_weights.h5",
        "config": json.loads(PARTS["config.json"]),
        **changes,
    }
    described = {"format_version": "0.4.9", "type": "model", "config": {"stardist": settings}}
    members = {
        "rdf.yaml": yaml.safe_dump(described).encode(),
        "stardist_weights.h5": PARTS["weights_best.h5"],
        "test_input.npy": b"",
    }
    write_zip(path, members)
    return path


def weights_of(network):
    return network.stardist.keras_model.get_weights()


@pytest.fixture(scope="module")
def original():
    return load_model(KERAS2)


@pytest.mark.parametrize(
    ("make", "name"),
    [(zipped_folder, "sent"), (package, "sent"), (lambda p: zipped_folder(p, "mine/"), "mine")],
)
def test_it_is_the_model_of_the_folder(original, tmp_path, make, name):
    network = load_model(make(tmp_path / "sent.zip"))
    assert network.name == name
    assert (network.rays, network.grid) == (original.rays, original.grid)
    assert network.thresholds == original.thresholds
    for ours, theirs in zip(weights_of(network), weights_of(original), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    image = np.random.default_rng(0).random((64, 128, network.n_channels), np.float32)
    # Not bit for bit: TensorFlow that trained before in this process keeps all its threads.
    for ours, theirs in zip(network.predict(image), original.predict(image), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:the class head")
@pytest.mark.parametrize("make", [zipped_folder, package])
def test_it_is_exported_and_inspected_as_the_folder_is(tmp_path, make):
    sent = make(tmp_path / "sent.zip")
    found = inspect(sent)
    assert found.kind == "StarDist 2D model folder, zipped" and found.rays == 8
    assert f"particlebridge export {sent}" in found.problems[0]
    written = export(sent, tmp_path / "o.zip", verify=False)
    again = export(KERAS2, tmp_path / "again.zip", verify=False)
    with zipfile.ZipFile(written) as ours, zipfile.ZipFile(again) as theirs:
        assert ours.read("saved_model.pb") == theirs.read("saved_model.pb")


def test_what_a_folder_records_travels_in_its_zip(tmp_path):
    members = {f"nmc/{file.name}": file.read_bytes() for file in (SHIPPED / "nmc").iterdir()}
    write_zip(tmp_path / "sent.zip", members)
    network, shipped = load_model(tmp_path / "sent.zip"), load_model("nmc")
    assert (network.backend, network.record) == ("onnx", shipped.record)


def test_the_folder_is_gone_afterwards(tmp_path):
    with unpacked(zipped_folder(tmp_path / "sent.zip")) as folder:
        assert (folder / "config.json").is_file() and folder.name == "sent"
    assert not folder.exists()


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"../config.json": b"{}", "weights_best.h5": b""}, "unsafe"),
        ({"config.json": b"{", "weights_best.h5": b""}, "config.json is not JSON"),
        ({"a/config.json": b"{}", "b/config.json": b"{}", "a/w.h5": b""}, "several models"),
    ],
)
def test_bad_zips_are_refused_in_one_sentence(tmp_path, members, why):
    write_zip(tmp_path / "a.zip", members)
    with pytest.raises(ValueError, match=why) as caught:
        load_model(tmp_path / "a.zip")
    assert "\n" not in str(caught.value)


def test_a_package_without_its_keras_weights_says_so(tmp_path):
    path = package(tmp_path / "a.zip", weights="../../other.h5")
    with pytest.raises(ValueError, match=r"a\.zip lacks the Keras weights 'other\.h5'"):
        load_model(path)


def test_a_package_of_another_network_is_named(tmp_path):
    write_zip(tmp_path / "a.zip", {"rdf.yaml": b"config: {bioimageio: {}}", "w.onnx": b""})
    assert inspect(tmp_path / "a.zip").kind == "BioImage.IO package"
    with pytest.raises(ValueError, match=r"a\.zip is not a bundle: BioImage\.IO package"):
        load_model(tmp_path / "a.zip")
