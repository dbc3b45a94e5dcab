"""Segmenting what people have: one image, a folder of images, or the views of a volume."""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from particlebridge.analysis import VIEWS
from particlebridge.analysis.views import View, view_spacing
from particlebridge.exporter import Network, load_model, write_rois

from .console import notice, progress
from .diameter import estimate_diameter
from .engine import Engine, Settings
from .field_of_view import field_of_view, fill_value
from .images import channels_of, check_channels, is_finished, result_folders, segment_images
from .rechunking import in_cubes
from .run_folder import RunFolder
from .segment_options import ModelSpec, SegmentOptions, effective_settings
from .stardist3d import segment_3d
from .stored_arrays import AnyArray, SliceStack
from .view_pieces import engine_ends, engine_of, engine_spec, segment_view
from .view_segmentation import SlicesFailed, ViewFolder
from .volumes import (
    Image,
    Volume,
    is_image_stack,
    list_images,
    on_disk,
    open_volume,
    read_image,
    read_volume,
)
from .voxel_size import Spacing
from .work_plan import Plan, planned

_ESTIMATED = "typical particle diameter: about {:.3g} {} (estimated; --diameter sets it)"
_SAMPLE = 3
"""Slices or images from which the diameter is estimated."""


def segment(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    voxel_size: Spacing | None = None,
    model: ModelSpec | Mapping[str, ModelSpec] = "nmc",
    views: Sequence[View] | None = None,
    engine: str = "python",
    fiji: str | None = None,
    fiji_workers: int = 1,
    diameter: float | None = None,
    prob_thresh: float | None = None,
    nms_thresh: float | None = None,
    percentiles: tuple[float, float] | None = None,
    numerics: str = "plugin",
    dims: int = 2,
    format: str = "tiff",
    scheduler: str | None = None,
    workers: int | None = None,
    memory: str | int | None = None,
) -> None:
    """Find the particles of an image, of each image of a folder, or of a volume's views.

    Parameters
    ----------
    source
        An image, a folder of images, or a volume. With `views` given, a folder holds the slices
        of one volume.
    out
        Folder for the results. An image: labels.tif, prob.tif, dist.tif, overlay.png, rois.zip
        and objects.csv; several images: the same in a folder each; a volume: views/ and rois/.
    voxel_size
        (z, y, x) in micrometres of a volume; wins over the file's own.
    model, views, engine, fiji, fiji_workers
        As for `run`.
    diameter, prob_thresh, nms_thresh, percentiles, numerics
        As for `run`.
    dims
        3 runs a StarDist 3D model on the whole volume; see `segment_3d`.
    format, scheduler, workers, memory
        Of a volume's views, as for `run`.

    Raises
    ------
    FileNotFoundError, ValueError, OSError, RuntimeError
        With one sentence that names the file and the mend.
    """
    source = Path(source)
    if dims == 3:
        _segment_3d(source, out, voxel_size, model, (prob_thresh, nms_thresh, percentiles), engine)
        return
    settings = Settings(prob_thresh, nms_thresh, percentiles, diameter, numerics=numerics)
    options = SegmentOptions(model, tuple(views or VIEWS), engine, fiji, settings, fiji_workers)
    if views or is_image_stack(source):
        volume = open_volume(source, voxel_size)
        for doubt in volume.doubts:
            notice(doubt)
        seen = field_of_view(volume.data, source)
        with planned(format, scheduler, workers, memory) as plan:
            plan = plan.fitted(volume)
            run = RunFolder(out)
            with run.locked():
                run.describe(volume={**volume.facts, "round_field_of_view": seen is not None})
                if plan.format == "zarr":
                    volume = in_cubes(volume, run, plan.ceiling)
                segment_volume(volume, seen, run, options, plan)
    else:
        run = RunFolder(out)
        files, folders = [source], [run.path]
        if source.is_dir():
            files = list_images(source)
            folders = result_folders(files, run.path)
        _segment_files(files, folders, run, options)


@engine_ends()
def segment_volume(
    volume: Volume,
    seen: AnyArray | None,
    run: RunFolder,
    options: SegmentOptions,
    plan: Plan | None = None,
) -> dict[View, ViewFolder]:
    """Segment the views of a volume into ``views/`` and ``rois/`` of a run folder.

    Parameters
    ----------
    volume
        Grey values.
    seen
        The field of view's mask, or None.
    run
        The folder, held by the caller; what an earlier call has finished is kept.
    options
        What to run.
    plan
        Who does it, in pieces of what size, and the results' format; by default all here, TIFF.

    Returns
    -------
    dict
        View name -> its folder, whole.

    Raises
    ------
    ValueError
        If the folder holds views of another volume or of other settings.
    RuntimeError
        If slices failed; the others are kept.
    """
    plan = plan or Plan()
    fill = fill_value(volume.data, seen)
    data = on_disk(volume) if plan.runner.remote else volume.data
    networks = {name: load_model(name) for name in {options.model_of(v) for v in options.views}}
    for network in networks.values():
        check_channels(volume.source, 1, network)
    finest = min(volume.spacing)
    folders: dict[View, ViewFolder] = {}
    failed: list[str] = []
    for view in options.views:
        network = networks[options.model_of(view)]
        stack = SliceStack(data, view, fill)
        spacing = view_spacing(volume.spacing, view)
        settings = replace(
            options.settings,
            pixel_size=(spacing[1] / finest, spacing[2] / finest),
            diameter=_diameter(options, network, volume, fill, run),
        )
        own = plan
        if plan.expected and options.engine == "python":
            own = plan.fitted(volume, _enlarged(network, settings))
        key = {"volume": volume.digest, **effective_settings(network, settings, options.engine)}
        if plan.format == "zarr":
            key["format"] = "zarr"
        folder = plan.view_folder(run.path / "views" / view, stack.shape, spacing)
        run.claim(f"views/{view}", key)
        total = stack.shape[0]
        missing = len(folder.missing())
        try:
            with run.stage(f"segment {view}", key) as notes:
                spec = engine_spec(options, view, network, settings, own.max_pixels)
                if folder.is_whole:
                    # An earlier run may have been killed before it could clear up and say so.
                    folder.join()
                else:
                    if not plan.runner.remote:
                        engine_of(spec, network)
                    with progress(f"{view} slices", total, total - missing) as advance:
                        notes.update(segment_view(stack, folder, spec, plan.runner, advance))
                if not missing and options.engine == "python":
                    # The run that made the slices did not come to write down what made them.
                    notes.update(engine_of(spec, network).versions())
                notes["resumed_slices"] = total - missing
        except SlicesFailed as error:
            failed.append(str(error))
            continue
        rois = run.path / "rois" / f"{view}.zip"
        # A volume larger than memory has more regions than ImageJ's ROI Manager can list.
        if plan.format == "tiff" and not run.is_done(f"rois {view}", key, [rois]):
            with run.stage(f"rois {view}", key):
                write_rois(folder.labels(), rois)
        folders[view] = folder
    if failed:
        raise RuntimeError("; ".join(failed))
    return folders


def _enlarged(network: Network, settings: Settings) -> float:
    """Give the pixels of the network for each pixel of a slice."""
    height, width = settings.pixel_size
    zoom = 1.0
    if network.diameter is not None and settings.diameter is not None:
        zoom = network.diameter / settings.diameter
    return zoom**2 * height * width


def _segment_files(
    files: Sequence[Path], folders: Sequence[Path], run: RunFolder, options: SegmentOptions
) -> None:
    network = load_model(options.model_of(options.views[0]))
    with run.locked():
        diameter = options.settings.diameter
        if diameter is None and network.diameter is not None:
            diameter = _diameter_of_images(files, options, network, run)
        settings = replace(options.settings, diameter=diameter)
        key = effective_settings(network, settings, options.engine)
        finished = any(is_finished(folder) for folder in folders)
        run.claim("images", key, run.path if finished else None)
        engines: dict[tuple[float, float], Engine] = {}

        def engine_for(image: Image) -> Engine:
            check_channels(image.source, channels_of(image), network)
            size = _squareness(image)
            if size not in engines:
                started = options.start(
                    options.views[0], network, replace(settings, pixel_size=size)
                )
                engines[size] = opened.enter_context(closing(started))
            return engines[size]

        with (
            ExitStack() as opened,
            run.stage("segment images", key) as notes,
            progress("images", len(files)) as advance,
        ):
            notes["resumed_images"] = segment_images(files, folders, engine_for, advance)
            notes["images"] = len(files)


def _diameter_of_images(
    files: Sequence[Path], options: SegmentOptions, network: Network, run: RunFolder
) -> float:
    """Estimate one diameter for all (the images of a folder come from one instrument), once."""
    held: float | None = run.record.get("estimated_diameter", {}).get(network.digest)
    if held is None:
        chosen = np.unique(np.linspace(0, len(files) - 1, _SAMPLE).astype(int))
        sample = [read_image(files[i]) for i in chosen]
        for image in sample:
            check_channels(image.source, channels_of(image), network)
        held = _estimated(
            [image.data for image in sample], network, options, sample[0].source, (1.0, 1.0)
        )
        notice(_ESTIMATED.format(held, "pixels"))
        run.describe(estimated_diameter={network.digest: held})
    return held


def _segment_3d(
    source: Path,
    out: str | os.PathLike[str],
    voxel_size: Spacing | None,
    model: ModelSpec | Mapping[str, ModelSpec],
    limits: tuple[float | None, float | None, tuple[float, float] | None],
    engine: str,
) -> None:
    if engine != "python" or isinstance(model, Mapping):
        raise ValueError("3-D models run in the python engine, one for the volume; Fiji's is 2-D")
    prob_thresh, nms_thresh, percentiles = limits
    volume = read_volume(source, voxel_size)
    seen = field_of_view(volume.data, source)
    run = RunFolder(out)
    with run.locked():
        segment_3d(
            volume,
            seen,
            run,
            model,
            prob_thresh=prob_thresh,
            nms_thresh=nms_thresh,
            percentiles=percentiles,
        )


def _squareness(image: Image) -> tuple[float, float]:
    height, width = image.pixel_size or (1.0, 1.0)
    finest = min(height, width)
    return height / finest, width / finest


def _diameter(
    options: SegmentOptions, network: Network, volume: Volume, fill: float | None, run: RunFolder
) -> float | None:
    """Find one particle diameter for all slices of a volume, once for a run folder."""
    if options.settings.diameter is not None or network.diameter is None:
        return options.settings.diameter
    held = run.record.get("estimated_diameter", {}).get(network.digest)
    if held is None:
        view = options.views[0]
        stack = SliceStack(volume.data, view, fill)
        spacing = volume.spacing
        chosen = np.linspace(0, len(stack) - 1, _SAMPLE + 2).astype(int)[1:-1]
        sides = view_spacing(spacing, view)[1:]
        held = _estimated(
            [np.asarray(stack[i]) for i in np.unique(chosen)],
            network,
            options,
            volume.source,
            (sides[0] / min(spacing), sides[1] / min(spacing)),
        )
        notice(_ESTIMATED.format(held, "voxels"))
        estimates = run.record.setdefault("estimated_diameter", {})
        run.describe(estimated_diameter={**estimates, network.digest: held})
    return held


def _estimated(
    sample: Sequence[np.ndarray],
    network: Network,
    options: SegmentOptions,
    source: Path,
    pixel_size: tuple[float, float],
) -> float:
    try:
        return estimate_diameter(
            sample, network, percentiles=options.settings.percentiles, pixel_size=pixel_size
        )
    except ValueError as error:
        raise ValueError(f"{source}: {error} (--diameter)") from error
