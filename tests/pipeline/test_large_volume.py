"""The pipeline in chunks: the same bodies and table as in memory, on one process or several."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from particlebridge.analysis import Polygons, Prediction, electrode
from particlebridge.bridge import read_labels, read_volume, run, segment
from particlebridge.bridge.runs.chunked_view_folder import ChunkedViewFolder
from particlebridge.bridge.runs.work_plan import Plan, parse_bytes
from particlebridge.bridge.volumes.ome_zarr import create_stack

SHAPE = (33, 48, 56)
"""Two chunks along every axis."""

COMMAND = [sys.executable, "-c", "from particlebridge.bridge.cli.app import main; main()", "run"]


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = electrode(SHAPE, seed=11, radius=(6.0, 14.0))
    path = tmp_path_factory.mktemp("volumes") / "electrode.zarr"
    create_stack(path, made.volume.shape, np.uint16, made.spacing, (32, 32, 32))[:] = made.volume
    return path


@pytest.fixture(scope="module")
def in_memory(volume: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "tiff"
    run([volume], out, diameter=22)
    return out


@pytest.fixture(scope="module")
def in_chunks(volume: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "zarr"
    run([volume], out, diameter=22, format="zarr")
    return out


def test_files(in_chunks: Path) -> None:
    for view in ("xy", "xz", "yz"):
        for name in ("labels", "prob", "dist"):
            assert (in_chunks / "views" / view / f"{name}.zarr").is_dir()
        assert not (in_chunks / "views" / view / ".particlebridge-slices").exists()
    for name in ("labels.zarr", "solid.zarr", "fusion.csv", "features.csv", "report.html"):
        assert (in_chunks / name).exists(), name
    assert not [p.name for p in in_chunks.iterdir() if p.is_dir() and p.name.startswith(".")]


def test_labels_say_that_they_are_and_of_which_image(volume: Path, in_chunks: Path) -> None:
    """As label.schema of OME-NGFF 0.4 asks for it."""
    told = json.loads((in_chunks / "labels.zarr" / ".zattrs").read_text())
    source = told["image-label"]["source"]["image"]
    assert told["image-label"] == {"version": "0.4", "source": {"image": source}}
    assert (in_chunks / "labels.zarr" / source).resolve() == volume.resolve()
    assert told["multiscales"][0]["version"] == "0.4"
    # A view is resampled from the volume: no image of the same pixels is stored.
    for name, label in (("labels", {"version": "0.4"}), ("prob", None)):
        told = json.loads((in_chunks / "views" / "xz" / f"{name}.zarr" / ".zattrs").read_text())
        assert told.get("image-label") == label


def test_stacks_are_those_of_tiff(in_memory: Path, in_chunks: Path) -> None:
    for view in ("xy", "xz", "yz"):
        for name in ("labels", "prob", "dist"):
            tiff = read_volume(in_memory / "views" / view / f"{name}.tif")
            chunked = read_volume(in_chunks / "views" / view / f"{name}.zarr")
            assert chunked.spacing == pytest.approx(tiff.spacing)
            if name == "labels":
                assert np.mean(chunked.data == tiff.data) > 0.9999
            else:
                np.testing.assert_allclose(chunked.data, tiff.data, rtol=1e-4, atol=1e-3)


def test_bodies_and_table_are_those_of_memory(in_memory: Path, in_chunks: Path) -> None:
    whole, chunked = read_labels(in_memory / "labels.tif"), read_labels(in_chunks / "labels.zarr")
    assert np.mean(whole == chunked) > 0.999
    a, b = (pd.read_csv(folder / "features.csv") for folder in (in_memory, in_chunks))
    assert list(a.columns) == list(b.columns)
    assert len(a) == len(b)
    assert np.allclose(a[["X", "Y", "Z", "Volume"]], b[["X", "Y", "Z", "Volume"]], rtol=1e-2)


def test_a_second_run_does_nothing_again(volume: Path, in_chunks: Path) -> None:
    kept = [
        p
        for p in in_chunks.rglob("*")
        if p.is_file() and p.name not in ("run.json", ".particlebridge-lock")
    ]
    before = {p: p.stat().st_mtime_ns for p in kept}
    run([volume], in_chunks, diameter=22, format="zarr")
    assert {p: p.stat().st_mtime_ns for p in kept} == before
    record = json.loads((in_chunks / "run.json").read_text())
    assert record["stages"]["segment xy"]["resumed_slices"] == SHAPE[0]
    assert record["stages"]["fuse"]["blocks"] == 1


def test_views_of_the_other_format_are_not_mixed_in(volume: Path, in_memory: Path) -> None:
    with pytest.raises(ValueError, match=r"views.xy holds results with format = tiff, not zarr"):
        segment(volume, in_memory, diameter=22, format="zarr")


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_two_processes_give_what_one_gives_after_a_piece_killed_its_workers(
    volume: Path, in_chunks: Path, tmp_path: Path
) -> None:
    out = tmp_path / "cluster"
    options = ["--out", str(out), "--diameter", "22", "--format", "zarr", "--scheduler", "local"]
    preload = str([str(Path(__file__).parents[1] / "helpers" / "deadly_slices.py")])
    killed = subprocess.run(
        [*COMMAND, str(volume), *options, "--workers", "2"],
        env={**os.environ, "DASK_DISTRIBUTED__WORKER__PRELOAD": preload},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert killed.returncode == 1
    last = killed.stderr.strip().splitlines()[-1]
    assert "32 of 48 slices failed (0, 1, 2" in last
    assert "2 workers died over it with no other task running" in last
    assert "tried once more" in killed.stderr
    assert (out / "views" / "xy" / "labels.zarr").is_dir()
    assert (out / "views" / "yz" / "labels.zarr").is_dir()
    assert not (out / "labels.zarr").exists()

    run([volume], out, diameter=22, format="zarr", scheduler="local", workers=2)
    stages = json.loads((out / "run.json").read_text())["stages"]
    resumed = [stages[f"segment {view}"]["resumed_slices"] for view in ("xy", "xz", "yz")]
    assert resumed == [SHAPE[0], SHAPE[1] - 32, SHAPE[2]]
    one, two = read_labels(in_chunks / "labels.zarr"), read_labels(out / "labels.zarr")
    assert np.mean(one == two) > 0.999
    a, b = (pd.read_csv(folder / "features.csv") for folder in (in_chunks, out))
    assert len(a) == len(b)
    assert np.allclose(a["Volume"], b["Volume"], rtol=1e-2)


def test_a_worker_writes_the_slabs_of_its_own_slices_only(tmp_path: Path) -> None:
    """Another may be writing its own at that moment, and dropping the slices."""
    folder = ChunkedViewFolder(tmp_path / "xy", (32, 4, 5), (1.0, 1.0, 1.0))
    folder.prepare()
    none = np.zeros((0, 32, 2))
    polygons = Polygons(none[:, 0], none[..., 0], none[:, 0, 0], none)
    for index in range(32):
        plane = np.full((4, 5), index + 1, np.int32)
        folder.keep(index, Prediction(plane, plane / 100, plane * 2.0, polygons))
    folder.settle(range(16))
    left = sorted(path.stem for path in folder.pieces.path.glob("*.npz"))
    assert left == [f"{index:05d}" for index in range(16, 32)]
    folder.join()
    assert np.array_equal(folder.open("labels")[:, 0, 0], np.arange(1, 33))


def test_ceilings() -> None:
    assert parse_bytes("8GB") == 8 * 10**9
    with pytest.raises(ValueError, match="'much' is not a memory size; write it like 8GB"):
        parse_bytes("much")
    with pytest.raises(ValueError, match="'8' is not a memory size"):
        parse_bytes("8")


def test_a_ceiling_shapes_the_pieces(volume: Path) -> None:
    from particlebridge.bridge.volumes.reading import open_volume

    opened = open_volume(volume)
    with pytest.raises(ValueError, match=r"electrode\.zarr: a slice needs .* allow"):
        Plan("zarr", ceiling=4 * 10**8).fitted(opened)
    np.lib.format.open_memmap(volume.parent / "big.npy", "w+", np.uint16, (512, 512, 512))
    opened = open_volume(volume.parent / "big.npy")
    with pytest.raises(ValueError, match=r"big\.npy: fusing it in one piece needs .*--format"):
        Plan("tiff", ceiling=4 * 10**9).fitted(opened)
    plan = Plan("zarr", ceiling=4 * 10**9).fitted(opened)
    assert len(plan.block_grid((512,) * 3, (1, 1, 1), 30.0, volume).blocks()) > 1
    assert plan.block_grid((512,) * 3, (1, 1, 1), 30.0, volume).halo == (30, 30, 30)
    roomy = Plan("zarr", ceiling=32 * 10**9).fitted(opened)
    assert len(roomy.block_grid((512,) * 3, (1, 1, 1), 30.0, volume).blocks()) == 1
    assert plan.slab_depth(opened) % 64 == 0
    # TensorFlow takes more memory: the same ceiling leaves smaller pieces.
    small = Plan("zarr", ceiling=2 * 10**9).fitted(opened)
    tensorflow = Plan("zarr", ceiling=2 * 10**9, backend="tensorflow").fitted(opened)
    assert tensorflow.max_pixels < small.max_pixels / 2
    # Particles of a quarter of the model's size: sixteen times the pixels, in smaller pieces.
    large = small.fitted(opened, enlarged=16.0)
    assert large.max_pixels < small.max_pixels
