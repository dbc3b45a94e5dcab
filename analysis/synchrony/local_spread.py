"""Whether neighbours break alike: the spread of Damage among those that touch, along depth."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, eye_array
from scipy.stats import rankdata

# A particle and at least two that touch it.
_FEWEST = 3


def local_spread(touching: csr_array, values: np.ndarray) -> np.ndarray:
    """Give the standard deviation of Damage among each particle and those that touch it.

    Parameters
    ----------
    touching
        (n, n) which two touch.
    values
        (n,) or (n, k).

    Returns
    -------
    ndarray
        As `values`; NaN where fewer than two particles touch.
    """
    around = (touching + eye_array(touching.shape[0])).tocsr()
    count = np.asarray(around.sum(axis=1)).reshape(-1, *[1] * (values.ndim - 1))
    mean = (around @ values) / count
    square = (around @ values**2) / count - mean**2
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.maximum(square, 0) * count / (count - 1))
    return np.where(count >= _FEWEST, spread, np.nan)


def depth_correlation(depth: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Spearman's rho of depth and local spread, (k,) of the columns of an (n, k) spread."""
    known = np.isfinite(spread).all(axis=1)
    a, b = rankdata(depth[known]), rankdata(spread[known], axis=0)
    a, b = a - a.mean(), b - b.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(a @ b / np.sqrt((a @ a) * (b * b).sum(axis=0)))


def depth_table(
    depth: np.ndarray, damage: np.ndarray, spread: np.ndarray, known: np.ndarray
) -> pd.DataFrame:
    """Average Damage and its local spread over layers of equally many particles.

    Parameters
    ----------
    depth, damage, spread
        (n,).
    known
        (n,) bool: where the spread is known.

    Returns
    -------
    DataFrame
        depth, particles, Damage, local_spread, local_variation.
    """
    order = np.flatnonzero(known)[np.argsort(depth[known], kind="stable")]
    layers = np.array_split(order, int(np.clip(len(order) // 25, 2, 10)))
    return pd.DataFrame(
        [
            {
                "depth": depth[layer].mean(),
                "particles": len(layer),
                "Damage": damage[layer].mean(),
                "local_spread": spread[layer].mean(),
                "local_variation": spread[layer].mean() / damage[layer].mean(),
            }
            for layer in layers
            if len(layer)
        ]
    )
