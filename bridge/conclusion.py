"""From the tables of one or many volumes to one explanation and one report."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from particlebridge import analysis
from particlebridge.analysis.explanation.readable_rows import without_repeats

from ._shared.progress import inform, notice, progress_when_known
from .fusing.folder import SUFFIXES
from .runs.run_folder import RunFolder, lasting
from .runs.sheet import Item
from .volumes.label_records import companion
from .volumes.reading import Volume, open_volume
from .volumes.tables import read_table, write_table
from .volumes.voxel_size import SizeFrom

Regressors = Literal["drivers", "paper"]

_FILLED_IN: dict[SizeFrom, str] = {
    "unknown": "records no voxel size, and none was given: its lengths, areas and volumes are in "
    "voxels, and so are the ball and the reach of PDensity.",
    "ratio": "records the sides of a voxel without a unit of length, and no voxel size was given: "
    "its lengths, areas and volumes are in units of the smallest side, and so are the ball and the "
    "reach of PDensity.",
    "pixel size": "records no z step, and none was given: it is assumed to equal the "
    "height of a pixel, and its lengths, areas and volumes are not true if it differs.",
}


@dataclass(frozen=True)
class Analysed:
    """A volume that has come as far as features.csv.

    Attributes
    ----------
    item
        The volume.
    folder
        With its results.
    volume
        As it was opened, not loaded: volumes that follow need the memory.
    changed
        Whether its labels were changed after fusing.
    verdict
        How far its particles can be trusted, as a sentence; "": not known.
    corrections
        What run.json notes of corrections by hand; None: there are none.
    """

    item: Item
    folder: Path
    volume: Volume
    changed: bool = False
    verdict: str = ""
    corrections: Mapping[str, Any] | None = None


def report_outputs(out: Path, several: bool) -> list[Path]:
    """Name what `conclude` writes, of one volume or of several."""
    names = [
        "report.html",
        "importance.csv",
        "shap.csv",
        "synchrony.csv",
        "figures",
        *(["features.csv"] if several else []),
    ]
    return [out / name for name in names]


def conclude(analysed: Sequence[Analysed], run: RunFolder, features: Regressors) -> Path:
    """Explain damage over all volumes, by state, and write the report.

    Parameters
    ----------
    analysed
        Volumes with features.csv and contacts.csv in their folders.
    run
        Where importance.csv, shap.csv, synchrony.csv, figures/ and report.html go; several volumes'
        features.csv too.
    features
        Regressors: ``drivers`` or ``paper``.

    Returns
    -------
    Path
        The report.html.
    """
    tables = {a.item.name: read_table(a.folder / "features.csv") for a in analysed}
    if any(a.folder != run.path for a in analysed):
        collected = [
            tables[a.item.name].assign(volume=a.item.name, state=a.item.state, group=a.item.group)
            for a in analysed
        ]
        write_table(pd.concat(collected, ignore_index=True), run.path / "features.csv")
    key: dict[str, Any] = {
        "features": features,
        "tables": {
            a.item.name: [a.item.state, (a.folder / "features.csv").read_text("utf-8")]
            for a in analysed
        },
    }
    cautions = [
        f"{a.item.name} {_FILLED_IN[a.volume.spacing_from]}"
        for a in analysed
        if a.volume.spacing_from in _FILLED_IN
    ]
    if len({a.volume.unit for a in analysed}) > 1:
        cautions.append(
            "Lengths in voxels and in µm are pooled here, so those of the figures and of the "
            "forest mean nothing: give every volume its voxel size."
        )
    cautions += [
        f"{a.item.name}: its labels were changed after fusing, and are measured as they are now; "
        "the agreement of the views is that on the bodies as they were fused."
        for a in analysed
        if a.changed
    ]
    if cautions:
        key["cautions"] = cautions
    named = len(analysed) > 1
    verdicts = [
        f"{a.item.name}: {a.verdict}" if named else a.verdict for a in analysed if a.verdict
    ]
    if verdicts:
        key["verdicts"] = verdicts
    corrections = {a.item.name: a.corrections for a in analysed if a.corrections is not None}
    if corrections:
        key["corrections"] = lasting(corrections)
    if named:
        # What `apply_corrections` needs to make this report again.
        run.describe(
            volumes=[
                {"name": a.item.name, "state": a.item.state, "group": a.item.group}
                for a in analysed
            ]
        )
    report = run.path / "report.html"
    importance, values = run.path / "importance.csv", run.path / "shap.csv"
    outputs = [report, run.path / "synchrony.csv"]
    if run.record.get("stages", {}).get("report", {}).get("forest"):
        outputs += [importance, values]
    if run.is_done("report", key, outputs):
        return report
    particles, contacts = _by_state(analysed, tables)
    first = analysed[0]
    # Files of the other format are not of this run.
    labels = first.folder / f"labels{SUFFIXES[run.record['settings']['format']]}"
    explanation, reason = None, ""
    with run.stage("report", key) as notes:
        inform("explaining damage")
        try:
            explanation = explained(particles, features)
        except analysis.NoForest as error:
            reason = str(error)
            notice(f"no forest: {reason[:1].lower()}{reason[1:]}")
            # Those of an earlier report, of other particles.
            importance.unlink(missing_ok=True)
            values.unlink(missing_ok=True)
        else:
            write_table(explanation.importance, importance)
            rows = explanation.by_particle()
            write_table(_of_volumes(rows, particles) if named else rows, values)
            for note in explanation.notes:
                notice(note)
        said = explanation.notes if explanation is not None else ()
        synchrony = synchronised(particles, contacts, run.path, said)
        inform("drawing the report")
        analysis.write_report(
            run.path,
            features=particles,
            explanation=explanation,
            synchrony=synchrony,
            reason=reason,
            cautions=cautions,
            verdicts=verdicts,
            volume=first.volume.data,
            labels=open_volume(labels).data,
            solid=open_volume(companion(labels, "solid")).data,
            spacing=first.volume.spacing,
            unit=first.volume.unit,
            contacts=contacts,
            fusion=pd.concat([_bodies(a, tables[a.item.name], named) for a in analysed]),
            settings=lasting(run.record),
            corrections=corrections,
            title=first.item.name if len(analysed) == 1 else run.path.name,
        )
        notes["forest"] = explanation is not None
        # Without a forest too copies are counted once.
        left_out = said if explanation is not None else without_repeats(particles)[1]
        if left_out:
            notes["particles"] = list(left_out)
    return report


def explained(tables: dict[str, pd.DataFrame], features: Regressors) -> analysis.Explanation:
    """Fit the models of `analysis.explain`, and tell which stage they are in and how far."""
    with ExitStack() as open_bars:
        bars: dict[str, Callable[[int, int], None]] = {}

        def told(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                open_bars.close()  # one bar at a time
                bars[stage] = open_bars.enter_context(progress_when_known(stage))
            bars[stage](done, total)

        return analysis.explain(tables, features=features, progress=told)


def synchronised(
    tables: dict[str, pd.DataFrame],
    contacts: dict[str, pd.DataFrame],
    folder: Path,
    said: Sequence[str],
) -> analysis.Synchrony:
    """Measure synchrony, write synchrony.csv, and say what was left out and not `said` before."""
    inform("measuring how far particles that touch are damaged alike")
    found = analysis.find_synchrony(tables, contacts)
    write_table(found.table(), folder / "synchrony.csv")
    for note in found.notes:
        if note not in said:
            notice(note)
    return found


def _by_state(
    analysed: Sequence[Analysed], tables: dict[str, pd.DataFrame]
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Join the volumes of each state; labels of later volumes are raised to stay unique."""
    particles: dict[str, list[pd.DataFrame]] = {}
    contacts: dict[str, list[pd.DataFrame]] = {}
    offset: dict[str, int] = {}
    for a in analysed:
        state = a.item.state or ("no state" if any(b.item.state for b in analysed) else "all")
        table, network = tables[a.item.name], pd.read_csv(a.folder / "contacts.csv")
        base = offset.get(state, 0)
        raised_labels = table.assign(label=table["label"] + base, raised=base, volume=a.item.name)
        raised_labels["group"] = a.item.group
        particles.setdefault(state, []).append(raised_labels)
        raised = network.assign(source=network["source"] + base, target=network["target"] + base)
        contacts.setdefault(state, []).append(raised)
        offset[state] = base + int(table["label"].max() if len(table) else 0)
    return (
        {s: pd.concat(p, ignore_index=True) for s, p in particles.items()},
        {s: pd.concat(c, ignore_index=True) for s, c in contacts.items()},
    )


def _of_volumes(rows: pd.DataFrame, particles: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Name the volume of each particle, and give it the label that it has there."""
    known = pd.concat(
        [t[["label", "volume", "raised"]].assign(state=state) for state, t in particles.items()]
    ).drop_duplicates(["state", "label"])
    rows = rows.merge(known, on=["state", "label"], how="left")
    rows["label"] -= rows.pop("raised")
    rows.insert(0, "volume", rows.pop("volume"))
    return rows


def _bodies(analysed: Analysed, particles: pd.DataFrame, named: bool) -> pd.DataFrame:
    """Read the confidence of each particle of a volume."""
    table = pd.read_csv(analysed.folder / "fusion.csv")
    if analysed.changed:
        table = table[table["label"].isin(particles["label"])]
    return table.assign(scan=analysed.item.name) if named else table
