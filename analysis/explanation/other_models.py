"""Other models beside the forest, all judged on particles from parts of the volume held out.

Neighbours are not independent: a particle left out of a tree at random still has neighbours in it,
whose damage tells its own, so that the out-of-bag fit is too good where damage is patchy. Held-out
blocks of the volume have no neighbours in training but at their faces (Roberts et al., *Ecography*
40 (2017), 913-929).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from .forests import damage_forest
from .permutation import permutation_drops
from .rows import StateRows

BLOCKS = 5
# One shuffle of a few particles is a matter of luck.
_SHUFFLES = 3

MODELS: Mapping[str, Callable[[int], Any]] = {
    "forest": damage_forest,
    "linear": lambda seed: make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 13))),
    "boosting": lambda seed: HistGradientBoostingRegressor(random_state=seed),
}


@dataclass(frozen=True)
class HeldOut:
    """How one model predicts the parts of a state that were held out.

    Attributes
    ----------
    model
        Its name in `MODELS`.
    spatial
        True: the parts are blocks of the volume; False: random fifths, positions are not known.
    r2, mae, guess_mae
        R2 and mean absolute error on held-out particles, and the error of guessing the median.
    drops
        (sets,) fall of R2 when the columns of a set are shuffled.
    """

    model: str
    spatial: bool
    r2: float
    mae: float
    guess_mae: float
    drops: np.ndarray


def parts_of(data: StateRows, seed: int) -> tuple[np.ndarray, bool]:
    """Part a state's particles into five blocks of the volume, or at random without positions.

    Returns
    -------
    parts : ndarray
        (rows,) number of the part.
    spatial : bool
        Whether they are blocks: k-means clusters of the positions.
    """
    if data.place is not None and len(np.unique(data.place, axis=0)) >= 2 * BLOCKS:
        return KMeans(BLOCKS, n_init=3, random_state=seed).fit_predict(data.place), True
    return np.random.default_rng(seed).permutation(len(data.y)) % BLOCKS, False


def held_out(data: StateRows, model: str, seed: int, sets: Sequence[Sequence[int]]) -> HeldOut:
    """Fit a model to all but one part of a state, part by part, and predict that part.

    Parameters
    ----------
    data
        The state's particles.
    model
        A name in `MODELS`.
    seed
        Of the parts, the model and the shuffles.
    sets
        Columns that are shuffled as one.

    Returns
    -------
    HeldOut
    """
    # Threads that wait for each other take seventeen times as long over a few hundred rows.
    with threadpool_limits(1, "openmp"):
        return _held_out(data, model, seed, sets)


def _held_out(data: StateRows, model: str, seed: int, sets: Sequence[Sequence[int]]) -> HeldOut:
    parts, spatial = parts_of(data, seed)
    fitted, guess = [], np.empty(len(data.y))
    for part in np.unique(parts):
        kept, out = parts != part, np.flatnonzero(parts == part)
        fitted.append((MODELS[model](seed).fit(data.x[kept], data.y[kept]), out))
        guess[out] = np.median(data.y[kept])
    predict = partial(_predicted, fitted)
    predicted = predict(data.x[None])[0]
    rng = np.random.default_rng(seed)
    drops = [permutation_drops(predict, data.x, data.y, sets, rng) for _ in range(_SHUFFLES)]
    return HeldOut(
        model=model,
        spatial=spatial,
        r2=float(r2_score(data.y, predicted)),
        mae=float(np.abs(predicted - data.y).mean()),
        guess_mae=float(np.abs(guess - data.y).mean()),
        drops=np.mean(drops, axis=0),
    )


def _predicted(fitted: Sequence[tuple[Any, np.ndarray]], tables: np.ndarray) -> np.ndarray:
    """Predict each part of the tables (tables, rows, features) by the model that lacks it."""
    count, rows, features = tables.shape
    found = np.empty((count, rows))
    for model, out in fitted:
        found[:, out] = model.predict(tables[:, out].reshape(-1, features)).reshape(count, -1)
    return found
