"""How far correlation reaches: correlogram and variogram, with what permutations give."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from .neighbours import morans_i

BAND = 199
"""Permutations behind a band: its ends are the fifth lowest and highest."""
_ENDS = 5


def correlogram(
    steps: Sequence[tuple[float, csr_array]],
    damage: np.ndarray,
    permutations: np.ndarray,
    rest: np.ndarray,
    rest_permutations: np.ndarray,
) -> pd.DataFrame:
    """Measure correlation step by step, of Damage and of what the drivers do not explain.

    Parameters
    ----------
    steps
        Distance, and (n, n) which two are that far apart.
    damage, permutations
        (n,) and (n, k >= 199).
    rest, rest_permutations
        The same of what the drivers leave.

    Returns
    -------
    DataFrame
        at, pairs, semivariance (half the mean squared difference; G. Matheron, *Econ. Geol.* 58
        (1963), 1246-1266), correlation (Moran's I of the pairs), low, high (of 95 % of the
        permutations, step by step), beyond, beyond_low, beyond_high.
    """
    rows = []
    for at, pairs in steps:
        if not pairs.nnz:
            break
        i, j = pairs.nonzero()
        low, high = _band(pairs, permutations)
        beyond_low, beyond_high = _band(pairs, rest_permutations)
        rows.append(
            {
                "at": at,
                "pairs": pairs.nnz // 2,
                "semivariance": float(((damage[i] - damage[j]) ** 2).mean() / 2),
                "correlation": float(morans_i(pairs, damage)),
                "low": low,
                "high": high,
                "beyond": float(morans_i(pairs, rest)),
                "beyond_low": beyond_low,
                "beyond_high": beyond_high,
            }
        )
    return pd.DataFrame(rows)


def _band(pairs: csr_array, permutations: np.ndarray) -> tuple[float, float]:
    drawn = np.sort(morans_i(pairs, permutations[:, :BAND]))
    return float(drawn[_ENDS - 1]), float(drawn[-_ENDS])


def reach(found: pd.DataFrame, value: str, high: str) -> float:
    """Give the last distance up to which every step lies above its band; 0: not even the first."""
    above = (found[value] > found[high]).to_numpy()
    steps = int(np.argmin(above)) if not above.all() else len(above)
    return float(found["at"].iloc[steps - 1]) if steps else 0.0
