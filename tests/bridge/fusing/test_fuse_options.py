"""Settings of a fusion method, from the command line into the fusion."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from particlebridge.analysis import VIEWS, to_view
from particlebridge.bridge import fuse_folder
from particlebridge.bridge.cli.app import app
from particlebridge.bridge.fusing.options import FuseOptions
from particlebridge.bridge.volumes.labels import read_labels
from typer.testing import CliRunner


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Two bodies of 6 x 6 x 6 and of 8 x 10 x 10 voxels, far apart, seen whole by every view."""
    labels = np.zeros((16, 24, 32), np.uint16)
    labels[2:8, 2:8, 2:8], labels[4:12, 8:18, 16:26] = 1, 2
    for view in VIEWS:
        folder = tmp_path / "run" / "views" / view
        folder.mkdir(parents=True)
        stack = to_view(labels, view)
        tifffile.imwrite(folder / "labels.tif", stack, metadata={"axes": "ZYX"})
        tifffile.imwrite(
            folder / "dist.tif", (stack > 0).astype(np.float32), metadata={"axes": "ZYX"}
        )
    return tmp_path / "run"


@pytest.mark.parametrize("suffix", ["tif", "zarr"])
@pytest.mark.parametrize(("smallest", "found"), [(None, 0), (217, 1), (216, 2)])
def test_paper_is_fitted_to_the_particles(
    run_folder: Path, suffix: str, smallest: int | None, found: int
) -> None:
    out = run_folder / f"labels.{suffix}"
    told = ["--downscale", "1", *(["--min-voxels", str(smallest)] if smallest else [])]
    chunked = ["--format", "zarr"] if suffix == "zarr" else []
    done = CliRunner().invoke(
        app, ["fuse", str(run_folder), "--method", "paper", "--out", str(out), *told, *chunked]
    )
    assert done.exit_code == 0, done.stderr
    assert np.unique(read_labels(out)).size - 1 == found


def test_only_what_was_given_is_kept() -> None:
    assert FuseOptions("flow").given() == {"method": "flow"}
    assert FuseOptions("paper").given() == {"method": "paper"}
    assert FuseOptions("paper", 0.5).given() == {"method": "paper", "downscale": 0.5}
    all_three = {"method": "paper", "downscale": 1, "min_voxels": 9}
    assert FuseOptions("paper", 1, 9).given() == all_three


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (["--downscale", "0.5"], "downscale: settings of method paper; method consensus"),
        (["--method", "flow", "--min-voxels", "9"], "min_voxels: settings of method paper"),
        (["--method", "paper", "--downscale", "0"], "downscale lies above 0"),
        (["--method", "paper", "--downscale", "nan"], "downscale lies above 0"),
        (["--method", "paper", "--min-voxels", "0"], "min_voxels is at least 1"),
    ],
)
@pytest.mark.parametrize("command", ["fuse", "run"])
def test_what_a_method_has_not_is_refused(
    run_folder: Path, command: str, told: list[str], sentence: str
) -> None:
    out = run_folder / "out" / "labels.tif"
    done = CliRunner().invoke(app, [command, str(run_folder), "--out", str(out), *told])
    assert done.exit_code == 1
    assert done.stderr.startswith(f"particlebridge: {sentence}")
    assert not out.parent.exists()


def test_a_mask_of_labels_that_are_replaced_is_not_kept(run_folder: Path) -> None:
    grey = run_folder / "grey.tif"
    tifffile.imwrite(grey, np.full((16, 24, 32), 7, np.uint8), metadata={"axes": "ZYX"})
    fuse_folder(run_folder, volume=grey)
    solid = run_folder / "solid.tif"
    assert solid.is_file()
    fuse_folder(run_folder, method="flow", out=run_folder / "flow.tif")
    assert solid.is_file()
    fuse_folder(run_folder)
    assert not solid.exists()


def test_the_folder_is_named_where_its_views_cannot_be_fused(run_folder: Path) -> None:
    file = run_folder / "views" / "xy" / "dist.tif"
    tifffile.imwrite(file, np.full((16, 24, 32), np.nan, np.float32), metadata={"axes": "ZYX"})
    done = CliRunner().invoke(app, ["fuse", str(run_folder), "--method", "paper"])
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith(f"particlebridge: {run_folder}: ")


def test_the_mask_of_labels_in_chunks_is_used_by_itself(run_folder: Path) -> None:
    grey = run_folder / "grey.tif"
    tifffile.imwrite(grey, np.full((16, 24, 32), 7, np.uint8), metadata={"axes": "ZYX"})
    labels = fuse_folder(run_folder, volume=grey, out=run_folder / "labels.zarr", format="zarr")
    table = run_folder / "features.csv"
    done = CliRunner().invoke(app, ["measure", str(grey), str(labels), "--out", str(table)])
    assert done.exit_code == 0, done.stderr
    assert len(pd.read_csv(table)) == 2
