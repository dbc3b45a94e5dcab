"""Figures of the damage model: which features matter, how much, in which direction, where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import stats

from .figures import (
    DOUBLE,
    FAINT,
    GROUP_COLOURS,
    INK,
    MUTED,
    SINGLE,
    STATE_COLOURS,
    VALUE_MAP,
    Plate,
    axes_of,
    axis_name,
    capital,
    in_state,
    listing,
    percent,
    sheet,
    state_name,
    styled,
)

if TYPE_CHECKING:
    from .damage_model import Explanation  # importing it brings scikit-learn and shap

POINTS = "percentage points of Damage"


@styled
def importance_plate(explanation: Explanation) -> Plate:
    """Draw each feature's importance, grouped, the states side by side."""
    table = explanation.importance
    states = explanation.states
    order = _by_group(table)
    figure = sheet(SINGLE if len(states) == 1 else 120, 20 + 5.2 * len(order))
    (axes,) = axes_of(figure, 1, 1)
    height = 0.8 / len(states)
    says = []
    for k, state in enumerate(states):
        own = table[table["state"] == state].set_index("feature").loc[order]
        at = np.arange(len(order)) + (k - (len(states) - 1) / 2) * height
        colours = (
            [GROUP_COLOURS[g] for g in own["group"]]
            if len(states) == 1
            else STATE_COLOURS[k % len(STATE_COLOURS)]
        )
        axes.barh(at, 100 * own["mean"], height, color=colours, label=state_name(state))
        axes.errorbar(
            100 * own["mean"], at, xerr=100 * own["std"], fmt="none", ecolor=INK, elinewidth=0.7
        )
        ceiling = 100 * _ceiling(explanation, state)
        edge = INK if len(states) == 1 else STATE_COLOURS[k % len(STATE_COLOURS)]
        axes.axvline(ceiling, color=edge, lw=0.8, ls=(0, (3, 2)))
        says.append(_importance_words(explanation, state, own.sort_values("rank"), ceiling))
    axes.set_yticks(np.arange(len(order)), order)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"importance: mean |SHAP| ({POINTS})")
    _mark_groups(axes, order, table)
    if len(states) > 1:
        axes.legend(loc="lower right")
    says.append(
        "Bars: mean of the seeds, with standard deviation. Dashed: the most that any feature reached "
        "when Damage was shuffled among the particles."
    )
    return Plate("importance", "What Damage depends on", " ".join(says), table, figure)


@styled
def group_plate(explanation: Explanation) -> Plate:
    """Draw the importance of whole groups, by SHAP and by permutation."""
    table = explanation.groups
    states, names = explanation.states, list(dict.fromkeys(table["group"]))
    figure = sheet(DOUBLE, 24 + 7 * len(names))
    panels = axes_of(figure, 1, 2, sharey=True)
    height = 0.8 / len(states)
    says = []
    for k, state in enumerate(states):
        own = table[table["state"] == state].set_index("group").loc[names]
        at = np.arange(len(names)) + (k - (len(states) - 1) / 2) * height
        colours = [GROUP_COLOURS[g] for g in names] if len(states) == 1 else STATE_COLOURS[k % 6]
        for axes, column, factor in zip(panels, ("shap", "permutation"), (100, 1), strict=True):
            axes.barh(at, factor * own[column], height, color=colours, label=state_name(state))
            axes.errorbar(
                factor * own[column],
                at,
                xerr=factor * own[f"{column}_std"],
                fmt="none",
                ecolor=INK,
                elinewidth=0.7,
            )
        best = own.sort_values("permutation", ascending=False)
        says.append(
            f"{in_state(state, states)}shuffling all of {best.index[0]} at once costs the forest "
            f"{best['permutation'].iloc[0]:.2f} of its out-of-bag R², "
            + listing(f"{g} {v:.2f}" for g, v in best["permutation"].iloc[1:].items())
            + "."
        )
    panels[0].set_yticks(np.arange(len(names)), names)
    panels[0].invert_yaxis()
    panels[0].set_xlabel(f"mean |SHAP of the group| ({POINTS})")
    panels[1].set_xlabel("fall of R² when the group is shuffled")
    panels[1].axvline(0, color=MUTED, lw=0.6)
    if len(states) > 1:
        panels[1].legend(loc="lower right")
    says.append(
        "Within a group features are correlated and SHAP splits the credit among them; over a whole "
        "group it does not, so a feature that looks small alone may belong to a group that is not."
    )
    return Plate("importance_groups", "Importance of whole groups", capital(says), table, figure)


@styled
def beeswarm_plate(explanation: Explanation, most: int = 12) -> Plate:
    """Draw every particle's SHAP value for the most important features."""
    states = explanation.states
    order = _top(explanation, most)
    figure = sheet(SINGLE if len(states) == 1 else DOUBLE, 22 + 6 * len(order))
    panels = axes_of(figure, 1, len(states), sharey=True, sharex=True)
    table = explanation.shap[explanation.shap["feature"].isin(order)]
    says, dots = [], None
    for axes, state in zip(panels, states, strict=True):
        for row, name in enumerate(order):
            own = table[(table["state"] == state) & (table["feature"] == name)]
            shap = 100 * own["shap"].to_numpy()
            dots = axes.scatter(
                shap,
                row + 0.4 * _spread(shap),
                s=2.2,
                lw=0,
                c=_rank(own["value"]),
                cmap=VALUE_MAP,
                vmin=0,
                vmax=1,
                rasterized=True,
            )
        axes.axvline(0, color=MUTED, lw=0.6, zorder=0)
        axes.set_yticks(range(len(order)), order)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"SHAP value ({POINTS})")
        if len(states) > 1:
            axes.set_title(state_name(state))
        says.append(in_state(state, states) + _extreme_words(table[table["state"] == state], order))
    panels[0].set_ylim(len(order) - 0.4, -0.6)
    bar = figure.colorbar(dots, ax=panels, shrink=0.6, aspect=30, pad=0.02)
    bar.set_ticks([0, 1], labels=["low", "high"])
    bar.set_label("value of the feature (rank)", labelpad=-8)
    bar.outline.set_visible(False)
    says.append(
        "Each dot is a particle: to the right, the feature raises the predicted Damage of that "
        "particle above the average."
    )
    return Plate("shap_beeswarm", "Particle by particle", capital(says), table, figure)


@styled
def dependence_plate(explanation: Explanation) -> Plate:
    """Draw SHAP values against the value of the five leading features and of Z."""
    states = explanation.states
    order = _top(explanation, 6)
    if "Z" in explanation.features and "Z" not in order:
        order[-1] = "Z"
    columns = min(3, len(order))
    rows = -(-len(order) // columns)
    figure = sheet(DOUBLE, 8 + 48 * rows)
    panels = axes_of(figure, rows, columns, sharey=True)
    table = explanation.shap[explanation.shap["feature"].isin(order)]
    for axes, name in zip(panels, order, strict=False):
        for k, state in enumerate(states):
            own = table[(table["state"] == state) & (table["feature"] == name)]
            value, shap = own["value"].to_numpy(), 100 * own["shap"].to_numpy()
            colour = STATE_COLOURS[k % len(STATE_COLOURS)]
            axes.scatter(value, shap, s=2.5, lw=0, alpha=0.35, color=colour, rasterized=True)
            centre, middle = _running_median(value, shap)
            axes.plot(centre, middle, color="white", lw=2.6)
            axes.plot(centre, middle, color=colour, lw=1.4, label=state_name(state))
        axes.axhline(0, color=MUTED, lw=0.6, zorder=0)
        low, high = np.quantile(table.loc[table["feature"] == name, "value"], [0.005, 0.995])
        axes.set_xlim(low - 0.03 * (high - low), high + 0.03 * (high - low))
        axes.set_xlabel(axis_name(name, explanation.shap))
    for axes in panels[len(order) :]:
        axes.set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel("SHAP (pp of Damage)")
    if len(states) > 1:
        panels[0].legend()
    says = []
    for state in states:
        own = explanation.importance[explanation.importance["state"] == state].set_index("feature")
        rising = [n for n in order if own.loc[n, "direction"] > 0.5]
        falling = [n for n in order if own.loc[n, "direction"] < -0.5]
        words = []
        if rising:
            words.append(f"predicted Damage rises with {listing(rising)}")
        if falling:
            words.append(f"{'' if words else 'predicted Damage '}falls with {listing(falling)}")
        other = [n for n in order if n not in rising + falling]
        if other:
            words.append(
                f"{listing(other)} {'has' if len(other) == 1 else 'have'} no one direction"
            )
        says.append(f"{in_state(state, states)}{'; '.join(words)}.")
    says.append("Lines: running median. Values beyond the outer 0.5 % are not shown.")
    return Plate("shap_dependence", "In which direction", capital(says), table, figure)


@styled
def depth_importance_plate(explanation: Explanation) -> Plate:
    """Draw how the leading features' SHAP values change along depth."""
    states = explanation.states
    order = list(dict.fromkeys(["Z", *_top(explanation, 4)]))[:5]
    figure = sheet(DOUBLE, 62)
    panels = axes_of(figure, 1, len(states), sharey=True, sharex=True)
    rows, says = [], []
    for axes, state in zip(panels, states, strict=True):
        wide = explanation.shap[explanation.shap["state"] == state].pivot_table(
            index="label", columns="feature", values=["value", "shap"]
        )
        z = wide["value", "Z"].to_numpy()
        bins = int(np.clip(len(z) // 40, 2, 8))
        where = np.clip(
            np.digitize(z, np.quantile(z, np.linspace(0, 1, bins + 1))) - 1, 0, bins - 1
        )
        centre = [z[where == b].mean() for b in range(bins)]
        swing: dict[str, tuple[float, float]] = {}
        for k, name in enumerate(order):
            shap = 100 * wide["shap", name].abs().to_numpy()
            strength = [shap[where == b].mean() for b in range(bins)]
            axes.plot(centre, strength, marker="os^Dv"[k], ms=3, color=STATE_COLOURS[k], label=name)
            swing[name] = (strength[0], strength[-1])
            rows += [
                {"state": state, "feature": name, "Z_um": c, "mean_abs_shap": s / 100}
                for c, s in zip(centre, strength, strict=True)
            ]
        axes.set_xlabel(f"depth {axis_name('Z', explanation.shap)}")
        if len(states) > 1:
            axes.set_title(state_name(state))
        first, last = (max(order, key=lambda n, e=end: swing[n][e]) for end in (0, -1))
        words = f"{first} matters most at both ends of the depth"
        if first != last:
            words = (
                f"{first} matters most near Z = {centre[0]:.3g} µm, {last} near {centre[-1]:.3g} µm"
            )
        says.append(f"{in_state(state, states)}{words}.")
    panels[0].set_ylim(0)
    panels[0].set_ylabel("mean |SHAP| (pp of Damage)")
    panels[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    says.append("Points: equally many particles each.")
    return Plate(
        "importance_depth", "Importance along depth", capital(says), pd.DataFrame(rows), figure
    )


def _by_group(table: pd.DataFrame) -> list[str]:
    """Features with the groups together, the largest first within each."""
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
    for g in dict.fromkeys(group[n] for n in order):
        size = sum(group[n] == g for n in order)
        axes.text(
            1.01,
            start + (size - 1) / 2,
            g,
            rotation=270,
            va="center",
            ha="left",
            transform=axes.get_yaxis_transform(),
            color=MUTED,
            fontsize=6.5,
        )
        if start:
            axes.axhline(start - 0.5, color=FAINT, lw=0.6)
        start += size


def _top(explanation: Explanation, most: int) -> list[str]:
    """Features by their mean importance over the states."""
    mean = explanation.importance.groupby("feature")["mean"].mean()
    return list(mean.sort_values(ascending=False).index[:most])


def _ceiling(explanation: Explanation, state: str) -> float:
    runs = explanation.runs
    return float(
        runs.loc[(runs["state"] == state) & (runs["kind"] == "shuffled"), "importance"].max()
    )


def driver_words(explanation: Explanation) -> list[str]:
    """Say in a sentence for each state what Damage depends on, as far as the control allows."""
    table = explanation.importance
    return [
        _importance_words(
            explanation,
            state,
            table[table["state"] == state].set_index("feature"),
            100 * _ceiling(explanation, state),
        )
        for state in explanation.states
    ]


def _importance_words(
    explanation: Explanation, state: str, own: pd.DataFrame, ceiling: float
) -> str:
    fit = explanation.fit.set_index(["state", "kind"])["oob_r2"]
    start = in_state(state, explanation.states)
    above = own[own["above_control"]]
    if fit[state, "seed"] <= 0.02:
        return (
            f"{start}The forest predicts unseen particles no better than their mean does (out-of-bag "
            f"R² = {fit[state, 'seed']:.2f}), so this ranking should not be read."
        )
    if above.empty:
        return f"{start}No feature is above what shuffled Damage gives ({ceiling:.2g})."
    leading = listing(
        f"{n} ({100 * r['mean']:.2g} ± {100 * r['std']:.1g}, {_way(r['direction'])})"
        for n, r in above.head(4).iterrows()
    )
    return (
        f"{start}{len(above)} of {len(own)} features {'stands' if len(above) == 1 else 'stand'} above "
        f"the control, led by {leading}, with {percent(above['share'].head(4).sum())} of all "
        "importance between them."
    )


def _way(direction: float) -> str:
    if direction > 0.5:
        return "more damage where larger"
    return "less damage where larger" if direction < -0.5 else "no one direction"


def _extreme_words(table: pd.DataFrame, order: Sequence[str]) -> str:
    shap = table[table["feature"] == order[0]]["shap"]
    return (
        f"{order[0]} moves the predicted Damage of single particles between "
        f"{100 * shap.min():+.2g} and {100 * shap.max():+.2g} percentage points."
    )


def _rank(values: pd.Series) -> np.ndarray:
    ranks = stats.rankdata(values)
    return np.asarray((ranks - 1) / max(len(ranks) - 1, 1))


def _spread(values: np.ndarray) -> np.ndarray:
    """Offsets in -1..1 that keep dots of one row apart: wide where there are many."""
    if np.ptp(values) == 0:
        return np.linspace(-1, 1, len(values))
    bins = np.clip(((values - values.min()) / np.ptp(values) * 60).astype(int), 0, 59)
    counts = np.bincount(bins, minlength=60)
    within = np.empty(len(values))
    for b in np.flatnonzero(counts):
        within[bins == b] = np.arange(counts[b])
    side = np.where(within % 2 == 0, 1, -1) * np.ceil(within / 2)
    return np.asarray(2 * side / counts.max())


def _running_median(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(x)
    parts = [p for p in np.array_split(order, int(np.clip(len(x) // 15, 3, 20))) if len(p)]
    return np.array([np.median(x[p]) for p in parts]), np.array([np.median(y[p]) for p in parts])
