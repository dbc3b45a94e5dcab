"""What would have to be true for a conclusion to fail: each conclusion, check by check."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from .forests import Run, subset_size
from .other_models import HeldOut
from .rows import StateRows
from .statistics import interval, particle_error

DOUBTS: Mapping[str, str] = {
    "shuffled": "A forest on shuffled Damage finds as much: the conclusion would be noise.",
    "shadow": "Shuffled copies of the features get as much: the conclusion would be noise.",
    "interval": "Other particles of the same electrode could turn it round: measure more of them.",
    "conditional": "What goes along with it may act in its place: it would be a proxy.",
    "blocks": "It would hold among neighbours only and not in another part of the volume.",
    "linear": "It would rest on the forest: a straight line puts something else first.",
    "boosting": "It would rest on the forest: other trees put something else first.",
    "interventional": "It would rest on how SHAP splits what correlated features share.",
}
"""Check -> what failing it would mean."""


@dataclass(frozen=True)
class StateFigures:
    """What the checks of one state need.

    Attributes
    ----------
    data, runs, models
        The particles, kind -> forests, and name -> held-out predictions.
    sets
        Name -> columns, as given to the forests.
    """

    data: StateRows
    runs: Mapping[str, Sequence[Run]]
    models: Mapping[str, HeldOut]
    sets: Mapping[str, Sequence[int]]

    def stacked(self, kind: str, what: str) -> np.ndarray:
        """Give (runs, sets) values of the forests of a kind."""
        return np.array([getattr(run, what) for run in self.runs[kind]])

    def ends(self, seeds: np.ndarray, subsets: np.ndarray) -> tuple[float, float]:
        """Give the 95 % interval of (runs,) values over the draw of particles."""
        rows = len(self.data.y)
        error = particle_error(seeds, subsets, subset_size(rows), rows)
        low, high = interval(seeds.mean(), error, len(subsets))
        return float(low), float(high)

    def chance(self) -> float:
        """Give the R2 that may be chance: three standard deviations of it on shuffled Damage."""
        return 3 * float(np.std([run.oob_r2 for run in self.runs["shuffled"]], ddof=1))

    def compared(self) -> np.ndarray:
        """Path-dependent and interventional importances of the same rows: (2, sets)."""
        return np.mean([r.compared for r in self.runs["seed"] if r.compared is not None], axis=0)


def check_table(states: Sequence[StateFigures], differences: pd.DataFrame) -> pd.DataFrame:
    """Check the leading feature and group of each state, and the largest change between states.

    Parameters
    ----------
    states
        In their order.
    differences
        As `Explanation.differences`.

    Returns
    -------
    DataFrame
        state, conclusion, subject, check, outcome (passed, failed or unknown), evidence, doubt.
    """
    rows = []
    for state in states:
        for conclusion, prefix in (("leading feature", ""), ("leading group", "group ")):
            subject, outcomes = _leader(state, prefix)
            rows += _rows(state.data.state, conclusion, subject, outcomes)
    for first, second in pairwise(states):
        subject, outcomes = _change(first, second, differences)
        name = f"{first.data.state} to {second.data.state}"
        rows += _rows(name, "largest change", subject, outcomes)
    columns = ["state", "conclusion", "subject", "check", "outcome", "evidence", "doubt"]
    return pd.DataFrame(rows, columns=columns)


Outcomes = dict[str, tuple[bool | None, str]]


def _rows(state: str, conclusion: str, subject: str, outcomes: Outcomes) -> list[list[str]]:
    words = {True: "passed", False: "failed", None: "unknown"}
    return [
        [state, conclusion, subject, check, words[passed], evidence, DOUBTS[check]]
        for check, (passed, evidence) in outcomes.items()
    ]


def _leader(state: StateFigures, prefix: str) -> tuple[str, Outcomes]:
    """Check what leads among features (no prefix) or groups."""
    names = list(state.sets)
    # A feature leads together with those of its cluster: SHAP cannot tell them apart.
    shared = "group " if prefix else "cluster "
    rivals = np.array([k for k, n in enumerate(names) if n.startswith(shared)])
    own = rivals if prefix else np.arange(state.data.x.shape[1])
    seeds, subsets = state.stacked("seed", "summed"), state.stacked("subset", "summed")
    mean = seeds.mean(axis=0)
    first, *others = own[np.argsort(-mean[own])]
    whole = next(k for k in rivals if set(state.sets[names[first]]) <= set(state.sets[names[k]]))

    def title(k: int) -> str:
        return names[k].removeprefix(shared)

    def leads(values: np.ndarray, what: str) -> tuple[bool, str]:
        top = rivals[np.argmax(values[rivals])]
        return bool(top == whole), f"{title(top)} leads {what}"

    control = state.stacked("shuffled", "summed")[:, own].max()
    copies = state.stacked("shadow", "copies_summed")[:, own].max()
    rivalled = state.stacked("shadow", "summed").mean(axis=0)[first]
    found: Outcomes = {
        "shuffled": (bool(mean[first] > control), f"{_pp(mean[first])} against {_pp(control)}"),
        "shadow": (bool(rivalled > copies), f"{_pp(rivalled)} against {_pp(copies)}"),
        "interval": (None, "nothing to compare it with"),
    }
    if others:
        second = others[0]
        gaps = [runs[:, first] - runs[:, second] for runs in (seeds, subsets)]
        low, high = state.ends(*gaps)
        words = f"{_pp(low)} to {_pp(high)} more than {names[second].removeprefix(prefix)}"
        found["interval"] = (bool(low > 0), words)
    beyond = [state.stacked(kind, "conditional")[:, first] for kind in ("seed", "subset")]
    low, high = state.ends(*beyond)
    words = f"fall of R² {beyond[0].mean():.2f} ({low:.2f} to {high:.2f})"
    found["conditional"] = (bool(low > 0), words)
    for check, model in (("blocks", "forest"), ("linear", "linear"), ("boosting", "boosting")):
        found[check] = _judged(state.models[model], check, leads, state.chance())
    found["interventional"] = leads(state.compared()[1], "by interventional SHAP")
    return title(whole) if prefix else names[first], found


def _judged(
    held: HeldOut,
    check: str,
    leads: Callable[[np.ndarray, str], tuple[bool, str]],
    chance: float,
) -> tuple[bool | None, str]:
    if check == "blocks" and not held.spatial:
        return None, "positions are not known"
    if held.r2 <= chance:
        # A model that predicts nothing has no opinion; a forest that does so has no conclusion.
        words = f"held-out R² {held.r2:.2f}, which may be chance"
        return (False if check == "blocks" else None), words
    passed, words = leads(held.drops, f"there (held-out R² {held.r2:.2f})")
    return passed, words


def _change(
    first: StateFigures, second: StateFigures, differences: pd.DataFrame
) -> tuple[str, Outcomes]:
    """Check the change that stands out most from its error."""
    pair = (differences["state_a"] == first.data.state) & (
        differences["state_b"] == second.data.state
    )
    own = differences[pair & (differences["scale"] == "absolute")].reset_index(drop=True)
    surest = (own["mean"].abs() / own["error"].where(own["error"] > 0)).fillna(0)
    k = int(surest.to_numpy().argmax())
    gap, p = float(own["mean"][k]), float(own["p_particles"][k])

    def same(before: float, after: float, what: str) -> tuple[bool, str]:
        return bool((after - before) * gap > 0), f"{what} {before:.3f} to {after:.3f}"

    noise = second.stacked("shuffled", "importance") - first.stacked("shuffled", "importance")
    larger = second if gap > 0 else first
    rivalled = larger.stacked("shadow", "summed").mean(axis=0)[k]
    copies = larger.stacked("shadow", "copies_summed")[:, : len(own)].max()
    most = float(np.abs(noise).max())
    beyond = [s.stacked("seed", "conditional").mean(axis=0)[k] for s in (first, second)]
    found: Outcomes = {
        "shuffled": (abs(gap) > most, f"{_pp(gap)} against {_pp(most)}"),
        "shadow": (bool(rivalled > copies), f"{_pp(rivalled)} against {_pp(copies)}"),
        "interval": (p < 0.05, f"p = {p:.2g}, corrected for all features"),
        "conditional": same(beyond[0], beyond[1], "fall of R²"),
    }
    for check, model in (("blocks", "forest"), ("linear", "linear"), ("boosting", "boosting")):
        held = [s.models[model] for s in (first, second)]
        if check == "blocks" and not all(h.spatial for h in held):
            found[check] = None, "positions are not known"
        elif any(h.r2 <= s.chance() for h, s in zip(held, (first, second), strict=True)):
            found[check] = None, f"held-out R² {held[0].r2:.2f} and {held[1].r2:.2f}"
        else:
            found[check] = same(held[0].drops[k], held[1].drops[k], "held-out fall of R²")
    loose = [100 * s.compared()[1][k] for s in (first, second)]
    found["interventional"] = same(loose[0], loose[1], "points")
    return str(own["feature"][k]), found


def _pp(value: float | np.ndarray) -> str:
    return f"{100 * float(value):.2f} pp"
