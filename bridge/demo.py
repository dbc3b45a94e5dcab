"""The full pipeline on generated electrodes of two cycle states, judged by the known truth."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from particlebridge.analysis import Electrode, electrode, score
from particlebridge.analysis.io.atomic import write_json

from ._shared.progress import inform
from .pipeline import run
from .volumes.label_records import Recorded, is_our_tiff, label_digest
from .volumes.labels import read_labels
from .volumes.tables import read_table, write_table
from .volumes.writing import write_labels, write_mask, write_stack

STATES = (10, 50)
"""Cycle states of the two electrodes, as in the paper."""

TRUE_DRIVERS = ("Z", "Volume", "Contact")
"""What the generator's rule makes damage from, as columns of the features."""

_RANKED = "drivers ranked first"

_SEED = 2022

_QUICK_STATES = (50,)
_QUICK_SHAPE = (48, 96, 96)
_QUICK_RADIUS = (5.0, 9.0)
"""Small enough for two minutes, with the 50 whole particles that a forest needs."""


def demo(out: str | os.PathLike[str], *, train: bool = False, quick: bool = False) -> Path:
    """Generate two electrodes, run the full pipeline on them, and compare with the truth.

    Parameters
    ----------
    out
        Folder; volumes and truth go to ``out/volumes``, the comparison with the truth to
        ``out/against_truth.json``. Calling it again resumes.
    train
        Train a model (into ``out/model``, an hour or two) instead of the shipped one.
    quick
        Generate one small electrode only: two minutes of one core instead of ten or more, with too
        few particles to find the drivers of damage.

    Returns
    -------
    Path
        The report.html.

    Raises
    ------
    OSError
        If `out` cannot be written.

    Examples
    --------
    >>> from particlebridge.bridge import demo
    >>> demo("demo", quick=True)  # doctest: +SKIP
    PosixPath('demo/report.html')
    """
    out = Path(out)
    model: str | Path = "nmc"
    if train:
        from particlebridge.exporter import train_nmc

        model = out / "model"
        if not model.exists():
            train_nmc(model)
    states = _QUICK_STATES if quick else STATES
    sheet = _generate(out / "volumes", states, quick)
    report = run([sheet], out, model=model)
    verdict = _against_truth(out, states)
    write_json(out / "against_truth.json", verdict)
    for line in _sentences(verdict):
        inform(line)
    if quick and _RANKED in verdict:
        inform(
            "with so few particles this ranking is only illustrative; without --quick there are "
            "enough to find what drives their damage"
        )
    return report


def _generate(folder: Path, states: Sequence[int], quick: bool) -> Path:
    sheet = folder / "volumes.csv"
    rows = [{"path": f"cycles{state}.tif", "state": str(state)} for state in states]
    _check_ours(folder, pd.DataFrame(rows))
    for state in states:
        name = f"cycles{state}"
        if sheet.exists():
            continue
        inform(f"generating an electrode after {state} cycles")
        _write(_electrode(state, quick), folder, name)
    if not sheet.exists():
        write_table(pd.DataFrame(rows), sheet)
    return sheet


def _electrode(state: int, quick: bool) -> Electrode:
    seed = _SEED + state
    if not quick:
        return electrode(seed=seed, cycles=state)
    return electrode(_QUICK_SHAPE, seed=seed, cycles=state, radius=_QUICK_RADIUS)


def _check_ours(folder: Path, rows: pd.DataFrame) -> None:
    """Refuse volumes of others under the names of the generated ones."""
    sheet = folder / "volumes.csv"
    if sheet.exists():
        ours = rows.to_csv(index=False, lineterminator="\n")
        strangers = [] if sheet.read_text("utf-8") == ours else [sheet]
    else:
        files = [folder / name for name in rows["path"]]
        strangers = [file for file in files if file.exists() and not is_our_tiff(file)]
    if strangers:
        raise ValueError(
            f"{strangers[0]}: was not written by the demo; move it away or choose another --out"
        )


def _write(made: Electrode, folder: Path, name: str) -> None:
    truth = folder / f"{name}_truth"
    own = label_digest(made.labels)
    write_labels(truth / "labels.tif", made.labels, made.spacing, Recorded(own).note)
    note = Recorded(own, "labels.tif").note
    write_mask(truth / "solid.tif", made.solid, made.spacing, note)
    write_table(made.truth, truth / "truth.csv")
    shape = (made.volume.shape[0], made.volume.shape[1], made.volume.shape[2])
    write_stack(folder / f"{name}.tif", made.volume, shape, made.volume.dtype, made.spacing)


def _against_truth(out: Path, states: Sequence[int]) -> dict[str, Any]:
    verdict: dict[str, Any] = {}
    for state in states:
        name = f"cycles{state}"
        truth = out / "volumes" / f"{name}_truth"
        folder = out if len(states) == 1 else out / name  # as `run` lays them out
        result = score(read_labels(truth / "labels.tif"), read_labels(folder / "labels.tif"))
        found = read_table(folder / "features.csv")
        true = pd.read_csv(truth / "truth.csv")
        verdict[name] = {
            "whole particles": int(true["Whole"].sum()),
            "particles found": len(found),
            **{k: round(v, 4) for k, v in result.as_row().items()},
            **_damage_against_truth(true, found, result.matches),
        }
    importance = out / "importance.csv"
    if importance.exists():
        table = pd.read_csv(importance)
        mean = table.groupby("feature")["mean"].mean().sort_values(ascending=False)
        verdict["drivers by the generator's rule"] = list(TRUE_DRIVERS)
        verdict[_RANKED] = list(mean.index[: len(TRUE_DRIVERS)])
    return verdict


def _damage_against_truth(
    true: pd.DataFrame, found: pd.DataFrame, matches: pd.DataFrame
) -> dict[str, float]:
    """Compare the Damage of whole particles that were found, where it is known."""
    pairs = matches[["truth", "label"]].merge(found[["label", "Damage"]], on="label")
    whole = true.loc[true["Whole"], ["label", "Damage"]].rename(columns={"label": "truth"})
    both = pairs.merge(whole, on="truth", suffixes=("", "_true")).dropna(subset=["Damage"])
    facts = {
        "Damage, correlation with the truth": both["Damage"].corr(both["Damage_true"]),
        "mean Damage": both["Damage"].mean(),
        "true mean Damage": both["Damage_true"].mean(),
    }
    return {name: round(float(value), 4) for name, value in facts.items()}


def _sentences(verdict: dict[str, Any]) -> list[str]:
    lines = [
        f"{name}: {facts['particles found']} of {facts['truth']} particles found, "
        f"F1 {facts['F1@0.5']:.3f} at IoU 0.5, {facts['F1@0.75']:.3f} at 0.75; "
        f"mean Damage {facts['mean Damage']:.3f} (true {facts['true mean Damage']:.3f}), "
        f"r {facts['Damage, correlation with the truth']:.2f}"
        for name, facts in verdict.items()
        if isinstance(facts, dict)
    ]
    if _RANKED in verdict:
        lines.append(
            f"ranked first: {', '.join(verdict[_RANKED])}; the generator's rule is made of "
            f"{', '.join(TRUE_DRIVERS)}"
        )
    return lines
