"""The results of runs made again with the corrections of a review."""

import os
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from .conclusion import Analysed, conclude
from .fusing.folder import SUFFIXES
from .reviewing.applying import correct_run
from .reviewing.fused_files import find_fused, has_corrections, open_run_volume, set_aside
from .reviewing.log import LOG
from .runs.measure_options import MeasureOptions
from .runs.run_folder import RunFolder
from .runs.sheet import Item
from .runs.source import Source
from .runs.work_plan import Plan
from .volumes.field_of_view import find_field_of_view
from .volumes.reading import Volume

_AGAIN = "run the same command 'particlebridge run' again, which applies corrections too"


def apply_corrections(results: str | os.PathLike[str]) -> Path:
    """Make the results of a run again with its corrections; `run` does it as well.

    What the machine fused and measured is moved into ``fused/`` and stays as it is. Labels,
    material, features.csv, contacts.csv, fusion.csv and the report then are those of the corrected
    particles. Material is found again only in bodies that changed, and only these and the particles
    that have them in reach are measured again.

    Parameters
    ----------
    results
        A folder of results of `run`, with a ``corrections.jsonl``: of one volume, or of several,
        which each may have one.

    Returns
    -------
    Path
        The report.html.

    Raises
    ------
    FileNotFoundError, ValueError
        If there are no corrections, they are damaged or of another volume, the run is not finished,
        its labels were changed by another program, or the volume is not there any more.
    RuntimeError
        If a review or a run holds the folder.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from particlebridge.analysis import electrode
    >>> from particlebridge.bridge import ReviewSession, apply_corrections, run
    >>> made = electrode((16, 40, 44), seed=3, radius=(4, 7))
    >>> np.save("scan.npy", made.volume)
    >>> _ = run(["scan.npy"], "results", voxel_size=made.spacing, diameter=12)
    >>> with ReviewSession.open("results") as review:
    ...     worst = int(review.table["label"][0])
    ...     review.delete(worst)
    >>> apply_corrections("results").name
    'report.html'
    >>> worst in pd.read_csv("results/features.csv")["label"].values
    False
    >>> worst in pd.read_csv("results/fused/features.csv")["label"].values
    True
    """
    folder = Path(results)
    top, names = _run_above(folder)
    volumes = [top.path / name for name in names] if names else [top.path]
    given = folder.absolute()
    chosen = [path for path in volumes if given in (path.absolute(), top.path.absolute())]
    if not any(map(has_corrections, chosen)):
        raise FileNotFoundError(
            f"{folder / LOG}: no such file: there are no corrections to apply; make them with "
            "'particlebridge review'"
        )
    settings = top.record["settings"]
    with top.locked():
        analysed = []
        for path in volumes:
            run = top if path == top.path else RunFolder(path)
            with nullcontext() if run is top else run.locked():
                entry = names.get(path.name, {})
                analysed.append(_corrected(run, entry, settings, path in chosen))
        return conclude(analysed, top, settings["features"])


def _run_above(folder: Path) -> tuple[RunFolder, dict[str, Mapping[str, Any]]]:
    """Open the folder that holds the report, and name its volumes if there are several."""
    for path in (folder, folder.absolute().parent):
        if not (path / "run.json").is_file():
            continue
        run = RunFolder(path)
        names = {entry["name"]: entry for entry in run.record.get("volumes", ())}
        if "settings" in run.record and (path == folder or folder.name in names):
            stages = run.record.get("stages", {})
            # Of several volumes, older versions did not record the names.
            if not stages.get("report", {}).get("key") or not (names or "fuse" in stages):
                break
            return run, names
    if not (folder / "run.json").is_file():
        raise FileNotFoundError(
            f"{folder}: has no run.json; give a folder of results that 'particlebridge run' made"
        )
    raise ValueError(f"{folder}: its run is not finished, or of an older version; {_AGAIN}")


def _corrected(
    run: RunFolder, entry: Mapping[str, Any], settings: Mapping[str, Any], chosen: bool
) -> Analysed:
    """Correct the results of one volume, if it has corrections."""
    stages = run.record.get("stages", {})
    if not all(stages.get(name, {}).get("key") for name in ("fuse", "measure")):
        raise ValueError(f"{run.path}: its run is not finished; {_AGAIN}")
    volume = open_run_volume(run)
    corrections = stages.get("corrections")
    if chosen and has_corrections(run.path):
        set_aside(run)
        _check_same(run, volume)
        fused = find_fused(run)
        if not fused.features.is_file():
            raise ValueError(f"{fused.features}: no such file; {_AGAIN}")
        facts = run.record["volume"].get("field_of_view", {})
        seen = find_field_of_view(volume.data, volume.source, facts.get("from", "auto"))
        formats = {suffix: name for name, suffix in SUFFIXES.items()}
        plan = Plan(format=formats[fused.labels.suffix])  # type: ignore[arg-type]
        corrections = correct_run(Source(volume, seen, plan), run, _measuring(settings))
    item = Item(
        volume.source,
        str(entry.get("name", volume.source.stem)),
        state=str(entry.get("state", "")),
        group=str(entry.get("group", "")),
    )
    verdict = stages["fuse"].get("verdict", {}).get("sentence", "")
    return Analysed(item, run.path, volume, False, verdict, corrections)


def _check_same(run: RunFolder, volume: Volume) -> None:
    if volume.digest != run.record["volume"].get("digest"):
        raise ValueError(
            f"{volume.source}: its voxels are not those that {run.path} was made of; put the "
            f"volume back, or {_AGAIN}"
        )


def _measuring(settings: Mapping[str, Any]) -> MeasureOptions:
    recipe = settings.get("recipe", "physical")
    if recipe == "paper":
        return MeasureOptions("paper")
    return MeasureOptions(recipe, settings.get("ball"), settings.get("density_reach"))
