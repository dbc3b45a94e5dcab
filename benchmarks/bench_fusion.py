"""Fusion against its peers: on what the network sees, and on truth that was damaged on purpose.

`python -m benchmarks fusion [--part PART]`, parts: electrodes, damaged, nuclei, packing, rounds,
scaling, kmeans. u-Segment3D joins where an interpreter that has it is named (`--usegment3d PYTHON`
or $USEGMENT3D_PYTHON). No seed here was used in training or to choose any constant.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cc3d
import numpy as np
import pandas as pd
from particlebridge.analysis import Fusion, ViewStack, electrode, fuse, score
from particlebridge.bridge.second_round import masked_planes
from particlebridge.exporter import load_model
from sklearn.metrics import roc_auc_score

from benchmarks.fusion_peers import (
    CONSENSUS,
    FLOW,
    PAPER,
    SINGLE,
    USEGMENT,
    WATERSHED,
    USegment3D,
    as_table,
    best_paper,
    best_watershed,
    damaged_stacks,
    flow,
    kept_rows,
    quality,
    single,
    singles,
)
from benchmarks.fusion_speed import kmeans, scaling
from benchmarks.predicted_views import SHAPE, Predicted, predicted, segment_views
from tests.helpers.damaged_views import HARD, Damage

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
            first = seed == _SEEDS[contrast][0]
            peers = _peers(made, peer if first else None, list(ours))
            rows += [{**about, **row} for row in (*peers, ours)]
            bodies.append(_trust(made, fusion).assign(**about))
            voids.append({**about, "packing": made.packing, **_void(made, fusion)})
            print(as_table(rows[-len(peers) - 1 :]), flush=True)
    table = pd.DataFrame(rows)
    print("\nmean over the seeds")
    print(as_table(table.groupby(["contrast", "method"], sort=False).mean().drop(columns="seed")))
    print("\nvoid inside bodies, and what was packed")
    print(as_table(voids))
    every = pd.concat(bodies)
    print("\nconfidence as a judge of bodies (area under the ROC curve)")
    for contrast, group in every.groupby("contrast"):
        print(
            f"contrast {contrast}: {len(group)} bodies, {(~group.right).sum()} of them wrong, "
            f"AUC {roc_auc_score(group.right, group.confidence):.3f}"
        )
    doubtful = every.sort_values("confidence").head(len(every) // 10)
    print(f"the least sure tenth holds {(~doubtful.right).sum()} of {(~every.right).sum()} wrong")


def _peers(made: Predicted, peer: USegment3D | None, columns: list[str]) -> list[dict[str, Any]]:
    """Rows of all methods but consensus; those that lie beside the predictions are taken."""
    work: dict[str, Callable[[], np.ndarray]] = {
        **{row: partial(single, made.views, view) for row, view in SINGLE.items()},
        WATERSHED: lambda: best_watershed(made.volume, made.labels),
        PAPER: lambda: best_paper(made.views, made.labels),
        FLOW: lambda: flow(made.views),
    }
    if peer is not None and peer.is_there:
        stacks = {view: stack.labels for view, stack in made.views.items()}
        work[USEGMENT] = lambda: peer({"one": stacks}, _SMALLEST)["one"][0]
    return kept_rows(made.file.with_suffix(".peers.csv"), work, made.labels, columns)


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
        views = damaged_stacks(made.labels, HARD, seed)
        fuse({view: ViewStack(stack.labels[:9, :9, :9]) for view, stack in views.items()})
        start = time.perf_counter()
        fused = fuse(views, spacing=made.spacing).labels
        seconds = {CONSENSUS: time.perf_counter() - start}
        found = {
            **singles(views),
            WATERSHED: best_watershed(made.volume, made.labels),
            PAPER: best_paper(views, made.labels),
            FLOW: flow(views),
            CONSENSUS: fused,
        }
        if peer.is_there and seed == _DAMAGED_SEEDS[0]:
            stacks = {view: stack.labels for view, stack in views.items()}
            found[USEGMENT], seconds[USEGMENT] = peer({"one": stacks}, _SMALLEST)["one"]
        for method, labels in found.items():
            speed = labels.size / seconds[method] if method in seconds else np.nan
            row = {"seed": seed, "method": method, **quality(made.labels, labels)}
            rows.append({**row, "voxels/s": speed})
        print(as_table(rows[-len(found) :]), flush=True)
    spread = pd.DataFrame(rows).groupby("method", sort=False)[["F1@0.5", "F1@0.75", "PQ"]]
    print("\nmean, and standard deviation over the seeds")
    print(as_table(spread.agg(["mean", "std"])))


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
            views = damaged_stacks(truth, damage, seed)
            sets[f"{factor}_{seed}"] = {view: stack.labels for view, stack in views.items()}
            found = {
                **singles(views),
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
    print(as_table(table.mean().unstack()))
    print("standard deviation")
    print(as_table(table.std().unstack()))


def packing() -> None:
    """What components can part: the paper's method on perfect views of ever denser electrodes."""
    rows = []
    for share in (0.1, 0.2, 0.35, 0.5):
        made = electrode(SHAPE, seed=_DAMAGED_SEEDS[0], packing=share)
        views = damaged_stacks(made.labels, Damage(drop=0, cut=0, merge=0, jitter=0), 0)
        touching = np.bincount(cc3d.connected_components(made.labels > 0).ravel())[1:]
        found = {PAPER: best_paper(views, made.labels), CONSENSUS: fuse(views).labels}
        rows += [
            {
                "packing": share,
                "bodies": len(made.truth),
                "touching groups": touching.size,
                "share of the largest": touching.max() / touching.sum(),
                "method": method,
                "found": labels.max(),
                "largest found": sizes.max() / sizes.sum(),
                "F1@0.5": score(made.labels, labels).f1[0.5],
            }
            for method, labels in found.items()
            for sizes in (np.bincount(labels.ravel())[1:],)
        ]
        print(as_table(rows[-len(found) :]), flush=True)


def rounds(cache: Path, contrasts: Sequence[float]) -> None:
    """What a second round of detection gains or loses."""
    network = load_model("nmc")
    rows = []
    for contrast in contrasts:
        for seed in _SEEDS[contrast]:
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
            print(as_table(rows[-2:]), flush=True)
    print("\nmean over the seeds")
    table = pd.DataFrame(rows).groupby(["contrast", "round"], sort=False)
    print(as_table(table.mean().drop(columns="seed")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", action="append", help="one of the parts; again for more")
    parser.add_argument(
        "--contrast", type=float, action="append", help="electrodes and rounds: this only"
    )
    parser.add_argument("--usegment3d", help="Python that imports segment3D")
    cache = Path(tempfile.gettempdir()) / "particlebridge-benchmarks"
    parser.add_argument("--cache", type=Path, default=cache, help="where predictions are kept")
    options, _ = parser.parse_known_args()
    peer = USegment3D(options.usegment3d)
    if not peer.is_there:
        print("u-Segment3D: not found, left out")
    contrasts = options.contrast or list(_SEEDS)
    parts: Mapping[str, Callable[[], None]] = {
        "electrodes": lambda: electrodes(peer, options.cache, contrasts),
        "damaged": lambda: damaged(peer),
        "nuclei": lambda: nuclei(peer),
        "packing": packing,
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
