"""What is told of one image's particles: a table, a picture; and whether a model takes it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from particlebridge.analysis import Prediction
from particlebridge.analysis.io.images import grey_of
from particlebridge.exporter import Network

from ..volumes.images import Image

_BAND = 1 << 20
"""Pixels that are looked at together."""


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
) -> dict[str, np.ndarray]:
    """Describe each object of an image.

    Parameters
    ----------
    prediction
        One image's result.
    pixel_size
        (height, width) in micrometres; None measures in pixels.

    Returns
    -------
    dict
        Column -> its values: label, y, x, area, major_axis, minor_axis (of the ellipse with equal
        second moments), orientation (degrees from the y axis towards x), probability, and unit:
        ``um`` or ``px``, that of all lengths of the row (of area its square).
    """
    height, width = pixel_size or (1.0, 1.0)
    sums = _moments(prediction.labels)
    label = np.flatnonzero(sums[0])
    count, y, x, yy, xx, yx = sums[:, label]
    # About the pixel next to the centre, where the sums are small and so exact.
    near_y, near_x = np.rint(y / count), np.rint(x / count)
    off_y, off_x = y - count * near_y, x - count * near_x
    yy = yy - near_y * (2 * y - count * near_y)
    xx = xx - near_x * (2 * x - count * near_x)
    yx = yx - near_y * x - near_x * off_y
    yy = (count * yy - off_y**2) / count**2 * height**2
    xx = (count * xx - off_x**2) / count**2 * width**2
    yx = (count * yx - off_y * off_x) / count**2 * height * width
    middle, half = (yy + xx) / 2, np.hypot((yy - xx) / 2, yx)
    return {
        "label": label,
        "y": y / count * height,
        "x": x / count * width,
        "area": count * height * width,
        "major_axis": 4 * np.sqrt(middle + half),
        "minor_axis": 4 * np.sqrt((middle - half).clip(0)),
        # A round object has none; -45 is what scikit-image and the Fiji commands write.
        "orientation": np.where(half > 0, np.degrees(np.arctan2(2 * yx, yy - xx) / 2), -45.0),
        "probability": prediction.polygons.prob[label - 1],
        "unit": np.full(len(label), "um" if pixel_size else "px"),
    }


def _moments(labels: np.ndarray) -> NDArray[np.float64]:
    """Add up 1, y, x, y squared, x squared and y times x over the pixels of each label.

    Sums of whole numbers, so exact and in any order the same; scikit-image's regionprops gives
    the same table, but imports scipy for it.

    Returns
    -------
    (6, n + 1) float64
        Those of label 0, the background, are 0.
    """
    highest = int(labels.max(initial=0))
    sums = np.zeros((6, highest + 1))
    rows = max(1, _BAND // max(1, labels.shape[1]))
    for top in range(0, len(labels), rows):
        band = labels[top : top + rows]
        y, x = np.nonzero(band)
        owner = band[y, x]
        y += top
        for total, values in zip(sums, (None, y, x, y * y, x * x, y * x), strict=True):
            total += np.bincount(owner, values, highest + 1)
    return sums


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
    edge = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        ahead, behind = np.moveaxis(labels, axis, 0)[1:], np.moveaxis(labels, axis, 0)[:-1]
        for side in (np.moveaxis(edge, axis, 0)[1:], np.moveaxis(edge, axis, 0)[:-1]):
            side |= ahead != behind
    edge &= labels > 0
    picture[edge] = _colours(int(labels.max(initial=0)))[labels[edge]]
    return picture


def _colours(count: int) -> np.ndarray:
    hue = (np.arange(count + 1) * 0.61803398875) % 1
    # From hue to red, green, blue at saturation 0.9 and value 1; matplotlib takes a second to load.
    turn = (np.array([5, 3, 1]) + 6 * hue[:, None]) % 6
    rgb = 1 - 0.9 * np.clip(np.minimum(turn, 4 - turn), 0, 1)
    return (rgb * 255).astype(np.uint8)
