"""How well a run predicts its own F1, and the constants that it does it by.

`python -m benchmarks verdict [--data FOLDER] [--cache DIR]`

Generated electrodes of several contrasts, with more noise, blur, wrong diameters and the wrong
polarity; pure noise and flat volumes; and the sets of `python -m benchmarks real`, whose
predictions in DIR are used. Every error is that of a fit that has not seen the case's set.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from particlebridge.analysis import VIEWS, ViewStack, electrode, fuse, score, split_phase
from particlebridge.analysis.fusion.verdict import Calibration, Evidence, predicted
from particlebridge.bridge.fusing.verdict import evidence_of
from particlebridge.bridge.volumes.inversion import inverted
from particlebridge.exporter import load_model
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize

from benchmarks.fusion_peers import CUBES, Spacing, as_table
from benchmarks.predicted_views import kept_views, segment_views
from benchmarks.real_sets import RealSet, folder_arguments, nuclei_model, packing, real_sets

_SHAPE = (48, 96, 96)
# Contrast and seed of the electrodes as they are, then of one for each mishap.
_PLAIN = ((1.0, 9101), (0.5, 9102), (0.35, 9103), (0.2, 9104))
_WEAK, _CLEAR = 9105, 9106
# Keeps constants of few cases small.
_RIDGE = 2e-4


class Case(NamedTuple):
    """A volume with its truth, and the diameter that the network is given."""

    name: str
    volume: np.ndarray
    truth: np.ndarray
    diameter: float


def _electrode(seed: int, contrast: float) -> Case:
    made = electrode(
        _SHAPE, seed=seed, contrast=contrast, packing=0.5, band=0.03, view=1.42, radius=(5, 11)
    )
    diameter = RealSet("", made.volume, made.labels, CUBES).diameter
    return Case(f"contrast {contrast:g}", made.volume, made.labels, diameter)


def electrodes() -> Iterator[Case]:
    """Generate electrodes, and what may go wrong with them."""
    for contrast, seed in _PLAIN:
        yield _electrode(seed, contrast)
    weak, clear = _electrode(_WEAK, 0.5), _electrode(_CLEAR, 1.0)
    for one, factors in ((weak, (0.5, 2, 3.5)), (clear, (0.6, 1.6))):
        for factor in factors:
            name = f"{one.name}, diameter x {factor:g}"
            yield one._replace(name=name, diameter=one.diameter * factor)
        yield one._replace(name=f"{one.name}, inverted", volume=inverted(one.volume))
    grey, rng = clear.volume.astype(np.float32), np.random.default_rng(1)
    for times in (1, 2, 4):
        noisy = grey + rng.normal(0, times * grey.std(), grey.shape)
        yield clear._replace(name=f"noise of {times} deviations", volume=noisy.astype(np.float32))
    yield clear._replace(name="blur of 2 voxels", volume=gaussian_filter(grey, 2))


def nothing() -> Iterator[Case]:
    """Make volumes without a particle."""
    none, rng = np.zeros(_SHAPE, np.int32), np.random.default_rng(2)
    white = rng.normal(1000, 100, _SHAPE).astype(np.float32)
    yield Case("white noise", white, none, 16)
    for width in (1, 2, 4):
        soft = gaussian_filter(rng.normal(0, 1, _SHAPE), width).astype(np.float32)
        yield Case(f"noise, blurred by {width}", soft, none, 16)
    for mean, dtype in ((20, np.uint16), (1, np.uint8)):
        yield Case(f"Poisson noise of {mean}", rng.poisson(mean, _SHAPE).astype(dtype), none, 16)
    flat = np.full(_SHAPE, 100, np.uint8)
    yield Case("flat", flat, none, 16)
    yield Case(
        "flat but for one step", flat + (rng.random(_SHAPE) < 0.5).astype(np.uint8), none, 16
    )
    ramp = np.linspace(0, 200, _SHAPE[0])[:, None, None] + rng.normal(0, 2, _SHAPE)
    yield Case("ramp with noise", ramp.astype(np.float32), none, 16)


def _row(
    name: str, one: Case, views: dict[str, ViewStack], spacing: Spacing = CUBES
) -> dict[str, object]:
    """Fuse, score, and gather the evidence of a run."""
    fused = fuse(views, one.volume, spacing)
    found = evidence_of({v: views[v].labels for v in VIEWS}, fused.labels, fused.table)
    return {
        "set": name,
        "case": one.name,
        **found._asdict(),
        "F1": score(one.truth, fused.labels).f1[0.5],
    }


def cases(model: str, path: str, data: Path, cache: Path) -> pd.DataFrame:
    """Gather evidence and F1 of all cases with one model."""
    network, rows = load_model(path), []
    own = cache / "verdict"
    for name, made in (("electrodes", electrodes()), ("nothing", nothing())):
        for one in made:
            file = own / f"{network.digest[:12]} {one.name}.npz"

            def segment(one: Case = one) -> tuple[float, dict[str, ViewStack]]:
                return one.diameter, segment_views(one.volume, network, one.diameter)

            rows.append(_row(name, one, kept_views(file, segment)[1]))
    for real in real_sets(data):
        for file in sorted(cache.glob(f"{real.name}_{network.digest[:12]}_*.npz")):
            views = kept_views(file, lambda: (0.0, {}))[1]
            case = Case(f"smoothed {file.stem.rsplit('_', 1)[1]}", real.volume, real.truth, 0)
            rows.append(_row(real.name, case, views, real.spacing))
    block = packing(data) if model == "nmc" else None
    file = cache / f"NMC packing_{network.digest[:12]}_0.npz"
    if block is not None and file.exists():
        case = Case("as grey", block[1], split_phase(block[0]), 0)
        rows.append(_row("NMC packing", case, kept_views(file, lambda: (0.0, {}))[1]))
    return pd.DataFrame(rows).assign(model=model)


def fitted(table: pd.DataFrame) -> Calibration:
    """Fit the logistic model; sets of many cases weigh as the root of their number."""
    weights = 1 / np.sqrt(table.groupby(["model", "set"])["F1"].transform("size"))
    columns = table[["agreement", "linked"]].to_numpy(float)
    middle, spread = columns.mean(0), columns.std(0)
    scaled = (columns - middle) / spread

    def loss(b: np.ndarray) -> float:
        off = 1 / (1 + np.exp(-b[0] - scaled @ b[1:])) - table["F1"].to_numpy()
        return float((weights * off**2).sum() / weights.sum() + _RIDGE * (b[1:] ** 2).sum())

    b = minimize(loss, np.zeros(3), method="BFGS").x
    agreement, linked = b[1:] / spread
    return Calibration(b[0] - (b[1:] * middle / spread).sum(), agreement, linked, 0.0)


def unseen(table: pd.DataFrame) -> pd.Series:
    """Predict each set by a fit on all others."""
    found = pd.Series(0.0, table.index)
    for _, own in table.groupby(["model", "set"]):
        constants = fitted(table.drop(own.index))
        for k, row in own.iterrows():
            evidence = Evidence(row["particles"], row["agreement"], row["linked"])
            found[k] = predicted(evidence, constants)
    return found


def main() -> None:
    parser = folder_arguments(str(__doc__))
    options, _ = parser.parse_known_args()
    tables = [cases("nmc", "nmc", options.data, options.cache)]
    trained = nuclei_model(options.data, options.cache)
    if trained is not None:
        tables.append(cases("nuclei", str(trained), options.data, options.cache))
    every = pd.concat(tables, ignore_index=True)
    # Nothing found is no evidence: the verdict says so by itself.
    every = every[every["particles"] > 0]
    for name, table in (("nmc", every[every["model"] == "nmc"]), ("any model", every)):
        own = table.assign(expected=unseen(table))
        error = (own["expected"] - own["F1"]).abs()
        print(f"\n{name}: {fitted(table)._replace(error=round(error.mean(), 3))}")
        by_set = error.groupby([own["model"], own["set"]]).mean()
        print(f"mean error {error.mean():.3f}, of sets {by_set.mean():.3f}, most {error.max():.2f}")
        print(as_table(by_set.to_frame("error")))
        print(as_table(own))


if __name__ == "__main__":
    main()
