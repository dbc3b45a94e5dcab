import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import small_models
from particlebridge.exporter.bundles.export import export
from particlebridge.exporter.bundles.inspection import inspect
from particlebridge.exporter.bundles.plugin_graph import layout_of
from particlebridge.exporter.bundles.portable import from_keras
from particlebridge.exporter.bundles.verifying import verify
from particlebridge.exporter.networks.loading import load_model
from particlebridge.exporter.networks.onnx_session import OnnxSession
from particlebridge.exporter.safe_zip import write_zip

KERAS2 = Path(__file__).parents[2] / "data" / "keras2_model"


def onnx_of(bundle):
    with zipfile.ZipFile(bundle) as archive:
        return archive.read("model.onnx")


def exported(model, path):
    return onnx_of(export(model, path, verify=False))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    model = small_models.stardist(grid=(4, 2), n_channel_in=3, unet_batch_norm=True)
    model.thresholds = dict(prob=0.61, nms=0.25)
    path = export(model, tmp_path_factory.mktemp("onnx") / "b.zip", verify=False).path
    return model, path


def test_its_ends_and_its_metadata_are_those_documented(made):
    model, path = made
    network = onnx.load_from_string(onnx_of(path))
    onnx.checker.check_model(network, full_check=True)
    assert [(o.domain, o.version) for o in network.opset_import if not o.domain] == [("", 17)]

    def ends(values):
        return {
            v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
            for v in values
        }

    assert ends(network.graph.input) == {"input": [1, "height", "width", 3]}
    outputs = {"prob": [1, "height/4", "width/2", 1], "dist": [1, "height/4", "width/2", 8]}
    assert ends(network.graph.output) == outputs
    told = {one.key: json.loads(one.value) for one in network.metadata_props}
    record = load_model(model).record
    assert told["digest"] == record.digest
    assert (told["grid"], told["rays"], told["percentiles"]) == ([4, 2], 8, [1.0, 99.8])
    assert told["thresholds"] == {"prob": 0.61, "nms": 0.25}
    assert (told["diameter"], told["own_scale"], told["opset"]) == (None, False, 17)
    assert told["reach"] == list(load_model(model).reach)


@pytest.mark.filterwarnings("ignore:the class head")
@pytest.mark.parametrize("shape", [(64, 128), (192, 64)])
@pytest.mark.parametrize("which", ["made", "class head"])
def test_any_size_gives_what_keras_gives(made, tmp_path, which, shape):
    model, path = made
    if which == "class head":
        from particlebridge.exporter.networks.keras_models import load_keras_model

        path, model = (
            export(KERAS2, tmp_path / "k.zip", verify=False).path,
            load_keras_model(KERAS2),
        )
    session = onnxruntime.InferenceSession(onnx_of(path))
    image = np.random.default_rng(0).random((1, *shape, model.config.n_channel_in), np.float32)
    prob, dist = session.run(["prob", "dist"], {"input": image})
    expected = [np.asarray(part) for part in model.keras_model([image], training=False)[:2]]
    assert (prob.shape, dist.shape) == (expected[0].shape, expected[1].shape)
    assert np.abs(prob - expected[0]).max() < 1e-5
    assert np.abs(dist - expected[1]).max() < 1e-5 * np.ptp(expected[1])


@pytest.mark.parametrize(
    ("settings", "shapes"),
    [
        (dict(n_channel_in=2, n_channel_out=3, unet_residual=False), [(64, 128), (20, 36)]),
        (dict(axes="ZYX", probabilistic=True), [(16, 32, 48), (4, 20, 8)]),
    ],
    ids=["images", "volumes, probabilistic"],
)
def test_care_gives_what_keras_gives(tmp_path, settings, shapes):
    model = small_models.care("c", tmp_path, **settings)
    path = export(tmp_path / "c", tmp_path / "c.zip", verify=False).path
    network = onnx.load_from_string(onnx_of(path))
    onnx.checker.check_model(network, full_check=True)
    told = {one.key: json.loads(one.value) for one in network.metadata_props}
    assert told["axes"] == model.config.axes and told["percentiles"] == [2.0, 99.8]
    assert told["divisors"] == [4] * len(shapes[0])
    assert told["probabilistic"] == ("probabilistic" in settings)
    session = onnxruntime.InferenceSession(onnx_of(path))
    for shape in shapes:
        image = np.random.default_rng(0).random((1, *shape, model.config.n_channel_in), np.float32)
        (output,) = session.run(["output"], {"input": image})
        expected = np.asarray(model.keras_model(image, training=False))
        assert output.shape == expected.shape
        assert np.abs(output - expected).max() < 1e-5 * np.ptp(expected)
    with pytest.raises(ValueError, match=r"c\.zip is a CARE network, which restores images"):
        load_model(path)


def test_a_lambda_that_is_no_sum_is_refused():
    import keras

    model = small_models.care()
    image = model.keras_model.input
    doubled = keras.layers.Lambda(lambda x: 2 * x, name="doubled")(image)
    model.keras_model = keras.Model(image, doubled)
    with pytest.raises(ValueError, match="layer doubled computes more than a sum"):
        from_keras(model, layout_of(model))


def test_the_bytes_follow_the_model_only_not_the_session(tmp_path):
    small_models.stardist("m", tmp_path, grid=(2, 2), unet_batch_norm=True)
    small_models.care()  # moves Keras's counters on
    first = exported(tmp_path / "m", tmp_path / "1.zip")
    assert exported(tmp_path / "m", tmp_path / "2.zip") == first
    code = (
        "import hashlib, sys; from particlebridge.exporter import export; import zipfile;"
        "export(sys.argv[1], sys.argv[2], verify=False);"
        "print(hashlib.sha256(zipfile.ZipFile(sys.argv[2]).read('model.onnx')).hexdigest())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "m"), str(tmp_path / "3.zip")]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == hashlib.sha256(first).hexdigest()


def test_a_bundle_whose_onnx_is_of_another_model_fails(made, tmp_path):
    model, path = made
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    other = small_models.stardist(grid=(4, 2), n_channel_in=3, unet_batch_norm=True, seed=1)
    members["model.onnx"] = exported(other, tmp_path / "other.zip")
    write_zip(tmp_path / "mixed.zip", members)
    assert inspect(tmp_path / "mixed.zip").onnx
    proven = verify(tmp_path / "mixed.zip", model, runtimes=())
    assert proven.status == "failed"
    (result,) = proven.results
    assert result.title.startswith("ONNX Runtime 1.") and "differs by" in result.detail
    members["model.onnx"] = b"\x08\x07"
    write_zip(tmp_path / "broken.zip", members)
    (result,) = verify(tmp_path / "broken.zip", model, runtimes=()).results
    assert (result.status, result.loaded) == ("failed", False)
    assert "export the model again" in result.detail


def test_inspect_says_that_the_bundle_holds_it(made):
    found = inspect(made[1])
    assert found.would_load and found.onnx
    assert "model.onnx" in dict(found.lines())


def test_an_onnx_file_of_another_maker_is_refused(tmp_path):
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    ends = [onnx.helper.make_tensor_value_info(name, 1, [1, 1]) for name in "xy"]
    graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:])
    opsets = [onnx.helper.make_opsetid("", 17)]
    foreign = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    for content, why in (
        (foreign.SerializeToString(), "not an ONNX network that"),
        (b"nonsense", "does not load it"),
    ):
        with pytest.raises(ValueError, match=why) as caught:
            OnnxSession(content, tmp_path / "x.onnx")
        assert "\n" not in str(caught.value) and "x.onnx" in str(caught.value)
