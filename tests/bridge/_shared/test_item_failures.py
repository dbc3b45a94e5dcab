"""One item that fails, of whatever kind the error is, does not end the rest."""

import errno
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tifffile
from particlebridge.analysis import Prediction
from particlebridge.bridge import Failure, PythonEngine, run, segment
from particlebridge.bridge._shared.failures import explained, item_errors, why_failed
from particlebridge.bridge.engines.protocol import Settings
from particlebridge.bridge.runs.run_folder import RunFolder
from particlebridge.bridge.segmenting import image_batch, view_pieces
from particlebridge.bridge.segmenting.options import SegmentOptions, squareness
from particlebridge.bridge.segmenting.view_pieces import EngineSpec, engine_ends, engine_of

MODEL = Path(__file__).parents[2] / "data" / "plugin" / "bundle.zip"
ERRORS = [
    MemoryError(),
    tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"),
    tf.errors.InternalError(None, None, "cuDNN"),
    OSError(errno.EIO, "Input/output error", "scan.tif"),
    RuntimeError("a"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_each_kind_is_one_slices_failure(error: Exception) -> None:
    engine = PythonEngine(MODEL)
    image = tifffile.imread(MODEL.parent / "phantom_slice.tif")

    def segment_or_fail(piece: np.ndarray) -> Prediction:
        if not piece.any():
            raise error
        return PythonEngine.segment(engine, piece)

    engine.segment = segment_or_fail  # type: ignore[method-assign]
    results = dict(engine.predict([image, np.zeros_like(image), image], range(3)))
    assert isinstance(results[1], Failure)
    assert results[1].reason == explained(error)
    assert "\n" not in results[1].reason
    assert isinstance(results[2], Prediction)


def test_a_gpu_out_of_memory_has_a_fix() -> None:
    assert "--memory" in explained(ERRORS[1])


def test_a_full_disk_ends_the_work() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "labels.tif")
    with pytest.raises(OSError, match="No space"):
        why_failed(full)


def test_a_fault_of_the_program_is_no_items_failure() -> None:
    assert not issubclass(KeyError, item_errors())


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(7):
        tifffile.imwrite(folder / f"{i}.tif", np.zeros((64, 64), np.uint8))
    return folder


def test_all_images_that_failed_are_named(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    read = image_batch.read_image

    def broken(path: Path) -> Any:
        if path.stem != "6":
            raise ERRORS[int(path.stem) % len(ERRORS)]
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(image_batch, "read_image", broken)
        with pytest.raises(RuntimeError, match=r"6 of 7 images failed.*failures\.csv"):
            segment(images, out, model=MODEL)
    table = pd.read_csv(out / "failures.csv")
    assert table["image"].tolist() == [f"{i}.tif" for i in range(6)]
    assert table["reason"].str.contains(".tif").all()
    assert list(RunFolder(out).record["failures"]) == table["image"].tolist()
    assert (out / "6" / "objects.csv").is_file()
    segment(images, out, model=MODEL)
    assert not (out / "failures.csv").exists()
    assert "failures" not in RunFolder(out).record


def test_what_keeps_the_engine_from_starting_is_no_images_failure(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise FileNotFoundError("there is no Fiji here")

    monkeypatch.setattr(SegmentOptions, "start", gone)
    with pytest.raises(FileNotFoundError, match="no Fiji"):
        segment(images, tmp_path / "out", model=MODEL)
    assert not (tmp_path / "out" / "failures.csv").exists()


def test_a_slice_that_cannot_be_kept_is_a_failure_and_the_others_go_on(
    small_volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from particlebridge.bridge.runs.view_folder import ViewFolder

    keep = ViewFolder.keep

    def worn(folder: ViewFolder, index: int, prediction: Prediction) -> None:
        if index == 3:
            raise OSError(errno.EIO, "Input/output error", "3.npz")
        keep(folder, index, prediction)

    monkeypatch.setattr(ViewFolder, "keep", worn)
    with pytest.raises(RuntimeError, match=r"1 of 16 slices failed \(3\).*Input/output"):
        segment(small_volume, tmp_path, views=("xy",), model=MODEL)
    assert len(list((tmp_path / "views" / "xy" / ".particlebridge-slices").glob("*.npz"))) == 15
    assert RunFolder(tmp_path).record["failed_slices"]["xy"].keys() == {"3"}


def test_a_volume_out_of_memory_does_not_end_the_batch(
    small_volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from particlebridge.bridge import pipeline

    seen: list[str] = []

    def full(item: Any, *_: object) -> Any:
        seen.append(item.name)
        raise ERRORS[len(seen) - 1]

    monkeypatch.setattr(pipeline, "_read", full)
    other = tmp_path / "other.tif"
    other.write_bytes(small_volume.read_bytes())
    with pytest.raises(RuntimeError, match="all 2 volumes failed"):
        run([small_volume, other], tmp_path / "out")
    assert len(seen) == 2


@dataclass
class _Seat:
    """An engine that only knows whether it was closed."""

    closed: bool = False

    def versions(self) -> dict[str, Any]:
        return {}

    def predict(
        self, slices: Sequence[np.ndarray] | np.ndarray, indices: Any
    ) -> Iterator[tuple[int, Failure]]:
        yield from ()

    def close(self) -> None:
        self.closed = True


def test_a_thread_does_not_end_the_engine_that_another_uses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[_Seat] = []

    def start(self: EngineSpec, network: object = None) -> _Seat:
        started.append(_Seat())
        return started[-1]

    monkeypatch.setattr(EngineSpec, "start", start)
    spec = EngineSpec(SegmentOptions(), Settings(), "a", 1)

    def other() -> None:
        with engine_ends(), engine_of(replace(spec, digest="b")):
            pass

    with engine_of(spec) as mine:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert [seat.closed for seat in started] == [False, True]
        # The same kind asked for by another thread is another engine: none has two users.
        with engine_of(spec) as second:
            assert second is not mine
    with engine_ends(), engine_of(spec) as again:
        assert again is mine
    assert all(seat.closed for seat in started)
    assert not view_pieces._engine_cache


def test_pixels_that_differ_by_a_rounding_take_one_engine(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert squareness(0.1, 0.1 + 1e-7) == squareness(0.1, 0.1) == (1, 1)
    assert squareness(0.2, 0.1) == (2, 1)
    for i in range(7):
        size = 10 * (1 + 1e-6 * i)
        tifffile.imwrite(
            images / f"{i}.tif",
            np.zeros((64, 64), np.uint8),
            imagej=True,
            resolution=(10, size),
            metadata={"axes": "YX", "unit": "um"},
        )
    start, started = SegmentOptions.start, []

    def counted(self: SegmentOptions, *given: Any) -> Any:
        started.append(given)
        return start(self, *given)

    monkeypatch.setattr(SegmentOptions, "start", counted)
    segment(images, tmp_path / "out", model=MODEL)
    assert len(started) == 1
