"""The synchrony of one state: spread, contacts, reach, and depth."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from . import result as named
from .correlogram import correlogram, reach
from .local_spread import depth_correlation, depth_table, local_spread
from .neighbours import MEASURES, blocks_of, interval, jackknife, morans_i
from .network import DEPTH, Network, distance_steps
from .permutations import nested_classes, permuted, residuals, two_sided
from .spread import SPREADS, spread_interval

# With fewer particles a rank correlation says nothing.
_FEWEST = 20

_COLUMNS = ["quantity", "unit", "value", "low", "high", "expected", "p", "count"]
Row = dict[str, Any]


@dataclass(frozen=True)
class OneState:
    """What was measured of one state.

    Attributes
    ----------
    damage
        (n,) of the particles used.
    neighbours
        Moran's I and its like: value, standard error, degrees of freedom.
    numbers, correlogram, depths
        As of `particlebridge.analysis.Synchrony`, without the state.
    """

    damage: np.ndarray
    neighbours: dict[str, tuple[float, float, float]]
    numbers: pd.DataFrame
    correlogram: pd.DataFrame
    depths: pd.DataFrame


@dataclass(frozen=True)
class _Dealt:
    """Values, (n,), and their permutations, (n, k)."""

    values: np.ndarray
    permuted: np.ndarray


def measure_state(network: Network, unit: str, seed: int) -> OneState:
    """Measure the synchrony of one state.

    Parameters
    ----------
    network
        Its particles; Damage is not the same for all.
    unit
        Of lengths.
    seed
        Same seed, same result.

    Returns
    -------
    OneState
    """
    rng = np.random.default_rng(seed)
    damage = network.damage
    rest = residuals(damage, list(network.drivers.values()))
    keys = [network.drivers[k] for k in (DEPTH, "Volume") if k in network.drivers]
    anywhere = _Dealt(damage, permuted(damage, network.volume, rng))
    in_class = _Dealt(rest, permuted(rest, nested_classes(keys, network.volume), rng))
    rows = [_spread_row(damage, quantity, seed) for quantity in SPREADS]
    neighbours: dict[str, tuple[float, float, float]] = {}
    depths = pd.DataFrame()
    if network.steps and network.steps[0].nnz:
        for quantity, row, error in _neighbour_rows(network, anywhere, in_class):
            neighbours[quantity] = (row["value"], *error)
            rows.append(row)
        trend, depths = _local(network, network.steps[0], anywhere)
        rows += trend
    curves = []
    scales = {
        "contacts": [(float(k), step) for k, step in enumerate(network.steps, start=1)],
        unit: distance_steps(network),
    }
    for scale, steps in scales.items():
        curve = correlogram(
            steps, damage, anywhere.permuted, in_class.values, in_class.permuted
        ).assign(scale=scale)
        if len(curve):
            curves.append(curve)
            rows += _reach_rows(curve, scale)
    return OneState(
        damage=damage,
        neighbours=neighbours,
        numbers=pd.DataFrame(rows).reindex(columns=_COLUMNS),
        correlogram=pd.concat(curves) if curves else pd.DataFrame(),
        depths=depths,
    )


def _spread_row(damage: np.ndarray, quantity: str, seed: int) -> Row:
    low, high = spread_interval(damage, quantity, seed)
    value = float(SPREADS[quantity](damage))
    return {"quantity": quantity, "value": value, "low": low, "high": high, "count": len(damage)}


def _neighbour_rows(
    network: Network, anywhere: _Dealt, in_class: _Dealt
) -> Iterator[tuple[str, Row, tuple[float, float]]]:
    """Give Moran's I and its like, with error and degrees of freedom."""
    touching = network.steps[0]
    blocks = None if network.places is None else blocks_of(network.places, network.volume)
    cases = [(quantity, measure, anywhere) for quantity, measure in MEASURES.items()]
    for quantity, measure, dealt in [*cases, (named.BEYOND, morans_i, in_class)]:
        value, chance = float(measure(touching, dealt.values)), measure(touching, dealt.permuted)
        error = (np.nan, 0.0)
        if blocks is not None:
            error = jackknife(measure, touching, dealt.values, blocks)
        low, high = interval(value, *error)
        row = {
            "quantity": quantity,
            "value": value,
            "low": low,
            "high": high,
            "expected": chance.mean(),
            "p": two_sided(value, chance),
            "count": touching.nnz // 2,
        }
        yield quantity, row, error


def _local(
    network: Network, touching: csr_array, anywhere: _Dealt
) -> tuple[list[Row], pd.DataFrame]:
    """Give the trend of the local spread with depth, and its table."""
    spread = local_spread(touching, anywhere.values)
    known = np.isfinite(spread)
    if known.sum() < _FEWEST or not np.isfinite(network.depth).all():
        return [], pd.DataFrame()
    rho = float(depth_correlation(network.depth, spread[:, None])[0])
    chance = depth_correlation(network.depth, local_spread(touching, anywhere.permuted))
    row = {
        "quantity": named.LOCAL,
        "value": rho,
        "expected": chance.mean(),
        "p": two_sided(rho, chance),
        "count": int(known.sum()),
    }
    return [row], depth_table(network.depth, anywhere.values, spread, known)


def _reach_rows(curve: pd.DataFrame, scale: str) -> list[Row]:
    cases = [(named.REACH, "correlation", "high"), (named.REACH_BEYOND, "beyond", "beyond_high")]
    return [
        {
            "quantity": quantity,
            "unit": scale,
            "value": reach(curve, value, high),
            "count": int(curve["pairs"].sum()),
        }
        for quantity, value, high in cases
    ]
