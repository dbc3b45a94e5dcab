"""Importance by permutation: how much worse unseen particles are predicted without a feature.

Breiman, *Machine Learning* 45 (2001), 5-32: each tree predicts the rows that it has not seen, of
the table and of copies of it in which the columns of a set are shuffled.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score
from sklearn.tree import DecisionTreeRegressor

# Shuffled copies are predicted together, as many as fit into this many numbers.
_NUMBERS = 1 << 22

Voters = Sequence[tuple[DecisionTreeRegressor, np.ndarray]]
"""Trees, each with the rows that it has not seen and so may predict."""


def out_of_bag(forest: RandomForestRegressor, rows: int) -> Voters:
    """Pair each tree of a forest with the rows of its training table that it has not seen."""
    voters = []
    for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        unseen = np.ones(rows, dtype=bool)
        unseen[drawn] = False
        voters.append((tree, np.flatnonzero(unseen)))
    return voters


def voted(voters: Voters, tables: np.ndarray) -> np.ndarray:
    """Average the predictions of the trees that have not seen a row.

    Parameters
    ----------
    voters
        Trees and the rows that each may predict.
    tables
        (tables, rows, features) versions of one table, float32.

    Returns
    -------
    ndarray
        (tables, rows) predictions; NaN for a row that every tree has seen.
    """
    count, rows, features = tables.shape
    total, votes = np.zeros((count, rows)), np.zeros(rows)
    for tree, unseen in voters:
        asked = tables[:, unseen].reshape(-1, features)
        total[:, unseen] += tree.tree_.predict(asked).reshape(count, -1)
        votes[unseen] += 1
    return total / np.where(votes > 0, votes, np.nan)


def permutation_drops(
    predict: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    sets: Iterable[Sequence[int]],
    rng: np.random.Generator,
    strata: np.ndarray | None = None,
) -> np.ndarray:
    """How much the R2 on unseen rows falls when the columns of a set are shuffled together.

    Shuffled together, features that carry the same knowledge cannot stand in for each other,
    which neither SHAP nor one-by-one permutation shows.

    Parameters
    ----------
    predict
        Gives (tables, rows) predictions of (tables, rows, features) versions of `x`, each by what
        has not seen the row, as `voted` does; NaN where there is nothing.
    x, y
        (rows, features) and (rows,).
    sets
        The columns shuffled together; sets that come twice are shuffled once.
    rng
        Source of the shuffles.
    strata
        (sets, rows) numbers of the strata within which the rows of a set are shuffled; None:
        among all rows.

    Returns
    -------
    ndarray
        (sets,) fall of R2; about 0 for a set that does not matter.
    """
    asked = [tuple(columns) for columns in sets]
    first = {columns: k for k, columns in reversed(list(enumerate(asked)))}
    x = np.ascontiguousarray(x, dtype=np.float32)
    kept = predict(x[None])[0]
    seen = ~np.isnan(kept)
    whole = r2_score(y[seen], kept[seen])
    # In the order of the sets: what is drawn for the first does not depend on those that follow.
    todo = sorted(first.values())
    fits: dict[tuple[int, ...], float] = {}
    step = max(1, _NUMBERS // x.size)
    for start in range(0, len(todo), step):
        part = todo[start : start + step]
        tables = np.repeat(x[None], len(part), axis=0)
        for table, k in zip(tables, part, strict=True):
            order = shuffled_rows(len(x) if strata is None else strata[k], rng)
            table[:, asked[k]] = x[order][:, asked[k]]
        for k, predicted in zip(part, predict(tables), strict=True):
            fits[asked[k]] = r2_score(y[seen], predicted[seen])
    return np.array([whole - fits[columns] for columns in asked])


def shuffled_rows(strata: int | np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shuffle row numbers: of so many rows, or within strata.

    Parameters
    ----------
    strata
        Number of rows, or (rows,) the stratum of each.
    rng
        Source of the shuffle.

    Returns
    -------
    ndarray
        (rows,) for each row the row whose values it gets.
    """
    if isinstance(strata, int):
        return rng.permutation(strata)
    drawn = rng.permutation(len(strata))
    order = np.empty_like(drawn)
    # Sorted by stratum, once as the rows lie and once shuffled: stratum for stratum they pair up.
    order[np.argsort(strata, kind="stable")] = drawn[np.argsort(strata[drawn], kind="stable")]
    return order
