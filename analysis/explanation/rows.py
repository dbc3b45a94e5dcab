"""Which particles and features of a table the damage model may use, and a sentence for the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .._shared.wording import listing, plural
from .readable_rows import on_border

MIN_PARTICLES = 50
_PLACE = ("place x", "place y", "place z")


class NoForest(ValueError):
    """Sound tables that no forest can be fitted to: too few particles, or nothing to explain.

    Examples
    --------
    >>> import pandas as pd
    >>> from particlebridge.analysis import COLUMNS, NoForest, explain
    >>> try:
    ...     explain(pd.DataFrame({name: [1.0] for name in COLUMNS}))
    ... except NoForest as why:
    ...     print("no forest:", "50" in str(why))
    no forest: True
    """


@dataclass(frozen=True)
class StateRows:
    """One state's usable particles.

    Attributes
    ----------
    state
        Its name.
    x, y, label
        (rows, features) regressors, (rows,) Damage, (rows,) the particles' labels.
    particles, border
        Particles in the table, and those left out because the field of view cuts them.
    place
        (rows, 3) X, Y, Z, several volumes set far apart; None: not known of every particle.
    """

    state: str
    x: np.ndarray
    y: np.ndarray
    label: np.ndarray
    particles: int
    border: int
    place: np.ndarray | None = None

    @property
    def incomplete(self) -> int:
        """Whole particles left out for an unknown value."""
        return self.particles - self.border - len(self.y)


def usable_rows(
    tables: Mapping[str, pd.DataFrame], wanted: Sequence[str], include_border: bool
) -> tuple[list[StateRows], list[str], list[str]]:
    """Choose rows and features for the damage model.

    Parameters
    ----------
    tables
        State -> table of `measure`.
    wanted
        The regressors asked for.
    include_border
        Keep particles cut by the field of view.

    Returns
    -------
    data : list of StateRows
    names : list of str
        `wanted` without features that are unknown for most particles of a state.
    notes : list of str
        A sentence for each feature or row left out.

    Raises
    ------
    NoForest
        Fewer than 50 usable particles, Damage unknown or constant.
    ValueError
        Missing columns, or an impossible Damage.
    """
    numbers = {s: _numbers(t, wanted, s) for s, t in tables.items()}
    whole = {s: t if include_border else t[~t["Border"]] for s, t in numbers.items()}
    notes: list[str] = []
    names = []
    for name in wanted:
        unknown = [s for s, t in whole.items() if len(t) and t[name].isna().mean() > 0.5]
        if unknown:
            notes.append(
                f"{name} is unknown for most particles{of_states(unknown)} and was left out"
                + (" everywhere." if len(whole) > 1 else ".")
            )
        else:
            names.append(name)
    if not names:
        raise NoForest("Every regressor is unknown for most particles: measure with grey values.")
    data = [_state_rows(s, numbers[s], whole[s], names) for s in whole]
    for d in data:
        where = of_states([d.state])
        if d.border:
            notes.append(
                f"{d.border} of {d.particles} particles{where} are cut by the field of "
                "view and were left out."
            )
        if d.incomplete:
            notes.append(
                f"{d.incomplete} particles{where} have an unknown value and were left out."
            )
        constant = [n for n, column in zip(names, d.x.T, strict=True) if np.ptp(column) == 0]
        if constant:
            notes.append(
                f"{', '.join(constant)}: the same for every particle{where}, "
                "so of no importance there."
            )
    return data, names, notes


def _numbers(table: pd.DataFrame, wanted: Sequence[str], state: str) -> pd.DataFrame:
    """Regressors, Damage, label and Border as numbers; what is no number becomes NaN."""
    missing = [n for n in [*wanted, "Damage"] if n not in table.columns]
    if missing:
        more = [plural(len(missing) - 3, "other column")] if len(missing) > 4 else []
        named = listing([*missing[:3], *more] if more else missing)
        raise ValueError(
            f"The table{of_states([state])} lacks {named}; "
            "give the features.csv that measure writes."
        )
    numbers = table[[*wanted, "Damage"]].apply(pd.to_numeric, errors="coerce").astype(float)
    numbers = numbers.replace([np.inf, -np.inf], np.nan)
    numbers["label"] = table["label"] if "label" in table.columns else np.arange(1, len(table) + 1)
    numbers["Border"] = on_border(table)
    return numbers.assign(**_places(table))


def _places(table: pd.DataFrame) -> dict[str, pd.Series | float]:
    """Give the columns `_PLACE`; volumes of a pooled table are set far apart."""
    axes: dict[str, pd.Series | float] = dict.fromkeys(_PLACE, np.nan)
    if not {"X", "Y", "Z"} <= set(table.columns):
        return axes
    at = table[["X", "Y", "Z"]].apply(pd.to_numeric, errors="coerce")
    axes |= {name: at[axis] for name, axis in zip(_PLACE, "XYZ", strict=True)}
    if "volume" in table.columns:
        extent = float((at.max() - at.min()).max())
        axes[_PLACE[0]] = at["X"] + 10 * extent * pd.factorize(table["volume"])[0]
    return axes


def _state_rows(
    state: str, table: pd.DataFrame, whole: pd.DataFrame, names: Sequence[str]
) -> StateRows:
    where = of_states([state])
    if len(whole) and whole["Damage"].isna().all():
        raise NoForest(
            f"Damage is unknown for every particle{where}: "
            "measure it with the grey values or a solid mask."
        )
    used = whole.dropna(subset=[*names, "Damage"])
    if len(used) < MIN_PARTICLES:
        raise NoForest(
            f"Only {len(used)} of {len(table)} particles{where} are usable (whole, nothing "
            f"unknown), and a forest needs at least {MIN_PARTICLES}: "
            "measure a larger volume, or pool volumes of one state in one table."
        )
    y = used["Damage"].to_numpy()
    if y.min() < 0 or y.max() > 1:
        raise ValueError(
            f"Damage{where} runs from {y.min():.3g} to {y.max():.3g}, but it is a share of "
            "the body and lies between 0 and 1: is the column in per cent?"
        )
    if np.ptp(y) == 0:
        raise NoForest(
            f"Damage is {y[0]:.3g} for every particle{where}: there is nothing to explain."
        )
    place = used[list(_PLACE)].to_numpy(float)
    return StateRows(
        state=state,
        x=used[list(names)].to_numpy(),
        y=y,
        label=used["label"].to_numpy(),
        particles=len(table),
        border=len(table) - len(whole),
        place=place if np.isfinite(place).all() else None,
    )


def of_states(states: Sequence[str]) -> str:
    """Name the states in a sentence; nothing when there is only one, unnamed."""
    return "" if list(states) == ["all"] else f" of state {', '.join(states)}"
