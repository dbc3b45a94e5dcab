"""The full pipeline for one volume or many: segment, fuse, measure, explain, report."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from particlebridge import analysis
from particlebridge.analysis._shared.views import View
from particlebridge.analysis.features.columns import Recipe
from particlebridge.analysis.fusion.methods import Method

from ._shared.failures import item_errors, why_failed
from ._shared.progress import inform, notice
from .conclusion import Analysed, Regressors, conclude, report_outputs
from .engines.protocol import Settings
from .fusing.folder import SUFFIXES
from .fusing.fusion_method import fusion_method
from .fusing.large import fuse_large
from .measuring import measure_run
from .runs.measuring import Measuring
from .runs.rechunking import in_cubes
from .runs.run_folder import RunFolder
from .runs.sheet import Item, list_items
from .runs.view_folder import view_outputs
from .runs.work_plan import Plan, planned
from .second_round import segment_again
from .segmenting.options import ModelSpec, SegmentOptions
from .segmenting.segmentation import segment_volume
from .volumes.field_of_view import AUTO, FieldOfView, find_field_of_view
from .volumes.label_records import companion
from .volumes.reading import Volume, open_volume
from .volumes.voxel_size import Spacing
from .whole_volume import fuse_whole


@dataclass(frozen=True)
class PipelineOptions:
    """What follows segmentation: fusion method and rounds, features, regressors of damage."""

    fusing: Mapping[str, Any]
    rounds: int = 1
    measuring: Measuring = field(default_factory=Measuring)
    features: Regressors = "drivers"

    def as_settings(self) -> dict[str, Any]:
        """As run.json records them."""
        rest = dict(vars(self))
        return {**rest.pop("fusing"), **rest.pop("measuring").as_settings(), **rest}


def run(
    volumes: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    voxel_size: Spacing | None = None,
    model: ModelSpec | Mapping[str, ModelSpec] = "nmc",
    views: Sequence[View] = analysis.VIEWS,
    engine: str = "python",
    fiji: str | None = None,
    fiji_workers: int = 1,
    diameter: float | None = None,
    prob_thresh: float | None = None,
    nms_thresh: float | None = None,
    percentiles: tuple[float, float] | None = None,
    numerics: str = "plugin",
    backend: str = "auto",
    device: str = "auto",
    method: Method = "consensus",
    downscale: float | None = None,
    min_voxels: int | None = None,
    rounds: int = 1,
    recipe: Recipe = "physical",
    ball: float | None = None,
    density_reach: float | None = None,
    features: Regressors = "drivers",
    field_of_view: str | os.PathLike[str] = AUTO,
    format: str = "tiff",
    scheduler: str | None = None,
    workers: int | None = None,
    memory: str | int | None = None,
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
    voxel_size
        (z, y, x) in micrometres; wins over the files' own.
    model
        Shipped name, StarDist folder or bundle.zip; or one for each view.
    views
        Out of ``xy``, ``xz``, ``yz``.
    engine
        ``python`` or ``fiji``; never changed silently.
    fiji
        Fiji's folder, for ``engine="fiji"``.
    fiji_workers
        How many parallel Fiji instances, each with its own Java heap.
    diameter
        Typical particle diameter in pixels (the finest of the voxel's sides); estimated once if
        the model wants it and it is not given.
    prob_thresh, nms_thresh, percentiles
        Default to the model's.
    numerics
        ``plugin``, the Fiji plugin's (both engines), or ``stardist``, the Python package's.
    backend
        What computes the network in the python engine: ``onnx`` (ONNX Runtime), ``tensorflow``,
        or ``auto``: ONNX Runtime where the model holds model.onnx, as ``nmc`` does. Their results
        differ by rounding only; a folder that one of them began, the other does not go on with.
    device
        Where: ``cpu``, ``cuda`` (an Nvidia GPU; error if there is none), or ``auto``: a GPU where
        the backend has one. run.json says which.
    method
        Fusion: ``consensus``, ``flow`` or ``paper``.
    downscale, min_voxels
        Of method paper, by default as published (`analysis.fuse`): fit them to the particles.
    rounds
        2: the views are segmented once more with all that is no body blanked out, and fused anew;
        run.json says what that changed (`segment_again`, `what_changed`).
    recipe
        Features: ``physical``, ``paper`` (as published) or ``both``, side by side.
    ball, density_reach
        How far Contact and PDensity look, um (`analysis.measure`; default: 0.7 and 10).
    features
        Regressors of damage: ``drivers`` or ``paper``.
    field_of_view
        What of the volumes was seen. ``auto``: all but NaN, and all but one constant outside a
        convex shape that all slices share; ``none``: all; or a file with a mask (non-zero: seen),
        as large as the volumes or one of their slices.
    format
        ``tiff``: stacks and labels are TIFF, fused and measured in memory. ``zarr``: they are
        OME-Zarr, fused and measured in blocks, so that volumes may be larger than memory.
    scheduler
        Dask's, that gives the pieces to other processes: ``local``, ``HOST:PORT`` of one that
        runs already, or ``slurm``. None: all is done in this process.
    workers
        How many processes a ``local`` or ``slurm`` scheduler starts.
    memory
        Ceiling for each process, such as ``"8GB"``; pieces are made to fit. By default none for
        TIFF, three quarters of this machine's memory for Zarr.

    Returns
    -------
    Path
        The report.html.

    Raises
    ------
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
    fusing = fusion_method(method, downscale, min_voxels)
    items = list_items(volumes, voxel_size)
    settings = Settings(
        prob_thresh,
        nms_thresh,
        percentiles,
        diameter,
        numerics=numerics,
        backend=backend,
        device=device,
    )
    options = SegmentOptions(model, tuple(views), engine, fiji, settings, fiji_workers)
    if rounds not in (1, 2):
        raise ValueError(f"rounds of detection are 1 or 2, not {rounds!r}")
    if rounds == 2 and format == "zarr":
        raise ValueError("a second round works in memory; leave out --rounds 2 or --format zarr")
    measuring = Measuring(recipe, ball, density_reach)
    for item in items:
        if item.voxel_size is not None:
            measuring.check(item.path, item.voxel_size)
    pipeline = PipelineOptions(fusing, rounds, measuring, features)
    with planned(format, scheduler, workers, memory) as plan:
        plan = replace(plan, measuring=measuring)
        failures: dict[str, str] = {}
        # A single volume is looked at before the folder is made: bad input leaves nothing behind.
        source = _read(items[0], plan, field_of_view) if len(items) == 1 else None
        top = RunFolder(out)
        top.check_free({"report": report_outputs(top.path, len(items) > 1)})
        if source is not None:
            top.check_free(volume_outputs(top.path, options.views, plan.format, rounds))
        with top.locked():
            top.describe(
                settings={**options.as_settings(), **pipeline.as_settings(), "format": format}
            )
            if source is not None:
                analysed = [_analyse(items[0], source, top, options, pipeline)]
            else:
                analysed, failures = _analyse_each(
                    items, top, options, pipeline, plan, field_of_view
                )
            report = conclude(analysed, top, pipeline.features)
    if failures:
        named = "; ".join(f"{name}: {why}" for name, why in failures.items())
        raise RuntimeError(
            f"{len(failures)} of {len(items)} volumes failed, the others are in {report}: {named}"
        )
    return report


def _analyse_each(
    items: Sequence[Item],
    top: RunFolder,
    options: SegmentOptions,
    pipeline: PipelineOptions,
    plan: Plan,
    choice: str | os.PathLike[str],
) -> tuple[list[Analysed], dict[str, str]]:
    analysed, failures = [], {}
    for number, item in enumerate(items, start=1):
        inform(f"volume {number} of {len(items)}: {item.name}")
        try:
            source = _read(item, plan, choice)
            run = RunFolder(top.path / item.name)
            run.check_free(volume_outputs(run.path, options.views, plan.format, pipeline.rounds))
            with run.locked():
                analysed.append(_analyse(item, source, run, options, pipeline))
        except item_errors() as error:
            failures[item.name] = why_failed(error)
            notice(f"{item.name} failed, continuing with the next: {failures[item.name]}")
    if not analysed:
        raise RuntimeError(f"all {len(items)} volumes failed; {next(iter(failures.values()))}")
    return analysed, failures


def volume_outputs(
    run: Path, views: Sequence[View], format: str, rounds: int
) -> dict[str, list[Path]]:
    """Name what a volume's run writes into its folder before the report: stage -> files."""
    labels = run / f"labels{SUFFIXES[format]}"
    parts = view_outputs(run, views, format)
    parts["fuse"] = [labels, companion(labels, "solid"), companion(labels, "fusion")]
    parts["measure"] = [run / "contacts.csv", run / "features.csv"]
    if rounds == 2:
        parts["fuse round 1"] = [run / "round1", run / "round2"]
    return parts


@dataclass(frozen=True)
class _Source:
    """A volume that was looked at: its voxels, what of them was seen, how the work is cut up.

    It is opened once; all that follows works on this.
    """

    opened: Volume
    volume: Volume
    seen: FieldOfView
    plan: Plan


def _read(item: Item, plan: Plan, choice: str | os.PathLike[str]) -> _Source:
    opened = open_volume(item.path, item.voxel_size)
    for doubt in opened.doubts:
        notice(doubt)
    if plan.measuring is not None:
        plan.measuring.check(item.path, opened.spacing, opened.unit)
        for doubt in plan.measuring.doubts(opened, closing=False):
            notice(doubt)
    fitted = plan.fitted(opened)
    volume: Volume = opened.loaded() if plan.format == "tiff" else opened
    seen = find_field_of_view(volume.data, item.path, choice)
    return _Source(opened, volume, seen, fitted)


def _analyse(
    item: Item, source: _Source, run: RunFolder, options: SegmentOptions, pipeline: PipelineOptions
) -> Analysed:
    """Carry one volume to its features.csv."""
    volume, seen, plan = source.volume, source.seen, source.plan
    said: dict[str, Any] = {}
    if item.unused:
        said["sheet_columns_not_used"] = dict(item.unused)
    if doubts := pipeline.measuring.doubts(volume, closing=False):
        said["measuring"] = doubts
    run.describe(volume={**volume.facts, "field_of_view": seen.facts, **said})
    if plan.format == "zarr":
        volume = in_cubes(volume, run, plan.ceiling)
    views = segment_volume(volume, seen, run, options, plan)
    key: dict[str, Any] = {
        "views": run.record["claims"],
        "fusing": pipeline.fusing,
        "spacing": volume.spacing,
        **volume.size_key,
    }
    if seen.key:
        key["field_of_view"] = seen.key
    if plan.format == "zarr":
        fuse_large(volume, seen, views, run, key, plan)
    else:
        first = None
        if pipeline.rounds == 2:
            first = run.path / "round1" / "labels.tif"
            fuse_whole(volume, seen, views, run, "fuse round 1", key, first)
            views = segment_again(volume, run, options, first, plan)
            key["rounds"] = 2
        fuse_whole(volume, seen, views, run, "fuse", key, run.path / "labels.tif", first)
    changed = measure_run(volume, seen, run, key, pipeline.measuring, plan)
    return Analysed(item, run.path, source.opened, changed)
