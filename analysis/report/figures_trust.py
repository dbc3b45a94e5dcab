"""How reliable an explanation is: fit, stability, shared importance, consequences."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .._shared.wording import capital, fixed, in_state, listing, number, percent, plural, state_name
from ..explanation.feature_sets import rank_correlation
from ..explanation.result import Explanation
from ..explanation.statistics import holm, spearman
from ..features.columns import COLUMNS, CONSEQUENCES
from .style import (
    DOUBLE,
    FAINT,
    INK,
    MUTED,
    SINGLE,
    STATE_COLOURS,
    Plate,
    axes_of,
    records,
    sheet,
    styled,
)


@styled
def fit_plate(explanation: Explanation) -> Plate:
    """Draw out-of-bag prediction against observed Damage."""
    states = explanation.states
    figure = sheet(SINGLE if len(states) == 1 else DOUBLE, 74)
    panels = axes_of(figure, 1, len(states), sharex=True, sharey=True)
    table = explanation.predictions
    top = 100 * max(table["observed"].quantile(0.995), table["predicted"].max()) * 1.05
    says = []
    fit = {(r["state"], r["kind"]): r for r in records(explanation.fit)}
    for k, (axes, state) in enumerate(zip(panels, states, strict=True)):
        own = table[table["state"] == state]
        axes.plot([0, top], [0, top], color=FAINT, lw=0.8, zorder=0)
        axes.scatter(
            100 * own["observed"],
            100 * own["predicted"],
            s=4,
            lw=0,
            alpha=0.4,
            color=STATE_COLOURS[k % len(STATE_COLOURS)],
            rasterized=len(own) > 3000,
        )
        axes.set_xlim(0, top)
        axes.set_ylim(0, top)
        axes.set_aspect("equal")
        axes.set_xlabel("observed Damage (%)")
        if len(states) > 1:
            axes.set_title(state_name(state))
        real, control = fit[state, "seed"], fit[state, "shuffled"]
        says.append(
            f"{in_state(state, states)}out-of-bag R² = {fixed(real['oob_r2'])} ± "
            f"{fixed(real['oob_r2_std'])} over seeds, {fixed(control['oob_r2'])} with Damage "
            f"shuffled; on held-out particles the forest is off by "
            f"{number(100 * real['held_out_mae'])} points of Damage on average, and always "
            f"predicting the median by {number(100 * real['guess_mae'])}."
        )
    panels[0].set_ylabel("predicted, out of bag (%)")
    return Plate("out_of_bag_fit", "How well Damage is predicted", capital(says), table, figure)


@styled
def stability_plate(explanation: Explanation) -> Plate:
    """Draw each feature's rank in every seed and every random subset."""
    states = explanation.states
    runs = explanation.runs[explanation.runs["kind"] != "shuffled"].copy()
    runs["rank"] = runs.groupby(["state", "kind", "run"])["importance"].rank(
        ascending=False, method="min"
    )
    median = runs[runs["kind"] == "seed"].groupby("feature")["rank"].mean().sort_values()
    order = list(median.index)
    figure = sheet(SINGLE if len(states) == 1 else DOUBLE, 22 + 4.2 * len(order))
    panels = axes_of(figure, 1, len(states), sharey=True, sharex=True)
    says = []
    tau = {(r["state"], r["kind"]): r["tau"] for r in records(explanation.stability)}
    for axes, state in zip(panels, states, strict=True):
        for kind, colour, shift in (
            ("seed", STATE_COLOURS[0], -0.17),
            ("subset", STATE_COLOURS[1], 0.17),
        ):
            own = runs[(runs["state"] == state) & (runs["kind"] == kind)]
            at = own["feature"].map({n: k + shift for k, n in enumerate(order)})
            axes.scatter(own["rank"], at, s=7, lw=0, alpha=0.35, color=colour)
            middle = own.groupby("feature")["rank"].median().loc[order]
            axes.scatter(
                middle,
                np.arange(len(order)) + shift,
                s=26,
                marker="|",
                lw=1.4,
                color=colour,
                label={"seed": "seeds", "subset": "random subsets"}[kind],
            )
        axes.set_xlabel("rank (1 = most important)")
        axes.set_xticks([1, *range(5, len(order) + 1, 5)])
        axes.grid(axis="y", color=FAINT, lw=0.4)
        axes.tick_params(axis="y", length=0)
        if len(states) > 1:
            axes.set_title(state_name(state))
        firsts = runs[(runs["state"] == state) & (runs["kind"] == "seed") & (runs["rank"] == 1)]
        top = firsts["feature"].value_counts()
        says.append(
            f"{in_state(state, states)}{top.index[0]} comes first in {top.iloc[0]} of "
            f"{runs['run'].nunique()} seeds; two seeds' rankings agree with Kendall's τ = "
            f"{fixed(tau[state, 'seed'])}, two random subsets' with "
            f"{fixed(tau[state, 'subset'])} (1: same order, 0: unrelated; shuffled "
            f"Damage gives {fixed(tau[state, 'shuffled'])})."
        )
    panels[0].set_yticks(range(len(order)), order)
    panels[0].set_ylim(len(order) - 0.4, -0.6)
    panels[0].legend(loc="lower left", handletextpad=0.2)
    says.append("Features in the middle often change places: only the top of the list is reliable.")
    return Plate("rank_stability", "Is the ranking stable", capital(says), runs, figure)


@styled
def correlation_plate(tables: dict[str, pd.DataFrame], features: Sequence[str]) -> Plate:
    """Draw the rank correlations of the regressors, which share their SHAP importance."""
    group = {n: COLUMNS[n].group for n in features}
    order = sorted(features, key=lambda n: list(group.values()).index(group[n]))
    known = [t[order].dropna().to_numpy() for t in tables.values()]
    matrix = np.mean([rank_correlation(t) for t in known], axis=0)
    figure = sheet(112, 96)
    (axes,) = axes_of(figure, 1, 1)
    picture = axes.imshow(matrix, cmap="PuOr_r", vmin=-1, vmax=1)
    axes.set_xticks(range(len(order)), order, rotation=90)
    axes.set_yticks(range(len(order)), order)
    axes.tick_params(length=0)
    for k in range(1, len(order)):
        if group[order[k]] != group[order[k - 1]]:
            axes.axhline(k - 0.5, color=INK, lw=0.7)
            axes.axvline(k - 0.5, color=INK, lw=0.7)
    bar = figure.colorbar(picture, ax=axes, shrink=0.7, aspect=30)
    bar.set_label("Spearman's ρ")
    bar.outline.set_visible(False)
    a, b = np.triu_indices(len(order), 1)
    rho = matrix[a, b]
    pairs = pd.DataFrame(
        {"feature_a": np.array(order)[a], "feature_b": np.array(order)[b], "rho": rho}
    ).sort_values("rho", key=np.abs, ascending=False, ignore_index=True)
    tight = pairs[pairs["rho"].abs() >= 0.7]
    says = "No two features are correlated beyond |ρ| = 0.7, so SHAP divides little importance."
    if len(tight):
        says = (
            f"{plural(len(tight), 'pair')} of regressors "
            f"{'carries' if len(tight) == 1 else 'carry'} much the same information (|ρ| ≥ 0.7): "
            + listing(
                f"{r['feature_a']} with {r['feature_b']} ({fixed(r['rho'])})"
                for r in records(tight.head(6))
            )
            + (" and others" if len(tight) > 6 else "")
            + ". SHAP divides the importance within such a pair; read them as one."
        )
    return Plate("feature_correlation", "Correlated features", says, pairs, figure)


@styled
def interaction_plate(explanation: Explanation, most: int = 8) -> Plate:
    """Draw the strongest SHAP interactions of two features."""
    states = explanation.states
    figure = sheet(SINGLE if len(states) == 1 else DOUBLE, 20 + 5 * most)
    panels = axes_of(figure, 1, len(states), sharex=True)
    says, parts = [], []
    main = explanation.importance.set_index(["state", "feature"])["mean"]
    for k, (axes, state) in enumerate(zip(panels, states, strict=True)):
        table = explanation.interactions
        own = table[table["state"] == state].head(most)
        parts.append(own)
        at = np.arange(len(own))
        axes.barh(at, 100 * own["mean"], 0.7, color=STATE_COLOURS[k % len(STATE_COLOURS)])
        axes.errorbar(
            100 * own["mean"], at, xerr=100 * own["std"], fmt="none", ecolor=INK, elinewidth=0.7
        )
        axes.scatter(100 * own["control"], at, marker="|", s=40, color=INK, lw=1, zorder=3)
        axes.set_yticks(at, [f"{r['feature_a']} × {r['feature_b']}" for r in records(own)])
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("mean |SHAP interaction| (pp of Damage)")
        if len(states) > 1:
            axes.set_title(state_name(state))
        first, leader = own.iloc[0], main[state].idxmax()
        says.append(
            f"{in_state(state, states)}the strongest interaction, {first['feature_a']} with "
            f"{first['feature_b']}, is worth {percent(first['mean'] / main[state, leader])} of "
            f"{leader}'s importance; {_pairs_above(table, state)} every "
            "pair in the forests on shuffled Damage."
        )
    says.append("Ticks: the same pair with Damage shuffled.")
    return Plate(
        "interactions", "Which features act together", capital(says), pd.concat(parts), figure
    )


@styled
def consequence_plate(tables: dict[str, pd.DataFrame]) -> Plate:
    """Draw the six features that are computed from the cracks, with their correlation to Damage."""
    table = consequences(tables)
    states = list(tables)
    names = list(dict.fromkeys(table["feature"]))
    figure = sheet(SINGLE, 20 + 6 * max(len(names), 1))
    (axes,) = axes_of(figure, 1, 1)
    height = 0.8 / len(states)
    for k, state in enumerate(states):
        own = table[table["state"] == state].set_index("feature").reindex(names)
        at = np.arange(len(names)) + (k - (len(states) - 1) / 2) * height
        axes.barh(at, own["rho"], height, color=STATE_COLOURS[k % 6], label=state_name(state))
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(-1, 1)
    axes.axvline(0, color=MUTED, lw=0.6)
    axes.set_xlabel("correlation with Damage (Spearman's ρ)")
    if len(states) > 1:
        axes.legend(loc="best")
    strong = table.sort_values("rho", key=np.abs, ascending=False).head(3)
    says = (
        "These features are computed from the cracks themselves: they follow Damage and cannot be "
        "its causes, so the forest on the drivers does not see them"
    )
    if len(strong):
        says += "; Damage goes most closely with " + listing(
            f"{r['feature']} (ρ = {fixed(r['rho'])}"
            + (f", {state_name(r['state'])})" if len(states) > 1 else ")")
            for r in records(strong)
        )
    return Plate("consequences", "Consequences, not causes", says + ".", table, figure)


def consequences(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Correlate the features that follow from cracks with Damage.

    Parameters
    ----------
    tables
        State -> table of `measure`.

    Returns
    -------
    DataFrame
        feature, state, rho (Spearman), particles, p (Holm-adjusted within a state).
    """
    rows = []
    for state, table in tables.items():
        own = []
        for name in CONSEQUENCES:
            known = table[[name, "Damage"]].dropna() if name in table else pd.DataFrame()
            if len(known) < 5 or known[name].nunique() < 2 or known["Damage"].nunique() < 2:
                continue
            rho, p = spearman(known[name], known["Damage"])
            own.append(
                {"feature": name, "state": state, "rho": rho, "particles": len(known), "p": p}
            )
        if own:
            for row, p in zip(own, holm(np.array([r["p"] for r in own])), strict=True):
                row["p"] = p
        rows += own
    return pd.DataFrame(rows, columns=["feature", "state", "rho", "particles", "p"])


def _pairs_above(table: pd.DataFrame, state: str) -> str:
    above = int(table.loc[table["state"] == state, "above_control"].sum())
    return f"{plural(above, 'pair')} {'is' if above == 1 else 'are'} stronger than"
