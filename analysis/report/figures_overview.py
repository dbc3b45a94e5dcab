"""The first screen's figure: what was found, and Damage against what goes with it most."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from .._shared.wording import by_state, capital, fixed, in_state, number, percent, state_name
from ..explanation.result import Explanation
from ..explanation.statistics import spearman
from .figures_model import POINTS, is_chance, leading_sets
from .figures_particles import binned_means
from .figures_slices import middle_plate
from .section import Tables
from .sections import have_enough, whole_particles
from .style import (
    INK,
    SINGLE,
    STATE_COLOURS,
    Plate,
    axes_of,
    axis_name,
    sheet,
    states_of,
    styled,
    unit_of,
)

_HEIGHT = 72
_MOST = 6


def overview_plates(
    tables: Tables,
    explanation: Explanation | None,
    volume: ArrayLike | None,
    labels: ArrayLike | None,
    solid: ArrayLike | None,
    spacing: tuple[float, float, float],
    unit: str,
) -> list[Plate]:
    """Draw the two halves of the first screen's figure, as far as the data go.

    Left the middle slice, or without a volume the leading importances; right Damage against its
    leading driver, or against depth where none is known.
    """
    plates = []
    if volume is not None and labels is not None:
        plates.append(middle_plate(volume, labels, solid, spacing, unit, _HEIGHT))
    elif explanation is not None:
        plates.append(_leading_importance(explanation))
    driver = leading_driver(explanation)
    known = {s: t.dropna(subset=["Damage", driver]) for s, t in whole_particles(tables).items()}
    if have_enough(known):
        plates.append(_damage_against(known, driver))
    return plates


def leading_driver(explanation: Explanation | None) -> str:
    """Name the feature that Damage goes with most in the first state that shows one; else Z."""
    if explanation is not None:
        for state in explanation.states:
            found = leading_sets(explanation, state)
            if found and not is_chance(explanation, state):
                return found[0]
    return "Z"


@styled
def _damage_against(tables: Tables, feature: str) -> Plate:
    figure = sheet(SINGLE, _HEIGHT)
    (axes,) = axes_of(figure, 1, 1)
    unit = unit_of(feature, *tables.values())
    parts, says = [], []
    for state, table, colour in states_of(tables):
        x, damage = table[feature].to_numpy(), table["Damage"].to_numpy()
        alpha = 0.35 if len(tables) == 1 else 0.2
        axes.scatter(x, 100 * damage, s=5, color=colour, alpha=alpha, lw=0, rasterized=True)
        centre, mean, half = binned_means(x, damage)
        axes.errorbar(
            centre, 100 * mean, 100 * half, color=INK if len(tables) == 1 else colour, marker="o",
            ms=3, lw=1.2, capsize=2, label=state_name(state),
        )  # fmt: skip
        parts.append(table[["label", feature, "Damage"]].assign(state=state))
        rho, _ = spearman(table[feature], table["Damage"])
        says.append(
            f"{in_state(state, list(tables))}the mean is {percent(mean[0])} around "
            f"{number(centre[0], 3)} {unit} and {percent(mean[-1])} around "
            f"{number(centre[-1], 3)} {unit} (ρ = {fixed(rho)})."
        )
    _frame_damage(axes, tables, feature)
    if len(tables) > 1:
        axes.legend()
    says.append("Lines: means of equally many particles, with 95\u202f% intervals.")
    title = f"Damage against {feature}"
    return Plate("overview_driver", title, capital(says), pd.concat(parts), figure)


def _frame_damage(axes: Axes, tables: Tables, feature: str) -> None:
    every = pd.concat([t[[feature, "Damage"]] for t in tables.values()])
    low, high = np.quantile(every[feature], [0.005, 0.995])
    margin = 0.04 * (high - low) or 1.0
    axes.set_xlim(low - margin, high + margin)
    top = float(every["Damage"].quantile(0.995)) or 0.01
    axes.set_ylim(-2 * top, 105 * top)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(axis_name(feature, *tables.values()))
    axes.set_ylabel("Damage (%)")


@styled
def _leading_importance(explanation: Explanation) -> Plate:
    states = explanation.states
    table = explanation.sets[explanation.sets["kind"] == "cluster"]
    order = list(table.groupby("set")["shap"].mean().sort_values(ascending=False).index[:_MOST])
    table = table[table["set"].isin(order)]
    figure = sheet(SINGLE, _HEIGHT)
    (axes,) = axes_of(figure, 1, 1)
    height = 0.8 / len(states)
    for k, state in enumerate(states):
        own = table[table["state"] == state].set_index("set").loc[order]
        at = np.arange(len(order)) + (k - (len(states) - 1) / 2) * height
        axes.barh(
            at, 100 * own["shap"], height, xerr=100 * own["shap_std"],
            color=STATE_COLOURS[k % len(STATE_COLOURS)], label=state_name(state),
            error_kw={"ecolor": INK, "elinewidth": 0.7},
        )  # fmt: skip
    axes.set_yticks(range(len(order)), [_short(name) for name in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"importance: mean |SHAP| ({POINTS})")
    if len(states) > 1:
        axes.legend(loc="lower right")
    first = table[table["set"] == order[0]].set_index("state")["shap"]
    leads = by_state({s: number(100 * first[s]) for s in states})
    says = (
        f"{order[0]} moves the prediction by {leads} {POINTS} on average. Features that are "
        "correlated share a bar; lines: standard deviation over the seeds."
    )
    return Plate("overview_importance", "The leading features", says, table, figure)


def _short(name: str) -> str:
    """Name a set by its first member, and count the rest."""
    first, *rest = name.split(" + ")
    return f"{first} + {len(rest)} more" if len(rest) > 1 else name
