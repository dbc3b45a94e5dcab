"""Which library computes the network is chosen, recorded, and never mixed in one folder."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from particlebridge.analysis import training_slices
from particlebridge.bridge import FijiEngine, SegmentOptions, Settings, segment
from particlebridge.bridge.segmenting.options import effective_settings
from particlebridge.exporter import load_model

CODE = """
import sys
from particlebridge.bridge import segment
segment(sys.argv[1], sys.argv[2], diameter=20)
print({"tensorflow", "keras", "stardist", "csbdeep", "onnx"} & set(sys.modules))
slow = ("pandas", "scipy.ndimage", "scipy.spatial", "scipy.stats", "sklearn", "matplotlib", "dask",
        "zarr", "h5py", "jpype")
print([name for name in slow if name in sys.modules])
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "image.tif"
    # Seed 1 fills the frame: no round field of view, which needs scipy.
    [(slice_, _)] = training_slices(1, (96, 120), seed=1, diameter=20)
    tifffile.imwrite(path, slice_, photometric="minisblack")
    return path


def record(out: Path) -> dict:
    return json.loads((out / "run.json").read_text())


def test_the_shipped_model_segments_without_tensorflow(image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-c", CODE, str(image), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[-3:-1] == ["set()", "[]"]
    told = record(out)["stages"]["segment images"]
    assert told["backend"] == "onnx" and told["onnxruntime"] and "tensorflow" not in told
    segment(image, tmp_path / "tf", diameter=20, backend="tensorflow")
    told = record(tmp_path / "tf")["stages"]["segment images"]
    assert told["backend"] == "tensorflow" and told["tensorflow"] and "onnxruntime" not in told
    ours, theirs = (tifffile.imread(folder / "labels.tif") for folder in (out, tmp_path / "tf"))
    assert ours.max() > 3
    np.testing.assert_array_equal(ours, theirs)


def test_a_folder_of_before_is_not_mixed_with_another_backend(image: Path, tmp_path: Path) -> None:
    segment(image, tmp_path, diameter=20, backend="tensorflow")
    # As run.json was before there was a choice.
    assert "backend" not in record(tmp_path)["claims"]["images"]
    with pytest.raises(ValueError, match=r"backend = tensorflow, not onnx.*--backend tensorflow"):
        segment(image, tmp_path, diameter=20)
    segment(image, tmp_path, diameter=20, backend="tensorflow")
    assert record(tmp_path)["stages"]["segment images"]["resumed_images"] == 1


def test_fiji_is_told_which_backend_to_use() -> None:
    network = load_model("nmc")
    keys = {}
    for backend in ("auto", "onnx", "tensorflow"):
        options = SegmentOptions(engine="fiji", settings=Settings(backend=backend))
        # The network in this process only says what the model is.
        assert options.load("xy").backend == "onnx"
        assert options.as_settings()["backend"] == backend
        keys[backend] = effective_settings(network, options.settings, "fiji").get("backend")
    assert keys == {"auto": None, "onnx": "onnx", "tensorflow": "tensorflow"}
    with pytest.raises(ValueError, match="plain ImageJ has no StarDist plugin, which --backend"):
        FijiEngine("nmc", Settings(backend="tensorflow"), fiji="net.imagej:ij")


def test_what_cannot_be_combined_is_refused(image: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="by TensorFlow only"):
        Settings(numerics="stardist", backend="onnx")
    with pytest.raises(ValueError, match="backend must be one of"):
        Settings(backend="torch")
    with pytest.raises(ValueError, match="--backend does nothing for a 3-D model"):
        segment(image, tmp_path / "out", dims=3, backend="onnx")
    assert not (tmp_path / "out").exists()
