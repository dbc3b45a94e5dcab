"""A page for each particle that somebody wants to see closely."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from particlebridge.analysis.report.figures_particle import Cutout
from particlebridge.analysis.report.particle_page import write_particle

from ._shared.progress import notice
from .reviewing.fused_files import labels_in, open_run_volume
from .runs.run_folder import RunFolder
from .runs.run_labels import as_known_to_run
from .volumes.label_records import companion, recorded
from .volumes.reading import Volume, open_volume
from .volumes.tables import read_table

_BOX = ("z0", "z1", "y0", "y1", "x0", "x1")
_ROUNDED = 1e-6  # what writing a Damage twice with seven digits may change
_MARGIN = 0.3  # of the particle's own size, to see its neighbours
_AGAIN = "run the same command again, and its particles are measured as they are now"


def particle(results: str | os.PathLike[str], labels: Sequence[int]) -> list[Path]:
    """Write a page for each of some particles of a run.

    A page shows three cuts through the particle, its void and grey values along depth and from its
    surface inwards, its features among those of all, the particles that touch it, how far the
    views agree on it, and what the forest makes of it. Only the box around the particle is read.

    Parameters
    ----------
    results
        Folder of a run; of several volumes, that of one of them.
    labels
        Numbers of the particles, as in features.csv.

    Returns
    -------
    list of Path
        particles/LABEL.html in the folder, in the order of the labels.

    Raises
    ------
    FileNotFoundError, ValueError
        If it is no folder of a run, a label is not in its table, or its labels are no longer those
        that were measured. No page is written then.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import electrode
    >>> from particlebridge.bridge import particle, run
    >>> made = electrode((16, 40, 44), seed=3, radius=(4, 7))
    >>> np.save("scan.npy", made.volume)
    >>> page = run(["scan.npy"], "results", voxel_size=made.spacing, diameter=12)
    >>> [page.name for page in particle("results", [2])]
    ['2.html']
    """
    folder = Path(results)
    run = _run_of(folder)
    found = _opened(run)
    wanted = list(dict.fromkeys(int(label) for label in labels))
    if not wanted:
        raise ValueError(f"{folder}: name at least one particle, by its label in features.csv")
    cutouts = [_cutout(found, label) for label in wanted]
    target = folder / "particles"
    run.check_free({"particles": [target]})
    fusion = companion(found.file, "fusion")
    fused = _by_label(pd.read_csv(fusion), wanted) if fusion.is_file() else {}
    explained, why = _explained(folder, wanted)
    rows = found.table.set_index("label")
    for label, own in explained.items():
        if abs(own["observed"] - rows["Damage"][label]) > _ROUNDED:
            raise ValueError(f"{folder}: shap.csv is of particles as they were before; {_AGAIN}")
    contacts = pd.read_csv(folder / "contacts.csv")
    made = {int(p.stem) for p in target.glob("*.html") if p.stem.isdigit()}
    pages = []
    with run.locked(), run.stage("particles", {"labels": wanted}):
        for label, cutout in zip(wanted, cutouts, strict=True):
            values = explained.get(label)
            cautions = [*found.cautions, *_cautions(rows.loc[label], values, why)]
            pages.append(
                write_particle(
                    target,
                    cutout,
                    table=found.table,
                    contacts=contacts,
                    fused=fused.get(label),
                    explained=values,
                    cautions=cautions,
                    title=found.title,
                    report="../report.html" if found.single else "../../report.html",
                    pages={*made, *wanted} - {label},
                )
            )
    return pages


class _Found(NamedTuple):
    """A run's labels, table and volume, opened."""

    file: Path
    labels: Volume
    solid: Volume | None
    grey: Volume | None
    table: pd.DataFrame
    title: str
    single: bool
    cautions: list[str]


def _run_of(folder: Path) -> RunFolder:
    if not (folder / "run.json").is_file():
        raise FileNotFoundError(f"{folder}: holds no run.json; give the folder of a run")
    run = RunFolder(folder)
    if "measure" not in run.record.get("stages", {}):
        inner = sorted(p.parent.name for p in folder.glob("*/features.csv"))
        if inner:
            raise ValueError(
                f"{folder}: holds several volumes; give the folder of one of them, such as "
                f"{folder / inner[0]}"
            )
        raise ValueError(f"{folder}: no run measured particles here; give the folder of a run")
    return run


def _opened(run: RunFolder) -> _Found:
    folder, record = run.path, run.record
    measured = record["stages"]["measure"].get("labels", record["stages"]["fuse"]["labels"])
    files = labels_in(folder)
    if not files:
        raise FileNotFoundError(f"{folder}: its labels are gone; run the same command again")
    notes = {file: recorded(file) for file in files}
    same = [file for file, note in notes.items() if note is None or note.digest == measured]
    if not same:
        raise ValueError(f"{files[0]}: was changed after features.csv was written; {_AGAIN}")
    file, cautions = same[0], []
    labels = as_known_to_run(open_volume(file, holds="labels"), folder)
    mask = companion(file, "solid")
    solid = open_volume(mask) if mask.exists() else None
    grey = None
    try:
        grey = open_run_volume(run)
    except (OSError, ValueError) as error:
        cautions.append(f"Its grey values are not shown: {error}.")
        notice(cautions[0])
    table = read_table(folder / "features.csv")
    title = Path(record["volume"]["path"]).name
    return _Found(file, labels, solid, grey, table, title, "settings" in record, cautions)


def _cutout(found: _Found, label: int) -> Cutout:
    """Read the box around a particle, and no more, of files that may be larger than memory."""
    own = found.table[found.table["label"] == label]
    if own.empty:
        known = found.table["label"]
        raise ValueError(
            f"{found.file.parent / 'features.csv'}: has no particle {label}; it lists "
            f"{len(known)}, from {known.min():.0f} to {known.max():.0f}"
        )
    row, size = own.iloc[0], found.labels.data.shape
    start, stop = [], []
    for axis in range(3):
        low, high = (int(row[name]) for name in _BOX[2 * axis : 2 * axis + 2])
        margin = max(2, round(_MARGIN * (high - low)))
        start.append(max(0, low - margin))
        stop.append(min(size[axis], high + margin))
    box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    bodies = np.asarray(found.labels.data[box])
    voxels = row["Volume"] / np.prod(found.labels.spacing)
    here = np.count_nonzero(bodies == label)
    if abs(here - voxels) > 0.5 + 1e-5 * voxels:
        raise ValueError(
            f"{found.file}: particle {label} has {here:,} voxels here and {voxels:,.0f} in "
            f"features.csv, so one of them was changed since; {_AGAIN}"
        )
    solid = None
    if found.solid is not None and pd.notna(row["Damage"]):
        solid = np.asarray(found.solid.data[box]) > 0
    return Cutout(
        label=label,
        labels=bodies,
        grey=None if found.grey is None else np.asarray(found.grey.data[box]),
        solid=solid,
        start=(start[0], start[1], start[2]),
        spacing=found.labels.spacing,
        unit=found.labels.unit,
    )


def _by_label(table: pd.DataFrame, wanted: Sequence[int]) -> dict[int, pd.Series]:
    """Give the rows of some particles, as far as the table has them."""
    rows = table[table["label"].isin(wanted)]
    return {int(row["label"]): row for _, row in rows.iterrows()}


def _explained(folder: Path, wanted: Sequence[int]) -> tuple[dict[int, pd.Series], str]:
    """Read the SHAP values of some particles of a volume, and why there may be none."""
    for file in (folder / "shap.csv", folder.parent / "shap.csv"):
        if not file.is_file():
            continue
        table = pd.read_csv(file, dtype={"volume": str, "state": str})
        if file.parent != folder:
            if "volume" not in table:
                continue
            table = table[table["volume"] == folder.name]
        return _by_label(table, wanted), ""
    return {}, "No forest explains it: the run has none (the report says why)."


def _cautions(row: pd.Series, explained: pd.Series | None, why: str) -> list[str]:
    """Say what the page of a particle lacks, and why."""
    said = []
    if row["Border"]:
        said.append("It is cut by the field of view: its size and shape are those of a part.")
    if explained is None:
        missing = "it is cut" if row["Border"] else "some of its features are not known"
        said.append(why or f"No forest explains it: {missing}.")
    return said
