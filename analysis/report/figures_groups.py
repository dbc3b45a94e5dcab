"""States compared within groups: samples, cells or batches that the sheet of a run names."""

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

from .._shared.wording import capital, fixed, listing, p_value, percent, plural, state_name
from ..explanation.result import Explanation
from ..explanation.statistics import spearman
from .figures_overview import leading_driver
from .figures_particles import mean_interval
from .section import Section, Tables
from .sections import FEW, whole_particles
from .style import DOUBLE, INK, MUTED, STATE_COLOURS, Plate, axes_of, sheet, styled

_LEAST = 3  # groups, to test a change over them


def groups_section(tables: Tables, explanation: Explanation | None) -> Section | None:
    """Answer whether what the states show holds in each group; None without groups."""
    driver = leading_driver(explanation)
    cells = group_cells(tables, driver)
    if cells["group"].nunique() < 2:
        return None
    section = Section("groups", "Does it hold in each group?")
    shown = cells[cells["particles"] >= FEW]
    for cell in cells[cells["particles"] < FEW].itertuples():
        count = plural(int(cell.particles), "whole particle")
        section.notes.append(
            f"{cell.group}, {state_name(str(cell.state))}: {count} of known Damage are too few to "
            "compare."
        )
    changes = group_changes(shown, list(tables))
    section.answers = [_state_words(shown, state) for state in shown["state"].unique()]
    section.answers += [_change_words(own) for _, own in changes.groupby("step", sort=False)]
    if len(changes):
        section.summary["pattern"] = _short(changes)
    if len(shown):
        section.plates.append(groups_plate(shown, changes))
    section.tables["Each group in each state"] = _rows(cells, driver)
    return section


def group_cells(tables: Tables, driver: str) -> pd.DataFrame:
    """Measure Damage in each group and state.

    Parameters
    ----------
    tables
        State -> table, with a column ``group`` if there are any.
    driver
        A feature to correlate with Damage.

    Returns
    -------
    DataFrame
        group, state, volumes, particles (whole, of known Damage), mean, low and high (95 % interval
        over the particles), error (standard error), rho (of `driver` with Damage).
    """
    rows = []
    for state, table in whole_particles(tables).items():
        if "group" not in table:
            continue
        named = table["group"].fillna("").astype(str)
        for group, own in table[named != ""].groupby(named, sort=False):
            known = own.dropna(subset=["Damage"])
            damage, few = known["Damage"].to_numpy(), len(known) < FEW
            low, high = (np.nan, np.nan) if few else mean_interval(damage)
            both = known.dropna(subset=[driver])
            varied = (
                len(both) >= FEW and both[driver].nunique() > 1 and both["Damage"].nunique() > 1
            )
            rows.append(
                {
                    "group": group,
                    "state": state,
                    "volumes": own["volume"].nunique() if "volume" in own else 1,
                    "particles": len(known),
                    "mean": damage.mean() if len(damage) else np.nan,
                    "low": low,
                    "high": high,
                    "error": np.nan if few else stats.sem(damage),
                    "rho": spearman(both[driver], both["Damage"])[0] if varied else np.nan,
                }
            )
    columns = ["group", "state", "volumes", "particles", "mean", "low", "high", "error", "rho"]
    return pd.DataFrame(rows, columns=columns)


def group_changes(cells: pd.DataFrame, states: list[str]) -> pd.DataFrame:
    """Give the change of mean Damage between neighbouring states, within each group.

    Returns
    -------
    DataFrame
        step, group, change, and half (of its 95 % interval over the particles).
    """
    rows = []
    for a, b in pairwise(states):
        step = f"{state_name(a)} to {state_name(b)}"
        before, after = (cells[cells["state"] == s].set_index("group") for s in (a, b))
        for group in [g for g in before.index if g in after.index]:
            half = stats.norm.ppf(0.975) * np.hypot(before["error"][group], after["error"][group])
            rows.append((step, group, after["mean"][group] - before["mean"][group], half))
    return pd.DataFrame(rows, columns=["step", "group", "change", "half"])


@styled
def groups_plate(cells: pd.DataFrame, changes: pd.DataFrame) -> Plate:
    """Draw mean Damage by state with a line for each group, and its change within the groups."""
    states, groups = list(cells["state"].unique()), list(cells["group"].unique())
    steps = list(changes["step"].unique())
    figure = sheet(DOUBLE, max(62, 24 + 5 * len(groups) * max(len(steps), 1)))
    left, right = axes_of(figure, 1, 2)
    for k, group in enumerate(groups):
        own = cells[cells["group"] == group]
        at = [states.index(s) + 0.06 * (k - (len(groups) - 1) / 2) for s in own["state"]]
        mean, reach = 100 * own["mean"], 100 * (own[["low", "high"]].sub(own["mean"], axis=0)).abs()
        left.errorbar(
            at, mean, reach.to_numpy().T, marker="osD^v<"[k % 6], ms=4, capsize=2, lw=1,
            color=STATE_COLOURS[k % len(STATE_COLOURS)], label=group,
        )  # fmt: skip
    left.set_xticks(range(len(states)), [state_name(s) for s in states])
    left.set_xlim(-0.4, len(states) - 0.6)
    left.set_ylim(0)
    left.set_ylabel("mean Damage (%)")
    left.legend(loc="best")
    names: list[str] = []
    for row in changes.itertuples():
        k = groups.index(row.group)
        right.errorbar(
            100 * row.change, len(names), xerr=100 * row.half, marker="osD^v<"[k % 6], ms=4,
            capsize=2, lw=1, color=STATE_COLOURS[k % len(STATE_COLOURS)],
        )  # fmt: skip
        names.append(f"{row.group}, {row.step}" if len(steps) > 1 else row.group)
    right.axvline(0, color=MUTED, lw=0.6)
    right.set_yticks(range(len(names)), names)
    right.set_ylim(len(names) - 0.4, -0.6)
    right.tick_params(axis="y", length=0)
    right.set_xlabel("change of mean Damage (points)")
    right.set_title(steps[0] if len(steps) == 1 else "", color=INK)
    right.set_visible(len(names) > 0)
    says = [
        "mean Damage of each group in each state, and how it changes within the groups; bars: "
        "95\u202f% intervals over the particles. Particles of one volume are alike, so the groups "
        "are the better test."
    ]
    data = pd.concat([cells, changes])
    return Plate("damage_groups", "Damage by state and group", capital(says), data, figure)


def _state_words(cells: pd.DataFrame, state: str) -> str:
    own = cells[cells["state"] == state].sort_values("mean")
    means = listing(f"{r.group} {percent(r.mean)}" for r in own.itertuples(name="Cell"))
    start = f"{state_name(state)}: " if cells["state"].nunique() > 1 else ""
    return f"{start}mean Damage is {means}."


def _change_words(own: pd.DataFrame) -> str:
    """Say how Damage changes within the groups, tested over the groups where there are enough."""
    changes = own["change"].to_numpy()
    start = f"{own['step'].iloc[0]}: mean Damage {_counted(changes)}"
    if len(changes) < _LEAST:
        return f"{start}; to test a change over groups takes {_LEAST} of them."
    test = stats.ttest_1samp(changes, 0)
    low, high = test.confidence_interval(0.95)
    p = float(test.pvalue)
    between = f"{fixed(100 * float(low), 1)} to {fixed(100 * float(high), 1)}"
    return (
        f"{start}, on average by {_points(changes.mean())} (95\u202f% interval over the groups "
        f"{between}; paired t-test, {p_value(p)})."
    )


def _short(changes: pd.DataFrame) -> str:
    steps = [
        f"{_counted(own['change'].to_numpy())} ({step})"
        for step, own in changes.groupby("step", sort=False)
    ]
    return f"Mean Damage {listing(steps)}."


def _counted(changes: np.ndarray) -> str:
    up = int((changes > 0).sum())
    word, count = ("rises", up) if 2 * up >= len(changes) else ("falls", len(changes) - up)
    return f"{word} in {count} of {plural(len(changes), 'group')}"


def _points(change: float) -> str:
    return f"{'+' if change > 0 else ''}{fixed(100 * change, 1)} points"


def _rows(cells: pd.DataFrame, driver: str) -> pd.DataFrame:
    def told(value: float, text: str) -> str:
        return "" if np.isnan(value) else text

    return pd.DataFrame(
        {
            "group": cells["group"],
            "state": [state_name(s) for s in cells["state"]],
            "volumes": cells["volumes"],
            "whole particles": cells["particles"],
            "mean Damage": [told(v, percent(v)) for v in cells["mean"]],
            "95 % interval": [
                told(low, f"{fixed(100 * low, 1)} to {fixed(100 * high, 1)}")
                for low, high in zip(cells["low"], cells["high"], strict=True)
            ],
            f"ρ with {driver}": [told(v, fixed(v)) for v in cells["rho"]],
        }
    )
