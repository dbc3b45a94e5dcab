"""Sets of features that share importance: the paper's groups, and clusters of correlated ones."""

from collections.abc import Sequence

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from ..features.columns import COLUMNS

# Every two members of a cluster are correlated at least so much (Spearman).
CORRELATED = 0.7


def feature_groups(names: Sequence[str]) -> dict[str, list[int]]:
    """Give group -> numbers of its features, in the order of `names`."""
    groups: dict[str, list[int]] = {}
    for k, name in enumerate(names):
        groups.setdefault(COLUMNS[name].group, []).append(k)
    return groups


def feature_clusters(tables: Sequence[np.ndarray], names: Sequence[str]) -> dict[str, list[int]]:
    r"""Put features together that carry much the same information.

    Parameters
    ----------
    tables
        (rows, features) of each state; correlations are averaged over the states.
    names
        Names of the features.

    Returns
    -------
    dict
        Members joined by ``" + "`` -> numbers of the members; most clusters have one member.
        Complete linkage: within a cluster every \|Spearman's rho\| is at least 0.7.
    """
    closeness = np.mean([rank_correlation(t) for t in tables], axis=0)
    if len(names) == 1:
        return {names[0]: [0]}
    distance = squareform(np.clip(1 - np.abs(closeness), 0, 1), checks=False)
    found = fcluster(linkage(distance, "complete"), 1 - CORRELATED, "distance")
    clusters: dict[str, list[int]] = {}
    for number in dict.fromkeys(found):
        members = np.flatnonzero(found == number).tolist()
        clusters[" + ".join(names[m] for m in members)] = members
    return clusters


def rank_correlation(table: np.ndarray) -> np.ndarray:
    """Give the (features, features) Spearman correlations; 0 with a constant feature."""
    ranks = rankdata(table, axis=0)
    ranks -= ranks.mean(axis=0)
    length = np.linalg.norm(ranks, axis=0)
    ranks /= np.where(length > 0, length, 1)
    rho = ranks.T @ ranks
    np.fill_diagonal(rho, 1)
    return np.asarray(np.clip(rho, -1, 1))
