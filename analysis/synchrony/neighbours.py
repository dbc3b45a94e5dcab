"""Do damaged particles touch each other: Moran's I and assortativity, with their intervals."""

from collections.abc import Callable

import numpy as np
from scipy import stats
from scipy.sparse import csr_array, triu

from .result import ASSORTATIVITY, MORAN

Measure = Callable[[csr_array, np.ndarray], np.ndarray]

# Particles in a block of the jackknife: a few times as far across as correlation reaches.
_IN_BLOCK = 25
_BLOCKS = 10  # of fewer particles there are as many blocks, but smaller
_FEWEST_BLOCKS = 6


def morans_i(pairs: csr_array, values: np.ndarray) -> np.ndarray:
    """Moran's I: mean product of the deviations of two that belong together, over the variance.

    1: the same; 0: unrelated. P. A. P. Moran, *Biometrika* 37 (1950), 17-23; A. D. Cliff and
    J. K. Ord, *Spatial Processes* (1981).

    Parameters
    ----------
    pairs
        (n, n) symmetric, 1 where two belong together.
    values
        (n,) or (n, k), such as Damage and its permutations.

    Returns
    -------
    ndarray
        () or (k,).
    """
    deviation = values - values.mean(axis=0)
    products = (deviation * (pairs @ deviation)).sum(axis=0) / pairs.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(products / (deviation**2).mean(axis=0))


def assortativity(pairs: csr_array, values: np.ndarray) -> np.ndarray:
    """Correlation of the values at the two ends of a contact, as `networkx` computes it, too.

    Particles with many contacts count as often. M. E. J. Newman, *Phys. Rev. E* 67 (2003), 026126;
    *Phys. Rev. Lett.* 89 (2002), 208701.

    Parameters
    ----------
    pairs, values
        As of `morans_i`.

    Returns
    -------
    ndarray
        () or (k,).
    """
    ends, total = np.asarray(pairs.sum(axis=1)), pairs.sum()
    mean = ends @ values / total
    products = (values * (pairs @ values)).sum(axis=0) / total - mean**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(products / (ends @ values**2 / total - mean**2))


MEASURES: dict[str, Measure] = {
    MORAN: morans_i,
    ASSORTATIVITY: assortativity,
}


def blocks_of(places: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Part particles into blocks of the volume by halving the longest side.

    A block has 25 to 50 particles, or of fewer than 250 a tenth of them, but at least 8.

    Parameters
    ----------
    places
        (n, 3) um.
    volume
        (n,) whole numbers: in which volume each lies.

    Returns
    -------
    ndarray
        (n,) whole numbers.
    """
    least = int(np.clip(len(places) // _BLOCKS, 8, _IN_BLOCK))
    blocks = np.zeros(len(places), int)
    waiting = [np.flatnonzero(volume == v) for v in np.unique(volume)]
    found = 0
    while waiting:
        own = waiting.pop()
        if len(own) < 2 * least:
            blocks[own] = found
            found += 1
            continue
        side = np.ptp(places[own], axis=0).argmax()
        order = own[np.argsort(places[own, side], kind="stable")]
        waiting += [order[: len(own) // 2], order[len(own) // 2 :]]
    return blocks


def jackknife(
    measure: Measure, pairs: csr_array, values: np.ndarray, blocks: np.ndarray
) -> tuple[float, float]:
    """Estimate the standard error of a measure by leaving out one block of the volume at a time.

    Neighbours are not independent, blocks nearly are. A pair across two blocks belongs to one of
    them: leaving it out with both would count its chance twice. H. R. Künsch, *Ann. Statist.* 17
    (1989), 1217-1241.

    Parameters
    ----------
    measure
        `morans_i` or `assortativity`.
    pairs, values
        As of `morans_i`; (n,) values.
    blocks
        (n,) as `blocks_of` gives them.

    Returns
    -------
    error, freedom
        Standard error, and blocks - 1; NaN and 0 with fewer than 6 blocks.
    """
    count = int(blocks.max()) + 1
    if count < _FEWEST_BLOCKS:
        return np.nan, 0.0
    i, j = triu(pairs, 1).nonzero()
    z = values - values.mean()
    owner = blocks[np.where((i + j) % 2, i, j)]

    def without(block: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return weights.sum() - np.bincount(block, weights, count)

    products = without(owner, z[i] * z[j]) / without(owner, np.ones(len(i)))
    if measure is morans_i:
        left = products / (without(blocks, z**2) / without(blocks, np.ones(len(z))))
    else:
        ends = without(owner, np.ones(len(i)))
        mean = without(owner, z[i] + z[j]) / 2 / ends
        squares = without(owner, z[i] ** 2 + z[j] ** 2) / 2 / ends
        left = (products - mean**2) / (squares - mean**2)
    return float(np.sqrt((count - 1) * np.var(left))), float(count - 1)


def interval(value: float, error: float, freedom: float) -> tuple[float, float]:
    """Give a 95 % interval by Student's t; NaN where the error is not known."""
    half = error * stats.t.ppf(0.975, freedom) if freedom else np.nan
    return float(value - half), float(value + half)


def neighbour_difference(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float, float, float]:
    """Compare a measure of two states by Welch's t-test.

    Parameters
    ----------
    first, second
        Value, standard error and degrees of freedom of each.

    Returns
    -------
    value, low, high, p
        Second - first, its 95 % interval and two-sided p-value; NaN where an error is not known.
    """
    value = second[0] - first[0]
    squares = np.array([first[1], second[1]]) ** 2
    freedoms = np.array([first[2], second[2]])
    if not freedoms.all() or not squares.sum() > 0:
        return value, np.nan, np.nan, np.nan
    error = np.sqrt(squares.sum())
    freedom = squares.sum() ** 2 / (squares**2 / freedoms).sum()
    p = float(2 * stats.t.sf(abs(value) / error, freedom))
    return value, *interval(value, error, freedom), p
