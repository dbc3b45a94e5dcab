"""The models on held-out parts gathered into the tidy tables of an Explanation."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from .checks import StateFigures
from .other_models import HeldOut
from .tables import prediction_table, ranked


def model_table(judged: Mapping[str, Mapping[str, HeldOut]], names: Sequence[str]) -> pd.DataFrame:
    """List each model's importances on held-out parts."""
    parts = []
    for state, models in judged.items():
        for model, held in models.items():
            drops = held.drops[: len(names)]
            parts.append(
                pd.DataFrame(
                    {
                        "state": state,
                        "model": model,
                        "feature": list(names),
                        "importance": drops,
                        "rank": ranked(drops),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def held_out_table(figures: Sequence[StateFigures], features: int) -> pd.DataFrame:
    """List how well each model predicts particles that it has not seen."""
    rows = []
    for state in figures:
        forest = state.models["forest"].drops[:features]
        clusters = [n for n in state.sets if n.startswith("cluster ")]
        at = [list(state.sets).index(n) for n in clusters]
        particles = prediction_table(state.data, state.runs["seed"])
        missed = np.abs(particles["predicted"] - particles["observed"]).to_numpy()
        guess = np.abs(np.median(state.data.y) - state.data.y)
        bag = float(np.mean([run.oob_r2 for run in state.runs["seed"]]))
        drops = state.stacked("seed", "drops").mean(axis=0)
        rows.append(
            [
                *(state.data.state, "forest", "out-of-bag", bag, missed.mean(), guess.mean()),
                *(clusters[int(np.argmax(drops[at]))], _tau(forest, drops[:features])),
            ]
        )
        for model, held in state.models.items():
            rows.append(
                [
                    *(state.data.state, model, "blocks" if held.spatial else "random"),
                    *(held.r2, held.mae, held.guess_mae),
                    *(
                        clusters[int(np.argmax(held.drops[at]))],
                        _tau(forest, held.drops[:features]),
                    ),
                ]
            )
    columns = ["state", "model", "parts", "r2", "mae", "guess_mae", "leads", "tau"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(leads=table["leads"].str.removeprefix("cluster "))


def _tau(first: np.ndarray, second: np.ndarray) -> float:
    return float(stats.kendalltau(first, second).statistic)
