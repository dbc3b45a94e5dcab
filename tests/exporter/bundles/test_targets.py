"""Models for readers other than Fiji, run in these readers; the first run downloads them."""

import json
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import small_models
import yaml
from particlebridge.exporter.bundles import targets
from particlebridge.exporter.bundles.bioimageio import package_members
from particlebridge.exporter.bundles.export import export
from particlebridge.exporter.bundles.onnx_layouts import channels_first, on_pixels
from particlebridge.exporter.bundles.verifying import verify
from particlebridge.exporter.networks.loading import load_model
from particlebridge.exporter.runtimes import python_packages

KERAS2 = Path(__file__).parents[2] / "data" / "keras2_model"


def run(content, image):
    session = onnxruntime.InferenceSession(content)
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, {"input": image}), strict=True))


@pytest.fixture(scope="module")
def colour(tmp_path_factory):
    model = small_models.stardist(grid=(4, 2), n_channel_in=3, unet_batch_norm=True)
    model.thresholds = dict(prob=0.61, nms=0.25)
    return model, export(model, tmp_path_factory.mktemp("b") / "b.zip", verify=False).path


@pytest.mark.filterwarnings("ignore:the class head")
@pytest.mark.parametrize("which", ["colour", "class head, grid 1"])
def test_other_layouts_hold_the_same_numbers(colour, tmp_path, which):
    model = colour[0] if which == "colour" else KERAS2
    content = export(model, tmp_path / "m.onnx", to="onnx", verify=False).path.read_bytes()
    network = load_model(tmp_path / "m.onnx")
    gy, gx = network.grid
    image = np.random.default_rng(0).random((1, 64, 192, network.n_channels), np.float32)
    ours = run(content, image)
    first = run(channels_first(content), image.transpose(0, 3, 1, 2))
    for name in ("prob", "dist"):
        np.testing.assert_array_equal(first[name].transpose(0, 2, 3, 1), ours[name])
    pixels = run(on_pixels(content), image)["output"]
    assert pixels.shape == (1, 64, 192, 1 + network.rays)
    np.testing.assert_array_equal(pixels[:, ::gy, ::gx, :1], ours["prob"])
    assert np.count_nonzero(pixels[..., 0]) == np.count_nonzero(ours["prob"])
    for y, x in ((0, 0), (gy - 1, gx - 1)):
        np.testing.assert_array_equal(pixels[:, y::gy, x::gx, 1:], ours["dist"])


def test_opencv_old_and_new_computes_what_keras_does(colour, tmp_path):
    written = export(colour[0], tmp_path / "q.onnx", to="qupath")
    assert written.status == "verified"
    runtimes = [result.title for result in written.verification.results]
    assert runtimes == ["OpenCV 4.6.0", "OpenCV 5.0.0"]
    (script,) = written.beside
    assert script == tmp_path / "q.groovy"
    text = script.read_text()
    for words in (
        'modelPath = "q.onnx"', ".threshold(0.61)", ".percentiles(1, 99.8)", ".channels(0, 1, 2)",
        "input (1, 3, H, W) float32, NCHW", "dist (1, 8, H/4, W/2)", "records no particle size",
    ):  # fmt: skip
        assert words in text
    assert json.loads((tmp_path / "q.onnx.verify.json").read_text())["status"] == "verified"
    again = verify(written.path, colour[0])
    assert again.sha256 == written.verification.sha256 and again.status == "verified"
    assert [result.title for result in again.results] == runtimes
    with pytest.raises(ValueError, match=r"q\.onnx was written for qupath .* --model"):
        verify(written.path)


def test_onnx_runtime_of_python_and_java_agree_with_keras(colour, tmp_path):
    written = export(colour[0], tmp_path / "m.onnx", to="onnx")
    assert written.status == "verified"
    by_python, by_java = written.verification.results
    assert by_python.title.startswith("ONNX Runtime 1.") and by_java.title.endswith("for Java")
    assert written.verification.reference.startswith("small in Keras")
    again = verify(written.path)
    assert again.status == "verified" and again.reference.startswith("m.onnx in ONNX Runtime")
    assert [result.title for result in again.results] == [by_python.title, by_java.title]
    # What a bundle holds is the same network; without Keras, ONNX Runtime is what is compared with.
    again = export(colour[1], tmp_path / "again.onnx", to="onnx", verify=False)
    assert again.path.read_bytes() == written.path.read_bytes()
    other = export(written.path, tmp_path / "q.onnx", to="qupath", verify=False)
    assert other.path.read_bytes() == channels_first(written.path.read_bytes())


def test_a_bioimage_io_package_passes_their_tests_and_is_read_again(colour, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = export(colour[0], tmp_path / "p.zip", to="bioimageio")
    assert written.status == "verified"
    assert {path.name for path in tmp_path.iterdir()} == {"p.zip", "p.zip.verify.json"}
    runtimes = [result.title for result in written.verification.results]
    with pytest.raises(ValueError, match=r"p\.zip was written for bioimageio .* --model"):
        verify(written.path)
    assert runtimes[1:] == [
        "bioimageio.core 0.11.0 (onnx)",
        "bioimageio.core 0.11.0 (tensorflow_saved_model_bundle)",
    ]
    with zipfile.ZipFile(written) as package:
        described = yaml.safe_load(package.read("rdf.yaml"))
        assert described["config"]["stardist"]["weights"] in package.namelist()
    stardist = described["config"]["stardist"]
    assert stardist["thresholds"] == {"prob": 0.61, "nms": 0.25}
    assert (stardist["config"]["n_rays"], stardist["config"]["grid"]) == (8, [4, 2])
    ours, theirs = load_model(tmp_path / "p.zip"), load_model(colour[0])
    assert ours.thresholds == theirs.thresholds and ours.percentiles == theirs.percentiles
    image = np.random.default_rng(0).random((64, 128, 3), np.float32)
    for one, other in zip(ours.predict(image), theirs.predict(image), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_package_that_does_not_give_its_test_output_fails(colour, tmp_path, monkeypatch):
    def spoilt(network):
        members = package_members(network)
        output = members["test_output.npy"]
        return members | {"test_output.npy": output[:128] + bytes(len(output) - 128)}

    monkeypatch.setattr(targets, "package_members", spoilt)
    with pytest.raises(RuntimeError, match=r"p\.zip was not written: on bioimageio\.core .*onnx"):
        export(colour[1], tmp_path / "p.zip", to="bioimageio")
    assert list(tmp_path.iterdir()) == []


def test_what_fails_in_its_reader_is_not_left_behind(colour, tmp_path, monkeypatch):
    other = small_models.stardist(grid=(4, 2), n_channel_in=3, unet_batch_norm=True, seed=1)
    wrong = export(other, tmp_path / "other.onnx", to="onnx", verify=False).path.read_bytes()
    monkeypatch.setattr(targets, "channels_first", lambda _: channels_first(wrong))
    (tmp_path / "o").mkdir()
    with pytest.raises(RuntimeError, match=r"q.onnx was not written: on OpenCV 4.6.0 .*differs"):
        export(colour[0], tmp_path / "o" / "q.onnx", to="qupath")
    assert list((tmp_path / "o").iterdir()) == []


@pytest.mark.filterwarnings("ignore:.*could not be verified")
def test_without_a_network_nothing_is_claimed(colour, tmp_path, monkeypatch):
    def offline(packages, folder):
        raise RuntimeError(f"{packages[0]} could not be installed (no route to host)")

    monkeypatch.setattr(python_packages, "_install", offline)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    written = export(colour[0], tmp_path / "q.onnx", to="qupath")
    assert written.status == "unverified"
    assert "no route to host" in written.notices[0]


@pytest.mark.parametrize(
    ("to", "name", "why"),
    [
        ("onnx", "m.zip", "does not end in .onnx, and --to onnx writes one"),
        ("fiji", "m.onnx", "does not end in .zip, and Fiji's dialog asks for a zip"),
        ("imaris", "m.onnx", "--to must be one of fiji, onnx, qupath, bioimageio"),
    ],
)
def test_a_file_its_reader_would_not_open_is_refused_first(tmp_path, to, name, why):
    with pytest.raises(ValueError, match=why):
        export("no such model", tmp_path / name, to=to)


def test_care_of_volumes_runs_in_onnx_runtime_and_is_refused_where_only_stardist_runs(tmp_path):
    model = small_models.care("volumes", axes="ZYX", probabilistic=True)
    written = export(model, tmp_path / "c.onnx", to="onnx")
    assert written.status == "verified"
    assert [result.loaded for result in written.verification.results] == [True, True]
    bundle = export(model, tmp_path / "c.zip", verify=False).path
    again = export(bundle, tmp_path / "again.onnx", to="onnx", verify=False).path
    assert again.read_bytes() == written.path.read_bytes()
    for source in (model, bundle):
        for to, name in (("qupath", "q.onnx"), ("bioimageio", "q.zip")):
            with pytest.raises(ValueError, match=r"is a CARE model, and .* export it with --to"):
                export(source, tmp_path / name, to=to)
    assert not list(tmp_path.glob("q.*"))
    star_convex = export(small_models.stardist(), tmp_path / "q.onnx", to="qupath", verify=False)
    with pytest.raises(ValueError, match="volumes is a CARE model, and QuPath runs StarDist"):
        verify(star_convex.path, model)
