import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import small_models
from particlebridge.exporter.networks.keras_models import load_keras_model, load_stardist

KERAS2 = Path(__file__).parents[2] / "data" / "keras2_model"


def test_weights_of_keras_2_give_what_keras_2_gave():
    expected = np.load(KERAS2 / "expected.npz")
    with h5py.File(KERAS2 / "weights_best.h5") as file:
        assert file.attrs["keras_version"].startswith("2.")
    model = load_stardist(KERAS2)
    prob, dist, _ = model.keras_model.predict(expected["image"], verbose=0)
    assert np.abs(prob - expected["prob"]).max() < 1e-6
    assert np.abs(dist - expected["dist"]).max() < 1e-5


@pytest.mark.parametrize("name", ["weights_best.h5", "weights_best.weights.h5"])
def test_weights_of_keras_3_come_back(tmp_path, name):
    model = small_models.stardist("m", tmp_path, weights=False)
    model.keras_model.save_weights(str(tmp_path / "m" / name))
    again = load_keras_model(tmp_path / "m")
    for ours, theirs in zip(
        model.keras_model.get_weights(), again.keras_model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_care_is_told_from_stardist(tmp_path):
    small_models.care("c", tmp_path)
    assert type(load_keras_model(tmp_path / "c")).__name__ == "CARE"
    with pytest.raises(ValueError, match="not a StarDist model"):
        load_stardist(tmp_path / "c")


def test_a_model_object_is_taken_as_it_is():
    model = small_models.stardist()
    assert load_keras_model(model) is model


def copy_of_keras2(tmp_path):
    return Path(shutil.copytree(KERAS2, tmp_path / "model"))


def test_swapped_weights_are_found(tmp_path):
    # Two layers of one shape, told apart by name only, in an order that Keras trusts.
    folder = copy_of_keras2(tmp_path)
    with h5py.File(folder / "weights_best.h5", "r+") as file:
        names = list(file.attrs["layer_names"])
        one, two = (names.index(name) for name in ("features", "features_class"))
        names[one], names[two] = names[two], names[one]
        file.attrs["layer_names"] = names
    with pytest.raises(ValueError, match="another layer's weights"):
        load_stardist(folder)


def test_missing_parts_are_named(tmp_path):
    folder = copy_of_keras2(tmp_path)
    (folder / "weights_best.h5").unlink()
    with pytest.raises(FileNotFoundError, match="holds no weights"):
        load_stardist(folder)
    (folder / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_stardist(folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', "\ufffd\x00"])
def test_a_damaged_config_is_one_sentence(tmp_path, text):
    folder = copy_of_keras2(tmp_path)
    (folder / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"config\.json"):
        load_stardist(folder)


@pytest.mark.parametrize("change", [{"n_rays": 9}, {"grid": [3, 3]}, {"unet_kernel_size": "x"}])
def test_config_and_weights_that_disagree_are_refused(tmp_path, change):
    folder = copy_of_keras2(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ValueError, match="do not make a StarDist2D"):
        load_stardist(folder)


def test_settings_that_stardist_does_not_know_are_named(tmp_path):
    folder = copy_of_keras2(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"my_lab": "x"}))
    with pytest.raises(ValueError, match=r"config\.json holds settings .* know \(my_lab\)"):
        load_stardist(folder)


def test_what_macos_leaves_is_not_taken_for_weights(tmp_path):
    folder = copy_of_keras2(tmp_path)
    expected = load_stardist(folder).keras_model.get_weights()
    (folder / "._weights_best.h5").write_bytes(b"\x00\x05\x16\x07Mac OS X")
    (folder / "._config.json").write_bytes(b"\x00\x05\x16\x07Mac OS X")
    for ours, theirs in zip(load_stardist(folder).keras_model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_that_git_lfs_has_not_fetched_are_told_so(tmp_path):
    folder = copy_of_keras2(tmp_path)
    (folder / "weights_best.h5").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ValueError, match=r"weights_best\.h5.*git lfs pull"):
        load_stardist(folder)
    with pytest.raises(ValueError, match="git lfs pull"):
        load_keras_model(folder / "weights_best.h5")


def test_a_file_is_named_for_what_it_is():
    with pytest.raises(ValueError, match=r"Keras weights .*give the folder"):
        load_keras_model(KERAS2 / "weights_best.h5")


def test_cut_weights_are_refused(tmp_path):
    folder = copy_of_keras2(tmp_path)
    weights = folder / "weights_best.h5"
    weights.write_bytes(weights.read_bytes()[:50_000])
    with pytest.raises(ValueError, match="do not make a StarDist2D"):
        load_stardist(folder)


def test_a_3d_model_is_refused_by_its_config(tmp_path):
    (tmp_path / "config.json").write_text('{"n_dim": 3, "n_rays": 96}')
    with pytest.raises(ValueError, match=r"3-D StarDist model.*plugin is 2-D"):
        load_stardist(tmp_path)


def test_an_unknown_name_lists_the_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="2D_versatile_fluo"):
        load_keras_model("no_such_model")


def test_a_download_that_fails_is_one_sentence(monkeypatch):
    import csbdeep.models.pretrained as pretrained

    def unreachable(*_):
        raise Exception("URL fetch failure on ...")  # what Keras raises

    monkeypatch.setattr(pretrained, "get_model_folder", unreachable)
    with pytest.raises(OSError, match="connect to the internet, or give a model folder"):
        load_keras_model("2D_versatile_fluo")


def test_a_registered_model_is_loaded_where_stardist_keeps_it(monkeypatch):
    import csbdeep.models.pretrained as pretrained

    monkeypatch.setattr(pretrained, "get_model_folder", lambda *_: KERAS2)
    model = load_keras_model("Versatile (fluorescent nuclei)")
    assert model.config.n_rays == 8
    assert model.basedir is None
