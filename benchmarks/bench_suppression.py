"""Suppression of 20,000 candidates on a 2048 x 2048 slice, beside StarDist's own C++.

The two do not compute the same thing: StarDist rounds vertices otherwise and breaks ties
otherwise, so a handful of winners may differ. The first row is this project's, exact to Clipper.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # StarDist's loop is OpenMP; ours is one thread.

from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from particlebridge.analysis import Polygons, suppress

SIZE, CANDIDATES, RAYS, GRID = 2048, 20_000, 32, 2
NMS_THRESH = 0.4


def scene(seed: int = 0) -> Polygons:
    """Candidates as a network proposes them: many per particle, each slightly wrong."""
    rng = np.random.default_rng(seed)
    spots = rng.permutation(np.indices((32, 32)).reshape(2, -1).T)
    centres = (spots + 0.5) * (SIZE / 32) + rng.uniform(-8, 8, spots.shape)
    radii = rng.uniform(12, 34, len(centres))
    points, dist, prob = [], [], []
    angles = 2 * np.pi * np.arange(RAYS) / RAYS
    for (cy, cx), radius in zip(centres, radii, strict=True):
        ys, xs = np.mgrid[
            max(GRID, cy - radius) : min(SIZE - 3, cy + radius) : GRID,
            max(GRID, cx - radius) : min(SIZE - 3, cx + radius) : GRID,
        ].round()
        depth = radius - np.hypot(ys - cy, xs - cx)
        keep = depth > 0.6 * radius
        y, x, depth = ys[keep], xs[keep], depth[keep]
        along = np.outer(y - cy, np.sin(angles)) + np.outer(x - cx, np.cos(angles))
        off = (y - cy) ** 2 + (x - cx) ** 2
        exact = np.sqrt(along**2 - off[:, None] + radius**2) - along
        points.append(np.stack([y, x], axis=-1))
        dist.append(exact * rng.normal(1, 0.03, exact.shape))
        prob.append(depth / radius * rng.uniform(0.9, 1, depth.shape))
    every = [np.concatenate(part) for part in (points, dist, prob)]
    best = np.argsort(-every[2], kind="stable")[:CANDIDATES]
    return Polygons.from_rays(*(part[best] for part in every))


def stardist_winners(polygons: Polygons) -> NDArray[np.intp]:
    from stardist.nms import non_maximum_suppression_inds

    return np.flatnonzero(
        non_maximum_suppression_inds(
            np.ascontiguousarray(polygons.dist),
            np.ascontiguousarray(polygons.points, np.float32),
            polygons.prob,
            thresh=NMS_THRESH,
            verbose=False,
        )
    )


def main() -> None:
    polygons = scene()
    print(f"suppression: {len(polygons):,} candidates, {RAYS} rays, {SIZE} x {SIZE}, one core")
    seconds = {}
    for name, method in (
        ("particlebridge", lambda: suppress(polygons, NMS_THRESH)),
        ("stardist C++", lambda: stardist_winners(polygons)),
    ):
        method()  # compiles, loads
        times = []
        for _ in range(3):
            begin = perf_counter()
            winners = method()
            times.append(perf_counter() - begin)
        seconds[name] = min(times)
        print(f"  {name:15s} {min(times):7.3f} s (best of 3)   {len(winners)} winners")
    print(f"  ratio stardist / ours: {seconds['stardist C++'] / seconds['particlebridge']:.1f}")


if __name__ == "__main__":
    main()
