"""The Fiji commands' own engine, Groovy and ONNX Runtime on plain ImageJ, beside the Python engine.

One 2048 x 2048 slice with about 20,000 candidates, the shipped model's network; each engine
computes it in one thread. Both are timed after a first slice, in which the JVM compiles and numba
loads.
"""

import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from particlebridge.analysis import Prediction
from particlebridge.bridge.engines.protocol import Failure, Settings
from particlebridge.bridge.engines.python import PythonEngine
from particlebridge.bridge.fiji.engine import FijiEngine
from particlebridge.exporter import export

SIZE, PARTICLES, REPEATS = 2048, 1500, 3
PROB_THRESH = 0.8


def scene(seed: int = 0) -> NDArray[np.uint8]:
    """Bright discs on noise, touching and overlapping."""
    rng = np.random.default_rng(seed)
    image = np.full((SIZE, SIZE), 60.0)
    for _ in range(PARTICLES):
        cy, cx = rng.uniform(0, SIZE, 2)
        radius = rng.uniform(12, 30)
        box = tuple(
            slice(max(0, int(c - radius - 1)), min(SIZE, int(c + radius + 2))) for c in (cy, cx)
        )
        y, x = np.ogrid[box]
        image[box][(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = 150 + 30 * rng.random()
    return np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8)


def main() -> None:
    """Print both times, their ratio and how many pixels differ."""
    image = scene()
    settings = Settings(prob_thresh=PROB_THRESH)
    with tempfile.TemporaryDirectory() as scratch:
        bundle = export("nmc", Path(scratch) / "nmc.zip", verify=False).path
        python = PythonEngine(bundle, settings)
        with FijiEngine(bundle, settings, fiji="net.imagej:ij") as fiji:
            times: dict[str, list[float]] = {"python": [], "fiji": []}
            found: dict[str, Prediction] = {}
            for repeat in range(REPEATS + 1):
                for name, engine in (("python", python), ("fiji", fiji)):
                    start = perf_counter()
                    ((_, result),) = engine.predict([image], [0])
                    if repeat:
                        times[name].append(perf_counter() - start)
                    if isinstance(result, Failure):
                        raise SystemExit(f"{name}: {result.reason}")
                    found[name] = result
    grid = python.network.grid
    points = found["python"].prob[:: grid[0], :: grid[1]]
    print(f"{SIZE} x {SIZE}, {np.count_nonzero(points > PROB_THRESH)} candidates, ", end="")
    print(f"{len(found['python'].polygons)} particles, best of {REPEATS}")
    best = {name: min(values) for name, values in times.items()}
    for name, seconds in best.items():
        print(f"{name:8} {seconds:7.2f} s")
    differ = np.count_nonzero(found["python"].labels != found["fiji"].labels)
    print(f"fiji / python: {best['fiji'] / best['python']:.2f}; {differ} pixels differ")


if __name__ == "__main__":
    main()
