"""Figure of synchrony: the spread of Damage, and how far its correlation reaches."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from .._shared.wording import capital, fixed, in_state, number, state_name
from ..synchrony.result import GINI, REACH, REACH_BEYOND, Synchrony
from .style import (
    DOUBLE,
    FAINT,
    INK,
    SINGLE,
    STATE_COLOURS,
    Plate,
    axes_of,
    sheet,
    styled,
    written,
)


@styled
def synchrony_plate(found: Synchrony) -> Plate:
    """Draw the Gini coefficient of each state, and the correlograms in contacts and in length."""
    curves = found.correlogram
    scales = list(dict.fromkeys(curves["scale"])) if len(curves) else []
    figure = sheet(DOUBLE if scales else SINGLE, 62)
    panels = axes_of(figure, 1, 1 + len(scales), width_ratios=[1, *[2] * len(scales)])
    gini = found.numbers[found.numbers["quantity"] == GINI]
    _draw_gini(panels[0], gini)
    for axes, scale in zip(panels[1:], scales, strict=True):
        _draw_curves(axes, curves[curves["scale"] == scale], found.states)
        axes.set_xlabel("contacts apart" if scale == "contacts" else f"apart ({written(scale)})")
    if not scales and len(gini) > 1:
        panels[0].legend()
    if scales:
        panels[1].set_ylabel("correlation of Damage (Moran's I)")
        panels[-1].legend()
    says = [_reach_words(found, state) for state in found.states] if scales else []
    says.append("Left: Gini coefficient of Damage with its 95\u202f% interval; 0 is all the same.")
    if scales:
        says.append(
            "Lines: Damage; dashed: what Z, Volume and Contact do not explain. Bands: what "
            "95\u202f% of permutations of Damage give, at each distance by itself."
        )
    data = pd.concat([gini.assign(scale="all particles"), curves], ignore_index=True)
    return Plate("synchrony", "Spread of Damage, and its reach", capital(says), data, figure)


def _draw_gini(axes: Axes, gini: pd.DataFrame) -> None:
    for place, (_, row) in enumerate(gini.iterrows()):
        axes.errorbar(
            [place],
            [row["value"]],
            [[row["value"] - row["low"]], [row["high"] - row["value"]]],
            color=STATE_COLOURS[place % len(STATE_COLOURS)],
            marker="o",
            ms=4,
            capsize=2,
            label=state_name(str(row["state"])),
        )
    names = [_short(state) for state in gini["state"]]
    fit = len(names) <= _MOST_NAMES and max(map(len, names)) <= _LONGEST
    # Names that would run into each other stand in the legend.
    axes.set_xticks(range(len(gini)), names if fit else [""] * len(names))
    axes.set_xlim(-0.6, len(gini) - 0.4)
    axes.set_ylim(0, max(1.15 * float(gini["high"].max()), 0.1))
    axes.set_ylabel("Gini coefficient of Damage")


def _draw_curves(axes: Axes, curves: pd.DataFrame, states: tuple[str, ...]) -> None:
    for number_of, state in enumerate(states):
        own = curves[curves["state"] == state]
        colour = STATE_COLOURS[number_of % len(STATE_COLOURS)]
        style: dict[str, Any] = {"color": colour, "marker": "o", "ms": 3}
        axes.fill_between(own["at"], own["low"], own["high"], color=colour, alpha=0.15, lw=0)
        axes.plot(own["at"], own["correlation"], label=state_name(state), **style)
        axes.plot(own["at"], own["beyond"], ls=(0, (3, 2)), mfc="white", **style)
    axes.axhline(0, color=FAINT, lw=0.6, zorder=0)
    if len(states) == 1:
        axes.plot([], [], color=INK, ls=(0, (3, 2)), label="beyond the drivers")


# Names that fit under the narrow panel.
_MOST_NAMES, _LONGEST = 3, 12


def _short(state: str) -> str:
    name = "" if state == "all" else state_name(state)
    return name.replace(" ", "\n", 1)


def _reach_words(found: Synchrony, state: str) -> str:
    """Say how far the correlation of a state reaches, with drivers and beyond them."""
    own = found.numbers[found.numbers["state"] == state]
    start = in_state(state, found.states)
    parts = {}
    for quantity in (REACH, REACH_BEYOND):
        rows = own[own["quantity"] == quantity]
        lengths = [_length(row, found, state) for _, row in rows.iterrows() if row["value"] > 0]
        parts[quantity] = " and ".join(lengths)
    if not parts[REACH]:
        return f"{start}no correlation reaches beyond what chance gives."
    beyond = parts[REACH_BEYOND]
    return f"{start}Damage correlates over {parts[REACH]}" + (
        f", beyond the drivers over {beyond}." if beyond else ", beyond the drivers not at all."
    )


def _length(row: pd.Series, found: Synchrony, state: str) -> str:
    curves = found.correlogram
    own = curves[(curves["scale"] == row["unit"]) & (curves["state"] == state)]
    least = "at least " if row["value"] >= own["at"].max() else ""
    if row["unit"] == "contacts":
        return f"{least}{fixed(row['value'], 0)} contact{'' if row['value'] == 1 else 's'}"
    return f"{least}{number(row['value'])} {written(row['unit'])}"
