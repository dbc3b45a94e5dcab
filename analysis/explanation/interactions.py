"""Which features act together: SHAP interactions of the forests, as a table."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from .forests import Run
from .rows import StateRows


def pair_table(
    data: StateRows, runs: Mapping[str, Sequence[Run]], names: Sequence[str]
) -> pd.DataFrame:
    """Interactions of every two features of one state, strongest first."""
    real = np.array([run.pairs for run in runs["seed"] if run.pairs is not None])
    control = np.array([run.pairs for run in runs["shuffled"] if run.pairs is not None])
    a, b = np.triu_indices(len(names), 1)
    order = np.asarray(names, dtype=object)
    table = pd.DataFrame(
        {
            "feature_a": order[a],
            "feature_b": order[b],
            "state": data.state,
            "mean": real[:, a, b].mean(axis=0),
            "std": real[:, a, b].std(axis=0, ddof=1),
            "control": control[:, a, b].mean(axis=0),
            "above_control": real[:, a, b].mean(axis=0) > control[:, a, b].max(initial=0.0),
        }
    )
    return table.sort_values("mean", ascending=False)
