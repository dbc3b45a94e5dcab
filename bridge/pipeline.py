"""The full pipeline for one volume or many: segment, fuse, measure, explain, report."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ._shared.failures import item_errors, why_failed
from ._shared.options import gathered, takes_options
from ._shared.progress import inform, notice
from .conclusion import Analysed, Regressors, conclude, report_outputs
from .fusing.folder import SUFFIXES
from .fusing.options import FuseOptions
from .fusing.run import fuse_run
from .measuring import measure_run
from .reviewing.applying import correct_run
from .reviewing.fused_files import FUSED, has_corrections, set_aside
from .runs.measure_options import MeasureOptions
from .runs.run_folder import RunFolder
from .runs.sheet import Item, list_items
from .runs.source import Source
from .runs.view_folder import view_outputs
from .runs.work_options import WorkOptions
from .runs.work_plan import Plan, planned
from .second_round import segment_again, what_changed
from .segmenting.options import SegmentOptions
from .segmenting.segmentation import segment_volume
from .volumes.field_of_view import find_field_of_view
from .volumes.inversion import with_bright_particles
from .volumes.label_records import companion
from .volumes.read_options import ReadOptions
from .volumes.reading import Volume, open_volume


@dataclass(frozen=True)
class RunOptions:
    """All options of a run, by the stage that uses them.

    Attributes
    ----------
    reading, segmenting, fusing, measuring, work
        Those of the stages.
    rounds
        2: the views are segmented a second time with all but the bodies blanked out, and fused
        again; run.json says what that changed (default: 1).
    features
        Regressors of damage: ``drivers``, the default, or ``paper``.

    Raises
    ------
    ValueError
        If there are other rounds than 1 and 2, or 2 of them in blocks.

    Examples
    --------
    >>> from particlebridge.bridge import RunOptions
    >>> RunOptions().as_settings()["method"]
    'consensus'
    """

    reading: ReadOptions = field(default_factory=ReadOptions)
    segmenting: SegmentOptions = field(default_factory=SegmentOptions)
    fusing: FuseOptions = field(default_factory=FuseOptions)
    measuring: MeasureOptions = field(default_factory=MeasureOptions)
    work: WorkOptions = field(default_factory=WorkOptions)
    rounds: int = 1
    features: Regressors = "drivers"

    def __post_init__(self) -> None:
        if self.rounds not in (1, 2):
            raise ValueError(f"rounds of detection are 1 or 2, not {self.rounds!r}")
        if self.rounds == 2 and self.work.format == "zarr":
            raise ValueError(
                "a second round works in memory; leave out --rounds 2 or --format zarr"
            )

    def as_settings(self) -> dict[str, Any]:
        """As run.json records them."""
        return {
            **self.segmenting.as_settings(),
            **self.fusing.given(),
            **self.measuring.as_settings(),
            "rounds": self.rounds,
            "features": self.features,
            "format": self.work.format,
        }


@takes_options(RunOptions)
def run(
    volumes: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    **options: Any,
) -> Path:
    """Run the full pipeline on volumes; a second call with the same settings resumes.

    Parameters
    ----------
    volumes
        One or more volumes (see `read_volume`), or one CSV sheet with the columns path,
        voxel_size, state and group. Volumes of several states are compared.
    out
        Folder for the results: one volume's files directly, several volumes' in a folder each
        with one collected table and report above them.
    **options
        Any option of `ReadOptions`, `SegmentOptions`, `Settings`, `FuseOptions`, `MeasureOptions`,
        `WorkOptions` and `RunOptions`, by its name; None stands for the default.

    Returns
    -------
    Path
        The report.html.

    Raises
    ------
    TypeError
        If an option is none of these.
    FileNotFoundError, ValueError, OSError, RuntimeError
        With one sentence that names the file and the fix. Of several volumes, the others are
        finished first.

    Examples
    --------
    A volume of a few particles, too few to explain damage; the report says so.

    >>> import numpy as np
    >>> from particlebridge.analysis import electrode
    >>> from particlebridge.bridge import run
    >>> made = electrode((16, 40, 44), seed=3, radius=(4, 7))
    >>> np.save("scan.npy", made.volume)
    >>> run(["scan.npy"], "results", voxel_size=made.spacing, diameter=12).name
    'report.html'
    """
    chosen = gathered("run", options, RunOptions)
    several = [volumes] if isinstance(volumes, str | os.PathLike) else volumes
    items = list_items(several, chosen.reading.voxel_size)
    for item in items:
        if item.voxel_size is not None:
            chosen.measuring.check(item.path, item.voxel_size)
    with planned(chosen.work, chosen.segmenting.backend()) as plan:
        plan = replace(plan, measuring=chosen.measuring)
        failures: dict[str, str] = {}
        # A single volume is looked at before the folder is made: bad input leaves nothing behind.
        looked = _read(items[0], plan, chosen) if len(items) == 1 else None
        top = RunFolder(out)
        top.check_free({"report": report_outputs(top.path, len(items) > 1)})
        if looked is not None:
            top.check_free(volume_outputs(top.path, chosen))
        with top.locked():
            top.describe(settings=chosen.as_settings())
            if looked is not None:
                analysed = [_analyse(items[0], looked, top, chosen)]
            else:
                analysed, failures = _analyse_each(items, top, chosen, plan)
            report = conclude(analysed, top, chosen.features)
    if failures:
        named = "; ".join(f"{name}: {why}" for name, why in failures.items())
        raise RuntimeError(
            f"{len(failures)} of {len(items)} volumes failed, the others are in {report}: {named}"
        )
    return report


def _analyse_each(
    items: Sequence[Item], top: RunFolder, options: RunOptions, plan: Plan
) -> tuple[list[Analysed], dict[str, str]]:
    analysed, failures = [], {}
    for number, item in enumerate(items, start=1):
        inform(f"volume {number} of {len(items)}: {item.name}")
        try:
            looked = _read(item, plan, options)
            run = RunFolder(top.path / item.name)
            run.check_free(volume_outputs(run.path, options))
            with run.locked():
                analysed.append(_analyse(item, looked, run, options))
        except item_errors() as error:
            failures[item.name] = why_failed(error)
            notice(f"{item.name} failed, continuing with the next: {failures[item.name]}")
    if not analysed:
        raise RuntimeError(f"all {len(items)} volumes failed; {next(iter(failures.values()))}")
    return analysed, failures


def volume_outputs(run: Path, options: RunOptions) -> dict[str, list[Path]]:
    """Name what a volume's run writes into its folder before the report: stage -> files."""
    labels = run / f"labels{SUFFIXES[options.work.format]}"
    parts = view_outputs(run, options.segmenting.views, options.work.format)
    parts["fuse"] = [labels, companion(labels, "solid"), companion(labels, "fusion")]
    parts["measure"] = [run / "contacts.csv", run / "features.csv"]
    if options.rounds == 2:
        parts["fuse round 1"] = [run / "round1", run / "round2"]
    return parts


class _Looked(NamedTuple):
    """A volume before any work: as the stages use it, as it was opened, and doubts of its size."""

    source: Source
    opened: Volume
    doubts: Sequence[str]


def _read(item: Item, plan: Plan, options: RunOptions) -> _Looked:
    """Open a volume, the only time in a run, and look at it."""
    opened = with_bright_particles(open_volume(item.path, item.voxel_size), options.reading.invert)
    for doubt in opened.doubts:
        notice(doubt)
    options.measuring.check(item.path, opened.spacing, opened.unit)
    doubts = options.measuring.doubts(opened, closing=False)
    for doubt in doubts:
        notice(doubt)
    fitted = plan.fitted(opened)
    volume: Volume = opened.loaded() if plan.format == "tiff" else opened
    seen = find_field_of_view(volume.data, item.path, options.reading.field_of_view)
    return _Looked(Source(volume, seen, fitted), opened, doubts)


def _analyse(item: Item, looked: _Looked, run: RunFolder, options: RunOptions) -> Analysed:
    """Carry one volume to its features.csv."""
    said: dict[str, Any] = {}
    if item.unused:
        said["sheet_columns_not_used"] = dict(item.unused)
    if looked.doubts:
        said["measuring"] = looked.doubts
    run.describe(volume={**looked.source.facts, **said})
    source = looked.source.ready(run)
    views = segment_volume(source, run, options.segmenting)
    key: dict[str, Any] = {
        "views": run.record["claims"],
        "fusing": options.fusing.given(),
        "spacing": source.volume.spacing,
        **source.volume.size_key,
    }
    if source.seen.key:
        key["field_of_view"] = source.seen.key
    # Corrections are made on what the machine made, which then keeps a folder of its own.
    corrected = has_corrections(run.path)
    if corrected:
        set_aside(run)
    place = run.path / FUSED if corrected else run.path
    target, compared = place / f"labels{SUFFIXES[source.plan.format]}", None
    if options.rounds == 2:
        first = run.path / "round1" / target.name
        fuse_run(source, views, run, "fuse round 1", key, first)
        views = segment_again(source, run, options.segmenting, first)
        key["rounds"] = 2
        compared = partial(what_changed, first)
    fuse_run(source, views, run, "fuse", key, target, compared)
    changed = measure_run(source, run, key, options.measuring, place)
    corrections = correct_run(source, run, options.measuring) if corrected else None
    verdict = run.record["stages"]["fuse"].get("verdict", {}).get("sentence", "")
    return Analysed(item, run.path, looked.opened, changed, verdict, corrections)
