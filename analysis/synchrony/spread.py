"""How unevenly Damage is spread over the particles of a state."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from .permutations import two_sided
from .result import GINI, VARIATION

RESAMPLES = 1999
# With more particles the skewness that BCa corrects is gone, and its jackknife would take minutes.
_MOST_CORRECTED = 2000
_AT_ONCE = 2_000_000


def gini(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Gini coefficient: half the mean difference of two values over their mean.

    0: all the same; towards 1: one has it all. C. Gini, *Variabilità e mutabilità* (1912).

    Parameters
    ----------
    values
        Not negative, not all 0.
    axis
        Along which the values lie.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis.synchrony.spread import gini
    >>> float(gini(np.array([0, 0, 0, 1])))
    0.75
    """
    ordered = np.moveaxis(np.sort(values, axis=axis), axis, -1)
    n = ordered.shape[-1]
    weights = 2 * np.arange(1, n + 1) - n - 1
    return np.asarray((ordered * weights).sum(axis=-1) / (n * ordered.sum(axis=-1)))


def variation(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Coefficient of variation: standard deviation (n - 1) over mean."""
    return np.asarray(values.std(axis=axis, ddof=1) / values.mean(axis=axis))


SPREADS: dict[str, Callable[..., np.ndarray]] = {GINI: gini, VARIATION: variation}


def spread_interval(values: np.ndarray, quantity: str, seed: int) -> tuple[float, float]:
    """Give the 95 % bootstrap interval of a spread over particles.

    Parameters
    ----------
    values
        (n,) Damage.
    quantity
        Of `SPREADS`.
    seed
        Same seed, same interval.

    Returns
    -------
    low, high
        Bias-corrected and accelerated up to 2,000 particles, of percentiles beyond. B. Efron,
        *J. Am. Statist. Assoc.* 82 (1987), 171-185.
    """
    found = _bootstrapped((values,), SPREADS[quantity], seed)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def spread_difference(
    first: np.ndarray, second: np.ndarray, quantity: str, seed: int
) -> tuple[float, float, float, float]:
    """Compare a spread of two states.

    Returns
    -------
    value, low, high, p
        Second - first with its 95 % bootstrap interval, both states resampled, and the two-sided
        p-value that no difference has among the resampled ones.
    """
    function = SPREADS[quantity]

    def difference(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        return function(b, axis=axis) - function(a, axis=axis)

    found = _bootstrapped((first, second), difference, seed)
    drawn = found.bootstrap_distribution
    low, high = found.confidence_interval
    return float(difference(first, second)), float(low), float(high), two_sided(0.0, drawn)


def _bootstrapped(
    samples: tuple[np.ndarray, ...], statistic: Callable[..., np.ndarray], seed: int
) -> Any:
    most = max(len(s) for s in samples)
    return stats.bootstrap(
        samples,
        statistic,
        n_resamples=RESAMPLES,
        batch=max(1, _AT_ONCE // most),
        vectorized=True,
        method="BCa" if most <= _MOST_CORRECTED else "percentile",
        rng=np.random.default_rng(seed),
    )
