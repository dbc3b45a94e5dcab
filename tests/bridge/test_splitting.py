"""Phases in, particles out: files, records, and what cannot be split."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from particlebridge.bridge import measure_files, read_labels, read_volume, split


@pytest.fixture(scope="module")
def phases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two balls of phase 2 that touch, in phase 0; a binder of phase 1 beside them."""
    z, y, x = np.indices((24, 24, 44))
    values = np.zeros(z.shape, np.uint8)
    values[:, :2] = 1
    for centre in (12, 29):
        values[(z - 12) ** 2 + (y - 12) ** 2 + (x - centre) ** 2 <= 81] = 2
    file = tmp_path_factory.mktemp("phases") / "phases.npy"
    np.save(file, values)
    return file


def test_a_phase_becomes_labels_that_measure_takes(phases: Path, tmp_path: Path) -> None:
    out = tmp_path / "particles"
    file = split(phases, out, phase=2, voxel_size=(0.5, 0.5, 0.5))
    labels = read_labels(file)
    assert np.array_equal(labels > 0, np.load(phases) == 2)
    assert read_volume(file).spacing == (0.5, 0.5, 0.5)
    table = pd.read_csv(out / "fusion.csv")
    assert len(table) == labels.max() == 2
    assert table["Volume"].sum() == pytest.approx((labels > 0).sum() * 0.125, rel=1e-4)
    record = json.loads((out / "run.json").read_text())
    assert record["settings"] == {"phase": 2}
    assert record["stages"]["split"]["particles"] == 2
    written = file.stat().st_mtime_ns
    split(phases, out, phase=2, voxel_size=(0.5, 0.5, 0.5))
    assert file.stat().st_mtime_ns == written
    done = measure_files(phases, file, tmp_path / "features.csv")
    assert len(pd.read_csv(done.features)) == 2
    assert len(pd.read_csv(done.contacts)) == 1


def test_what_cannot_be_split_leaves_nothing(phases: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no voxel of phase 7; it holds 0, 1, 2"):
        split(phases, tmp_path / "new", phase=7)
    assert not (tmp_path / "new").exists()
    (tmp_path / "labels.tif").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"labels\.tif: was not written by a run"):
        split(phases, tmp_path, phase=2)
    assert (tmp_path / "labels.tif").read_bytes() == b"mine"
