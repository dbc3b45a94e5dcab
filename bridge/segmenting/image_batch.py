"""Single images and folders of them: labels, maps, overlay, ROIs and a table for each."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis import Prediction, atomic_path, typical_diameter
from particlebridge.exporter import write_coco, write_geojson, write_rois

from .._shared.failures import item_errors, why_failed
from .._shared.progress import notice, progress
from ..engines.protocol import Engine, Failure
from ..engines.tiling import MAX_PIXELS
from ..runs.run_folder import RunFolder
from ..volumes.csv_files import write_columns
from ..volumes.field_of_view import AUTO, fill_image
from ..volumes.images import Image, read_image
from ..volumes.inversion import inverted
from ..volumes.read_options import ReadOptions
from ..volumes.smoothing import smoothed
from ..volumes.writing import write_labels, write_map
from .diameter_choice import SampledImages, image_diameter, image_smoothing
from .found_diameter import record_found
from .image_results import channels_of, check_channels, fitted, object_table, overlay
from .options import SegmentOptions, effective_settings, squareness
from .polarity import check_polarity
from .smoothing import image_blur

_LAST = "objects.csv"
_NAMES = (
    "labels.tif",
    "prob.tif",
    "dist.tif",
    "rois.zip",
    "objects.geojson",
    "coco.json",
    "overlay.png",
    _LAST,
)
"""What is written for each image."""
FAILURES = "failures.csv"
"""Lies above several images' folders where some failed; a run without failures removes it."""


def segment_images(
    files: Sequence[Path],
    folders: Sequence[Path],
    run: RunFolder,
    options: SegmentOptions,
    reading: ReadOptions | None = None,
    max_pixels: int = MAX_PIXELS,
) -> None:
    """Segment images one by one; those whose table is there already are not done again.

    Parameters
    ----------
    files
        The images.
    folders
        Where the results of each go.
    run
        The folder of all.
    options
        What to run.
    reading
        Voxel size, of which y and x count, and field of view.
    max_pixels
        Largest piece of an image that goes through the network at once.

    Raises
    ------
    ValueError
        If the folder holds results of other settings, or files of others in their places.
    RuntimeError
        If some failed, after the others are done; failures.csv and run.json name all.
    """
    reading = reading or ReadOptions()
    voxel_size, field_of_view = reading.voxel_size, reading.field_of_view
    with run.locked():
        network = options.load(options.views[0])
        outputs = [folder / name for folder in folders for name in _NAMES]
        run.check_free({"images": [*outputs, run.path / FAILURES]})
        sample = SampledImages(files, network, reading)
        sigma = sample.sigma = image_smoothing(sample, options, run)
        settings = replace(options.settings, diameter=image_diameter(sample, options, network, run))
        key = effective_settings(network, settings, options.engine)
        if voxel_size is not None:
            key["voxel_size"] = list(voxel_size)
        if field_of_view != AUTO:
            key["field_of_view"] = field_of_view
        if sigma:
            key["smooth"] = sigma
        if reading.invert:
            key["invert"] = True
        finished = any(_is_finished(folder) for folder in folders)
        run.claim("images", key, run.path if finished else None)
        check_polarity([sample], [settings], network, run)
        versions: dict[str, Any] = {}
        told: list[str] = []
        areas: list[np.ndarray] = []
        with run.stage("segment images", key) as notes, progress("images", len(files)) as advance:
            with _Engines(
                lambda size: options.start(
                    options.views[0], network, replace(settings, pixel_size=size), max_pixels
                )
            ) as engines:

                def segment_one(file: Path, folder: Path) -> None:
                    image = fitted(read_image(file), network.n_channels)
                    check_channels(file, channels_of(image), network)
                    if voxel_size is not None:
                        image = replace(image, pixel_size=voxel_size[1:])
                    told.extend(_told(image))
                    pixels = fill_image(image, field_of_view)
                    if reading.invert:
                        pixels = inverted(pixels)
                    pixels = smoothed(pixels, image_blur(sigma, image))
                    areas.append(_segment_one(image, pixels, folder, engines))
                    versions.update(engines.versions())

                resumed, failures = _each(files, folders, segment_one, advance)
            notes.update(versions, resumed_images=resumed, images=len(files))
            if told:
                notes["notes"] = told
            _tell(failures, len(files), run)
        every = np.concatenate([np.zeros(0), *areas])
        if settings.diameter is not None and network.diameter is not None and every.any():
            record_found(typical_diameter(every), network, settings.diameter, run)


class _Engines:
    """One engine at a time, for images of one pixel shape; the next shape ends it."""

    def __init__(self, start: Callable[[tuple[float, float]], Engine]) -> None:
        self._start = start
        self._size: tuple[float, float] | None = None
        self._engine: Engine | None = None

    def __enter__(self) -> "_Engines":
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine is not None:
            self._engine.close()

    def of(self, image: Image) -> Engine:
        """Give the engine for an image.

        Raises
        ------
        _NoEngineError
            If it does not start: it would for no other image.
        """
        size = squareness(*(image.pixel_size or (1.0, 1.0)))
        if self._engine is None or size != self._size:
            if self._engine is not None:
                self._engine.close()
                self._engine = None
            try:
                self._engine = self._start(size)
            except Exception as error:
                raise _NoEngineError from error
            self._size = size
        return self._engine

    def versions(self) -> Mapping[str, Any]:
        """Tell what run.json says about the engine."""
        return {} if self._engine is None else self._engine.versions()


class _NoEngineError(Exception):
    """No engine starts; its cause says why."""


def _each(
    files: Sequence[Path],
    folders: Sequence[Path],
    segment_one: Callable[[Path, Path], None],
    advance: Callable[[int], None],
) -> tuple[int, dict[str, str]]:
    """Count the images that an earlier run had finished, and tell why others failed."""
    failures: dict[str, str] = {}
    resumed = 0
    for file, folder in zip(files, folders, strict=True):
        if _is_finished(folder):
            resumed += 1
        else:
            try:
                segment_one(file, folder)
            except _NoEngineError as error:
                assert error.__cause__ is not None
                raise error.__cause__ from None
            except item_errors() as error:
                if len(files) == 1:
                    raise
                reason = why_failed(error)
                failures[file.name] = reason if str(file) in reason else f"{file}: {reason}"
                notice(f"failed, continuing with the next: {failures[file.name]}")
        advance(1)
    return resumed, failures


def _tell(failures: Mapping[str, str], images: int, run: RunFolder) -> None:
    """Write down all images that failed.

    Raises
    ------
    RuntimeError
        If there are any.
    """
    table = run.path / FAILURES
    held = run.record.pop("failures", {})
    if not failures:
        if held:
            table.unlink(missing_ok=True)
        return
    run.describe(failures=dict(failures))
    write_columns({"image": failures, "reason": failures.values()}, table)
    first = "; ".join(list(failures.values())[:5])
    more = f"; all are in {table}" if len(failures) > 5 else ""
    raise RuntimeError(
        f"{len(failures)} of {images} images failed, the others are done: {first}{more}"
    )


def result_folders(files: Sequence[Path], out: Path) -> list[Path]:
    """Give each image of a folder a folder for its results, named by the file's stem."""
    stems = Counter(file.stem for file in files)
    return [out / (f.stem if stems[f.stem] == 1 else f.name) for f in files]


def _is_finished(folder: Path) -> bool:
    """Tell whether an image's results are whole."""
    return (folder / _LAST).exists()


def _told(image: Image) -> list[str]:
    """Say what was left out or assumed to read an image."""
    notes = list(image.notes)
    if image.bar:
        height = len(image.data)
        notes.append(
            f"{image.source}: rows {height - image.bar} to {height - 1} are a data bar, not "
            "sample; no particles are searched there"
        )
    for note in notes:
        notice(note)
    return notes


def _with_bar(result: Prediction, rows: int) -> Prediction:
    """Give the results of a sample the size of its image, empty in the data bar below it."""
    if not rows:
        return result
    below = ((0, rows), (0, 0))
    return replace(
        result,
        labels=np.pad(result.labels, below),
        prob=np.pad(result.prob, below),
        dist=np.pad(result.dist, below),
    )


def _segment_one(image: Image, filled: np.ndarray, folder: Path, engines: _Engines) -> np.ndarray:
    """Write an image's results; give its objects' areas, in squares of its smallest side."""
    from PIL import Image as Pillow

    ((_, result),) = engines.of(image).predict(filled[None], [0])
    if isinstance(result, Failure):
        raise RuntimeError(f"{image.source}: {result.reason}")
    result = _with_bar(result, image.bar)
    # An image that does not know its size gives results that claim none.
    spacing = None if image.pixel_size is None else (1.0, *image.pixel_size)
    write_labels(folder / "labels.tif", result.labels, spacing)
    write_map(folder / "prob.tif", result.prob, spacing)
    write_map(folder / "dist.tif", result.dist, spacing)
    write_rois(result.labels, folder / "rois.zip")
    write_geojson(result.labels, folder / "objects.geojson")
    write_coco(result.labels, folder / "coco.json", image.source.name)
    with atomic_path(folder / "overlay.png") as beside:
        Pillow.fromarray(overlay(image.data, result.labels)).save(beside)
    # Last: this file says that the image is done.
    write_columns(object_table(result, image.pixel_size), folder / _LAST)
    height, width = squareness(*(image.pixel_size or (1.0, 1.0)))
    return np.bincount(result.labels.ravel())[1:] * height * width
