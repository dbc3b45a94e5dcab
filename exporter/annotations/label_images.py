"""Label images to train on: every particle its own number, or its own colour."""

from pathlib import Path

import numpy as np
from particlebridge.analysis.io.pixels import read_pixels

_LOSSY = (".jpg", ".jpeg")
_SPECK = 4
_MOST_SPECKS = 0.2


def read_label_image(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read labels from a picture.

    Parameters
    ----------
    path
        TIFF, PNG or BMP; of a palette picture the indices count. Three equal channels are one;
        colours on black are numbered.

    Returns
    -------
    labels : (H, W) or (N, H, W) int32
        0 background.
    notes : list of str
        What was assumed.

    Raises
    ------
    ValueError
        If its values or colours cannot be the numbers of particles.
    """
    if path.suffix.lower() in _LOSSY:
        raise ValueError(
            f"{path} is not a label image: JPEG changes the numbers; save labels as TIFF or PNG"
        )
    labels = read_pixels(path)
    notes: list[str] = []
    if labels.ndim > 2 and labels.shape[-1] in (3, 4):
        labels, notes = _numbered_colours(labels[..., :3], path)
    if labels.dtype.kind == "f":
        if not np.array_equal(labels, np.round(labels)):
            raise ValueError(
                f"{path} is not a label image: its values are not whole numbers; give every "
                "particle its own number"
            )
    elif labels.dtype.kind not in "iub":
        raise ValueError(f"{path} is not a label image: its pixels are {labels.dtype}")
    if labels.size and labels.max() > np.iinfo(np.int32).max:
        raise ValueError(f"{path} is not a label image: it holds {labels.max()}; number from 1 on")
    return labels.astype(np.int32), notes


def _numbered_colours(pixels: np.ndarray, path: Path) -> tuple[np.ndarray, list[str]]:
    """Return grey values that were saved as colours, or number the colours."""
    if (pixels == pixels[..., :1]).all():
        return pixels[..., 0], []
    flat = pixels.reshape(-1, 3)
    colours, place, counts = np.unique(flat, axis=0, return_inverse=True, return_counts=True)
    black = ~colours.any(axis=1)
    if not black.any():
        raise ValueError(
            f"{path} is in colour and has no black background; save labels with one channel, 0 "
            "for background"
        )
    if np.count_nonzero(counts < _SPECK) > _MOST_SPECKS * len(counts):
        raise ValueError(
            f"{path} is not a label image: its {len(colours):,} colours blend into each other; "
            "save labels with one channel, every particle with its own number"
        )
    numbers = np.cumsum(~black)
    numbers[black] = 0
    count = len(colours) - 1
    note = f"{path}: its {count:,} colours were taken for the numbers of {count:,} particles."
    return numbers[place.reshape(-1)].reshape(pixels.shape[:-1]), [note]
