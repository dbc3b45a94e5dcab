"""Synchrony of damage, state by state, and what differs between states.

The claim to test is that of Li et al., *Science* 376 (2022), 517-521: that damage passes from
asynchronous to synchronous.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd

from .._shared.wording import listing
from ..explanation.readable_rows import split_states, without_repeats
from ..explanation.statistics import holm
from .neighbours import neighbour_difference
from .network import DRIVERS, network_of
from .one_state import OneState, measure_state
from .result import Synchrony
from .spread import SPREADS, spread_difference

MIN_PARTICLES = 20


def find_synchrony(
    tables: pd.DataFrame | Mapping[str, pd.DataFrame],
    contacts: pd.DataFrame | Mapping[str, pd.DataFrame] | None = None,
    *,
    seed: int = 0,
) -> Synchrony:
    """Measure how evenly damage is spread, and how far particles that touch share it.

    Particles cut by the field of view, or whose Damage is not known, are left out, and `notes`
    says so; ways from contact to contact may lead over them. Permutations stay within a volume.

    Parameters
    ----------
    tables
        A table as `measure` gives it, or state -> table; its column ``volume`` tells the volumes
        of a state apart. Z is the depth.
    contacts
        As `contacts` gives them, or state -> table; with a column ``volume`` where labels start
        again in each. None: without what needs them.
    seed
        Same seed, same result.

    Returns
    -------
    Synchrony
        States with fewer than 20 particles are left out, and `notes` says so.

    Raises
    ------
    ValueError
        If a table has no Damage.

    Examples
    --------
    >>> from particlebridge.analysis import find_synchrony
    >>> from particlebridge.analysis.phantom.tables import electrode_tables
    >>> found = find_synchrony(*electrode_tables(seed=1, drivers=(), coupling=0.6))
    >>> numbers = found.numbers.set_index("quantity")
    >>> bool(numbers.loc["Moran's I", "p"] < 0.05)
    True
    """
    if isinstance(tables, pd.DataFrame):
        tables = split_states(tables)
    if isinstance(contacts, pd.DataFrame):
        contacts = {str(state): contacts for state in tables}
    once, notes = without_repeats({str(s): t for s, t in tables.items()})
    found: dict[str, OneState] = {}
    for state, table in once.items():
        of = f" of state {state}" if len(once) > 1 else ""
        if "Damage" not in table:
            raise ValueError(f"The table{of} has no Damage: measure it first.")
        network = network_of(table, (contacts or {}).get(state))
        notes += [f"Synchrony{of}: {note}." for note in network.notes]
        damage = network.damage
        if len(damage) < MIN_PARTICLES:
            notes.append(
                f"Synchrony{of} is not measured: only {len(damage)} particles are whole and have a "
                f"known Damage, and {MIN_PARTICLES} are needed."
            )
        elif damage.min() < 0 or not np.ptp(damage) > 0:
            notes.append(
                f"Synchrony{of} is not measured: Damage is "
                + ("below 0 somewhere." if damage.min() < 0 else "the same for every particle.")
            )
        else:
            if not network.steps:
                notes.append(
                    f"Synchrony{of}: contacts are not known, so neither is whether damaged "
                    "particles touch."
                )
            if network.places is None:
                notes.append(
                    f"Synchrony{of}: places are not known, so neither is how far correlation "
                    "reaches in length, nor the interval of what touching particles share."
                )
            missing = [n for n in DRIVERS if n not in network.drivers]
            if missing:
                notes.append(
                    f"Synchrony{of}: {listing(missing)} is not known of every particle, so it is "
                    "not among the drivers that are taken away."
                )
            unit = str(table["Unit"].iloc[0]) if "Unit" in table else "um"
            found[state] = measure_state(network, unit, seed)
    return Synchrony(
        states=tuple(found),
        numbers=_gathered({s: f.numbers for s, f in found.items()}),
        differences=_differences(found, seed),
        correlogram=_gathered({s: f.correlogram for s, f in found.items()}),
        depths=_gathered({s: f.depths for s, f in found.items()}),
        notes=tuple(notes),
    )


def _differences(found: Mapping[str, OneState], seed: int) -> pd.DataFrame:
    """Compare neighbouring states."""
    columns = ["state_a", "state_b", "quantity", "value", "low", "high", "p"]
    rows: list[tuple[object, ...]] = []
    for (a, first), (b, second) in pairwise(found.items()):
        rows += [
            (a, b, quantity, *spread_difference(first.damage, second.damage, quantity, seed))
            for quantity in SPREADS
        ]
        rows += [
            (a, b, quantity, *neighbour_difference(value, second.neighbours[quantity]))
            for quantity, value in first.neighbours.items()
            if quantity in second.neighbours
        ]
    table = pd.DataFrame(rows, columns=columns)
    p = table["p"].to_numpy(float)
    return table.assign(p_holm=np.where(np.isnan(p), np.nan, holm(p)))


def _gathered(parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    named_parts = [part.assign(state=state) for state, part in parts.items() if len(part)]
    if not named_parts:
        return pd.DataFrame()
    table = pd.concat(named_parts, ignore_index=True)
    return table[["state", *[c for c in table.columns if c != "state"]]]
