"""Volumes that stay on disk: what is read, and how often."""

import pickle
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from particlebridge.analysis import VIEWS, to_view
from particlebridge.bridge.runs.rechunking import in_cubes
from particlebridge.bridge.runs.run_folder import RunFolder
from particlebridge.bridge.volumes.field_of_view import find_field_of_view
from particlebridge.bridge.volumes.reading import open_volume, read_volume
from particlebridge.bridge.volumes.stored_arrays import SliceStack, StoredArray, array_digest
from zarr.storage import LocalStore

NOISE = np.random.default_rng(3).integers(1, 60000, (20, 24, 28), np.uint16)


def _zarr(path: Path) -> Path:
    zarr.create_array(path, data=NOISE, chunks=(8, 8, 8))
    return path


def _hdf5(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("grey", data=NOISE, chunks=(8, 8, 8))
    return path


def _packed_tiff(path: Path) -> Path:
    tifffile.imwrite(path, NOISE, imagej=False, compression="zlib", metadata={"axes": "ZYX"})
    return path


def _slices(path: Path) -> Path:
    path.mkdir()
    for z, plane in enumerate(NOISE):
        tifffile.imwrite(path / f"slice{z}.tif", plane)
    return path


SOURCES = {"a.zarr": _zarr, "a.h5": _hdf5, "a.tif": _packed_tiff, "slices": _slices}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return SOURCES[request.param](tmp_path / request.param)


def test_opened_is_what_is_read(source: Path) -> None:
    opened = open_volume(source)
    assert isinstance(opened.data, StoredArray)
    assert opened.data.shape == NOISE.shape
    assert opened.data.dtype == NOISE.dtype
    assert np.array_equal(opened.data[3:9, 5, 2:28:3], NOISE[3:9, 5, 2:28:3])
    assert np.array_equal(np.asarray(opened.data), NOISE)
    assert np.array_equal(read_volume(source).data, NOISE)
    assert opened.digest == array_digest(NOISE)


def test_it_can_be_sent_to_another_process(source: Path) -> None:
    sent = pickle.loads(pickle.dumps(open_volume(source).data))
    assert np.array_equal(sent[4], NOISE[4])


@pytest.mark.parametrize("view", VIEWS)
def test_slices_of_each_view(source: Path, view: str) -> None:
    stack = SliceStack(open_volume(source).data, view)
    expected = to_view(NOISE, view)
    assert stack.shape == expected.shape
    for index in (0, 7, 8, len(stack) - 1, 2):
        assert np.array_equal(stack[index], expected[index])
    with pytest.raises(IndexError):
        stack[len(stack)]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Count how often each chunk is read from the disk."""
    counted: Counter[str] = Counter()
    original = LocalStore.get

    async def get(self: LocalStore, key: str, *args: object, **kwargs: object) -> object:
        if key.rpartition("/")[2].isdigit():
            counted[key] += 1
        return await original(self, key, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(LocalStore, "get", get)
    yield counted


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_reads_each_chunk_once(tmp_path: Path, view: str, reads: Counter[str]) -> None:
    stack = SliceStack(open_volume(_zarr(tmp_path / "a.zarr")).data, view)
    reads.clear()
    for index in range(len(stack)):
        stack[index]
    assert len(reads) == 3 * 3 * 4
    assert set(reads.values()) == {1}


def test_digest_and_field_of_view_read_each_chunk_once(tmp_path: Path, reads: Counter[str]) -> None:
    volume = open_volume(_zarr(tmp_path / "a.zarr"))
    reads.clear()
    assert find_field_of_view(volume.data).seen is None
    # Once, and those of the middle and the last slice again, where a data bar is looked for.
    assert len(reads) == 3 * 3 * 4
    assert sum(reads.values()) == (3 + 2) * 3 * 4
    reads.clear()
    assert volume.digest
    assert set(reads.values()) == {1}


def test_round_field_of_view_of_a_stored_volume(tmp_path: Path) -> None:
    y, x = np.mgrid[:40, :40]
    disc = (y - 20) ** 2 + (x - 20) ** 2 < 19**2
    grey = np.where(disc, np.random.default_rng(0).normal(100, 10, (6, 40, 40)), np.nan)
    zarr.create_array(tmp_path / "a.zarr", data=grey.astype(np.float32), chunks=(3, 16, 16))
    data = open_volume(tmp_path / "a.zarr").data
    view = find_field_of_view(data)
    assert isinstance(view.seen, StoredArray)
    assert np.array_equal(view.seen[2], disc)
    assert view.fill == pytest.approx(100, abs=2)
    plane = SliceStack(data, "xz", view.fill)[20]
    assert np.isfinite(plane).all()
    assert np.array_equal(plane[:, 5:35], grey.astype(np.float32)[:, 20, 5:35])


def test_a_slice_that_vanished_or_changed_is_named(tmp_path: Path) -> None:
    folder = _slices(tmp_path / "slices")
    opened = open_volume(folder).data
    tifffile.imwrite(folder / "slice5.tif", NOISE[5, :-1])
    with pytest.raises(ValueError, match=r"slice5\.tif: is uint16 \(23, 28\), but the first"):
        opened[5]
    (folder / "slice6.tif").unlink()
    with pytest.raises(FileNotFoundError, match=r"slice6\.tif"):
        opened[6]


def test_flat_chunks_are_copied_into_cubes_once(tmp_path: Path, reads: Counter[str]) -> None:
    zarr.create_array(tmp_path / "flat.zarr", data=np.tile(NOISE, (4, 4, 4)), chunks=(1, 96, 112))
    volume = open_volume(tmp_path / "flat.zarr", (2, 1, 1))
    run = RunFolder(tmp_path / "run")
    assert in_cubes(volume, run, None) is volume
    assert volume.digest
    reads.clear()
    copy = in_cubes(volume, run, 1000)
    assert {key for key in reads if key.startswith("c/")} == {f"c/{z}/0/0" for z in range(80)}
    assert {n for key, n in reads.items() if key.startswith("c/")} == {1}
    assert copy.data.chunks == (64, 64, 64)
    assert copy.spacing == (2, 1, 1)
    assert copy.digest == volume.digest
    before = (tmp_path / "run" / "volume.zarr").stat().st_mtime_ns
    assert in_cubes(volume, RunFolder(tmp_path / "run"), 1000).digest == volume.digest
    assert (tmp_path / "run" / "volume.zarr").stat().st_mtime_ns == before
