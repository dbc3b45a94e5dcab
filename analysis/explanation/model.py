"""What makes a particle break: a forest on Damage, its SHAP values, and how far to trust them.

The model is that of Li et al., *Science* 376 (2022), 517-521. The controls beside it (out-of-bag
fit, shuffled target, rank stability, permutation by group, errors over the draw of particles) are
what a reader needs to believe or doubt it.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import pandas as pd
from joblib import Parallel, delayed

from ..features.columns import FEATURES
from . import tables as build
from .checks import StateFigures, check_table
from .conditional import conditional_strata
from .feature_sets import feature_clusters, feature_groups
from .forests import KINDS, Run, fit_run
from .interactions import pair_table
from .model_tables import held_out_table, model_table
from .other_models import MODELS, HeldOut, held_out
from .readable_rows import split_states, without_repeats
from .result import Explanation
from .rows import of_states, usable_rows


def explain(
    tables: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    features: Literal["drivers", "paper"] = "drivers",
    runs: int = 10,
    seed: int = 0,
    include_border: bool = False,
    jobs: int = -1,
    progress: Callable[[str, int, int], None] | None = None,
) -> Explanation:
    """Explain the Damage of particles, in one state or in several that are compared.

    Parameters
    ----------
    tables
        A table as `measure` gives it, or state -> table, e.g. ``{"10": df10, "50": df50}``;
        neighbouring states are compared, in the order given. One table with several states in
        its column ``state`` is split by it. Copies of a row are left out (see `notes`).
    features
        ``"drivers"`` (what can be a cause) or ``"paper"`` (the published 21, six of which are
        computed from the cracks themselves and so follow damage).
    runs
        Seeds, random subsets, shuffled and shadow controls: that many forests of each kind and
        state.
    seed
        Same seed, same result, whatever `jobs`.
    include_border
        Use also particles cut by the field of view (column Border).
    jobs
        Forests fitted at the same time; -1: one a core.
    progress
        Called with (stage, done, in all): the stages are "forests" and "models on held-out parts".

    Returns
    -------
    Explanation

    Raises
    ------
    ValueError
        If a column is missing, fewer than 50 particles are usable, Damage is unknown or the same
        everywhere, or a parameter is invalid; the message says which.

    Notes
    -----
    SHAP values explain the forest. Correlated features share their importance: read `sets` before
    saying that one of them does not matter.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from particlebridge.analysis import FEATURES, explain
    >>> rng = np.random.default_rng(0)
    >>> names = FEATURES["drivers"]
    >>> table = pd.DataFrame(rng.random((60, len(names))), columns=list(names))
    >>> table["label"], table["Border"], table["Damage"] = range(1, 61), False, table["Z"] / 3
    >>> found = explain(table, runs=2, jobs=1)
    >>> found.importance.sort_values("rank")["feature"].iloc[0]
    'Z'
    """
    if features not in FEATURES:
        raise ValueError(f"features must be {' or '.join(FEATURES)}, not {features!r}.")
    if runs < 2:
        raise ValueError(f"runs must be at least 2 to have a spread, not {runs}.")
    if isinstance(tables, pd.DataFrame):
        tables = split_states(tables)
    if not tables:
        raise ValueError("No table to explain: give one, or a mapping of state to table.")
    named = {str(s): t for s, t in tables.items()}
    named, repeats = without_repeats(named)
    data, names, notes = usable_rows(named, FEATURES[features], include_border)
    notes = [*repeats, *notes]

    groups = feature_groups(names)
    clusters = feature_clusters([d.x for d in data], names)
    sets = {
        **{n: [k] for k, n in enumerate(names)},
        **{f"group {g}": c for g, c in groups.items()},
        **{f"cluster {c}": m for c, m in clusters.items()},
    }
    strata = {d.state: conditional_strata(d.x, sets.values()) for d in data}
    tasks = [(d, kind, k) for d in data for kind in KINDS for k in range(runs)]
    results: dict[str, dict[str, list[Run]]] = {}
    judged: dict[str, dict[str, HeldOut]] = {}
    with _threads_unwarned():
        # Threads: the fits release the GIL and share the tables.
        pool = Parallel(n_jobs=jobs, prefer="threads", return_as="generator")
        outcomes = pool(
            delayed(fit_run)(d, kind, k, seed, sets, strata[d.state]) for d, kind, k in tasks
        )
        for done, ((d, kind, _), run) in enumerate(zip(tasks, outcomes, strict=True), start=1):
            results.setdefault(d.state, {}).setdefault(kind, []).append(run)
            if progress is not None:
                progress("forests", done, len(tasks))
        trials = [(d, model) for d in data for model in MODELS]
        columns = list(sets.values())
        answers = pool(delayed(held_out)(d, model, seed, columns) for d, model in trials)
        for done, ((d, model), held) in enumerate(zip(trials, answers, strict=True), start=1):
            judged.setdefault(d.state, {})[model] = held
            if progress is not None:
                progress("models on held-out parts", done, len(trials))
    notes += [
        f"Positions X, Y, Z are not known of every particle{of_states([d.state])}, so held-out "
        "parts are random and not blocks of the volume."
        for d in data
        if not judged[d.state]["forest"].spatial
    ]

    def gather(parts: list[pd.DataFrame]) -> pd.DataFrame:
        return pd.concat(parts, ignore_index=True)

    seeds = {state: kinds["seed"] for state, kinds in results.items()}
    shap = {d.state: build.shap_table(d, seeds[d.state], names) for d in data}
    differences = build.difference_table(data, results, names)
    figures = [StateFigures(d, results[d.state], judged[d.state], sets) for d in data]
    return Explanation(
        states=tuple(d.state for d in data),
        features=tuple(names),
        particles=pd.DataFrame(
            [
                {
                    "state": d.state,
                    "particles": d.particles,
                    "border": d.border,
                    "incomplete": d.incomplete,
                    "used": len(d.y),
                }
                for d in data
            ]
        ),
        importance=gather(
            [build.importance_table(d, results[d.state], names, shap[d.state]) for d in data]
        ),
        sets=gather([build.set_table(d, results[d.state], names, groups, clusters) for d in data]),
        runs=build.run_table(results, names),
        fit=build.fit_table(results),
        stability=build.stability_table(results),
        differences=differences,
        interactions=gather([pair_table(d, results[d.state], names) for d in data]),
        shap=gather(list(shap.values())),
        predictions=gather([build.prediction_table(d, seeds[d.state]) for d in data]),
        models=model_table(judged, names),
        held_out=held_out_table(figures, len(names)),
        checks=check_table(figures, differences),
        notes=tuple(notes),
    )


@contextmanager
def _threads_unwarned() -> Iterator[None]:
    """Keep scikit-learn silent about threads that take each other's warning filters away.

    From 1.8 on each of its tasks resets the filters, which all threads share, and warns when it
    finds none: at random, dozens of times in a run. The results do not depend on it.
    """
    with warnings.catch_warnings():
        shown = warnings.showwarning

        def show(message: Warning | str, *rest: Any, **more: Any) -> None:
            if "`sklearn.utils.parallel.delayed`" not in str(message):
                shown(message, *rest, **more)

        warnings.showwarning = show
        yield
