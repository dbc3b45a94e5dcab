"""Single images and folders of them: labels, maps, overlay, ROIs and a table for each."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from particlebridge.analysis import Prediction, atomic_path
from particlebridge.exporter import Network, write_rois
from skimage.measure import regionprops_table
from skimage.segmentation import find_boundaries

from .engine import Engine, Failure
from .volumes import Image, read_image
from .writing import write_labels, write_map

OBJECT_COLUMNS = {
    "label": "label",
    "centroid-0": "y",
    "centroid-1": "x",
    "area": "area",
    "axis_major_length": "major_axis",
    "axis_minor_length": "minor_axis",
    "orientation": "orientation",
}
_LAST = "objects.csv"


def segment_images(
    files: Sequence[Path],
    folders: Sequence[Path],
    engine_for: Callable[[Image], Engine],
    advance: Callable[[int], None],
) -> int:
    """Segment images one by one; those whose table is there already are not done again.

    Parameters
    ----------
    files
        The images.
    folders
        Where the results of each go.
    engine_for
        Gives the engine for an image (its pixels may need another scale).
    advance
        Called with 1 after each image.

    Returns
    -------
    int
        How many an earlier run had finished.

    Raises
    ------
    RuntimeError
        If some failed; names them, after the others are done.
    """
    failures, resumed = [], 0
    for file, folder in zip(files, folders, strict=True):
        if is_finished(folder):
            resumed += 1
        else:
            try:
                _segment_one(file, folder, engine_for)
            except (ValueError, RuntimeError) as error:
                if len(files) == 1:
                    raise
                failures.append(str(error))
        advance(1)
    if failures:
        raise RuntimeError(
            f"{len(failures)} of {len(files)} images failed, the others are done: "
            + "; ".join(failures[:5])
        )
    return resumed


def result_folders(files: Sequence[Path], out: Path) -> list[Path]:
    """Give each image of a folder a folder for its results, named by the file's stem."""
    stems = Counter(file.stem for file in files)
    return [out / (f.stem if stems[f.stem] == 1 else f.name) for f in files]


def channels_of(image: Image) -> int:
    """Tell how many values each pixel has."""
    return image.data.shape[2] if image.data.ndim == 3 else 1


def check_channels(source: Path, channels: int, network: Network) -> None:
    """Refuse an image in colour for a model of grey values, and the other way round.

    Parameters
    ----------
    source
        The image's file.
    channels
        How many it has.
    network
        The model.

    Raises
    ------
    ValueError
        Naming the file and the mend.
    """
    if channels == network.n_channels:
        return
    grey = "make it grey (in Fiji: Image > Type > 8-bit) or " if network.n_channels == 1 else ""
    raise ValueError(
        f"{source}: has {channels} channel{'s' if channels > 1 else ''}, but model {network.name} "
        f"takes {network.n_channels}; {grey}give another --model"
    )


def is_finished(folder: Path) -> bool:
    """Tell whether an image's results are whole."""
    return (folder / _LAST).exists()


def object_table(
    prediction: Prediction, pixel_size: tuple[float, float] | None = None
) -> pd.DataFrame:
    """Describe each object of an image.

    Parameters
    ----------
    prediction
        One image's result.
    pixel_size
        (height, width) in micrometres; None measures in pixels.

    Returns
    -------
    DataFrame
        label, y, x, area, major_axis, minor_axis (of the ellipse with equal second moments),
        orientation (degrees from the y axis towards x), probability. ``attrs["unit"]`` tells the
        unit of length.
    """
    spacing = pixel_size or (1.0, 1.0)
    properties = ("label", "centroid", "area", "axis_major_length", "axis_minor_length",
                  "orientation")  # fmt: skip
    measured = regionprops_table(prediction.labels, properties=properties, spacing=spacing)
    table = pd.DataFrame(measured).rename(columns=OBJECT_COLUMNS)
    table = table.reindex(columns=list(OBJECT_COLUMNS.values()))
    table["orientation"] = np.degrees(table["orientation"])
    table["probability"] = prediction.polygons.prob[table["label"].to_numpy(int) - 1]
    table.attrs["unit"] = "um" if pixel_size else "px"
    return table


def overlay(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Draw the outlines of labels over an image.

    Parameters
    ----------
    image
        (H, W) or (H, W, C) grey values; stretched between percentiles 0.5 and 99.8.
    labels
        (H, W) whole numbers.

    Returns
    -------
    (H, W, 3) uint8
        Each object's outline in a colour of its own; no two neighbours by number look alike.
    """
    grey = np.asarray(image, np.float32)
    grey = grey.mean(axis=-1) if grey.ndim == 3 else grey
    low, high = np.percentile(grey, (0.5, 99.8))
    grey = np.clip((grey - low) / max(high - low, 1e-6), 0, 1)
    picture = np.repeat((grey * 255).astype(np.uint8)[..., None], 3, axis=-1)
    edge = find_boundaries(labels, mode="inner")
    picture[edge] = _colours(int(labels.max(initial=0)))[labels[edge]]
    return picture


def _segment_one(file: Path, folder: Path, engine_for: Callable[[Image], Engine]) -> None:
    from PIL import Image as Pillow

    image = read_image(file)
    ((_, result),) = engine_for(image).predict(image.data[None], [0])
    if isinstance(result, Failure):
        raise RuntimeError(f"{file}: {result.reason}")
    size = image.pixel_size or (1.0, 1.0)
    spacing = (1.0, *size)
    write_labels(folder / "labels.tif", result.labels, spacing)
    write_map(folder / "prob.tif", result.prob, spacing)
    write_map(folder / "dist.tif", result.dist, spacing)
    write_rois(result.labels, folder / "rois.zip")
    with atomic_path(folder / "overlay.png") as beside:
        Pillow.fromarray(overlay(image.data, result.labels)).save(beside)
    # Last: this file says that the image is done.
    with atomic_path(folder / _LAST) as beside:
        object_table(result, image.pixel_size).to_csv(beside, index=False, float_format="%.6g")


def _colours(count: int) -> np.ndarray:
    from matplotlib.colors import hsv_to_rgb

    hue = (np.arange(count + 1) * 0.61803398875) % 1
    hsv = np.stack([hue, np.full_like(hue, 0.9), np.ones_like(hue)], axis=-1)
    return (hsv_to_rgb(hsv) * 255).astype(np.uint8)
