"""The particles of a state that can be compared, where they are, and how many contacts apart."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from ..explanation.readable_rows import on_border

DEPTH = "Z"
"""The axis taken as depth, as everywhere in the report: the first axis of the volume."""
DRIVERS = (DEPTH, "Volume", "Contact")
"""What neighbours share for other reasons than coupling, of Volume the logarithm."""
STEPS = 5
"""Contacts, or typical distances of two that touch, up to which correlation is looked for."""


@dataclass(frozen=True)
class Network:
    """The whole particles with known Damage of one state.

    Attributes
    ----------
    damage, depth
        (n,) Damage, and Z, NaN if not known.
    drivers
        Name -> (n,) of what is taken away for "beyond the drivers", of Z, Volume and Contact.
    places
        (n, 3) X, Y and Z; None if they are not known.
    volume
        (n,) whole number of the volume that each lies in.
    steps
        For 1 to 5 contacts, (n, n) bool: which two are that many contacts apart, by a way over
        any particles of the table. Empty: contacts are not known.
    notes
        What was left out, as sentences without the state.
    """

    damage: np.ndarray
    depth: np.ndarray
    drivers: dict[str, np.ndarray]
    places: np.ndarray | None
    volume: np.ndarray
    steps: tuple[csr_array, ...]
    notes: tuple[str, ...]


def network_of(table: pd.DataFrame, contacts: pd.DataFrame | None) -> Network:
    """Choose the particles to compare, and find out which are how many contacts apart.

    Parameters
    ----------
    table
        Of `measure`, of one state; ``volume`` tells its volumes apart.
    contacts
        source and target, labels of the table; with ``volume`` where labels start again in each.

    Returns
    -------
    Network
    """
    damage = pd.to_numeric(table["Damage"], errors="coerce").to_numpy(float)
    border = on_border(table).to_numpy()
    unknown = ~border & ~np.isfinite(damage)
    used = np.flatnonzero(~border & ~unknown)
    notes = []
    if border.any():
        notes.append(
            f"{border.sum():,} of {len(table):,} particles are cut by the field of view, and left "
            "out"
        )
    if unknown.any():
        notes.append(
            f"the Damage of {unknown.sum():,} of {len(table):,} particles is not known, and they "
            "are left out"
        )

    def column(name: str) -> np.ndarray:
        if name not in table:
            return np.full(len(used), np.nan)
        return pd.to_numeric(table[name], errors="coerce").to_numpy(float)[used]

    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.log(column("Volume"))
    drivers = dict(zip(DRIVERS, (column(DEPTH), size, column("Contact")), strict=True))
    places = np.column_stack([column(name) for name in "XYZ"])
    volume = np.zeros(len(table), int)
    if "volume" in table:
        volume = table["volume"].astype("category").cat.codes.to_numpy(int)
    steps: tuple[csr_array, ...] = ()
    if contacts is not None:
        touching = _contact_matrix(table, contacts)
        if touching is None:
            notes.append("labels name several particles each, so contacts are not used")
        else:
            steps = tuple(step[used][:, used] for step in _steps(touching))
    return Network(
        damage=damage[used],
        depth=drivers[DEPTH],
        drivers={n: d for n, d in drivers.items() if len(d) and np.isfinite(d).all()},
        places=places if np.isfinite(places).all() and len(places) else None,
        volume=volume[used],
        steps=steps,
        notes=tuple(notes),
    )


def _contact_matrix(table: pd.DataFrame, contacts: pd.DataFrame) -> csr_array | None:
    """Give which rows of a table touch; None if a label does not tell which row it is."""
    by_volume = "volume" in contacts and "volume" in table

    def names(frame: pd.DataFrame, label: str) -> pd.MultiIndex:
        volume = frame["volume"].astype(str) if by_volume else [""] * len(frame)
        return pd.MultiIndex.from_arrays([volume, frame[label].astype(float)])

    rows = pd.Series(np.arange(len(table)), index=names(table, "label"))
    if rows.index.has_duplicates:
        return None
    ends = np.array([rows.reindex(names(contacts, end)) for end in ("source", "target")])
    here, there = ends[:, np.isfinite(ends).all(axis=0)].astype(int)
    found = _symmetric(np.column_stack([here, there]), len(table))
    found.data[:] = 1  # a pair that is listed twice
    return found


def _steps(touching: csr_array) -> list[csr_array]:
    """Give which particles are 1, 2, ... contacts apart, by the shortest way."""
    n = touching.shape[0]
    reached = csr_array((np.ones(n), (np.arange(n), np.arange(n))), shape=(n, n)) + touching
    found, last = [touching], touching
    for _ in range(STEPS - 1):
        farther = last @ touching
        farther.data[:] = 1
        last = farther - farther.multiply(reached)
        last.eliminate_zeros()
        found.append(last)
        reached = reached + last
    return found


def distance_steps(network: Network) -> list[tuple[float, csr_array]]:
    """Give which particles are about 1, 2, ... typical distances apart, in length.

    The typical distance is the median over pairs that touch; without contacts, over each particle
    and its nearest.

    Parameters
    ----------
    network
        With places.

    Returns
    -------
    list of (mean distance, (n, n) bool)
        The first takes all up to 1.5 typical distances; of one volume only. Empty without places.
    """
    places = network.places
    if places is None or len(places) < 2:
        return []
    # A fourth axis keeps volumes apart, farther than any step reaches.
    gap = (STEPS + 1) * np.ptp(places, axis=0).sum()
    apart = np.column_stack([places, network.volume * gap])
    tree = cKDTree(apart)
    if network.steps and network.steps[0].nnz:
        i, j = network.steps[0].nonzero()
        typical = float(np.median(np.linalg.norm(places[i] - places[j], axis=1)))
    else:
        typical = float(np.median(np.asarray(tree.query(apart, k=2)[0])[:, 1]))
    if not typical > 0:
        return []
    found = tree.query_pairs((STEPS + 0.5) * typical, output_type="ndarray")
    lengths = np.linalg.norm(apart[found[:, 0]] - apart[found[:, 1]], axis=1)
    step = np.maximum(np.round(lengths / typical), 1)
    matrices = []
    for k in range(1, STEPS + 1):
        own = found[step == k]
        if len(own):
            matrices.append((float(lengths[step == k].mean()), _symmetric(own, len(places))))
    return matrices


def _symmetric(pairs: np.ndarray, n: int) -> csr_array:
    here, there = np.concatenate([pairs, pairs[:, ::-1]]).T
    return csr_array((np.ones(len(here)), (here, there)), shape=(n, n))
