"""The report's section on synchrony: how even damage is, and whether those that touch share it."""

from itertools import pairwise

import pandas as pd

from .._shared.wording import by_state, fixed, in_state, p_value, state_name
from ..synchrony.result import BEYOND, GINI, MORAN, Synchrony
from .figures_synchrony import synchrony_plate
from .section import Section

_SURE = 0.05


def synchrony_section(found: Synchrony) -> Section:
    """Answer whether damage is synchronous, and what differs between the states."""
    section = Section("synchrony", "Is the damage synchronous?", notes=list(found.notes))
    if not found.states:
        section.answers = ["Not known: no state has enough particles with a known Damage."]
        return section
    section.answers = [_state_words(found, state) for state in found.states]
    section.answers += [_step_words(found, a, b) for a, b in pairwise(found.states)]
    section.summary["pattern"] = _short_words(found)
    section.plates.append(synchrony_plate(found))
    section.notes += _cannot_be_said(found)
    section.tables["All numbers of synchrony"] = _rows(found)
    if len(found.depths):
        section.tables["Local spread along depth Z"] = found.depths.round(4)
    return section


def _number(found: Synchrony, state: str, quantity: str) -> pd.Series | None:
    rows = found.numbers
    rows = rows[(rows["state"] == state) & (rows["quantity"] == quantity)]
    return rows.iloc[0] if len(rows) else None


def _interval(row: pd.Series) -> str:
    if pd.isna(row["low"]):
        return fixed(row["value"])
    return f"{fixed(row['value'])} ({fixed(row['low'])} to {fixed(row['high'])})"


def _state_words(found: Synchrony, state: str) -> str:
    """Say of one state how even damage is, and whether particles that touch share it."""
    gini, moran, beyond = (_number(found, state, q) for q in (GINI, MORAN, BEYOND))
    assert gini is not None
    words = f"{in_state(state, found.states)}the Gini coefficient of Damage is {_interval(gini)}"
    if moran is None or beyond is None:
        return f"{words}."
    together = "correlates" if moran["p"] < _SURE else "does not correlate measurably"
    left = "correlates" if beyond["p"] < _SURE else "shows no correlation"
    return (
        f"{words}; Damage of particles that touch {together}, Moran's I = {_interval(moran)}, "
        f"{p_value(moran['p'])}. What depth Z, Volume and Contact do not explain of it {left}, "
        f"{_interval(beyond)}, {p_value(beyond['p'])}."
    )


def _step_words(found: Synchrony, a: str, b: str) -> str:
    """Say what rises or falls from one state to the next."""
    rows = found.differences
    rows = rows[(rows["state_a"] == a) & (rows["state_b"] == b)].set_index("quantity")
    named = {
        GINI: "the Gini coefficient",
        MORAN: "Moran's I of those that touch",
        BEYOND: "that beyond the drivers",
    }
    words = [
        f"{name} {_change(rows.loc[quantity])}"
        for quantity, name in named.items()
        if quantity in rows.index
    ]
    return f"from {state_name(a)} to {state_name(b)} {', '.join(words)}."


def _change(row: pd.Series) -> str:
    if pd.isna(row["p"]):
        return f"changes by {fixed(row['value'])} (too few particles for an interval)"
    word = "does not change measurably"
    if row["p_holm"] < _SURE:
        word = "rises" if row["value"] > 0 else "falls"
    difference = f"{fixed(row['value'])}, {fixed(row['low'])} to {fixed(row['high'])}"
    return f"{word} (difference {difference}, {p_value(row['p_holm'])})"


def _short_words(found: Synchrony) -> str:
    """Answer in one sentence for the first screen."""
    told = {}
    for state in found.states:
        moran, beyond = (_number(found, state, q) for q in (MORAN, BEYOND))
        if moran is None or beyond is None:
            return ""
        told[state] = (
            "damaged alike beyond what depth, size and Contact explain (Moran's I "
            f"{fixed(beyond['value'])})"
            if beyond["p"] < _SURE and beyond["value"] > 0
            else "damaged alike only as far as depth, size and Contact explain"
            if moran["p"] < _SURE and moran["value"] > 0
            else "not damaged alike"
        )
    gaps = found.differences
    spreads = [
        f"{'less' if row['value'] > 0 else 'more'} even from {state_name(row['state_a'])} to "
        f"{state_name(row['state_b'])}"
        for _, row in gaps[gaps["quantity"] == GINI].iterrows()
        if row["p_holm"] < _SURE
    ]
    even = f" Damage becomes {', '.join(spreads)} (Gini coefficient)." if spreads else ""
    return f"Particles that touch are {by_state(told)}.{even}"


def _cannot_be_said(found: Synchrony) -> list[str]:
    """Say what these numbers do not show."""
    notes = []
    if any(_number(found, state, BEYOND) is not None for state in found.states):
        notes.append(
            "A cause that neighbours share and that is none of Z, Volume and Contact looks the "
            "same as coupling between them. Z is taken as the depth."
        )
    notes.append(
        "Intervals of the Gini coefficient are from a bootstrap over particles, as if they were "
        "independent; where particles that touch are alike they are too narrow."
    )
    if len(found.states) > 1:
        notes.append(
            "The states are of other particles: whether a particle broke in step with its "
            "neighbours is not seen, only whether it is as broken as they are. What differs "
            "between two volumes of one state is in none of the intervals. P-values are "
            "adjusted by Holm's method over all differences."
        )
    return notes


def _rows(found: Synchrony) -> pd.DataFrame:
    table = found.table().drop(columns=["to"] if len(found.states) == 1 else [])
    for column in table.select_dtypes("number"):
        digits = 0 if column == "count" else 3
        table[column] = [("" if pd.isna(v) else fixed(v, digits)) for v in table[column]]
    return table.fillna("").rename(columns={"p_holm": "p (Holm)"})
