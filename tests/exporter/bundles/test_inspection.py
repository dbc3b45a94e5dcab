import json
import shutil
import zipfile
from pathlib import Path

import pytest
import small_models
import tensorflow as tf
from particlebridge.exporter.bundles.export import export
from particlebridge.exporter.bundles.inspection import inspect
from particlebridge.exporter.bundles.verifying import verify
from particlebridge.exporter.networks.saved_model import read_saved_model
from particlebridge.exporter.safe_zip import write_zip

DATA = Path(__file__).parents[2] / "data"


def zipped(folder, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return path


def changed(bundle, path, change):
    """Copy a bundle with its SavedModel changed."""
    saved = read_saved_model(bundle)
    change(saved.meta_graphs[0])
    write_zip(path, {"variables/": b"", "saved_model.pb": saved.SerializeToString()})
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    model = small_models.stardist(grid=(4, 2), n_rays=16, n_channel_in=3)
    model.thresholds = dict(prob=0.61, nms=0.25)
    return export(model, tmp_path_factory.mktemp("bundle") / "b.zip", verify=False).path


def test_our_own_bundle_is_told_in_full(bundle):
    found = inspect(bundle)
    assert found.would_load
    assert found.kind == "StarDist 2D model"
    assert (found.grid, found.rays) == ((4, 2), 16)
    assert found.signature.input_shape == (None, None, None, 3)
    assert found.signature.output_shape == (None, None, None, 17)
    assert (found.record.thresholds.prob, found.record.thresholds.nms) == (0.61, 0.25)
    assert found.producer == tf.__version__
    assert set(found.runtimes.values()) == {""}
    assert ("Fiji would load it", "yes") in found.lines()


def test_a_bundle_of_another_maker_is_accepted():
    found = inspect(DATA / "plugin" / "bundle.zip")
    assert found.would_load
    assert (found.grid, found.rays, found.record) == ((2, 2), 32, None)


def test_care_is_no_stardist(tmp_path):
    found = inspect(export(small_models.care(probabilistic=True), tmp_path / "c.zip", verify=False))
    assert found.would_load
    assert found.rays is None
    assert "Run your network" in found.kind
    assert "model.onnx" in dict(found.lines()) and "thresholds" not in dict(found.lines())


def test_a_tensorflow_2_saved_model_is_named_with_what_is_too_new(tmp_path):
    model = small_models.stardist(weights=False)
    folder = tmp_path / "tf2"
    model.keras_model.export(str(folder), verbose=False)
    found = inspect(zipped(folder, tmp_path / "tf2.zip"))
    assert not found.would_load
    assert found.kind == "TensorFlow 2 SavedModel"
    problem = found.problems[-1]
    assert "a TensorFlow 2 SavedModel" in problem
    assert "of op VarHandleOp" in problem
    assert "particlebridge export" in problem


def test_the_attribute_that_fiji_complains_of_is_named(bundle, tmp_path):
    def variable(meta):  # as TensorFlow 2.2 to 2.12 write it
        node = meta.graph_def.node.add(name="v", op="VarHandleOp")
        node.attr["allowed_devices"].list.SetInParent()
        for node in meta.graph_def.node:
            if node.op == "Conv2D":
                node.attr["explicit_paddings"].list.SetInParent()

    found = inspect(changed(bundle, tmp_path / "x.zip", variable))
    assert "attribute 'allowed_devices' of op VarHandleOp" in found.problems[0]
    assert "attribute 'explicit_paddings' of op Conv2D" in found.runtimes["1.12.0"]


def test_a_zipped_model_folder_is_named(tmp_path):
    found = inspect(zipped(DATA / "keras2_model", tmp_path / "folder.zip"))
    assert not found.would_load
    assert found.kind == "StarDist 2D model folder, zipped"
    assert f"particlebridge export {tmp_path / 'folder.zip'}" in found.problems[0]


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["x/saved_model.pb", "x/variables/"], "SavedModel in a folder"),
        (["rdf.yaml", "test_input.npy"], "BioImage.IO package"),
        (["config.json", "metadata.json", "model.weights.h5"], "Keras model file"),
        (["weights_best.h5"], "Keras weights"),
        (["holiday.jpg"], "not a model"),
    ],
)
def test_other_zips_are_named(tmp_path, names, kind):
    write_zip(tmp_path / "a.zip", {name: b"" for name in names})
    found = inspect(tmp_path / "a.zip")
    assert (found.kind, found.would_load) == (kind, False)


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("frozen.pb", b"\x0a\x00", "frozen TensorFlow graph"),
        ("saved_model.pb", b"\x08\x01", "graph of a SavedModel"),
        ("weights_best.h5", b"\x89HDF\r\n\x1a\n", "Keras weights"),
        ("net.pth", b"\x80\x02", "PyTorch weights"),
        ("config.json", b"{}", "part of a model folder"),
    ],
)
def test_files_of_other_kinds_are_named_and_what_to_do(tmp_path, name, head, kind):
    (tmp_path / name).write_bytes(head)
    found = inspect(tmp_path / name)
    assert kind in found.kind and not found.would_load and found.fatal
    with pytest.raises(ValueError, match="cannot be run") as caught:
        verify(tmp_path / name)
    assert kind in str(caught.value)


def test_a_damaged_onnx_network_is_named(tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"\x08\x07")
    found = inspect(tmp_path / "net.onnx")
    assert "ONNX network" in found.kind and not found.would_load and found.fatal
    with pytest.raises(ValueError, match=r"net\.onnx: ONNX Runtime does not load it .* again"):
        verify(tmp_path / "net.onnx")


def test_a_bioimage_io_package_is_told_from_bare_weights(tmp_path):
    names = ["rdf.yaml", "TF_SavedModel.zip", "stardist_weights.h5", "__MACOSX/._x.h5"]
    write_zip(tmp_path / "a.zip", {name: b"" for name in names})
    found = inspect(tmp_path / "a.zip")
    assert found.kind == "BioImage.IO package"
    assert "import_bioimageio" in found.problems[0] and "TF_SavedModel.zip" in found.problems[0]


def test_a_model_folder_has_its_own_words(tmp_path):
    found = inspect(DATA / "keras2_model")
    assert found.kind == "StarDist 2D model folder"
    assert (found.rays, found.grid, found.would_load) == (8, (2, 2), False)
    assert "particlebridge export" in found.problems[0]
    shown = dict(found.lines())
    assert shown["note"] == "weights: weights_best.h5"
    small_models.care("c", tmp_path)
    assert inspect(tmp_path / "c").kind == "CARE model folder"
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / "config.json").write_text('{"n_dim": 3, "n_rays": 96, "grid": [1,2,2]}')
    found = inspect(tmp_path / "three")
    assert found.kind == "StarDist 3D model folder"
    assert "holds no weights" in found.problems[0] and "--dims 3" in found.problems[1]
    folder = shutil.copytree(DATA / "keras2_model", tmp_path / "extra")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"my_lab": 1}))
    assert "does not know (my_lab)" in inspect(folder).problems[0]
    (tmp_path / "empty").mkdir()
    assert inspect(tmp_path / "empty").kind == "folder (not a model)"


def drop_signature(meta):
    meta.signature_def.clear()


def two_outputs(meta):
    ends = meta.signature_def["serving_default"]
    ends.outputs["more"].CopyFrom(ends.outputs["output"])


def no_channels(meta):
    meta.signature_def["serving_default"].inputs["input"].tensor_shape.dim[3].size = -1


def integers(meta):
    meta.signature_def["serving_default"].inputs["input"].dtype = tf.int32.as_datatype_enum


def new_op(meta):
    meta.graph_def.node.add(name="n", op="XlaSharding")


def lost_weights(meta):
    meta.graph_def.node.add(name="n", op="RestoreV2")


def other_tag(meta):
    meta.meta_info_def.tags[:] = ["train"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (drop_signature, "no signature"),
        (two_outputs, "1 inputs and 2 outputs"),
        (no_channels, "not an image with channels"),
        (integers, "not float32"),
        (new_op, "op XlaSharding"),
        (lost_weights, "variables.index"),
        (other_tag, "tags are"),
    ],
)
def test_why_fiji_would_not_load_it_is_said(bundle, tmp_path, change, word):
    found = inspect(changed(bundle, tmp_path / "x.zip", change))
    assert not found.would_load
    assert any(word in problem for problem in found.problems)


def test_what_only_the_oldest_runtimes_lack_is_a_note(bundle, tmp_path):
    def resize(meta):
        node = next(n for n in meta.graph_def.node if n.op == "ResizeNearestNeighbor")
        node.attr["half_pixel_centers"].b = True

    found = inspect(changed(bundle, tmp_path / "x.zip", resize))
    assert found.would_load
    assert "1.13.1, 1.12.0" in found.notes[0]


def test_a_graph_that_writes_files_is_never_run(bundle, tmp_path):
    def write(meta):
        meta.graph_def.node.add(name="n", op="WriteFile")

    path = changed(bundle, tmp_path / "x.zip", write)
    assert inspect(path).unsafe
    with pytest.raises(ValueError, match="WriteFile, which no network needs"):
        verify(path)


def test_verify_says_what_inspect_knows_of_a_zip_without_variables(bundle, tmp_path):
    path = changed(bundle, tmp_path / "x.zip", lost_weights)
    with pytest.raises(ValueError, match=r"weights \(variables/variables.index\) are missing"):
        verify(path)
    with pytest.raises(ValueError, match=r"weights \(variables/variables.index\) are missing"):
        verify(path, small_models.stardist(grid=(4, 2), n_rays=16, n_channel_in=3))


def test_a_damaged_record_or_graph_is_survived(bundle, tmp_path):
    with zipfile.ZipFile(bundle) as archive:
        graph = archive.read("saved_model.pb")
    write_zip(tmp_path / "r.zip", {"saved_model.pb": graph, "particlebridge.json": b"{]"})
    found = inspect(tmp_path / "r.zip")
    assert found.would_load
    assert "cannot be read" in found.notes[0]
    write_zip(tmp_path / "g.zip", {"saved_model.pb": graph[: len(graph) // 2]})
    with pytest.raises(ValueError, match=r"saved_model\.pb is not a TensorFlow graph"):
        inspect(tmp_path / "g.zip")


def test_what_is_no_zip_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match="is no zip file"):
        inspect(tmp_path / "a.zip")
    with pytest.raises(FileNotFoundError):
        inspect(tmp_path / "none.zip")
