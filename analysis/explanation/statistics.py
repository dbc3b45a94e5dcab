"""The statistics of repeated runs: whether two states differ, and whether a ranking is stable."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down correction of p-values for testing many features at once.

    Parameters
    ----------
    p
        (features,) p-values; NaN (nothing varied) counts as 1.

    Returns
    -------
    ndarray
        (features,) adjusted p-values, at most 1. S. Holm, *Scand. J. Statist.* 6 (1979), 65-70.
    """
    p = np.where(np.isnan(p), 1.0, p)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def paired_p(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two-sided paired t-test over runs, feature by feature, Holm-adjusted.

    Parameters
    ----------
    first, second
        (runs, features) importances of two states; run k of both used the same seed.

    Returns
    -------
    ndarray
        (features,) p-values. They tell whether the forests' own randomness could have made the
        difference, not whether other particles would show it: see `resampled_error`.
    """
    gap = second - first
    mean, spread = gap.mean(axis=0), gap.std(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = mean / (spread / np.sqrt(len(gap)))
    return holm(2 * stats.t.sf(np.abs(t), len(gap) - 1))


def resampled_error(subsets: np.ndarray, size: int, rows: int) -> np.ndarray:
    """Estimate the importances' standard error over the draw of particles, from random subsets.

    Parameters
    ----------
    subsets
        (runs, features) importances of forests fitted on random subsets.
    size, rows
        Particles in a subset and in the whole table.

    Returns
    -------
    ndarray
        (features,) standard errors by the delete-d jackknife: the subsets' variance times
        ``size / (rows - size)``. J. Shao and C. F. J. Wu, *Ann. Statist.* 17 (1989), 1176-1197.
    """
    return subsets.std(axis=0, ddof=1) * np.sqrt(size / (rows - size))


def particle_error(seeds: np.ndarray, subsets: np.ndarray, size: int, rows: int) -> np.ndarray:
    """Estimate importances' standard error over the draw of particles, without the forests' own.

    Random subsets differ also because their forests do, and the jackknife's factor would blow that
    up as well. It is known from the seeds and taken off; at least a quarter of the subsets'
    variance is left, because the difference of two variances from ten runs may be anything.

    Parameters
    ----------
    seeds, subsets
        (runs, features) importances of forests on all particles and on random subsets.
    size, rows
        Particles in a subset and in the whole table.

    Returns
    -------
    ndarray
        (features,) standard errors. In 100 simulated tables of 150 particles `interval` with it
        covers the true mean importance in 90 to 98 of 100 (SHAP) and 94 to 100 (permutation and
        conditional); with `resampled_error` in 98 to 100, being 1.2 to 1.6 times as wide, and
        without the quarter in 65 to 97. It was chosen on these tables.
    """
    spread, chance = subsets.var(axis=0, ddof=1), seeds.var(axis=0, ddof=1)
    return np.sqrt(np.maximum(spread - chance, spread / 4) * (size / (rows - size)))


def interval(mean: np.ndarray, error: np.ndarray, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the 95 % interval of importances over the draw of particles.

    Parameters
    ----------
    mean, error
        (features,) importances and their standard errors.
    runs
        Subsets behind each error: `runs` - 1 degrees of freedom.

    Returns
    -------
    low, high : ndarray
        (features,) ends of the intervals.
    """
    reach = stats.t.ppf(0.975, runs - 1) * error
    return mean - reach, mean + reach


def difference_p(difference: np.ndarray, error: np.ndarray, runs: int) -> np.ndarray:
    """Two-sided p-values of differences with known errors, Holm-adjusted.

    Parameters
    ----------
    difference, error
        (features,) differences and their standard errors.
    runs
        Subsets behind each error: `runs` - 1 degrees of freedom.

    Returns
    -------
    ndarray
        (features,) p-values.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        t = difference / error
    return holm(2 * stats.t.sf(np.abs(t), runs - 1))


def spearman(x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
    """Give Spearman's rho of two columns and its two-sided p-value."""
    found = stats.spearmanr(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
    return float(np.asarray(found.statistic)), float(np.asarray(found.pvalue))


def rank_agreement(importances: np.ndarray) -> np.ndarray:
    """Kendall's tau-b between the rankings of every two runs.

    Parameters
    ----------
    importances
        (runs, features).

    Returns
    -------
    ndarray
        (pairs,) taus: 1 same order, 0 unrelated. Empty for a single run.
    """
    runs = len(importances)
    return np.array(
        [
            stats.kendalltau(importances[i], importances[j]).statistic
            for i in range(runs)
            for j in range(i + 1, runs)
        ]
    )
