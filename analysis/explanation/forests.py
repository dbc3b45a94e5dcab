"""One fit of the paper's forest to one state, and everything read from it before it is dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from sklearn import config_context
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score

from .permutation import out_of_bag, permutation_drops, voted
from .rows import StateRows
from .shap_values import interactions_of, shap_of

SUBSET_SIZE = 500
HELD_OUT = 0.05
# Beyond this many rows mean |SHAP| is taken over a random sample of the training rows: TreeSHAP
# costs as much as the fit, and the sample is off by a few per cent where seeds differ by ten.
SHAP_ROWS = 5000
INTERACTION_ROWS = 100
INTERACTION_RUNS = 3
# Interventional values cost rows times references.
COMPARED_ROWS = 50

Kind = Literal["seed", "subset", "shuffled", "shadow"]
KINDS: tuple[Kind, ...] = ("seed", "subset", "shuffled", "shadow")


@dataclass(frozen=True)
class Run:
    r"""What one forest gave.

    Attributes
    ----------
    importance, summed
        (features,) mean \|SHAP\| and (sets,) mean \|sum of SHAP over the set\|.
    copies, copies_summed
        The same of the features' shuffled copies; empty unless the kind is "shadow".
    oob_r2, held_out_mae, guess_mae
        Out-of-bag R2; mean absolute error on the held-out particles, and of guessing the median.
    additivity
        Largest gap between SHAP values and prediction.
    explained, values
        (m,) rows of the state's table that were explained and their (m, features) SHAP values
        (a shadow's: of features and copies).
    base
        The prediction when nothing is known of a particle; with its SHAP values it adds up to the
        forest's prediction.
    trained, predicted
        (n,) training rows that some tree has not seen, and their out-of-bag predictions.
    drops, conditional
        (sets,) fall of R2 by permutation, among all rows and within strata; empty unless the kind
        is "seed" or "subset".
    compared
        (2, sets) path-dependent and interventional importances of the same sample of rows, or
        None where not computed.
    pairs
        (features, features) interactions, or None where not computed.
    """

    importance: np.ndarray
    summed: np.ndarray
    copies: np.ndarray
    copies_summed: np.ndarray
    oob_r2: float
    held_out_mae: float
    guess_mae: float
    additivity: float
    explained: np.ndarray
    values: np.ndarray
    base: float
    trained: np.ndarray
    predicted: np.ndarray
    drops: np.ndarray
    conditional: np.ndarray
    compared: np.ndarray | None
    pairs: np.ndarray | None


def damage_forest(seed: int) -> RandomForestRegressor:
    """Give the paper's forest, not yet fitted.

    From scikit-learn 1.8 on a tree on absolute error costs O(n log n), not O(n^2), so the paper's
    criterion is used as it is. Its out-of-bag predictions are made by `permutation.voted`, in a
    tenth of the time that scikit-learn takes for them.
    """
    return RandomForestRegressor(
        n_estimators=40,
        criterion="absolute_error",
        max_leaf_nodes=30,
        max_features="sqrt",
        min_impurity_decrease=1.02e-5,
        random_state=seed,
    )


def subset_size(rows: int) -> int:
    """Particles in a random subset: 500, or four fifths of a table that has not many more."""
    return min(SUBSET_SIZE, int(0.8 * rows))


# Tables and parameters are ours: what scikit-learn checks of them is a tenth of the time.
@config_context(assume_finite=True, skip_parameter_validation=True)
def fit_run(
    data: StateRows,
    kind: Kind,
    number: int,
    seed: int,
    sets: Mapping[str, Sequence[int]],
    strata: np.ndarray,
) -> Run:
    """Fit one forest and read it.

    Parameters
    ----------
    data
        The state's particles.
    kind
        ``"seed"``: all particles; ``"subset"``: a random subset; ``"shuffled"``: all particles
        with Damage shuffled among them, the control; ``"shadow"``: beside the features the forest
        sees copies of them whose rows are shuffled, and what these get is noise in the presence of
        the real features (Kursa and Rudnicki, *J. Stat. Softw.* 36 (2010) 11).
    number, seed
        Run `number` draws the same random numbers in every state, so that states can be paired.
    sets
        Name -> columns that are summed (SHAP) and shuffled (permutation) as one.
    strata
        (sets, rows) within which each set is shuffled for the conditional importance.

    Returns
    -------
    Run
    """
    rng = np.random.default_rng([seed, KINDS.index(kind), number])
    rows = rng.permutation(len(data.y))
    if kind == "subset":
        rows = rows[: subset_size(len(rows))]
    table, features = data.x, data.x.shape[1]
    if kind == "shadow":
        # All copies in one order: they keep their correlations, and lose only Damage.
        table = np.hstack([table, table[rng.permutation(len(table))]])
    held = max(1, round(HELD_OUT * len(rows)))
    test, train = rows[:held], rows[held:]
    x, y = table[train], data.y[train]
    if kind == "shuffled":
        y = rng.permutation(y)
    forest = damage_forest(int(rng.integers(2**31))).fit(x, y)

    explained = np.arange(len(train))[:SHAP_ROWS]
    values, base, additivity = shap_of(forest, x[explained], forest.predict(x[explained]))
    vote = partial(voted, out_of_bag(forest, len(train)))
    predicted = vote(x[None].astype(np.float32))[0]
    seen = ~np.isnan(predicted)
    missed = np.abs(forest.predict(table[test]) - data.y[test])
    read, copied = values[:, :features], values[:, features:]
    pairs = None
    if kind in ("seed", "shuffled") and number < INTERACTION_RUNS:
        pairs = interactions_of(forest, x[:INTERACTION_ROWS])
    compared = None
    if kind == "seed" and number < INTERACTION_RUNS:
        few, references = x[:COMPARED_ROWS], x[-COMPARED_ROWS:]
        cut_loose, _, _ = shap_of(forest, few, forest.predict(few), references)
        compared = np.array([_summed(values[: len(few)], sets), _summed(cut_loose, sets)])
    drops = conditional = np.empty(0)
    if kind in ("seed", "subset"):
        drops = permutation_drops(vote, x, y, sets.values(), rng)
        conditional = permutation_drops(vote, x, y, sets.values(), rng, strata[:, train])
    return Run(
        importance=np.abs(read).mean(axis=0),
        summed=_summed(read, sets),
        copies=np.abs(copied).mean(axis=0),
        copies_summed=_summed(copied, sets) if copied.size else np.empty(0),
        oob_r2=float(r2_score(y[seen], predicted[seen])),
        held_out_mae=float(missed.mean()),
        guess_mae=float(np.abs(np.median(y) - data.y[test]).mean()),
        additivity=additivity,
        explained=train[explained],
        values=values,
        base=base,
        trained=train[seen],
        predicted=predicted[seen],
        drops=drops,
        conditional=conditional,
        compared=compared,
        pairs=pairs,
    )


def _summed(values: np.ndarray, sets: Mapping[str, Sequence[int]]) -> np.ndarray:
    return np.array([np.abs(values[:, list(c)].sum(axis=1)).mean() for c in sets.values()])
