"""Damage shuffled among the particles, anywhere or within classes that the drivers set."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

# 999, but no fewer than 199, and in between no more than 160 MB of them.
_MOST, _FEWEST, _VALUES = 999, 199, 20_000_000
# Fewer in a class leave little to permute; more hide what changes within it.
_IN_CLASS = 16


def permuted(values: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Permute values within classes.

    Parameters
    ----------
    values
        (n,).
    classes
        (n,) whole numbers: a value goes to a particle of the same class only.
    rng
        Source of chance.

    Returns
    -------
    ndarray
        (n, k): 999 permutations; of more than 20,000 values fewer, down to 199.
    """
    count = int(np.clip(_VALUES // max(len(values), 1), _FEWEST, _MOST))
    drawn = np.argsort(classes[:, None] + rng.random((len(values), count)), axis=0)
    dealt = np.empty((len(values), count))
    dealt[np.argsort(classes, kind="stable")] = values[drawn]
    return dealt


def nested_classes(keys: Sequence[np.ndarray], within: np.ndarray) -> np.ndarray:
    """Part particles into classes of about 16 with similar depth and size.

    Parameters
    ----------
    keys
        (n,) each, such as depth and size: classes of equally many along the first, each of these
        parted along the second.
    within
        (n,) whole numbers that are not mixed, such as those of the volumes.

    Returns
    -------
    ndarray
        (n,) whole numbers.
    """
    codes = np.unique(within, return_inverse=True)[1]
    smallest = np.bincount(codes).min() if len(codes) else 0
    steps = max(1, round((smallest / _IN_CLASS) ** (1 / max(len(keys), 1))))
    for key in keys:
        finer = np.empty_like(codes)
        for code in np.unique(codes):
            own = np.flatnonzero(codes == code)
            order = rankdata(key[own], method="ordinal").astype(int) - 1
            finer[own] = code * steps + order * steps // len(own)
        codes = finer
    return codes


def residuals(values: np.ndarray, drivers: Sequence[np.ndarray]) -> np.ndarray:
    """Take away what a quadratic surface over the drivers explains.

    Within a class of depth and size Damage still follows both a little: without this step the
    permutations within classes find a coupling that is none in a fifth of electrodes.
    D. Freedman and D. Lane, *J. Bus. Econ. Statist.* 1 (1983), 292-298.

    Parameters
    ----------
    values
        (n,).
    drivers
        (n,) each; constant ones explain nothing.

    Returns
    -------
    ndarray
        (n,).
    """
    scaled = [(d - d.mean()) / d.std() for d in drivers if d.std() > 0]
    columns = [np.ones(len(values)), *scaled]
    columns += [a * b for i, a in enumerate(scaled) for b in scaled[i:]]
    design = np.column_stack(columns)
    return np.asarray(values - design @ np.linalg.lstsq(design, values, rcond=None)[0])


def two_sided(value: float, drawn: np.ndarray) -> float:
    """Give the two-sided p-value of a value among those that chance drew."""
    tail = min((drawn >= value).sum(), (drawn <= value).sum())
    return min(1.0, 2 * float(1 + tail) / (1 + len(drawn)))
