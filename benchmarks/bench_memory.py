"""Peak memory of the pipeline in chunks on volumes of several sizes, and its growth per voxel.

    python -m benchmarks.bench_memory OUT [--sizes 256,256,256 512,512,512 512,1024,1024]

Each stage runs in a process of its own, whose peak resident memory is taken from the system ten
times a second, with the bytes that it read and wrote. The volume is one generated electrode
repeated in all directions, made chunk by chunk. The network's answer is recorded: the truth's
sections, with the probability 1, so that only the network's own memory is missing; that is
measured apart, with `--network`, on one slice of every size. OUT/memory.json holds one row a
stage; run again, what is finished is not done again.
"""

import argparse
import json
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fastremap
import numpy as np
import pandas as pd
import psutil
from particlebridge.analysis import Polygons, Prediction, atomic_path, electrode
from particlebridge.bridge.volumes.ome_zarr import CHUNK, create_stack
from particlebridge.bridge.volumes.reading import open_volume
from particlebridge.bridge.volumes.stored_arrays import SliceStack

TILE = (128, 256, 256)


def make(folder: Path, shape: tuple[int, int, int]) -> None:
    """Write volume.zarr and truth.zarr."""
    if (folder / "made").exists():
        return
    tile = electrode(TILE, seed=7, radius=(9.0, 20.0))
    count = int(tile.labels.max())
    spacing = tile.spacing
    grey = create_stack(folder / "volume.zarr", shape, np.uint16, spacing)
    truth = create_stack(folder / "truth.zarr", shape, np.int32, spacing)
    grid = [range(0, n, t) for n, t in zip(shape, TILE, strict=True)]
    number = 0
    for z in grid[0]:
        for y in grid[1]:
            for x in grid[2]:
                box = tuple(
                    slice(low, min(low + t, n))
                    for low, t, n in zip((z, y, x), TILE, shape, strict=True)
                )
                cut = tuple(slice(0, b.stop - b.start) for b in box)
                grey[box] = tile.volume[cut]
                labels = tile.labels[cut]
                truth[box] = np.where(labels > 0, labels + number * count, 0)
                number += 1
    (folder / "made").touch()


class Recorded:
    """An engine that says what is written down."""

    def __init__(self, truth: SliceStack) -> None:
        self._truth = truth

    def predict(self, slices: Any, indices: Iterable[int]) -> Iterator[tuple[int, Prediction]]:
        for index in indices:
            np.asarray(slices[index])
            labels, _ = fastremap.renumber(self._truth[index], preserve_zero=True)
            labels = labels.astype(np.int32)
            seen = (labels > 0).astype(np.float32)
            polygons = Polygons.from_rays(np.zeros((0, 2)), np.zeros((0, 32)), np.zeros(0))
            yield index, Prediction(labels, seen, 10 * seen, polygons)

    def versions(self) -> dict[str, Any]:
        return {"engine": "recorded"}


def segment(folder: Path, memory: str) -> None:
    """Segment the views, the network's answers read from the truth."""
    from particlebridge.analysis._shared.views import VIEWS, view_spacing
    from particlebridge.bridge._shared.progress import progress
    from particlebridge.bridge.runs.run_folder import RunFolder
    from particlebridge.bridge.runs.view_folder import segment_slices
    from particlebridge.bridge.runs.work_options import WorkOptions
    from particlebridge.bridge.runs.work_plan import planned

    volume = open_volume(folder / "volume.zarr")
    truth = open_volume(folder / "truth.zarr").data
    run = RunFolder(folder / "run")
    with planned(WorkOptions("zarr", memory=memory)) as plan:
        for view in VIEWS:
            stack = SliceStack(volume.data, view)
            held = plan.view_folder(
                run.path / "views" / view, stack.shape, view_spacing(volume.spacing, view)
            )
            held.prepare()
            missing = held.missing()
            engine = Recorded(SliceStack(truth, view))
            with progress(view, len(stack), len(stack) - len(missing)) as advance:
                for low in range(0, len(stack), CHUNK):
                    some = [i for i in missing if low <= i < low + CHUNK]
                    segment_slices(stack, held, engine, some, advance)  # type: ignore[arg-type]
            held.join()


def fuse(folder: Path, memory: str) -> None:
    """Fuse in blocks."""
    from particlebridge.analysis._shared.views import VIEWS, view_spacing
    from particlebridge.bridge.fusing.run import fuse_run
    from particlebridge.bridge.runs.run_folder import RunFolder
    from particlebridge.bridge.runs.source import Source
    from particlebridge.bridge.runs.work_options import WorkOptions
    from particlebridge.bridge.runs.work_plan import planned

    volume = open_volume(folder / "volume.zarr")
    run = RunFolder(folder / "run")
    with planned(WorkOptions("zarr", memory=memory)) as plan:
        views = {}
        for view in VIEWS:
            shape = SliceStack(volume.data, view).shape
            views[view] = plan.view_folder(
                run.path / "views" / view, shape, view_spacing(volume.spacing, view)
            )
        key = {"fusing": {"method": "consensus"}}
        target = run.path / "labels.zarr"
        fuse_run(Source(volume, plan=plan.fitted(volume)), views, run, "fuse", key, target)


def measure(folder: Path, memory: str) -> None:
    """Measure slab by slab."""
    from particlebridge.bridge.measuring import measure_run
    from particlebridge.bridge.runs.measure_options import MeasureOptions
    from particlebridge.bridge.runs.run_folder import RunFolder
    from particlebridge.bridge.runs.source import Source
    from particlebridge.bridge.runs.work_options import WorkOptions
    from particlebridge.bridge.runs.work_plan import planned

    volume = open_volume(folder / "volume.zarr")
    with planned(WorkOptions("zarr", memory=memory)) as plan:
        run = RunFolder(folder / "run")
        measure_run(Source(volume, plan=plan.fitted(volume)), run, {}, MeasureOptions())


def network(folder: Path, memory: str) -> None:
    """One slice through the real network, whole."""
    from particlebridge.bridge.engines.protocol import Settings
    from particlebridge.bridge.engines.python import PythonEngine

    stack = SliceStack(open_volume(folder / "volume.zarr").data, "xy")
    PythonEngine("nmc", Settings(diameter=30.0)).segment(stack[len(stack) // 2])


@dataclass
class Taken:
    """What a stage took: peak resident bytes, wall and processor seconds, bytes read and written.

    Bytes are those of the system's calls: of the files as they are packed, whether from disk or
    from the system's cache, and of the modules that were imported.
    """

    peak: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    read: int = 0
    written: int = 0


def take(stage: Callable[[Path, str], None], folder: Path, memory: str) -> Taken:
    """Run a stage in a process of its own and look at it ten times a second.

    A stage that is stopped goes on from there when it is run again; what it took is then that of
    all its tries.
    """
    note = folder / f"taken-{stage.__name__}.json"
    before = Taken(**json.loads(note.read_text())) if note.exists() else Taken()
    process = multiprocessing.get_context("spawn").Process(target=stage, args=(folder, memory))
    start = time.perf_counter()
    process.start()
    seen, taken = psutil.Process(process.pid), before
    while process.is_alive():
        try:
            peak, times, bytes_ = seen.memory_info().rss, seen.cpu_times(), seen.io_counters()
        except psutil.Error:
            break
        taken = Taken(
            max(taken.peak, peak),
            before.wall + time.perf_counter() - start,
            before.cpu + times.user + times.system,
            before.read + bytes_.read_chars,
            before.written + bytes_.write_chars,
        )
        with atomic_path(note) as beside:
            beside.write_text(json.dumps(asdict(taken)))
        time.sleep(0.1)
    process.join()
    if process.exitcode:
        raise SystemExit(f"{stage.__name__} ended with {process.exitcode}")
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, nargs="?", default=Path("memory-benchmark"))
    parser.add_argument("--sizes", nargs="+", default=["256,256,256", "512,512,512"])
    parser.add_argument("--memory", default="100GB", help="100GB is all in one block")
    parser.add_argument("--network", action="store_true")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    notes = given.out / "memory.json"
    rows = json.loads(notes.read_text()) if notes.exists() else []
    for size in given.sizes:
        z, y, x = (int(n) for n in size.split(","))
        folder = given.out / f"{z}x{y}x{x}-{given.memory}"
        make(folder, (z, y, x))
        stages = [network] if given.network else [segment, fuse, measure]
        for stage in stages:
            about = {"size": f"{z} x {y} x {x}", "ceiling": given.memory, "stage": stage.__name__}
            if any(about.items() <= row.items() for row in rows):
                continue
            taken = take(stage, folder, given.memory)
            voxels = z * y * x
            rows.append(
                {
                    **about,
                    "peak_GB": round(taken.peak / 1e9, 3),
                    "peak_B_per_voxel": round(taken.peak / voxels, 1),
                    "read_B_per_voxel": round(taken.read / voxels, 2),
                    "written_B_per_voxel": round(taken.written / voxels, 2),
                    "cpu_s": round(taken.cpu),
                    "wall_s": round(taken.wall),
                }
            )
            notes.write_text(json.dumps(rows, indent=1))
            print(pd.DataFrame(rows).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
