"""Strata of particles that are alike in what correlates with a feature.

Shuffled among all particles, a feature that only goes along with a cause costs the forest
something, because shuffling makes particles that do not exist, such as large ones with a small
surface. Shuffled within strata it costs what it knows beyond the features it goes along with
(Strobl et al., *BMC Bioinformatics* 9 (2008) 307; the strata are those of Molnar et al., *Data Min.
Knowl. Discov.* 38 (2024), 2903-2941: the leaves of a tree that predicts the feature).
"""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import rankdata
from sklearn.tree import DecisionTreeRegressor

from .feature_sets import rank_correlation

# A tree on features that do not go along with another explains it by chance, so that its leaves
# would hold alike particles of an independent feature, too, and shuffling would change little.
GOES_ALONG = 0.3
SMALLEST_STRATUM = 10


def conditional_strata(x: np.ndarray, sets: Iterable[Sequence[int]]) -> np.ndarray:
    r"""Part particles into strata for each set of features.

    Parameters
    ----------
    x
        (rows, features).
    sets
        Columns that are shuffled together.

    Returns
    -------
    ndarray
        (sets, rows) numbers of the strata, of 10 rows or more: leaves of a regression tree of the
        set's ranks on the other features with \|Spearman's rho\| >= 0.3 to a member. One stratum
        where no other feature goes along.
    """
    closeness = np.abs(rank_correlation(x))
    known: dict[tuple[int, ...], np.ndarray] = {}
    strata = []
    for columns in sets:
        members = tuple(columns)
        if members not in known:
            known[members] = _strata(x, list(members), closeness)
        strata.append(known[members])
    return np.array(strata)


def _strata(x: np.ndarray, members: list[int], closeness: np.ndarray) -> np.ndarray:
    along = closeness[members].max(axis=0) >= GOES_ALONG
    along[members] = False
    if not along.any():
        return np.zeros(len(x), dtype=np.intp)
    tree = DecisionTreeRegressor(min_samples_leaf=SMALLEST_STRATUM, random_state=0)
    others = x[:, along]
    leaves = tree.fit(others, rankdata(x[:, members], axis=0)).apply(others)
    return np.asarray(leaves, dtype=np.intp)
