"""The published ranking of Li et al., *Science* 376 (2022), 517-521, compared with one's own."""

import pandas as pd
from scipy import stats

from .result import Explanation

# What the paper's notebook shows: leading features, and shares of the groups in mean |SHAP|.
LEADING = {
    "10": ("Sphericity", "Elongation", "VSratio"),
    "50": ("Contact", "PDensity", "OrienIso"),
}
SHARES = {"morphology": {"10": 0.73, "50": 0.28}, "neighbourhood": {"10": 0.05, "50": 0.56}}

ALWAYS_ZERO = ("VolumeStd", "OrienIso", "ElongStd", "SpherStd")
"""Columns that the public code fills with 0: it takes one neighbour instead of six."""


def agreement(explanation: Explanation, published: pd.DataFrame) -> pd.DataFrame:
    """Compare the ranking of each state with each published one by Kendall's tau-b.

    Parameters
    ----------
    explanation
        One's own.
    published
        feature, and a column of importances for each published state.

    Returns
    -------
    DataFrame
        state, published (the column's name), tau, p (two-sided), features (how many both have).
    """
    rows = []
    for state in explanation.states:
        own = explanation.importance[explanation.importance["state"] == state]
        both = own.merge(published, on="feature")
        for name in published.columns.drop("feature"):
            found = stats.kendalltau(both["mean"], both[name])
            rows.append(
                {
                    "state": state,
                    "published": str(name),
                    "tau": float(found.statistic),
                    "p": float(found.pvalue),
                    "features": len(both),
                }
            )
    return pd.DataFrame(rows)


def beside(explanation: Explanation, published: pd.DataFrame) -> pd.DataFrame:
    """List each feature's rank here and as published.

    Returns
    -------
    DataFrame
        feature, rank of each state, and rank of each published one, best published first.
    """
    table = published[["feature"]].copy()
    for name in published.columns.drop("feature"):
        table[f"published, {name} cycles"] = published[name].rank(ascending=False).astype(int)
    for state in explanation.states:
        own = explanation.importance[explanation.importance["state"] == state]
        ranks = own.set_index("feature")["rank"]
        table[f"here, {state}"] = table["feature"].map(ranks).astype("Int64")
    return table.sort_values(table.columns[1], ignore_index=True)
