"""Figures of what Damage depends on: features, clusters of features, and groups."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from .._shared.wording import capital, fixed, in_state, listing, number, percent, state_name
from ..explanation.result import Explanation
from .style import (
    DOUBLE,
    FAINT,
    GROUP_COLOURS,
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

POINTS = "points of Damage"
# An out-of-bag R2 within so many standard deviations (over the seeds, or over those of shuffled
# Damage) may be chance, and the importances noise.
_CHANCE = 3


@styled
def importance_plate(explanation: Explanation) -> Plate:
    """Draw each feature's importance, grouped, the states side by side."""
    table, states = explanation.importance, explanation.states
    order = _by_group(table)
    figure = sheet(SINGLE if len(states) == 1 else 108, 16 + 4.6 * len(order))
    (axes,) = axes_of(figure, 1, 1)
    height = 0.8 / len(states)
    for k, state in enumerate(states):
        own = table[table["state"] == state].set_index("feature").loc[order]
        at = np.arange(len(order)) + (k - (len(states) - 1) / 2) * height
        colour = STATE_COLOURS[k % len(STATE_COLOURS)]
        bars = [GROUP_COLOURS[g] if len(states) == 1 else colour for g in own["group"]]
        faces = [
            to_rgba(c, 1.0 if s else 0.25) for c, s in zip(bars, own["above_shadow"], strict=True)
        ]
        axes.barh(at, 100 * own["mean"], height, color=faces, edgecolor=bars, lw=0.5)
        if len(states) > 1:
            axes.barh(0, 0, color=colour, label=state_name(state))
        reach = 100 * np.array([own["mean"] - own["low"], own["high"] - own["mean"]])
        axes.errorbar(100 * own["mean"], at, xerr=reach, fmt="none", ecolor=INK, elinewidth=0.7)
        edge = INK if len(states) == 1 else colour
        axes.axvline(100 * ceiling(explanation, state), color=edge, lw=0.9, ls=(0, (1, 2)))
    axes.set_yticks(np.arange(len(order)), order)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"importance: mean |SHAP| ({POINTS})")
    _mark_groups(axes, order, table)
    if len(states) > 1:
        axes.legend(loc="lower right")
    says = []
    for state in states:
        own = table[table["state"] == state]
        says.append(
            f"{in_state(state, states)}{int(own['above_shadow'].sum())} of {len(own)} features "
            "(full bars) matter more than every shuffled copy of a feature in the same forests, "
            f"{int(own['above_control'].sum())} more than any feature in forests on shuffled "
            f"Damage (dotted, {number(100 * ceiling(explanation, state))} points)."
        )
    says.append(
        "Bars: mean of the seeds, with the 95 % interval over the draw of particles; pale: no "
        "better than noise."
    )
    return Plate("importance", "Importance of each feature", capital(says), table, figure)


@styled
def cluster_plate(explanation: Explanation) -> Plate:
    """Draw the importance of clusters of correlated features, which share their importance."""
    table = explanation.sets[explanation.sets["kind"] == "cluster"]
    says = [
        "Features correlated at |ρ| ≥ 0.7 carry much the same information, and SHAP divides the "
        "importance among them. Here they share one bar (pale: no better than shuffled copies)."
    ]
    for state in explanation.states:
        own = table[table["state"] == state].sort_values("permutation", ascending=False)
        rest = own[(own["permutation"] > 2 * own["permutation_std"])].head(4)
        if len(rest):
            costs = listing(f"{r['set']} {fixed(r['permutation'])}" for r in records(rest))
            says.append(
                f"{in_state(state, explanation.states)}if all features of a bar are shuffled "
                f"together, the out-of-bag R² falls most for {costs}."
            )
    figure = _set_figure(explanation, table, shadow=True)
    return Plate(
        "importance_clusters", "Correlated features taken as one", capital(says), table, figure
    )


@styled
def group_plate(explanation: Explanation) -> Plate:
    """Draw the importance of the paper's groups, by SHAP and by permutation."""
    table = explanation.sets[explanation.sets["kind"] == "group"]
    says = []
    for state in explanation.states:
        own = table[table["state"] == state].sort_values("permutation", ascending=False)
        falls = listing(f"{fixed(r['permutation'])} ({r['set']})" for r in records(own))
        says.append(
            f"{in_state(state, explanation.states)}if all features of a group are shuffled "
            f"together, the out-of-bag R² falls by {falls}."
        )
    figure = _set_figure(explanation, table, shadow=False)
    return Plate("importance_groups", "Importance of whole groups", capital(says), table, figure)


def driver_words(explanation: Explanation) -> list[str]:
    """Say in a sentence for each state what Damage depends on, as far as the controls allow."""
    words = []
    for state in explanation.states:
        start = in_state(state, explanation.states)
        r2, spread = fit_of(explanation, state)
        if is_chance(explanation, state):
            words.append(
                f"{start}the forest may predict unseen particles by chance only (out-of-bag R² = "
                f"{fixed(r2)} ± {fixed(spread)}), so nothing can be said of causes."
            )
            continue
        above = _above_noise(explanation, state)
        if above.empty:
            words.append(f"{start}no feature stands out from noise.")
            continue
        named = [_cluster_words(explanation, state, r) for r in records(above)]
        weaker = listing(above["set"].iloc[4:]) if len(named) > 4 else ""
        words.append(
            f"{start}Damage goes with {listing(named[:4])}"
            + (f", and less with {weaker}" if weaker else "")
            + f"; the forest explains {percent(r2)} of its variance."
        )
    return words


def leading_words(explanation: Explanation) -> str:
    """Say in one sentence what Damage depends on most, and how well the forest predicts."""
    several, words = len(explanation.states) > 1, []
    for state in explanation.states:
        of = f"{state_name(state)}, " if several else "out-of-bag "
        fit = f"({of}R² {fixed(fit_of(explanation, state)[0])})"
        above = leading_sets(explanation, state)
        if is_chance(explanation, state):
            words.append(f"with nothing beyond chance {fit}")
        elif not above:
            words.append(f"with no feature above noise {fit}")
        else:
            words.append(f"most with {listing(above[:2])} {fit}")
    return f"Damage goes {listing(words)}."


def leading_sets(explanation: Explanation, state: str) -> list[str]:
    """List the sets of like features that stand out from noise, by their leading member."""
    table = explanation.importance
    rank = table[table["state"] == state].set_index("feature")["rank"]
    above = _above_noise(explanation, state)
    return [str(rank[name.split(" + ")].idxmin()) for name in above["set"]]


def _above_noise(explanation: Explanation, state: str) -> pd.DataFrame:
    """Give the sets of like features that stand out from noise, the largest first."""
    sets = explanation.sets
    own = sets[(sets["kind"] == "cluster") & (sets["state"] == state) & sets["above_shadow"]]
    return own.sort_values("shap", ascending=False)


def fit_of(explanation: Explanation, state: str, kind: str = "seed") -> tuple[float, float]:
    """Give the mean and the standard deviation of the out-of-bag R2 of a state's forests."""
    fit = explanation.fit.set_index(["state", "kind"]).loc[(state, kind)]
    return float(fit["oob_r2"]), float(fit["oob_r2_std"])


def is_chance(explanation: Explanation, state: str) -> bool:
    """Tell whether a state's forests may predict by chance, so that importances mean nothing."""
    r2, spread = fit_of(explanation, state)
    return r2 <= _CHANCE * max(spread, fit_of(explanation, state, "shuffled")[1])


def ceiling(explanation: Explanation, state: str) -> float:
    """Give the most that any feature got in any forest on shuffled Damage."""
    runs = explanation.runs
    own = (runs["state"] == state) & (runs["kind"] == "shuffled")
    return float(runs.loc[own, "importance"].max())


def top_features(explanation: Explanation, most: int) -> list[str]:
    """List the leading features by their mean importance over the states."""
    mean = explanation.importance.groupby("feature")["mean"].mean()
    return list(mean.sort_values(ascending=False).index[:most])


def _cluster_words(explanation: Explanation, state: str, cluster: dict[str, Any]) -> str:
    table = explanation.importance
    own = table[(table["state"] == state) & table["feature"].isin(cluster["set"].split(" + "))]
    first, *others = records(own.sort_values("rank"))
    way = "in no one direction"
    if abs(first["direction"]) > 0.5:
        way = f"more where {'larger' if first['direction'] > 0 else 'smaller'}"
    alike = (
        f"; too similar to {listing(o['feature'] for o in others)} to tell apart" if others else ""
    )
    return f"{first['feature']} ({way}, {number(100 * cluster['shap'])} pp{alike})"


def _set_figure(explanation: Explanation, table: pd.DataFrame, shadow: bool) -> Figure:
    states = explanation.states
    names = list(table.groupby("set", sort=False)["shap"].mean().sort_values(ascending=False).index)
    figure = sheet(DOUBLE, 18 + (4.6 + 2.4 * (len(states) > 1)) * len(names))
    panels = axes_of(figure, 1, 2, sharey=True)
    height = 0.8 / len(states)
    for k, state in enumerate(states):
        own = table[table["state"] == state].set_index("set").loc[names]
        at = np.arange(len(names)) + (k - (len(states) - 1) / 2) * height
        colour = STATE_COLOURS[k % len(STATE_COLOURS)]
        for axes, column, factor in zip(panels, ("shap", "permutation"), (100, 1), strict=True):
            values = factor * own[column]
            ends = [values - factor * own[f"{column}_low"], factor * own[f"{column}_high"] - values]
            seen = own["above_shadow"] if shadow else np.ones(len(own), dtype=bool)
            faces = [to_rgba(colour, 1.0 if s else 0.25) for s in seen]
            axes.barh(at, values, height, color=faces, edgecolor=colour, lw=0.5)
            if len(states) > 1:
                axes.barh(0, 0, color=colour, label=state_name(state))
            axes.errorbar(values, at, xerr=np.array(ends), fmt="none", ecolor=INK, elinewidth=0.7)
    wrapped = [_wrap(n) for n in names]
    panels[0].set_yticks(np.arange(len(names)), wrapped)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    panels[0].set_xlabel(f"mean |SHAP of the set| ({POINTS})")
    panels[1].set_xlabel("fall of out-of-bag R² when shuffled together")
    panels[1].axvline(0, color=MUTED, lw=0.6)
    for axes in panels:
        axes.tick_params(axis="y", length=0)
    if len(states) > 1:
        panels[0].legend(loc="lower right")
    return figure


def _wrap(name: str) -> str:
    """Break a long cluster's name into lines of two members."""
    members = name.split(" + ")
    lines = [" + ".join(members[k : k + 2]) for k in range(0, len(members), 2)]
    return " +\n".join(lines)


def _by_group(table: pd.DataFrame) -> list[str]:
    """List features with the groups together, the largest first within each."""
    mean = table.groupby(["group", "feature"], sort=False)["mean"].mean().reset_index()
    known = [g for g in GROUP_COLOURS if g in set(mean["group"])]
    return [
        f
        for g in known
        for f in mean[mean["group"] == g].sort_values("mean", ascending=False)["feature"]
    ]


def _mark_groups(axes: Axes, order: Sequence[str], table: pd.DataFrame) -> None:
    group = table.drop_duplicates("feature").set_index("feature")["group"]
    start = 0
    for name in dict.fromkeys(group[n] for n in order):
        size = sum(group[n] == name for n in order)
        axes.text(
            1.01, start + (size - 1) / 2, name, rotation=270, va="center", ha="left",
            transform=axes.get_yaxis_transform(), color=MUTED, fontsize=6.5,
        )  # fmt: skip
        if start:
            axes.axhline(start - 0.5, color=FAINT, lw=0.6)
        start += size
