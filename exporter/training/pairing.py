"""Training images and their annotations, from arrays, files, globs or an annotation file."""

import glob
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from particlebridge.analysis.io.images import grey_of

if TYPE_CHECKING:
    from .examples import Example

Given = str | os.PathLike[str] | Sequence[np.ndarray] | Sequence[str | os.PathLike[str]]
"""A glob or a file, several files, or arrays."""


def without_colour(
    examples: "list[Example]", notes: list[str]
) -> "tuple[list[Example], list[str]]":
    """Make images grey that are stored in colour, if none of them has any.

    Parameters
    ----------
    examples
        As they were read.
    notes
        What was told so far.

    Returns
    -------
    examples : list of Example
    notes : list of str
    """
    colour = [example.image.ndim > example.labels.ndim for example in examples]
    grey = [
        grey_of(example.image) if coloured else example.image
        for example, coloured in zip(examples, colour, strict=True)
    ]
    made = [
        replace(example, image=image)
        for example, image in zip(examples, grey, strict=True)
        if image is not None
    ]
    if not any(colour) or len(made) < len(examples):
        return examples, notes
    many = f"{sum(colour)} images are" if sum(colour) > 1 else "1 image is"
    return made, [*notes, f"{many} stored in colour and hold none: taken as grey."]


def gather_examples(
    images: Given, labels: Given, names: Sequence[str] | None = None
) -> "tuple[list[Example], list[str]]":
    """Pair images with their annotations.

    Parameters
    ----------
    images
        Arrays, or files, or a glob such as ``"scans/*.tif"``.
    labels
        As many arrays; or files, as a glob or a list: those that name their images (VIA, COCO)
        count for all they name, the others (label images, ImageJ's regions, GeoJSON, LabelMe)
        have their image's name, the same or with something added (``a.tif`` and
        ``a_labels.tif``). See `read_annotations`.
    names
        Of arrays, for messages.

    Returns
    -------
    examples : list of Example
    notes : list of str
        Sentences about regions that could not be used, what was assumed, and what was left out.

    Raises
    ------
    FileNotFoundError
        If a glob or file is not there.
    ValueError
        If images and labels cannot be paired or read, or most regions would be lost.
    """
    from .examples import Example
    from .pairs import examples_of_files

    image_arrays, label_arrays = _arrays(images), _arrays(labels)
    if image_arrays is not None and label_arrays is not None:
        if len(image_arrays) != len(label_arrays):
            raise ValueError(
                f"{len(image_arrays)} images and {len(label_arrays)} label images; give pairs"
            )
        names = names or [f"image {k + 1}" for k in range(len(image_arrays))]
        given = zip(names, image_arrays, label_arrays, strict=True)
        return without_colour([Example(*each) for each in given], [])
    return without_colour(*examples_of_files(_paths(images, "images"), _paths(labels, "labels")))


def _arrays(given: Given) -> list[np.ndarray] | None:
    """Return what is given if it is arrays, None if it is files."""
    if isinstance(given, str | os.PathLike):
        return None
    arrays = [each for each in given if isinstance(each, np.ndarray)]
    return arrays if len(arrays) == len(given) else None


def _paths(given: Given, what: str) -> list[Path]:
    if isinstance(given, str | os.PathLike):
        path = Path(given)
        # Path.glob would refuse absolute patterns.
        matches = glob.glob(str(given))  # noqa: PTH207
        found = [path] if path.is_file() else [Path(match) for match in matches]
        found = sorted(p for p in found if p.is_file())
        if not found:
            raise FileNotFoundError(f"{given}: no {what} there; check the path or the pattern")
        return found
    if any(isinstance(each, np.ndarray) for each in given):
        raise ValueError(f"{what} mix arrays and files; give one kind for images and labels")
    return [Path(each) for each in given]  # type: ignore[arg-type]
