"""Where the network runs is chosen, recorded and never silent."""

import json
import logging
from pathlib import Path

import onnxruntime
import pytest
import tifffile
from particlebridge.analysis import electrode
from particlebridge.bridge import Settings, segment
from particlebridge.exporter import load_model


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "image.tif"
    slice_ = electrode((4, 96, 120), seed=3, radius=(6.0, 14.0)).volume[2]
    tifffile.imwrite(path, slice_, photometric="minisblack")
    return path


NO_GPU = "CUDAExecutionProvider" not in onnxruntime.get_available_providers()


@pytest.mark.skipif(not NO_GPU, reason="this ONNX Runtime has CUDA")
def test_cuda_that_is_not_there_is_an_error_with_the_remedy(image: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"has no CUDA; run `pip uninstall onnxruntime`"):
        segment(image, tmp_path / "o", diameter=20, device="cuda")
    assert not (tmp_path / "o").exists()


def test_a_cuda_that_does_not_start_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # What onnxruntime-gpu says on a machine without a GPU: it offers CUDA and runs on the CPU.
    offered = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
    if not NO_GPU:
        pytest.skip("CUDA would start")
    with caplog.at_level(logging.WARNING, "particlebridge"):
        assert load_model("nmc").device == "cpu"
    assert "runs on the CPU: ONNX Runtime has CUDA, and it does not start here" in caplog.text
    caplog.clear()
    assert load_model("nmc", device="cpu").device == "cpu"
    assert caplog.text == ""
    with pytest.raises(RuntimeError, match=r"device cuda: .*does not start here"):
        load_model("nmc", device="cuda")


def test_run_json_says_where(image: Path, tmp_path: Path) -> None:
    segment(image, tmp_path, diameter=20, device="cpu")
    told = json.loads((tmp_path / "run.json").read_text())
    assert told["stages"]["segment images"]["device"] == "cpu"


def test_what_cannot_be_combined_is_refused(image: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="device must be one of"):
        Settings(device="tpu")
    with pytest.raises(ValueError, match="--device does nothing for --engine fiji"):
        segment(image, tmp_path / "o", engine="fiji", device="cpu")
    with pytest.raises(ValueError, match="--device does nothing for a 3-D model"):
        segment(image, tmp_path / "o", dims=3, device="cpu")
