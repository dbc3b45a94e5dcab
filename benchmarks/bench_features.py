"""All columns against SimpleITK's five and against the paper's per-particle way; scaling.

`python -m benchmarks features` needs the group bench (SimpleITK): `uv run --group bench ...`.
Wall and CPU seconds are both given: CPU seconds hold on a busy machine too.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import SimpleITK as sitk
from particlebridge.analysis import contacts, measure

from tests.helpers.paper_way import paper_way

# The paper's voxels: a ball of 0.7 um has a radius of 10, the cube reaches 143 further.
SPACING = (0.07, 0.07, 0.07)
SHAPE = (256, 384, 384)
PARTICLES = 930


def packed(shape: tuple[int, int, int], count: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Grey values, labels and solid of `count` cracked ellipsoids on a jittered grid."""
    rng = np.random.default_rng(seed)
    step = (np.prod(shape) / count) ** (1 / 3)
    cells = np.maximum(1, np.round(np.array(shape) / step)).astype(int)
    while cells.prod() < count:
        cells[np.argmax(np.array(shape) / cells)] += 1
    grid = np.argwhere(np.ones(cells))[rng.permutation(cells.prod())[:count]]
    size = np.array(shape) / cells
    labels = np.zeros(shape, np.int32)
    solid = np.ones(shape, bool)
    for label, cell in enumerate(grid, start=1):
        centre = (cell + 0.5 + rng.uniform(-0.08, 0.08, 3)) * size
        half = size * rng.uniform(0.42, 0.56, 3)
        low = np.maximum(0, np.floor(centre - half)).astype(int)
        high = np.minimum(shape, np.ceil(centre + half) + 1).astype(int)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        zyx = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), -1) - centre
        inside = ((zyx / half) ** 2).sum(-1) <= 1
        labels[box][inside & (labels[box] == 0)] = label
        normal = rng.normal(size=3)
        crack = np.abs(zyx @ (normal / np.linalg.norm(normal))) < rng.uniform(0, 2.5)
        solid[box][inside & crack] = False
    solid &= labels > 0
    grey = rng.integers(700, 1300, shape, np.uint16) + np.uint16(8000) * solid
    return grey, labels, solid


def best(work: Callable[[], Any], times: int = 3) -> tuple[float, float]:
    """Least wall and CPU seconds of some runs."""
    walls, cpus = [], []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def against_simpleitk() -> None:
    """The bar: 12 times with a solid given, 25 times where bodies must be closed."""
    grey, labels, solid = packed(SHAPE, PARTICLES)
    image = sitk.GetImageFromArray(labels.astype(np.uint32))
    image.SetSpacing(SPACING)
    shape_filter = sitk.LabelShapeStatisticsImageFilter()
    shape_filter.ComputePerimeterOn()
    shape_filter.ComputeFeretDiameterOff()
    itk_wall, itk_cpu = best(lambda: shape_filter.Execute(image))
    print(f"\n{SHAPE} voxels, {PARTICLES} particles, {(labels > 0).mean():.0%} filled")
    print(f"{'':34}{'wall s':>8}{'CPU s':>8}{'x wall':>8}{'x CPU':>8}")
    print(f"{'SimpleITK shapes with perimeter':34}{itk_wall:8.2f}{itk_cpu:8.2f}{1:8.1f}{1:8.1f}")
    shattered = labels * solid
    for name, work in {
        "measure, solid given": lambda: measure(grey, labels, SPACING, solid=solid),
        "measure, closing": lambda: measure(grey, shattered, SPACING),
        "measure, closing, paper recipe": lambda: measure(grey, shattered, SPACING, recipe="paper"),
        "measure, closing, 64 slices a time": lambda: measure(grey, shattered, SPACING, block=64),
        "contacts": lambda: contacts(labels, SPACING),
    }.items():
        wall, cpu = best(work)
        print(f"{name:34}{wall:8.2f}{cpu:8.2f}{wall / itk_wall:8.1f}{cpu / itk_cpu:8.1f}")


def against_the_papers_way(sample: int = 2) -> None:
    """The bar: 50 times."""
    grey, labels, solid = packed(SHAPE, PARTICLES)
    shattered = labels * solid
    chosen = np.random.default_rng(0).choice(np.unique(shattered)[1:], sample, replace=False)
    fast = best(lambda: measure(grey, shattered, SPACING, recipe="paper"), 2)
    slow = best(lambda: paper_way(grey, shattered, chosen, 143), 1)
    print(f"\nms per particle, {sample} of {PARTICLES} the paper's way")
    for clock, name in enumerate(("wall", "CPU")):
        ours, theirs = 1e3 * fast[clock] / PARTICLES, 1e3 * slow[clock] / sample
        print(f"{name}: paper's way {theirs:.0f}, measure {ours:.2f}: {theirs / ours:.0f} times")


def scaling() -> None:
    """Linear in voxels, from 10^2 to 10^4 particles of one size."""
    print(f"\n{'particles':>10}{'Mvoxel':>8}{'CPU s':>8}{'ns/voxel':>10}")
    for count in (100, 300, 1000, 3000, 10000):
        edge = round((count * 16000) ** (1 / 3))
        grey, labels, solid = packed((edge, edge, edge), count)
        _, cpu = best(partial(measure, grey, labels, SPACING, solid=solid), 1)
        print(f"{count:10}{labels.size / 1e6:8.1f}{cpu:8.2f}{cpu / labels.size * 1e9:10.1f}")


def main() -> None:
    grey, labels, solid = packed((40, 40, 40), 4)
    measure(grey, labels, SPACING, solid=solid)  # Compiles, or loads what was compiled.
    contacts(labels, SPACING)
    against_simpleitk()
    scaling()
    against_the_papers_way()


if __name__ == "__main__":
    main()
