"""A volume and the labels that somebody gave it, for training."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis.io.images import shape_text

from .._shared.progress import notice
from .field_of_view import AUTO, find_field_of_view
from .reading import Volume, open_volume
from .stored_arrays import filled
from .voxel_size import Spacing


@dataclass(frozen=True, eq=False)
class LabelledVolume:
    """A volume and its labels.

    Attributes
    ----------
    name
        Of the volume, for messages.
    data
        (Z, Y, X) grey values, those outside the field of view filled.
    labels
        (Z, Y, X) numbers as they are stored; -1 outside the field of view.
    spacing
        Voxel size (z, y, x), um.
    """

    name: str
    data: np.ndarray
    labels: np.ndarray
    spacing: Spacing

    def as_training(self, views: tuple[str, ...]) -> dict[str, Any]:
        """Give it as keywords of `particlebridge.exporter.train`."""
        return {
            "images": [self.data],
            "labels": [self.labels],
            "names": [self.name],
            "views": views,
            "spacing": self.spacing,
        }


def read_labelled_volume(
    volume: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    voxel_size: Spacing | None = None,
) -> LabelledVolume:
    """Read a volume and its labels, each in any format that `read_volume` takes.

    Parameters
    ----------
    volume
        Grey values.
    labels
        Numbers of the particles, 0 background, negative where nobody annotated.
    voxel_size
        (z, y, x) in micrometres; wins over what the volume's file says.

    Returns
    -------
    LabelledVolume

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_volume`; or if the shapes differ.
    """
    grey = open_volume(volume, voxel_size)
    for doubt in grey.doubts:
        notice(doubt)
    marked = open_volume(labels, holds="labels")
    for note in marked.notes:
        notice(note)
    if grey.data.shape != marked.data.shape:
        raise ValueError(
            f"{labels} has {shape_text(marked.data.shape)} voxels and {volume} "
            f"{shape_text(grey.data.shape)}; give labels of the volume's own size"
        )
    file, inside, dataset = os.fspath(volume).partition("::")
    name = Path(file).name + inside + dataset
    return replace(without_unseen(grey, np.asarray(marked.loaded().data)), name=name)


def without_unseen(grey: Volume, numbers: np.ndarray) -> LabelledVolume:
    """Load grey values for labels; outside the field of view nobody annotated."""
    seen = find_field_of_view(grey.data, grey.source, AUTO)
    mask = None if seen.mask is None else np.asarray(seen.mask[:], bool)
    data = np.asarray(grey.loaded().data)
    outside = np.isnan(data) if data.dtype.kind == "f" else np.zeros(data.shape, bool)
    if mask is not None:
        outside |= ~mask
    if outside.any():
        data = filled(data, seen.fill, mask)
        numbers = np.where(outside, -1, numbers.astype(np.int64, copy=False))
    return LabelledVolume(grey.source.name, data, numbers, grey.spacing)
