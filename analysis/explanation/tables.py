"""The forests' figures gathered into the tidy tables of an Explanation."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

from ..features.columns import COLUMNS
from .forests import Run, subset_size
from .rows import StateRows
from .statistics import (
    difference_p,
    interval,
    paired_p,
    particle_error,
    rank_agreement,
    resampled_error,
    spearman,
)

# State -> kind of run -> the runs.
Results = Mapping[str, Mapping[str, Sequence[Run]]]

_DIFFERENCES = ["feature", "group", "state_a", "state_b", "scale", "mean", "sd", "p_seeds", "error",
                "low", "high", "p_particles"]  # fmt: skip


def _stack(runs: Sequence[Run]) -> np.ndarray:
    """Give the (runs, features) importances."""
    return np.array([run.importance for run in runs])


def _shares(importances: np.ndarray) -> np.ndarray:
    total = importances.sum(axis=1, keepdims=True)
    return importances / np.where(total > 0, total, 1)


def shap_table(data: StateRows, runs: Sequence[Run], names: Sequence[str]) -> pd.DataFrame:
    """SHAP values of each particle, averaged over the runs that explained it."""
    total, base = np.zeros(data.x.shape), np.zeros(len(data.y))
    count = np.zeros(len(data.y))
    for run in runs:
        total[run.explained] += run.values
        base[run.explained] += run.base
        count[run.explained] += 1
    seen = np.flatnonzero(count)
    return pd.DataFrame(
        {
            "state": data.state,
            "label": np.repeat(data.label[seen], len(names)),
            "feature": np.tile(np.asarray(names, dtype=object), len(seen)),
            "value": data.x[seen].ravel(),
            "shap": (total[seen] / count[seen, None]).ravel(),
            "base": np.repeat(base[seen] / count[seen], len(names)),
        }
    )


def prediction_table(data: StateRows, runs: Sequence[Run]) -> pd.DataFrame:
    """Observed and out-of-bag predicted Damage of each particle."""
    total, count = np.zeros(len(data.y)), np.zeros(len(data.y))
    for run in runs:
        total[run.trained] += run.predicted
        count[run.trained] += 1
    seen = np.flatnonzero(count)
    return pd.DataFrame(
        {
            "state": data.state,
            "label": data.label[seen],
            "observed": data.y[seen],
            "predicted": total[seen] / count[seen],
        }
    )


def importance_table(
    data: StateRows, runs: Mapping[str, Sequence[Run]], names: Sequence[str], shap: pd.DataFrame
) -> pd.DataFrame:
    """List one state's features by importance, with spread, control and permutation."""
    seeds, control = _stack(runs["seed"]), _stack(runs["shuffled"])
    rivalled = _stack(runs["shadow"]).mean(axis=0)
    copies = np.array([run.copies for run in runs["shadow"]])
    interventional = np.mean([r.compared for r in runs["seed"] if r.compared is not None], axis=0)
    interventional = interventional[:, : len(names)]
    mean = seeds.mean(axis=0)
    own = slice(len(names))
    ranks = np.array([stats.rankdata(-row, method="min") for row in seeds])
    table = pd.DataFrame(
        {
            "feature": list(names),
            "group": [COLUMNS[n].group for n in names],
            "state": data.state,
            "mean": mean,
            "std": seeds.std(axis=0, ddof=1),
            **_ends("", data, runs, "importance", own),
            "share": _shares(seeds).mean(axis=0),
            "rank": ranked(mean),
            "rank_low": ranks.min(axis=0).astype(int),
            "rank_high": ranks.max(axis=0).astype(int),
            "direction": [
                _direction(own["value"], own["shap"])
                for _, own in ((n, shap[shap["feature"] == n]) for n in names)
            ],
            "control": control.mean(axis=0),
            "above_control": mean > control.max(),
            "rivalled": rivalled,
            "shadow": copies.mean(axis=0),
            "above_shadow": rivalled > copies.max(),
            **_permuted(data, runs, own),
            "interventional": interventional[1],
            "interventional_rank": ranked(interventional[1]),
            "sampled_rank": ranked(interventional[0]),
        }
    )
    return table.sort_values("rank")


def ranked(values: np.ndarray) -> np.ndarray:
    """Give the rank of each importance, 1 for the largest."""
    return np.asarray(stats.rankdata(-values, method="ordinal").astype(int))


def _ends(
    name: str, data: StateRows, runs: Mapping[str, Sequence[Run]], what: str, own: slice
) -> dict[str, np.ndarray]:
    """Give the 95 % interval of an importance over the draw of particles, from the subsets."""
    seeds, subsets = (
        np.array([getattr(run, what)[own] for run in runs[kind]]) for kind in ("seed", "subset")
    )
    error = particle_error(seeds, subsets, subset_size(len(data.y)), len(data.y))
    low, high = interval(seeds.mean(axis=0), error, len(subsets))
    if what in ("importance", "summed"):
        low = np.maximum(low, 0)  # a mean of absolute values
    return {f"{name}low": low, f"{name}high": high}


def _permuted(
    data: StateRows, runs: Mapping[str, Sequence[Run]], own: slice
) -> dict[str, np.ndarray]:
    """Give importance by permutation among all rows and within strata, with intervals."""
    columns = {}
    for name, what in (("permutation", "drops"), ("conditional", "conditional")):
        drops = np.array([getattr(run, what)[own] for run in runs["seed"]])
        columns[name] = drops.mean(axis=0)
        columns[f"{name}_std"] = drops.std(axis=0, ddof=1)
        columns |= _ends(f"{name}_", data, runs, what, own)
    return columns


def _direction(value: pd.Series, shap: pd.Series) -> float:
    if value.nunique() < 2 or shap.nunique() < 2:
        return 0.0
    return spearman(value, shap)[0]


def set_table(
    data: StateRows,
    runs: Mapping[str, Sequence[Run]],
    names: Sequence[str],
    groups: Mapping[str, Sequence[int]],
    clusters: Mapping[str, Sequence[int]],
) -> pd.DataFrame:
    """Measure whole sets: SHAP splits importance among a set's features; their sum does not.

    The runs' sets must be the features, the groups and the clusters, in this order.
    """
    start = len(names)
    summed = np.array([run.summed for run in runs["seed"]])
    rivalled = np.mean([run.summed for run in runs["shadow"]], axis=0)
    copies = np.array([run.copies_summed for run in runs["shadow"]])
    parts = []
    for kind, sets in (("group", groups), ("cluster", clusters)):
        own = slice(start, start + len(sets))
        start = own.stop
        parts.append(
            pd.DataFrame(
                {
                    "kind": kind,
                    "set": list(sets),
                    "state": data.state,
                    "features": [len(c) for c in sets.values()],
                    "shap": summed[:, own].mean(axis=0),
                    "shap_std": summed[:, own].std(axis=0, ddof=1),
                    **_ends("shap_", data, runs, "summed", own),
                    "rivalled": rivalled[own],
                    "shadow": copies[:, own].mean(axis=0),
                    "above_shadow": rivalled[own] > copies[:, own].max(),
                    **_permuted(data, runs, own),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def run_table(results: Results, names: Sequence[str]) -> pd.DataFrame:
    """Every forest's importances."""
    return pd.DataFrame(
        [
            {"state": state, "kind": kind, "run": k, "feature": name, "importance": value}
            for state, kinds in results.items()
            for kind, runs in kinds.items()
            for k, run in enumerate(runs)
            for name, value in zip(names, run.importance, strict=True)
        ]
    )


def fit_table(results: Results) -> pd.DataFrame:
    """How well the forests predict particles they have not seen."""
    return pd.DataFrame(
        [
            {
                "state": state,
                "kind": kind,
                "oob_r2": float(np.mean([run.oob_r2 for run in runs])),
                "oob_r2_std": float(np.std([run.oob_r2 for run in runs], ddof=1)),
                "held_out_mae": float(np.mean([run.held_out_mae for run in runs])),
                "guess_mae": float(np.mean([run.guess_mae for run in runs])),
                "additivity_error": max(run.additivity for run in runs),
            }
            for state, kinds in results.items()
            for kind, runs in kinds.items()
            if kind != "shadow"
        ]
    )


def stability_table(results: Results) -> pd.DataFrame:
    """Agreement of the rankings of repeated runs."""
    rows = []
    for state, kinds in results.items():
        for kind in ("seed", "subset", "shuffled"):
            taus = rank_agreement(_stack(kinds[kind]))
            rows.append(
                {
                    "state": state,
                    "kind": kind,
                    "tau": taus.mean(),
                    "tau_min": taus.min(),
                    "pairs": len(taus),
                }
            )
    return pd.DataFrame(rows)


def difference_table(
    data: Sequence[StateRows], results: Results, names: Sequence[str]
) -> pd.DataFrame:
    """Each two neighbouring states' importances compared, feature by feature."""
    parts = []
    for first, second in pairwise(data):
        for scale in ("absolute", "share"):
            seeds, errors = [], []
            for d in (first, second):
                fitted, subsets = (_stack(results[d.state][kind]) for kind in ("seed", "subset"))
                if scale == "share":
                    fitted, subsets = _shares(fitted), _shares(subsets)
                seeds.append(fitted)
                errors.append(resampled_error(subsets, subset_size(len(d.y)), len(d.y)))
            gap = seeds[1] - seeds[0]
            error = np.hypot(*errors)
            low, high = interval(gap.mean(axis=0), error, len(gap))
            parts.append(
                pd.DataFrame(
                    {
                        "feature": list(names),
                        "group": [COLUMNS[n].group for n in names],
                        "state_a": first.state,
                        "state_b": second.state,
                        "scale": scale,
                        "mean": gap.mean(axis=0),
                        "sd": gap.std(axis=0, ddof=1),
                        "p_seeds": paired_p(seeds[0], seeds[1]),
                        "error": error,
                        "low": low,
                        "high": high,
                        "p_particles": difference_p(gap.mean(axis=0), error, len(gap)),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_DIFFERENCES)
