"""Fusion against its peers: on what the network sees, and on truth that was damaged on purpose.

`python -m benchmarks fusion [--part PART]`, parts: electrodes, damaged, nuclei, rounds, scaling,
kmeans. u-Segment3D joins where an interpreter that has it is named (`--usegment3d PYTHON` or
$USEGMENT3D_PYTHON). No seed here was used in training or to choose any constant.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import edt
import numpy as np
import pandas as pd
from particlebridge.analysis import (
    VIEWS,
    Fusion,
    ViewStack,
    electrode,
    fuse,
    kmeans_1d,
    score,
    to_view,
)
from particlebridge.bridge.second_round import masked_planes
from particlebridge.exporter import load_model
from sklearn.metrics import roc_auc_score

from benchmarks.bench_features import packed
from benchmarks.fusion_peers import (
    CONSENSUS,
    FLOW,
    PAPER,
    USEGMENT,
    WATERSHED,
    USegment3D,
    best_paper,
    best_watershed,
    flow,
    quality,
    single,
)
from benchmarks.predicted_views import SHAPE, Predicted, predicted, segment_views
from tests.damaged_views import HARD, Damage, damaged_views

_SEEDS = {1.0: (8101, 8102, 8103), 0.5: (8104, 8105, 8106), 0.35: (8107, 8108, 8109)}
_DAMAGED_SEEDS = (8201, 8202, 8203)
# u-Segment3D drops components below this, voxels: the smallest bodies here hold about as many.
_SMALLEST = 50


def electrodes(peer: USegment3D, cache: Path, contrasts: Sequence[float]) -> None:
    """The shipped model's views of unseen electrodes, fused by every method.

    u-Segment3D takes minutes for each, so it gets the first seed of each contrast. The peers'
    rows are kept in `cache`: they change with the predictions only.
    """
    rows, bodies, voids = [], [], []
    for contrast in contrasts:
        for seed in _SEEDS[contrast]:
            made = predicted(contrast, seed, cache)
            about = {"contrast": contrast, "seed": seed}
            fusion = fuse(made.views, made.volume, made.spacing)
            ours = {"method": CONSENSUS, **quality(made.labels, fusion.labels)}
            peers = _peers(made, peer if seed == _SEEDS[contrast][0] else None)
            rows += [{**about, **row} for row in (*peers, ours)]
            bodies.append(_trust(made, fusion).assign(**about))
            voids.append({**about, "packing": made.packing, **_void(made, fusion)})
            print(_table(rows[-len(peers) - 1 :]), flush=True)
    table = pd.DataFrame(rows)
    print("\nmean over the seeds")
    print(_table(table.groupby(["contrast", "method"], sort=False).mean().drop(columns="seed")))
    print("\nvoid inside bodies, and what was packed")
    print(_table(voids))
    every = pd.concat(bodies)
    print("\nconfidence as a judge of bodies (area under the ROC curve)")
    for contrast, group in every.groupby("contrast"):
        print(f"contrast {contrast}: {len(group)} bodies, {(~group.right).sum()} of them wrong, "
              f"AUC {roc_auc_score(group.right, group.confidence):.3f}")  # fmt: skip
    doubtful = every.sort_values("confidence").head(len(every) // 10)
    print(f"the least sure tenth holds {(~doubtful.right).sum()} of {(~every.right).sum()} wrong")


def _peers(made: Predicted, peer: USegment3D | None) -> list[dict[str, Any]]:
    """Rows of all methods but consensus, taken from beside the predictions if they are there."""
    file = made.file.with_suffix(".peers.csv")
    if file.exists():
        rows: list[dict[str, Any]] = pd.read_csv(file).to_dict("records")
    else:
        found = {
            **single(made.views),
            WATERSHED: best_watershed(made.volume, made.labels),
            PAPER: best_paper(made.views, made.labels),
            FLOW: flow(made.views),
        }
        rows = [{"method": m, **quality(made.labels, f)} for m, f in found.items()]
    if peer is not None and peer.is_there and not any(row["method"] == USEGMENT for row in rows):
        stacks = {view: stack.labels for view, stack in made.views.items()}
        labels = peer({"one": stacks}, _SMALLEST)["one"][0]
        rows.append({"method": USEGMENT, **quality(made.labels, labels)})
    pd.DataFrame(rows).to_csv(file, index=False)
    return rows


def _trust(made: Predicted, fusion: Fusion) -> pd.DataFrame:
    """Confidence of each body, and whether it is one (IoU of at least one half)."""
    matched = score(made.labels, fusion.labels, (0.5,)).matches
    return fusion.table.assign(right=fusion.table["label"].isin(matched["label"]))


def _void(made: Predicted, fusion: Fusion) -> dict[str, float]:
    """Score the void, and each whole matched body's share of it."""
    assert fusion.solid is not None
    found = (fusion.labels > 0) & ~fusion.solid
    both = (fusion.labels > 0) & (made.labels > 0)
    overlap = np.count_nonzero(found & made.void)
    matched = score(made.labels, fusion.labels, (0.5,)).matches
    true, ours = _share(made.labels, made.void), _share(fusion.labels, found)
    true, ours = true[matched["truth"]], ours[matched["label"]]
    large = np.bincount(made.labels.ravel())[matched["truth"]] >= 1000
    return {
        "void IoU": overlap / np.count_nonzero((found | made.void) & both),
        "void found / true": np.count_nonzero(found) / np.count_nonzero(made.void),
        "damage r": float(np.corrcoef(true[large], ours[large])[0, 1]),
        "damage error": float(np.abs(true - ours)[large].mean()),
    }


def _share(labels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    sizes = np.bincount(labels.ravel())
    return np.bincount(labels[mask], minlength=sizes.size) / np.maximum(sizes, 1)


def damaged(peer: USegment3D) -> None:
    """Truth slices damaged in each view: no network, no grey values for consensus.

    u-Segment3D takes minutes for each, so it gets the first seed.
    """
    rows = []
    for seed in _DAMAGED_SEEDS:
        made = electrode(SHAPE, seed=seed)
        views = _stacks(made.labels, HARD, seed)
        fuse({view: ViewStack(stack.labels[:9, :9, :9]) for view, stack in views.items()})
        start = time.perf_counter()
        fused = fuse(views, spacing=made.spacing).labels
        seconds = {CONSENSUS: time.perf_counter() - start}
        found = {
            **single(views),
            WATERSHED: best_watershed(made.volume, made.labels),
            PAPER: best_paper(views, made.labels),
            FLOW: flow(views),
            CONSENSUS: fused,
        }
        if peer.is_there and seed == _DAMAGED_SEEDS[0]:
            labels = {view: stack.labels for view, stack in views.items()}
            found[USEGMENT], seconds[USEGMENT] = peer({"one": labels}, _SMALLEST)["one"]
        for method, labels in found.items():
            speed = labels.size / seconds[method] if method in seconds else np.nan
            row = {"seed": seed, "method": method, **quality(made.labels, labels)}
            rows.append({**row, "voxels/s": speed})
        print(_table(rows[-len(found) :]), flush=True)
    spread = pd.DataFrame(rows).groupby("method", sort=False)[["F1@0.5", "F1@0.75", "PQ"]]
    print("\nmean, and standard deviation over the seeds")
    print(_table(spread.agg(["mean", "std"])))


def _stacks(truth: np.ndarray, damage: Damage, seed: int) -> dict[str, ViewStack]:
    """Damage the views; their distance maps are those of the damaged objects."""
    return {
        view: ViewStack(
            labels, dist=np.stack([edt.edt(p, black_border=True) for p in labels])
        )
        for view, labels in damaged_views(truth, damage, seed).items()
    }  # fmt: skip


def nuclei(peer: USegment3D, seeds: int = 5) -> None:
    """StarDist's synthetic nuclei: F1 at 0.5 against how much was damaged."""
    from stardist.data import test_image_nuclei_3d

    volume, truth = test_image_nuclei_3d(return_mask=True)
    truth = np.asarray(truth, np.int32)
    rows, sets = [], {}
    for factor in (0.0, 0.5, 1.0, 1.5, 2.0):
        damage = Damage(
            HARD.drop * factor, HARD.cut * factor, HARD.merge * factor, round(HARD.jitter * factor)
        )
        for seed in range(8301, 8301 + seeds):
            views = _stacks(truth, damage, seed)
            sets[f"{factor}_{seed}"] = {view: stack.labels for view, stack in views.items()}
            found = {
                **single(views),
                WATERSHED: best_watershed(volume, truth),
                PAPER: best_paper(views, truth),
                FLOW: flow(views),
                CONSENSUS: fuse(views).labels,
            }
            rows += [
                {"damage": factor, "method": method, "F1@0.5": score(truth, labels).f1[0.5]}
                for method, labels in found.items()
            ]
    if peer.is_there:
        for key, (labels, _) in peer(sets, 20).items():
            factor = float(key.split("_")[0])
            f1 = score(truth, labels).f1[0.5]
            rows.append({"damage": factor, "method": USEGMENT, "F1@0.5": f1})
    table = pd.DataFrame(rows).groupby(["method", "damage"], sort=False)["F1@0.5"]
    print(f"{len(np.unique(truth)) - 1} nuclei; mean of {seeds} seeds; damage 1: {HARD}")
    print(_table(table.mean().unstack()))
    print("standard deviation")
    print(_table(table.std().unstack()))


def rounds(cache: Path, contrasts: Sequence[float]) -> None:
    """What a second round of detection gains or loses."""
    network = load_model("nmc")
    rows = []
    for contrast in contrasts:
        seed = _SEEDS[contrast][0]
        made = predicted(contrast, seed, cache)
        first = fuse(made.views, made.volume, made.spacing)
        masked = np.stack(list(masked_planes(made.volume, first.labels)))
        views = segment_views(masked, network, made.diameter)
        second = fuse(views, made.volume, made.spacing)
        for number, fusion in enumerate((first, second), 1):
            rows.append(
                {"contrast": contrast, "seed": seed, "round": number}
                | quality(made.labels, fusion.labels)
                | {"confidence": fusion.table["confidence"].mean()}
            )
        print(_table(rows[-2:]), flush=True)


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
            [sys.executable, "-m", "benchmarks.bench_fusion", "--measure", folder],
            check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        seconds, cpu, beyond, f1 = map(float, said.stdout.split()[-4:])
        rows.append({"edge": edge, "seconds": seconds, "CPU s": cpu, "voxels/s": edge**3 / seconds,
                     "GB beyond inputs": beyond, "F1@0.5": f1})  # fmt: skip
        print(_table(rows[-1:]), flush=True)


def _thinned(stack: np.ndarray) -> np.ndarray:
    """Drop every tenth 2-D object, by chance."""
    rng = np.random.default_rng(0)
    thin = np.zeros(stack.shape, np.uint16)
    for plane, out in zip(stack, thin, strict=True):
        kept = rng.random(int(plane.max(initial=0)) + 1) >= HARD.drop
        out[:] = np.where(kept[plane], plane, 0)
    return thin


def _measure(folder: Path) -> None:
    """Fuse what lies in a folder, in a process of its own, and print what it took."""
    small = _stacks(packed((40, 40, 40), 4)[1], HARD, 0)
    fuse(small, np.zeros((40, 40, 40), np.uint16))  # Compiles, or loads what was compiled.
    views = {view: ViewStack(np.load(folder / f"{view}.npy")) for view in VIEWS}
    volume = np.load(folder / "volume.npy")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    fusion = fuse(views, volume)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    beyond = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    f1 = score(np.load(folder / "truth.npy", mmap_mode="r"), fusion.labels).f1[0.5]
    print(f"{wall:.1f} {cpu:.1f} {beyond:.2f} {f1:.4f}")


def kmeans() -> None:
    """Exact one-dimensional k-means beside scikit-learn's on the same summed distance map."""
    from sklearn.cluster import KMeans

    views = _stacks(electrode(SHAPE, seed=_DAMAGED_SEEDS[0]).labels, HARD, 1)
    total = sum(stack.dist.transpose(np.argsort(order)) for stack, order in
                zip(views.values(), ((0, 1, 2), (1, 0, 2), (2, 0, 1)), strict=True))  # fmt: skip
    values = np.ascontiguousarray(total, np.float32)
    kmeans_1d(values[:4], 5)
    ours = _timed(kmeans_1d, values, 5)
    column = values.reshape(-1, 1)
    for starts in (1, 10):
        seconds, found = _timed(KMeans(5, n_init=starts, random_state=0).fit, column)
        # scikit-learn adds up in float32, so its own inertia_ is off in the third digit.
        theirs, own = _inertia(values, found.cluster_centers_), _inertia(values, ours[1].centres)
        print(f"KMeans, {starts} start(s): {seconds:.2f} s, inertia {theirs:.8g}; kmeans_1d: "
              f"{ours[0]:.4f} s, inertia {own:.8g}: {seconds / ours[0]:.0f} times, "
              f"{values.size:,} voxels")  # fmt: skip


def _inertia(values: np.ndarray, centres: np.ndarray) -> float:
    """Sum of squared distances to the nearest centre, in float64."""
    centres = np.sort(np.asarray(centres, float).ravel())
    nearest = centres[np.digitize(values, (centres[1:] + centres[:-1]) / 2)]
    return float(((values - nearest) ** 2).sum())


def _timed(work: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - start, result


def _table(rows: Any) -> str:
    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)
    return table.round(3).to_string()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", action="append", help="one of the parts; again for more")
    parser.add_argument(
        "--contrast", type=float, action="append", help="electrodes and rounds: this only"
    )
    parser.add_argument("--usegment3d", help="Python that imports segment3D")
    cache = Path(tempfile.gettempdir()) / "particlebridge-benchmarks"
    parser.add_argument("--cache", type=Path, default=cache, help="where predictions are kept")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args()
    if options.measure:
        _measure(options.measure)
        return
    peer = USegment3D(options.usegment3d)
    if not peer.is_there:
        print("u-Segment3D: not found, left out")
    contrasts = options.contrast or list(_SEEDS)
    parts: Mapping[str, Callable[[], None]] = {
        "electrodes": lambda: electrodes(peer, options.cache, contrasts),
        "damaged": lambda: damaged(peer),
        "nuclei": lambda: nuclei(peer),
        "rounds": lambda: rounds(options.cache, contrasts),
        "scaling": lambda: scaling(options.cache),
        "kmeans": kmeans,
    }
    for name, part in parts.items():
        if not options.part or name in options.part:
            print(f"\n== {name}")
            part()


if __name__ == "__main__":
    main()
