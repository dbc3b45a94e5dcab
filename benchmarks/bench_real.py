"""Volumes and images that others labelled: every method on the same 2-D predictions.

`python -m benchmarks real [--data FOLDER] [--cache DIR] [--usegment3d PYTHON] [--only WORD]`

Sets that are absent are skipped with a message. Predictions, the trained model and the peers' rows
are kept in DIR, so that a second call computes consensus alone, in a minute.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from particlebridge.analysis import ViewStack, fuse, score, split_phase
from particlebridge.bridge.engines.protocol import Settings
from particlebridge.bridge.engines.python import PythonEngine
from particlebridge.exporter import Network, load_model
from scipy.ndimage import gaussian_filter

from benchmarks.fusion_peers import (
    CONSENSUS,
    FLOW,
    SINGLE,
    USEGMENT,
    USegment3D,
    as_table,
    best_watershed,
    flow,
    kept_rows,
    otsu_watershed,
    single,
    stardist_linked,
    timed_row,
)
from benchmarks.predicted_views import kept_views, segment_views
from benchmarks.real_sets import RealSet, folder_arguments, nuclei_model, packing, powder, real_sets

_COLUMNS = ("method", "F1@0.5", "F1@0.75", "PQ", "splits", "merges", "missed", "false", "CPU s")
# u-Segment3D drops components below this, voxels.
_SMALLEST = 50
# Model, and the Gaussian before it in smallest sides of a voxel.
_RUNS = (("nmc", 0.0), ("nuclei", 0.0), ("nuclei", 1.0))
# Seeds of the watershed lie this share of the typical diameter apart; one is fitted to the truth.
_APART, _APARTS = 0.25, (0.15, 0.25, 0.35, 0.5)
FITTED, UNFITTED = "Otsu + watershed, fitted", "Otsu + watershed, unfitted"
STARDIST, SNOW = "xy, StarDist's matching", "split_phase (SNOW-like watershed)"


def volumes(sets: list[RealSet], models: dict[str, str], peer: USegment3D, cache: Path) -> None:
    """Segment each volume's views with each model, and fuse them by every method."""
    tables = []
    for one in sets:
        print(f"\n{one.name}: {one.volume.shape}, diameter {one.diameter:.1f}", flush=True)
        found = [{"model": "none", **row} for row in _without_model(one, cache)]
        print(as_table(found), flush=True)
        for name, sigma in _RUNS:
            if name == "nmc" and "organoid" in one.name:
                print("nmc: left out, it finds hardly anything here and takes ten minutes")
            elif name in models:
                views, file = _views(one, load_model(models[name]), sigma, cache)
                rows = _fused(one, views, file, peer)
                found += [{"model": name, "smoothed": sigma, **row} for row in rows]
                print(as_table(found[-len(rows) :]), flush=True)
        tables.append(pd.DataFrame(found).assign(set=one.name))
    _summary(pd.concat(tables), cache)


def _without_model(one: RealSet, cache: Path) -> list[dict[str, Any]]:
    aparts = sorted({max(1, round(share * one.diameter)) for share in _APARTS})
    work: dict[str, Callable[[], np.ndarray]] = {
        FITTED: lambda: best_watershed(one.volume, one.truth, aparts, one.spacing),
        UNFITTED: lambda: otsu_watershed(one.volume, _APART * one.diameter, one.spacing),
    }
    return kept_rows(cache / f"{one.name}.peers.csv", work, one.truth, _COLUMNS)


def _views(
    one: RealSet, network: Network, sigma: float, cache: Path
) -> tuple[dict[str, ViewStack], Path]:
    """Segment the views, smoothed by `sigma` smallest sides; kept in the file that is named."""
    file = cache / f"{one.name}_{network.digest[:12]}_{sigma:g}.npz"

    def segment() -> tuple[float, dict[str, ViewStack]]:
        blur = [sigma / side for side in one.spacing]
        volume = gaussian_filter(one.volume.astype(np.float32), blur) if sigma else one.volume
        return one.diameter, segment_views(volume, network, one.diameter, one.spacing)

    return kept_views(file, segment)[1], file


def _fused(
    one: RealSet, views: dict[str, ViewStack], file: Path, peer: USegment3D
) -> list[dict[str, Any]]:
    work: dict[str, Callable[[], np.ndarray]] = {
        **{row: partial(single, views, view) for row, view in SINGLE.items()},
        STARDIST: lambda: stardist_linked(views),
        FLOW: lambda: flow(views, one.spacing),
    }
    if peer.is_there:
        stacks = {view: stack.labels for view, stack in views.items()}
        work[USEGMENT] = lambda: peer({"one": stacks}, _SMALLEST)["one"][0]
    rows = kept_rows(file.with_suffix(".peers.csv"), work, one.truth, _COLUMNS)
    ours = timed_row(CONSENSUS, lambda: fuse(views, one.volume, one.spacing).labels, one.truth)
    return [*rows, {name: ours[name] for name in _COLUMNS}]


def _summary(table: pd.DataFrame, cache: Path) -> None:
    """Print F1 at 0.5 / 0.75 of every case in one table, and where consensus is not the best."""
    table.to_csv(cache / "real.csv", index=False)
    fused = table[table["model"] != "none"]
    text = [f"{a:.3f} / {b:.3f}" for a, b in zip(fused["F1@0.5"], fused["F1@0.75"], strict=True)]
    wide = fused.assign(F1=text).pivot(
        index=["set", "model", "smoothed"], columns="method", values="F1"
    )
    print("\nF1 at 0.5 / 0.75")
    print(wide.to_string())
    for threshold in ("F1@0.5", "F1@0.75"):
        values = fused.pivot(index=["set", "model", "smoothed"], columns="method", values=threshold)
        lead = values[CONSENSUS] - values.drop(columns=CONSENSUS).max(axis=1)
        print(f"\n{threshold}: consensus less the best other")
        print(lead.round(3).to_string())


def phases(data: Path, cache: Path) -> None:
    """The real packing has no particles that somebody drew: how far do two ways agree?"""
    made = packing(data)
    if made is None:
        return
    mask, grey = made
    reference = split_phase(mask)
    sizes = np.bincount(reference[reference > 0])
    one = RealSet("NMC packing", grey, reference, (1.0, 1.0, 1.0))
    print(f"\nNMC packing: {len(sizes) - 1} by {SNOW}, diameter {one.diameter:.1f}", flush=True)
    views, _ = _views(one, load_model("nmc"), 0.0, cache)
    rows = [
        timed_row(UNFITTED, lambda: otsu_watershed(grey, _APART * one.diameter), reference),
        timed_row(CONSENSUS, lambda: fuse(views, grey).labels, reference),
    ]
    print("agreement with it, which is no truth")
    print(as_table(pd.DataFrame(rows)[list(_COLUMNS)]))


def images(data: Path) -> None:
    """Metal powder by SEM, 2-D: the shipped model and the classical way."""
    rows = []
    for name, image, labels in powder(data):
        truth = labels.clip(0)
        one = RealSet(name, image[None], truth[None], (1.0, 1.0, 1.0))
        engine = PythonEngine("nmc", Settings(diameter=one.diameter))
        for method, found in {
            "nmc": engine.segment(image).labels,
            UNFITTED: otsu_watershed(image, _APART * one.diameter, (1.0, 1.0)),
        }.items():
            row = score(truth, found).as_row()
            rows.append({"image": name, "method": method, "diameter": one.diameter, **row})
    if rows:
        table = pd.DataFrame(rows)
        print(as_table(table))
        print(as_table(table.groupby("method")[["F1@0.5", "F1@0.75", "PQ"]].mean()))


def main() -> None:
    parser = folder_arguments(str(__doc__))
    parser.add_argument("--usegment3d", help="Python that imports segment3D")
    parser.add_argument("--only", default="", help="sets whose name holds this word")
    options, _ = parser.parse_known_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    peer = USegment3D(options.usegment3d)
    if not peer.is_there:
        print("u-Segment3D: not found, left out")
    models = {"nmc": "nmc"}
    trained = nuclei_model(options.data, options.cache)
    if trained is not None:
        models["nuclei"] = str(trained)
    sets = [one for one in real_sets(options.data) if options.only in one.name]
    if sets:
        volumes(sets, models, peer, options.cache)
    if options.only in "NMC packing":
        phases(options.data, options.cache)
    if options.only in "powder":
        images(options.data)


if __name__ == "__main__":
    main()
