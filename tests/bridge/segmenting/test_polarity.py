"""Both polarities are tried on a few crops; a better one is told and never taken."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from particlebridge.analysis import electrode
from particlebridge.bridge import Settings, fuse_folder, read_labels, segment
from particlebridge.bridge.runs.run_folder import RunFolder
from particlebridge.bridge.segmenting.polarity import check_polarity
from particlebridge.bridge.volumes.inversion import inverted, with_bright_particles
from particlebridge.bridge.volumes.reading import open_volume
from particlebridge.bridge.volumes.stored_arrays import SliceStack
from particlebridge.exporter import load_model


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return electrode((36, 96, 96), seed=11, radius=(6, 12), view=1.42).volume


def looked(volume: np.ndarray, folder: Path) -> dict:
    network, run = load_model("nmc"), RunFolder(folder)
    check_polarity([SliceStack(volume, "xy")], [Settings(diameter=18)], network, run)
    return json.loads((folder / "run.json").read_text())["polarity"][network.digest]


def test_dark_particles_are_told_with_what_to_do(
    grey: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("particlebridge").propagate = True
    bright = looked(grey, tmp_path / "bright")
    assert bright["crops"] >= 1
    assert not caplog.text
    dark = looked(inverted(grey), tmp_path / "dark")
    assert dark["inverted"] == bright["as_it_is"]
    assert "look darker" in caplog.text
    assert "--invert" in caplog.text


def test_a_tiny_volume_is_not_worth_it(grey: np.ndarray, tmp_path: Path) -> None:
    assert looked(grey[:3, :40, :40], tmp_path) == {"crops": 0}


def test_inverted_volumes_are_read_so_by_every_stage(
    grey: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("particlebridge").propagate = True
    small = grey[:6, :48, :48]
    np.save(tmp_path / "bright.npy", small)
    np.save(tmp_path / "dark.npy", inverted(small))
    for name, invert in (("bright", False), ("dark", True)):
        out = tmp_path / name
        segment(tmp_path / f"{name}.npy", out, diameter=18, views=("xy", "xz"), invert=invert)
        fuse_folder(out, volume=tmp_path / f"{name}.npy", invert=invert)
    assert "dark.npy: its grey values are inverted" in caplog.text
    for file in ("labels.tif", "solid.tif", "views/xz/labels.tif"):
        one, other = (read_labels(tmp_path / name / file) for name in ("bright", "dark"))
        assert np.array_equal(one, other), file


def test_inverting_keeps_types_and_nan(tmp_path: Path) -> None:
    assert inverted(np.array([0, 7, 255], np.uint8)).tolist() == [255, 248, 0]
    assert inverted(np.array([-3, 4], np.int16)).tolist() == [2, -5]
    values = np.array([[[1.5, np.nan]] * 2] * 2, np.float32)
    np.save(tmp_path / "f.npy", values)
    volume = with_bright_particles(open_volume(tmp_path / "f.npy"), invert=True)
    assert np.array_equal(volume.loaded().data, -values, equal_nan=True)
    assert volume.data.dtype == np.float32
