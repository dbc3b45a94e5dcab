"""The folders that the published pipeline leaves: which view is which, enlarged and fused."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from particlebridge.analysis import electrode, score
from particlebridge.bridge import fuse_folder, read_labels
from particlebridge.bridge.cli.app import app
from particlebridge.bridge.fusing.published_maps import open_published_maps
from particlebridge.bridge.volumes.writing import write_stack
from scipy.ndimage import distance_transform_edt, zoom
from typer.testing import CliRunner

SHAPE = (40, 62, 70)


@pytest.fixture(scope="module")
def made():
    return electrode(SHAPE, seed=5, radius=(7.0, 11.0))


def _leave(labels: np.ndarray, folder: Path, *, columns_are_x: bool = False) -> None:
    """Write mean distances as half-size slices, named as the public code reads them.

    It loops over nx slices of xy, of nz x ny pixels, ny slices of xz, of nz x nx, and nz slices of
    yz, of nx x ny, in a volume of nx rows, ny columns and nz slices.
    """
    maps = np.zeros(labels.shape)
    for label in range(1, labels.max() + 1):
        maps += distance_transform_edt(labels == label)
    across = {"yz": 0, "xy": 1, "xz": 2}
    if columns_are_x:
        across |= {"xy": 2, "xz": 1}
    for name, axis in across.items():
        own = folder / "prob" / name
        own.mkdir(parents=True)
        for number, plane in enumerate(np.moveaxis(maps, axis, 0)):
            small = zoom(plane, 0.5, order=1, grid_mode=True, mode="nearest").astype(np.float32)
            tifffile.imwrite(own / f"slice_{number:05d}.tif", small)


@pytest.mark.parametrize("columns_are_x", [False, True])
@pytest.mark.parametrize("square", [False, True])
def test_the_particles_come_out_where_they_are(
    made, tmp_path: Path, columns_are_x: bool, square: bool
) -> None:
    labels = made.labels[:, :, : SHAPE[1]] if square else made.labels
    _leave(labels, tmp_path, columns_are_x=columns_are_x)
    done = CliRunner().invoke(
        app,
        ["fuse", str(tmp_path), "--method", "paper", "--downscale", "0.5", "--min-voxels", "20"],
    )
    assert done.exit_code == 0, done.stderr
    first, second = ("yz", "xz") if columns_are_x else ("xz", "yz")
    assert f"its yz is our xy, its xy our {first} and its xz our {second}" in done.stderr
    found = read_labels(tmp_path / "labels.tif")
    assert found.shape == labels.shape
    inside = found > 0
    assert np.mean(inside == (labels > 0)) > 0.85
    assert (tmp_path / "fusion.csv").is_file()


def test_grey_values_give_the_mask_even_with_rows_and_columns_exchanged(
    made, tmp_path: Path
) -> None:
    _leave(made.labels.swapaxes(1, 2), tmp_path)
    grey = tmp_path / "grey.tif"
    write_stack(grey, made.volume, made.volume.shape, np.uint16, made.spacing)
    target = fuse_folder(tmp_path, volume=grey, method="paper", downscale=0.5, min_voxels=20)
    found = read_labels(target)
    assert found.shape == SHAPE
    assert np.mean((found > 0) == (made.labels > 0)) > 0.85
    assert (tmp_path / "solid.tif").is_file()
    assert score(made.labels, found).f1[0.5] >= 0


def test_maps_lie_at_the_very_voxels(tmp_path: Path) -> None:
    """A ball of distances in the middle stays in the middle: no half voxel is lost."""
    labels = np.zeros((24, 28, 32), int)
    z, y, x = np.indices(labels.shape)
    labels[(z - 11.5) ** 2 + (y - 13.5) ** 2 + (x - 15.5) ** 2 < 81] = 1
    _leave(labels, tmp_path)
    total = open_published_maps(tmp_path).added()
    centre = [np.average(index, weights=np.clip(total, 0, None)) for index in (z, y, x)]
    assert centre == pytest.approx([11.5, 13.5, 15.5], abs=0.02)


def test_what_is_missing_or_does_not_belong_is_named(made, tmp_path: Path) -> None:
    _leave(made.labels, tmp_path)
    with pytest.raises(ValueError, match="no labels; fuse them with --method paper"):
        fuse_folder(tmp_path)
    last = tmp_path / "prob" / "xy" / f"slice_{SHAPE[1] - 1:05d}.tif"
    for number in range(SHAPE[1] // 2, SHAPE[1]):
        last.with_name(f"slice_{number:05d}.tif").unlink()
    with pytest.raises(ValueError, match="prob: not of one volume"):
        fuse_folder(tmp_path, method="paper")
    for file in (tmp_path / "prob" / "xy").iterdir():
        file.unlink()
    (tmp_path / "prob" / "xy").rmdir()
    with pytest.raises(FileNotFoundError, match=r"prob.xy: no such folder"):
        fuse_folder(tmp_path, method="paper")
    assert not (tmp_path / "labels.tif").exists()
