"""The same bits from the same image, whatever else the processors do."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import tifffile
from particlebridge.analysis import Prediction, electrode
from particlebridge.bridge import segment
from particlebridge.bridge.engines.protocol import Settings
from particlebridge.bridge.engines.python import PythonEngine

PLUGIN = Path(__file__).parents[1] / "data" / "plugin"
NAMES = ("labels.tif", "prob.tif", "dist.tif")


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep the processors busy with so many other processes."""
    command = (sys.executable, "-c", "while True: pass")
    started = [subprocess.Popen(command) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def bits(result: object) -> tuple[bytes, ...]:
    assert isinstance(result, Prediction), result
    return result.labels.tobytes(), result.prob.tobytes(), result.dist.tobytes()


@pytest.mark.parametrize(("model", "backend"), [("bundle.zip", "tensorflow"), ("nmc", "onnx")])
def test_slices_computed_side_by_side_are_those_computed_alone(model: str, backend: str) -> None:
    # TensorFlow keeps the threads it has started with: it gets a process of its own.
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
        fresh.submit(compare_with_alone, model, backend).result()


def compare_with_alone(model: str, backend: str) -> None:
    """Compute slices one by one, then side by side beside other processes."""
    volume = electrode((12, 96, 120), seed=3, radius=(6.0, 14.0)).volume
    settings = Settings(prob_thresh=0.3, diameter=20)
    engine = PythonEngine(model if model == "nmc" else PLUGIN / model, settings)
    assert engine.network.backend == backend
    alone = {z: bits(engine.segment(volume[z])) for z in range(12)}
    assert len({labels for labels, _, _ in alone.values()}) > 1
    with busy(4):
        for order in (range(12), range(11, -1, -1), range(0, 12, 2)):
            results = list(engine.predict(volume, order))
            assert [index for index, _ in results] == list(order)
            assert all(bits(result) == alone[index] for index, result in results)


def test_a_slice_that_fails_among_others_fails_alone_and_in_its_place() -> None:
    volume = electrode((6, 96, 96), seed=3, radius=(6.0, 14.0)).volume.astype(np.float32)
    volume[2, 5, 5] = np.nan
    engine = PythonEngine(PLUGIN / "bundle.zip", Settings(prob_thresh=0.3))
    results = list(engine.predict(volume, range(6)))
    assert [index for index, _ in results] == list(range(6))
    assert [index for index, r in results if not isinstance(r, Prediction)] == [2]


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("model", ["bundle.zip", "model", "nmc"])
def test_two_hundred_repeats_beside_ten_processes(model: str, tmp_path: Path) -> None:
    volume = electrode((4, 120, 160), seed=3, radius=(6.0, 14.0)).volume
    path = tmp_path / "volume.tif"
    tifffile.imwrite(path, volume, photometric="minisblack")
    seen = set()
    with busy(10):
        for repeat in range(200):
            out = tmp_path / f"out{repeat}"
            segment(
                path,
                out,
                model=model if model == "nmc" else PLUGIN / model,
                views=["xy"],
                diameter=20,
            )
            stacks = [tifffile.imread(out / "views" / "xy" / name).tobytes() for name in NAMES]
            seen.add(tuple(stacks))
    assert len(seen) == 1
