"""What fusing takes, and how fast the paper's k-means is found."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis import VIEWS, ViewStack, electrode, fuse, kmeans_1d, score, to_view
from particlebridge.analysis._shared.views import from_view

from benchmarks.bench_features import packed
from benchmarks.fusion_peers import as_table, damaged_stacks
from benchmarks.predicted_views import SHAPE
from tests.helpers.damaged_views import HARD


def scaling(cache: Path) -> None:
    """Seconds and memory beyond the inputs, 256^3 and 512^3 of particles of one size.

    What is fused lies in the folder `cache` afterwards; a second call only measures.
    """
    rows = []
    for edge, count in ((256, 250), (512, 2000)):
        folder = cache / f"packed_{edge}"
        if not (folder / "truth.npy").exists():
            folder.mkdir(parents=True, exist_ok=True)
            grey, labels, _ = packed((edge,) * 3, count)
            np.save(f"{folder}/volume.npy", grey)
            for view in VIEWS:
                np.save(f"{folder}/{view}.npy", _thinned(to_view(labels, view)))
            np.save(f"{folder}/truth.npy", labels)
        said = subprocess.run(
            [sys.executable, "-m", "benchmarks.fusion_speed", folder],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        seconds, cpu, beyond, f1 = map(float, said.stdout.split()[-4:])
        rows.append({"edge": edge, "seconds": seconds, "CPU s": cpu, "voxels/s": edge**3 / seconds,
                     "GB beyond inputs": beyond, "F1@0.5": f1})  # fmt: skip
        print(as_table(rows[-1:]), flush=True)


def _thinned(stack: np.ndarray) -> np.ndarray:
    """Drop every tenth 2-D object, by chance."""
    rng = np.random.default_rng(0)
    thin = np.zeros(stack.shape, np.uint16)
    for plane, out in zip(stack, thin, strict=True):
        kept = rng.random(int(plane.max(initial=0)) + 1) >= HARD.drop
        out[:] = np.where(kept[plane], plane, 0)
    return thin


def measure(folder: Path) -> None:
    """Fuse what lies in a folder, in a process of its own, and print what it took."""
    small = damaged_stacks(packed((40, 40, 40), 4)[1], HARD, 0)
    fuse(small, np.zeros((40, 40, 40), np.uint16))  # Compiles, or loads what was compiled.
    views: dict[str, ViewStack] = {v: ViewStack(np.load(folder / f"{v}.npy")) for v in VIEWS}
    volume = np.load(folder / "volume.npy")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    fusion = fuse(views, volume)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    beyond = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    f1 = score(np.load(folder / "truth.npy", mmap_mode="r"), fusion.labels).f1[0.5]
    print(f"{wall:.1f} {cpu:.1f} {beyond:.2f} {f1:.4f}")


def kmeans() -> None:
    """Exact one-dimensional k-means beside scikit-learn's on the same summed distance maps."""
    for shape in (SHAPE, (160, 256, 256)):
        _kmeans(shape)


def _kmeans(shape: tuple[int, int, int]) -> None:
    from sklearn.cluster import KMeans

    views = damaged_stacks(electrode(shape, seed=8201).labels, HARD, 1)
    depths = [from_view(np.asarray(views[view].dist), view) for view in VIEWS]
    values = np.ascontiguousarray(np.sum(depths, axis=0), np.float32)
    kmeans_1d(values[shape[0] // 2], 5)  # Compiles, or loads what was compiled.
    wall, cpu, ours = _timed(9, kmeans_1d, values, 5)
    own = _inertia(values, ours.centres)
    print(f"{values.size:,} voxels; kmeans_1d: {wall:.4f} s, CPU {cpu:.4f} s, inertia {own:.8g}")
    column = values.reshape(-1, 1)
    for starts, times in ((1, 3), (10, 1)):
        seconds, spent, found = _timed(times, KMeans(5, n_init=starts, random_state=0).fit, column)
        # scikit-learn adds up in float32, so its own inertia_ is off in the third digit.
        theirs = _inertia(values, found.cluster_centers_)
        print(
            f"KMeans, {starts} start(s): {seconds:.2f} s, {seconds / wall:.0f} times; "
            f"CPU {spent:.2f} s, {spent / cpu:.0f} times; inertia {theirs:.8g}"
        )


def _inertia(values: np.ndarray, centres: np.ndarray) -> float:
    """Sum of squared distances to the nearest centre, in float64."""
    centres = np.sort(np.asarray(centres, float).ravel())
    nearest = centres[np.digitize(values, (centres[1:] + centres[:-1]) / 2)]
    return float(((values - nearest) ** 2).sum())


def _timed(times: int, work: Callable[..., Any], *arguments: Any) -> tuple[float, float, Any]:
    """Least wall and CPU seconds of some calls, and what they give."""
    wall, cpu = [], []
    for _ in range(times):
        start, spent = time.perf_counter(), time.process_time()
        result = work(*arguments)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - spent)
    return min(wall), min(cpu), result


if __name__ == "__main__":
    measure(Path(sys.argv[1]))
