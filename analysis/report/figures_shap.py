"""Figures of SHAP values particle by particle: beeswarm, dependence, depth."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator
from scipy import stats

from .._shared.wording import capital, fixed, in_state, listing, number, p_value, state_name
from ..explanation.result import Explanation
from ..explanation.statistics import spearman
from .figures_model import POINTS, top_features
from .style import (
    DOUBLE,
    FAINT,
    MUTED,
    SINGLE,
    STATE_COLOURS,
    VALUE_MAP,
    Plate,
    axes_of,
    axis_name,
    sheet,
    styled,
)

_LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")


@styled
def beeswarm_plate(explanation: Explanation, most: int = 12) -> Plate:
    """Draw every particle's SHAP value for the most important features."""
    states = explanation.states
    order = top_features(explanation, most)
    figure = sheet(SINGLE if len(states) == 1 else DOUBLE, 16 + 5.5 * len(order))
    panels = axes_of(figure, 1, len(states), sharey=True, sharex=True)
    table = explanation.shap[explanation.shap["feature"].isin(order)]
    says = []
    for axes, state in zip(panels, states, strict=True):
        for row, name in enumerate(order):
            own = table[(table["state"] == state) & (table["feature"] == name)]
            shap = 100 * own["shap"].to_numpy()
            axes.scatter(
                shap, row + 0.42 * _spread(shap), s=2.4, lw=0, c=_rank(own["value"]),
                cmap=VALUE_MAP, vmin=0, vmax=1, rasterized=True,
            )  # fmt: skip
            axes.axhline(row, color=FAINT, lw=0.4, zorder=0)
        axes.axvline(0, color=MUTED, lw=0.6, zorder=0)
        axes.set_yticks(range(len(order)), order)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"SHAP value ({POINTS})")
        if len(states) > 1:
            axes.set_title(state_name(state))
        first = table[(table["state"] == state) & (table["feature"] == order[0])]["shap"]
        says.append(
            f"{in_state(state, states)}{order[0]} moves the predicted Damage of single particles "
            f"by {number(100 * first.min())} to +{number(100 * first.max())} points."
        )
    panels[0].set_ylim(len(order) - 0.4, -0.6)
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, 1), VALUE_MAP), ax=panels, shrink=0.6, aspect=30, pad=0.02
    )
    bar.set_ticks([0, 1], labels=["low", "high"])
    bar.set_label("value of the feature (rank)", labelpad=-8)
    bar.outline.set_visible(False)
    says.append(
        "Each dot is a particle; to the right, the feature raises the Damage predicted for it "
        "above the average."
    )
    return Plate("shap_beeswarm", "Particle by particle", capital(says), table, figure)


@styled
def dependence_plate(explanation: Explanation, tables: dict[str, pd.DataFrame]) -> Plate:
    """Draw SHAP values against the value of the leading features, Z among them."""
    states = explanation.states
    order = top_features(explanation, 6)
    if "Z" in explanation.features and "Z" not in order:
        order[-1] = "Z"
    columns = min(3, len(order))
    rows = -(-len(order) // columns)
    figure = sheet(DOUBLE, 6 + 46 * rows)
    panels = axes_of(figure, rows, columns, sharey=True)
    table = explanation.shap[explanation.shap["feature"].isin(order)]
    for axes, name in zip(panels, order, strict=False):
        for k, state in enumerate(states):
            own = table[(table["state"] == state) & (table["feature"] == name)]
            value, shap = own["value"].to_numpy(), 100 * own["shap"].to_numpy()
            colour = STATE_COLOURS[k % len(STATE_COLOURS)]
            axes.scatter(value, shap, s=3.5, lw=0, alpha=0.45, color=colour, rasterized=True)
            centre, middle = _running_median(value, shap)
            axes.plot(centre, middle, color="white", lw=2.6)
            axes.plot(centre, middle, color=colour, lw=1.4, label=state_name(state))
        axes.axhline(0, color=MUTED, lw=0.6, zorder=0)
        low, high = np.quantile(table.loc[table["feature"] == name, "value"], [0.01, 0.99])
        margin = 0.04 * (high - low) or 1.0
        axes.set_xlim(low - margin, high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel(axis_name(name, *tables.values()))
    for axes in panels[len(order) :]:
        axes.set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel("SHAP (points of Damage)")
    if len(states) > 1:
        panels[0].legend()
    says = [_direction_words(explanation, state, order) for state in states]
    says.append("Lines: running median. The outermost 1 % of the values on each side is not shown.")
    return Plate("shap_dependence", "In which direction", capital(says), table, figure)


@styled
def depth_importance_plate(explanation: Explanation, tables: dict[str, pd.DataFrame]) -> Plate:
    """Draw along depth what Z itself adds to Damage, and how much the other features matter."""
    states = explanation.states
    others = [n for n in top_features(explanation, 6) if n != "Z"][:4]
    figure = sheet(DOUBLE, 60)
    first, *panels = axes_of(figure, 1, 1 + len(states))
    rows, says = [], []
    for k, (axes, state) in enumerate(zip(panels, states, strict=True)):
        own = explanation.shap[explanation.shap["state"] == state]
        z = own[own["feature"] == "Z"]
        depth = z["value"].to_numpy()
        bins = int(np.clip(len(depth) // 40, 2, 8))
        edges = np.quantile(depth, np.linspace(0, 1, bins + 1))
        where = np.clip(np.searchsorted(edges, depth, side="right") - 1, 0, bins - 1)
        used = np.unique(where)
        centre = np.array([depth[where == b].mean() for b in used])

        def profile(
            values: np.ndarray, where: np.ndarray = where, used: np.ndarray = used
        ) -> np.ndarray:
            return np.array([values[where == b].mean() for b in used])

        added = profile(z["shap"].to_numpy())
        colour = STATE_COLOURS[k % len(STATE_COLOURS)]
        first.plot(centre, 100 * added, marker="o", ms=3, color=colour, label=state_name(state))
        rows += [(state, "Z", c, v, np.nan) for c, v in zip(centre, added, strict=True)]
        trends = []
        for j, name in enumerate(others):
            shap = own[own["feature"] == name]["shap"].abs().to_numpy()
            strength = profile(shap)
            axes.plot(centre, 100 * strength, marker="os^Dv"[j], ms=3, color=_LINES[j], label=name)
            rows += [(state, name, c, np.nan, v) for c, v in zip(centre, strength, strict=True)]
            rho, p = spearman(depth, shap)
            if p < 0.01 / len(others) and abs(rho) > 0.15:
                trends.append(
                    f"that of {name} {'grows' if rho > 0 else 'shrinks'} with it "
                    f"(ρ = {fixed(rho)}, {p_value(p)})"
                )
        span = f"{number(100 * added[0])} points at Z = {number(centre[0], 3)} to "
        span += f"{number(100 * added[-1])} at {number(centre[-1], 3)}"
        says.append(
            f"{in_state(state, states)}depth itself changes the predicted Damage by {span}; "
            + (
                f"of the other features' importance, {listing(trends)}."
                if trends
                else f"the importance of {listing(others)} does not change clearly along it."
            )
        )
        axes.set_title(f"others, {state_name(state)}" if len(states) > 1 else "the other features")
        axes.set_xlabel(f"depth {axis_name('Z', *tables.values())}")
        axes.set_ylim(0)
    first.axhline(0, color=MUTED, lw=0.6, zorder=0)
    first.set_title("depth itself")
    first.set_xlabel(f"depth {axis_name('Z', *tables.values())}")
    first.set_ylabel("mean SHAP of Z (points)")
    panels[0].set_ylabel("mean |SHAP| (points)")
    top = max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set_ylim(0, top)
    panels[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    if len(states) > 1:
        first.legend()
    says.append("Points: equally many particles each.")
    table = pd.DataFrame(rows, columns=["state", "feature", "Z", "mean_shap", "mean_abs_shap"])
    return Plate("importance_depth", "Importance along depth", capital(says), table, figure)


def _direction_words(explanation: Explanation, state: str, order: Sequence[str]) -> str:
    own = explanation.importance[explanation.importance["state"] == state].set_index("feature")
    direction = own["direction"]
    rising = [n for n in order if direction[n] > 0.5]
    falling = [n for n in order if direction[n] < -0.5]
    other = [n for n in order if n not in rising + falling]
    words = []
    if rising:
        words.append(f"predicted Damage rises with {listing(rising)}")
    if falling:
        words.append(f"{'' if words else 'predicted Damage '}falls with {listing(falling)}")
    if other:
        words.append(f"{listing(other)} {'has' if len(other) == 1 else 'have'} no one direction")
    return f"{in_state(state, explanation.states)}{'; '.join(words)}."


def _rank(values: pd.Series) -> np.ndarray:
    ranks = stats.rankdata(values)
    return np.asarray((ranks - 1) / max(len(ranks) - 1, 1))


def _spread(values: np.ndarray) -> np.ndarray:
    """Give offsets in -1..1 that keep dots of one row apart: wide where there are many."""
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
