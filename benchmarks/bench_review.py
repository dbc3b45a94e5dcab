"""How fast errors go when a person looks at the doubtful particles first, and the ranking's fit.

`python -m benchmarks review [--data FOLDER] [--cache DIR]`

Generated electrodes, and the sets of `python -m benchmarks real` whose predictions lie in DIR. An
error is a particle missed or a body that is none at IoU 0.5. Every order is that of a fit that has
not seen the volume's set (of electrodes: the volume). DIR/review.png shows the curves.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from particlebridge.analysis import VIEWS, ViewStack, fuse, score
from particlebridge.analysis.correction.ranking import (
    BODY,
    PLACE,
    Weights,
    chance,
    gather_rows,
)
from particlebridge.bridge import ReviewSession
from particlebridge.exporter import load_model
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from benchmarks.fusion_peers import Spacing, as_table
from benchmarks.predicted_views import Predicted, kept_views, predicted
from benchmarks.real_sets import folder_arguments, nuclei_model, real_sets
from benchmarks.simulated_person import Person, put_right_by_acts
from tests.helpers.fused_folder import fused_folder

# Contrast and seed of electrodes that no training has seen.
_ELECTRODES = ((0.35, 8107), (0.35, 8108), (0.35, 8109), (0.5, 8104), (1.0, 8101))
# Shares of the particles that are looked at.
_LOOKS, _MOST = 0.05, 0.2
_RANDOM = 10
ORDERS = ("doubt", "confidence", "random")


class Case(NamedTuple):
    """A fused volume: its rows with what a look at each mends, and the person before it."""

    name: str
    set: str
    person: Person
    rows: pd.DataFrame

    @property
    def particles(self) -> int:
        """How many bodies there are."""
        return int((self.rows["label"] > 0).sum())


def case(
    name: str,
    of: str,
    volume: np.ndarray,
    truth: np.ndarray,
    spacing: Spacing,
    views: dict[str, ViewStack],
) -> Case:
    """Fuse, list what can be looked at, and try each look."""
    fused = fuse(views, volume, spacing)
    person = Person(truth, fused.labels)
    stacks = {view: views[view].labels for view in VIEWS}
    found = gather_rows(fused.labels, stacks, fused.table, spacing, volume)
    rows = pd.concat([rows.assign(body=k == 0) for k, rows in enumerate(found)], ignore_index=True)
    before = person.errors()[0]
    rows["gain"] = [max(0, before - left) for left in _single(person, rows)]
    print(f"{name}: {len(found[0])} particles, {len(found[1])} places, {before} errors", flush=True)
    return Case(name, of, person, rows)


def _single(person: Person, rows: pd.DataFrame) -> Iterator[int]:
    for row in _sights(rows):
        one = person.copy()
        seen = one.seen(*row)
        assert seen is not None
        one.put_right(seen)
        yield one.errors()[0]


def _sights(rows: pd.DataFrame) -> list[tuple[int, tuple[int, int, int]]]:
    table = rows[["label", "z", "y", "x"]].astype(int).to_numpy().tolist()
    return [(label, (z, y, x)) for label, z, y, x in table]


def cases(data: Path, cache: Path) -> Iterator[Case]:
    """Yield the electrodes and the real sets that are there."""
    for contrast, seed in _ELECTRODES:
        made = predicted(contrast, seed, cache)
        name = f"contrast {contrast:g}, seed {seed}"
        yield case(name, name, made.volume, made.labels, made.spacing, made.views)
    trained = nuclei_model(data, cache)
    models = {"nmc": "nmc"} | ({} if trained is None else {"nuclei": str(trained)})
    for one in real_sets(data):
        for model, path in models.items():
            for file in sorted(cache.glob(f"{one.name}_{load_model(path).digest[:12]}_*.npz")):
                views = kept_views(file, lambda: (0.0, {}))[1]
                name = f"{one.name}, {model}, smoothed {file.stem.rsplit('_', 1)[1]}"
                yield case(name, one.name, one.volume, one.truth, one.spacing, views)


def fitted(every: Sequence[Case], body: bool, columns: Sequence[str]) -> Weights:
    """Fit the chance that a look mends an error; sets count as the root of their rows."""
    tables = [c.rows[c.rows["body"] == body].assign(set=c.set) for c in every]
    rows = pd.concat(tables, ignore_index=True)
    scaler = StandardScaler().fit(rows[list(columns)].to_numpy(float))
    weights = 1 / np.sqrt(rows.groupby("set")["gain"].transform("size"))
    model = LogisticRegression().fit(
        scaler.transform(rows[list(columns)].to_numpy(float)), rows["gain"] > 0, weights
    )
    slopes = model.coef_[0] / scaler.scale_
    constant = float(model.intercept_[0] - slopes @ scaler.mean_)
    named = dict(zip(columns, slopes.round(2).tolist(), strict=True))
    return Weights(round(constant, 2), named)


def order(one: Case, by: str, models: tuple[Weights, Weights], seed: int = 0) -> np.ndarray:
    """Give the rows in the order in which a person looks at them."""
    rows = one.rows
    if by == "random":
        return np.random.default_rng(seed).permutation(len(rows))
    if by == "confidence":
        return np.argsort(rows["confidence"].fillna(1.0).to_numpy(), kind="stable")
    doubt = np.zeros(len(rows))
    for body, model in zip((True, False), models, strict=True):
        own = (rows["body"] == body).to_numpy()
        doubt[own] = chance(rows[own], model)
    return np.argsort(-doubt, kind="stable")


def curve(one: Case, rows: np.ndarray, looks: int) -> pd.DataFrame:
    """Look at one row after the other; errors and F1 after each look."""
    person, sights = one.person.copy(), _sights(one.rows)
    found = [_state(person)]
    for k in rows:
        if len(found) > looks:
            break
        seen = person.seen(*sights[k])
        if seen is not None:
            person.put_right(seen)
            found.append(_state(person))
    return pd.DataFrame(found).reindex(range(looks + 1)).ffill()


def best(one: Case, looks: int) -> int:
    """Give the errors left if each look is the one that mends most: no order does much better."""
    person, sights = one.person.copy(), _sights(one.rows[one.rows["gain"] > 0])
    for _ in range(looks):
        tried = []
        for sight in sights:
            seen = person.seen(*sight)
            if seen is not None:
                other = person.copy()
                other.put_right(seen)
                tried.append((other.errors()[0], sight, other))
        if not tried:
            break
        _, sight, person = min(tried, key=lambda t: t[0])
        sights.remove(sight)
    return person.errors()[0]


def _state(person: Person) -> dict[str, float]:
    errors, f1 = person.errors()
    return {"errors": errors, "F1@0.5": f1, "F1@0.75": person.errors(0.75)[1]}


def results(every: Sequence[Case]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give a row per volume, and all curves."""
    table, curves = [], []
    for one in every:
        others = [c for c in every if c.set != one.set]
        models = (
            fitted(others, True, list(BODY.weights)),
            fitted(others, False, list(PLACE.weights)),
        )
        looks, most = (int(np.ceil(share * one.particles)) for share in (_LOOKS, _MOST))
        before = _state(one.person)
        row = {"volume": one.name, "particles": one.particles, "errors": before["errors"],
               "looks": looks, "best": best(one, looks)}  # fmt: skip
        for by in ORDERS:
            runs = [curve(one, order(one, by, models, s), most)
                    for s in range(_RANDOM if by == "random" else 1)]  # fmt: skip
            mean = sum(runs[1:], runs[0]) / len(runs)
            row[by] = mean["errors"][looks]
            share = np.arange(most + 1) / one.particles
            left = mean["errors"] / before["errors"]
            curves.append(mean.assign(volume=one.name, by=by, share=share, left=left))
            if by == "doubt":
                for f1 in ("F1@0.5", "F1@0.75"):
                    row[f1] = f"{before[f1]:.3f} -> {mean[f1][looks]:.3f}"
        table.append(row)
        print(row, flush=True)
    return pd.DataFrame(table), pd.concat(curves, ignore_index=True)


def by_acts(one: Case, rows: np.ndarray, made: Predicted, looks: int) -> str:
    """Do the same looks in a review of a run folder, and say whether it ends as the table does."""
    person, sights, done = one.person.copy(), _sights(one.rows), 0
    with tempfile.TemporaryDirectory() as folder:
        run = fused_folder(Path(folder), made.volume, made.spacing, made.views)
        with ReviewSession.open(run) as review:
            for k in rows:
                seen = person.seen(*sights[k])
                if seen is not None:
                    put_right_by_acts(review, made.labels, seen)
                    person.put_right(seen)
                    done += 1
                if done == looks:
                    break
            found = score(made.labels, review.labels[:])
        lines = (run / "corrections.jsonl").read_text("utf-8").splitlines()
    acts = Counter(json.loads(line)["act"] for line in lines)
    counts = ", ".join(f"{count} {act}" for act, count in acts.items())
    return (
        f"{one.name}, {done} looks by acts ({counts}): F1@0.5 {found.f1[0.5]:.4f}, "
        f"by the table {person.errors()[1]:.4f}"
    )


def draw(curves: pd.DataFrame, file: Path) -> None:
    """Draw the share of errors left against the share of particles looked at."""
    kinds = {
        "Electrodes at contrast 0.35": curves["volume"].str.startswith("contrast 0.35"),
        "Other people's nuclei": ~curves["volume"].str.startswith("contrast"),
    }
    looks = {"doubt": ("tab:blue", "-"), "confidence": ("tab:orange", "--"),
             "random": ("tab:grey", ":")}  # fmt: skip
    grid = np.linspace(0, _MOST, 41)
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
    for axis, (title, chosen) in zip(axes, kinds.items(), strict=True):
        for by, (colour, line) in looks.items():
            own = curves[chosen & (curves["by"] == by)]
            each = [np.interp(grid, c["share"], c["left"]) for _, c in own.groupby("volume")]
            if each:
                axis.plot(100 * grid, 100 * np.mean(each, axis=0), line, color=colour, label=by)
        axis.axvline(100 * _LOOKS, color="0.8", lw=1, zorder=0)
        axis.axhline(50, color="0.8", lw=1, zorder=0)
        axis.set(title=title, xlabel="particles looked at (%)", ylim=(0, 102), xlim=(0, 20))
    axes[0].set_ylabel("errors left (%)")
    axes[0].legend(title="order", frameon=False)
    figure.savefig(file, dpi=150)


def main() -> None:
    options, _ = folder_arguments(str(__doc__)).parse_known_args()
    every = list(cases(options.data, options.cache))
    print("BODY =", fitted(every, True, list(BODY.weights)))
    print("PLACE =", fitted(every, False, list(PLACE.weights)))
    table, curves = results(every)
    print(as_table(table))
    gone = 1 - table[["best", *ORDERS]].div(table["errors"], axis=0)
    kind = np.where(table["volume"].str.startswith("contrast"), table["volume"].str[:13], "nuclei")
    print(as_table(gone.groupby(kind).mean()))
    draw(curves, options.cache / "review.png")
    first = every[0]
    looks = int(np.ceil(_LOOKS * first.particles))
    made = predicted(*_ELECTRODES[0], options.cache)
    print(by_acts(first, order(first, "doubt", (BODY, PLACE)), made, looks))


if __name__ == "__main__":
    main()
