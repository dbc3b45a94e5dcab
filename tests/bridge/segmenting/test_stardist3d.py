"""Volumes by a StarDist 3D model: files, resume, refusals."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from particlebridge.analysis import electrode
from particlebridge.bridge import measure_files, read_labels, read_volume, segment
from particlebridge.bridge.volumes.writing import write_stack
from particlebridge.exporter import TrainOptions, train


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = [electrode((24, 48, 48), seed=s, radius=(4, 8), view=3.0) for s in (1, 2)]
    options = TrainOptions(
        epochs=2, steps=6, batch=1, patch=32, patch_depth=16, rays=16, filters=8, depth=1
    )
    out = tmp_path_factory.mktemp("models") / "small3d"
    train([m.volume for m in made], [m.labels for m in made], out, dims=3, options=options)
    return out


def test_labels_solid_and_table_go_straight_to_measuring(model: Path, tmp_path: Path) -> None:
    made = electrode((24, 48, 48), seed=3, radius=(4, 8), view=3.0)
    source = tmp_path / "volume.tif"
    write_stack(source, made.volume, made.volume.shape, np.uint16, made.spacing)
    out = tmp_path / "out"
    assert segment(source, out, model=model, dims=3).labels == {"volume.tif": out / "labels.tif"}
    labels = read_labels(out / "labels.tif")
    assert labels.shape == made.volume.shape
    assert len(pd.read_csv(out / "objects.csv")) == labels.max()
    solid = read_volume(out / "solid.tif").data > 0
    assert not solid[labels == 0].any()
    before = (out / "labels.tif").stat().st_mtime_ns
    segment(source, out, model=model, dims=3)
    assert (out / "labels.tif").stat().st_mtime_ns == before
    measure_files(source, out / "labels.tif", tmp_path / "features.csv", solid=out / "solid.tif")
    assert len(pd.read_csv(tmp_path / "features.csv")) == labels.max()


def test_a_2d_model_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.random.default_rng(0).random((8, 20, 20)))
    model = Path(__file__).parents[2] / "data" / "plugin" / "model"
    with pytest.raises(ValueError, match="not a 3-D StarDist model"):
        segment(tmp_path / "v.npy", tmp_path / "o", model=model, dims=3)
    assert not (tmp_path / "o" / "labels.tif").exists()


def test_fiji_cannot_run_3d(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.zeros((8, 20, 20)))
    with pytest.raises(ValueError, match="2-D"):
        segment(tmp_path / "v.npy", tmp_path / "o", model="m", dims=3, engine="fiji")
