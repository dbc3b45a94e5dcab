"""What is told of one image's particles: a table, a picture; and whether a model takes it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from particlebridge.analysis import Prediction
from particlebridge.analysis.io.images import grey_of
from particlebridge.exporter import Network
from skimage.measure import regionprops_table
from skimage.segmentation import find_boundaries

from ..volumes.images import Image

OBJECT_COLUMNS = {
    "label": "label",
    "centroid-0": "y",
    "centroid-1": "x",
    "area": "area",
    "axis_major_length": "major_axis",
    "axis_minor_length": "minor_axis",
    "orientation": "orientation",
}


def fitted(image: Image, channels: int) -> Image:
    """Leave out colour that is none where a model takes grey values.

    Parameters
    ----------
    image
        As it was read.
    channels
        How many the model takes.
    """
    grey = grey_of(image.data) if channels == 1 and image.data.ndim == 3 else None
    return image if grey is None else replace(image, data=grey)


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
        Naming the file and the fix.
    """
    if channels == network.n_channels:
        return
    grey = "make it grey (in Fiji: Image > Type > 8-bit) or " if network.n_channels == 1 else ""
    raise ValueError(
        f"{source}: has {channels} channel{'s' if channels > 1 else ''}, but model {network.name} "
        f"takes {network.n_channels}; {grey}give another --model"
    )


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
        orientation (degrees from the y axis towards x), probability, and unit: ``um`` or ``px``,
        that of all lengths of the row (of area its square).
    """
    spacing = pixel_size or (1.0, 1.0)
    properties = ("label", "centroid", "area", "axis_major_length", "axis_minor_length",
                  "orientation")  # fmt: skip
    measured = regionprops_table(prediction.labels, properties=properties, spacing=spacing)
    table = pd.DataFrame(measured).rename(columns=OBJECT_COLUMNS)
    table = table.reindex(columns=list(OBJECT_COLUMNS.values()))
    table["orientation"] = np.degrees(table["orientation"])
    table["probability"] = prediction.polygons.prob[table["label"].to_numpy(int) - 1]
    table["unit"] = "um" if pixel_size else "px"
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
    grey = np.asarray(image, np.float64)
    grey = grey.mean(axis=-1) if grey.ndim == 3 else grey
    low, high = np.percentile(grey, (0.5, 99.8))
    grey = np.clip((grey - low) / ((high - low) or 1.0), 0, 1)
    picture = np.repeat((grey * 255).astype(np.uint8)[..., None], 3, axis=-1)
    edge = find_boundaries(labels, mode="inner")
    picture[edge] = _colours(int(labels.max(initial=0)))[labels[edge]]
    return picture


def _colours(count: int) -> np.ndarray:
    hue = (np.arange(count + 1) * 0.61803398875) % 1
    # From hue to red, green, blue at saturation 0.9 and value 1; matplotlib takes a second to load.
    turn = (np.array([5, 3, 1]) + 6 * hue[:, None]) % 6
    rgb = 1 - 0.9 * np.clip(np.minimum(turn, 4 - turn), 0, 1)
    return (rgb * 255).astype(np.uint8)
