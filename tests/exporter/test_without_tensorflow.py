"""What works where TensorFlow, Keras, StarDist and CSBDeep are not installed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"

TRAINING_ONLY = ("tensorflow", "keras", "stardist", "csbdeep", "tensorboard", "onnx")

_BLOCKED = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {TRAINING_ONLY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
from particlebridge.bridge.cli.app import main
sys.argv[0] = "particlebridge"
main()
"""


def particlebridge(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line where the packages of the extra `train` cannot be imported."""
    return subprocess.run(
        [sys.executable, "-c", _BLOCKED, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_inspect_needs_none_of_them():
    done = particlebridge("inspect", DATA / "plugin" / "bundle.zip")
    assert done.returncode == 0, done.stderr
    assert "StarDist 2D model" in done.stdout and "Conv2D" in done.stdout
    done = particlebridge("inspect", DATA / "keras2_model")
    assert done.returncode == 1
    assert "StarDist 2D model folder" in done.stdout and "particlebridge export" in done.stderr


def test_nor_do_help_and_errors(tmp_path):
    assert particlebridge("--help").returncode == 0
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 not really")
    for arguments in (
        ["inspect", tmp_path / "broken.zip"],
        ["export", "no-such-model", "--out", "m.onnx"],
        ["segment", tmp_path / "gone.tif", "--out", tmp_path / "o"],
    ):
        done = particlebridge(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("particlebridge: ") and "train" not in done.stderr


IMAGE = DATA / "plugin" / "phantom_slice.tif"


def test_nmc_segments_without_them(tmp_path):
    done = particlebridge("segment", IMAGE, "--out", tmp_path / "o", "--diameter", "40")
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "o" / "run.json").read_text())
    assert "onnxruntime" in json.dumps(told)
    assert (tmp_path / "o" / "labels.tif").exists()


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        (["export", "nmc"], "exporting nmc needs TensorFlow, Keras, StarDist"),
        (["export", DATA / "keras2_model"], f"exporting {DATA / 'keras2_model'} needs"),
        (
            ["segment", IMAGE, "--out", "o", "--model", DATA / "keras2_model"],
            f"running {DATA / 'keras2_model'}, which holds no model.onnx, needs TensorFlow",
        ),
        (
            ["segment", IMAGE, "--out", "o", "--backend", "tensorflow"],
            "running nmc by TensorFlow needs TensorFlow",
        ),
        (["train", "--images", IMAGE, "--labels", IMAGE, "--out", "m"], "training needs"),
        (
            ["verify", DATA / "plugin" / "bundle.zip"],
            f"verifying {DATA / 'plugin' / 'bundle.zip'} needs",
        ),
    ],
)
def test_what_needs_them_says_in_one_sentence_how_to_get_them(
    tmp_path, monkeypatch, arguments, begins
):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    done = particlebridge(*arguments)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"particlebridge: {begins}")
    assert line.endswith("run `pip install 'particlebridge[train]'`")
    assert set(tmp_path.iterdir()) == before


def test_a_model_of_stardists_own_is_not_called_unknown():
    done = particlebridge("export", "2D_versatile_fluo")
    assert "if StarDist registers it, run `pip install" in done.stderr
