"""Segmenting what people have: one image, a folder of images, or the views of a volume."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from particlebridge.analysis._shared.views import View, view_spacing
from particlebridge.exporter import write_rois

from .._shared.options import gathered, takes_options
from .._shared.progress import notice, progress
from ..engines.tiling import MAX_PIXELS
from ..runs.run_folder import RunFolder
from ..runs.source import Source
from ..runs.view_folder import SlicesFailed, ViewFolder, view_outputs
from ..runs.work_options import WorkOptions
from ..runs.work_plan import network_pixels, parse_bytes, planned
from ..volumes.chunked_source import is_chunked
from ..volumes.field_of_view import find_field_of_view
from ..volumes.images import is_image_stack
from ..volumes.inversion import with_bright_particles
from ..volumes.read_options import ReadOptions
from ..volumes.reading import open_volume
from ..volumes.slice_folder import left_out, list_images
from ..volumes.smoothing import view_stack
from ..volumes.voxel_size import in_view
from .diameter_choice import volume_diameter, volume_smoothing
from .every import chosen_every
from .found_diameter import check_found
from .image_batch import result_folders, segment_images
from .image_results import check_channels
from .options import SegmentOptions, effective_settings, squareness
from .polarity import check_polarity
from .result import Segmented
from .view_pieces import engine_ends, engine_of, engine_spec, segment_view

_NOT_3D = ("format", "scheduler", "workers", "memory", "views", "diameter", "smooth", "every",
           "fiji", "backend", "device")  # fmt: skip


@takes_options(ReadOptions, SegmentOptions, WorkOptions)
def segment(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    dims: int = 2,
    **options: Any,
) -> Segmented:
    """Find the particles of an image, of each image of a folder, or of a volume's views.

    Parameters
    ----------
    source
        An image, a folder of images, or a volume. With ``views`` given, a folder holds the slices
        of one volume.
    out
        Folder for the results. An image: labels.tif, prob.tif, dist.tif, overlay.png,
        rois.zip, objects.geojson, coco.json and objects.csv; several images: the same in a
        folder each; a volume: views/ and rois/.
    dims
        3 runs a StarDist 3D model on the whole volume; see `segment_3d`.
    **options
        Any option of `ReadOptions`, `SegmentOptions`, `Settings` and, of a volume's views,
        `WorkOptions`, by its name. Of the latter, images take ``memory`` only: the size of the
        pieces that go through the network.

    Returns
    -------
    Segmented
        The label files.

    Raises
    ------
    TypeError
        If an option is none of these.
    FileNotFoundError, ValueError, OSError, RuntimeError
        With one sentence that names the file and the fix.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import training_slices
    >>> from particlebridge.bridge import read_labels, segment
    >>> [(image, _)] = training_slices(1, (160, 160), seed=1, diameter=48)
    >>> np.save("slice.npy", image)
    >>> done = segment("slice.npy", "results", diameter=48)
    >>> labels = read_labels(done.labels["slice.npy"])
    >>> labels.shape, labels.dtype
    ((160, 160), dtype('int32'))
    """
    source = Path(source)
    reading, chosen, work = gathered("segment", options, ReadOptions, SegmentOptions, WorkOptions)
    if dims == 3:
        _refuse_for("a 3-D model", options, _NOT_3D)
        labels = _segment_3d(source, out, reading, chosen)
        return Segmented(Path(out), {source.name: labels})
    if options.get("views") or is_image_stack(source):
        volume = with_bright_particles(open_volume(source, reading.voxel_size), reading.invert)
        for doubt in volume.doubts:
            notice(doubt)
        seen = find_field_of_view(volume.data, source, reading.field_of_view)
        with planned(work, chosen.backend()) as plan:
            looked = Source(volume, seen, plan.fitted(volume))
            run = RunFolder(out)
            with run.locked():
                run.describe(volume=looked.facts)
                held = segment_volume(looked.ready(run), run, chosen)
        return Segmented(run.path, {view: each.file("labels") for view, each in held.items()})
    _refuse_for("images", options, ("format", "scheduler", "workers", "every"))
    pixels = MAX_PIXELS
    if work.memory is not None:
        pixels = network_pixels(parse_bytes(work.memory), chosen.backend())
    run = RunFolder(out)
    files, folders = [source], [run.path]
    if source.is_dir() and not is_chunked(source):
        files = list_images(source)
        for note in left_out(source):
            notice(note)
        folders = result_folders(files, run.path)
    segment_images(files, folders, run, chosen, reading, pixels)
    named = zip(files, folders, strict=True)
    return Segmented(run.path, {file.name: each / "labels.tif" for file, each in named})


@engine_ends()
def segment_volume(
    source: Source, run: RunFolder, options: SegmentOptions
) -> dict[View, ViewFolder]:
    """Segment the views of a volume into ``views/`` and ``rois/`` of a run folder.

    Parameters
    ----------
    source
        The volume, and who does it.
    run
        The folder, held by the caller; what an earlier call has finished is kept.
    options
        What to run.

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
    volume, seen, plan = source.volume, source.seen, source.plan
    data = volume.voxels(plan.runner.remote)
    # Views of one model share its network.
    view_of = {options.model_of(view): view for view in options.views}
    networks = {name: options.load(view) for name, view in view_of.items()}
    for network in networks.values():
        check_channels(volume.source, 1, network)
    finest = min(volume.spacing)
    sigma = volume_smoothing(options, volume, seen, run)
    diameters = {
        network.digest: volume_diameter(options, network, volume, seen, run, sigma)
        for network in networks.values()
    }
    folders: dict[View, ViewFolder] = {}
    failed: list[str] = []
    failed_slices: dict[View, dict[str, str]] = {}
    run.record.pop("failed_slices", None)
    run.check_free(view_outputs(run.path, options.views, plan.format))
    stacks, chosen = {}, {}
    for view in options.views:
        spacing = view_spacing(volume.spacing, view)
        stacks[view] = view_stack(data, view, seen.fill, seen.mask, sigma, volume.spacing)
        chosen[view] = replace(
            options.settings,
            pixel_size=squareness(spacing[1], spacing[2], finest),
            diameter=diameters[networks[options.model_of(view)].digest],
        )
    for name, network in networks.items():
        own = [view for view in options.views if options.model_of(view) == name]
        check_polarity([stacks[v] for v in own], [chosen[v] for v in own], network, run)
    for view in options.views:
        network = networks[options.model_of(view)]
        stack, settings = stacks[view], chosen[view]
        if plan.expected and options.engine == "python":
            enlarged = math.prod(settings.effective(network.record).scale)
            plan = replace(plan, backend=network.backend).fitted(volume, enlarged)
        key = {"volume": volume.digest, **effective_settings(network, settings, options.engine)}
        if plan.format == "zarr":
            key["format"] = "zarr"
        if seen.key:
            key["field_of_view"] = seen.key
        if sigma:
            key["smooth"] = sigma
        size = in_view(volume.known_size, view)
        step = view_spacing(volume.spacing, view)[0] / finest
        every = chosen_every(options.every, view, settings.diameter, step)
        if every > 1:
            key["every"] = every
        folder = plan.view_folder(run.path / "views" / view, stack.shape, size, key, every)
        run.claim(f"views/{view}", key)
        total = len(folder.segmented)
        missing = len(folder.missing())
        try:
            with run.stage(f"segment {view}", key) as notes:
                spec = engine_spec(options, view, network, settings, plan.max_pixels)
                if folder.is_whole:
                    # An earlier run may have been killed before it could clear up and say so.
                    folder.join()
                else:
                    if not plan.runner.remote:
                        with engine_of(spec, network):
                            pass  # started from the model that is loaded; it waits for the pieces
                    with progress(f"{view} slices", total, total - missing) as advance:
                        notes.update(segment_view(stack, folder, spec, plan.runner, advance))
                if not missing and options.engine == "python":
                    # The run that made the slices did not come to write down what made them.
                    with engine_of(spec, network) as engine:
                        notes.update(engine.versions())
                notes["resumed_slices"] = total - missing
        except SlicesFailed as error:
            failed.append(str(error))
            failed_slices[view] = {str(one.index): one.reason for one in error.failures}
            continue
        rois = run.path / "rois" / f"{view}.zip"
        # A volume larger than memory has more regions than ImageJ's ROI Manager can list.
        if plan.format == "tiff" and not run.is_done(f"rois {view}", key, [rois]):
            with run.stage(f"rois {view}", key):
                write_rois(folder.labels(), rois)
        folders[view] = folder
    if failed:
        run.describe(failed_slices=failed_slices)
        raise RuntimeError("; ".join(failed))
    for name, network in networks.items():
        made = {view: folder for view, folder in folders.items() if options.model_of(view) == name}
        check_found(made, network, diameters[network.digest], volume.spacing, run)
    return folders


def _segment_3d(
    source: Path, out: str | os.PathLike[str], reading: ReadOptions, options: SegmentOptions
) -> Path:
    # It measures what it finds, and so loads scipy, numba and pandas.
    from .stardist3d import segment_3d

    if options.engine != "python" or isinstance(options.model, Mapping):
        raise ValueError("3-D models run in the python engine, one for the volume; Fiji's is 2-D")
    volume = with_bright_particles(open_volume(source, reading.voxel_size), reading.invert).loaded()
    for doubt in volume.doubts:
        notice(doubt)
    seen = find_field_of_view(volume.data, source, reading.field_of_view)
    run = RunFolder(out)
    with run.locked():
        run.describe(volume=Source(volume, seen).facts)
        return segment_3d(volume, seen, run, options.model, options.settings)


def _refuse_for(what: str, given: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse options that would change nothing.

    Raises
    ------
    ValueError
        Naming the first.
    """
    usual = {"format": "tiff", "backend": "auto", "device": "auto", "every": 1}
    for name in names:
        if given.get(name) is not None and given[name] != usual.get(name):
            raise ValueError(
                f"--{name} does nothing for {what}; leave it out"
                + (", or name --views for the slices of one volume" if what == "images" else "")
            )
