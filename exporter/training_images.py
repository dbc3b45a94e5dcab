"""Training images and their annotations, from arrays, files, globs or an annotation file."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from particlebridge.analysis.image_files import (
    IMAGE_SUFFIXES,
    TIFF_SUFFIXES,
    opened_tiff,
    read_picture,
    tiff_pixels,
)

if TYPE_CHECKING:
    from .training_data import Example

Given = str | os.PathLike[str] | Sequence[np.ndarray] | Sequence[str | os.PathLike[str]]
"""A glob or a file, several files, or arrays."""


def read_pixels(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an image or a stack to train on.

    Parameters
    ----------
    path
        TIFF (the first series), PNG, JPEG or BMP.

    Returns
    -------
    ndarray
        (H, W), (H, W, C) or a stack; of a palette image the indices, which may be labels.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no image, or is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; check the path")
    if path.suffix.lower() in TIFF_SUFFIXES:
        with opened_tiff(path) as tif:
            data = tiff_pixels(tif, path)
            return np.array(data, data.dtype.newbyteorder("="))
    return read_picture(path, palette="labels")


def gather_examples(
    images: Given, labels: Given, names: Sequence[str] | None = None
) -> "tuple[list[Example], list[str]]":
    """Pair images with their annotations.

    Parameters
    ----------
    images
        Arrays, or files, or a glob such as ``"scans/*.tif"``.
    labels
        As many arrays; or label images, as a glob or files, whose names match the images' (the
        same, or with something added: ``a.tif`` and ``a_labels.tif``); or one annotation file
        for all images, see `read_annotations`.
    names
        Of arrays, for messages.

    Returns
    -------
    examples : list of Example
    notes : list of str
        Sentences about regions that could not be used and images without annotation.

    Raises
    ------
    FileNotFoundError
        If a glob or file is not there.
    ValueError
        If images and labels cannot be paired or read.
    """
    from .annotations import ANNOTATION_SUFFIXES, read_annotations
    from .training_data import Example

    image_arrays, label_arrays = _arrays(images), _arrays(labels)
    if image_arrays is not None and label_arrays is not None:
        if len(image_arrays) != len(label_arrays):
            raise ValueError(
                f"{len(image_arrays)} images and {len(label_arrays)} label images; give pairs"
            )
        names = names or [f"image {k + 1}" for k in range(len(image_arrays))]
        given = zip(names, image_arrays, label_arrays, strict=True)
        return [Example(*each) for each in given], []
    image_paths, label_paths = _paths(images, "images"), _paths(labels, "labels")
    if len(label_paths) == 1 and label_paths[0].suffix.lower() in ANNOTATION_SUFFIXES:
        return _annotated_in_one_file(image_paths, label_paths[0])
    notes: list[str] = []
    examples = []
    for path, label_path in _pair(image_paths, label_paths):
        image = read_pixels(path)
        shape = None if label_path.suffix.lower() in IMAGE_SUFFIXES else _shape(image)
        drawn = read_annotations(label_path, shape, image=path.name)
        notes += drawn.problems
        examples.append(Example(path.name, image, drawn.labels))
    return examples, notes


def _annotated_in_one_file(images: list[Path], source: Path) -> "tuple[list[Example], list[str]]":
    from .annotations import annotate, find_image, read_regions
    from .training_data import Example

    by_image = read_regions(source)
    if set(by_image) == {""} and len(images) > 1:
        raise ValueError(f"{source} annotates one image and {len(images)} are given; give one")
    notes: list[str] = []
    examples = []
    for path in images:
        name = find_image(by_image, path.name)
        if not by_image.get(name or ""):
            notes.append(f"{path.name} is not annotated in {source.name} and was left out.")
            continue
        image = read_pixels(path)
        drawn = annotate(by_image[name or ""], _shape(image), f"{source.name}, image {path.name}")
        notes += drawn.problems
        examples.append(Example(path.name, image, drawn.labels))
    if not examples:
        known = ", ".join(list(by_image)[:5])
        raise ValueError(f"{source} annotates none of the images; it knows {known or 'none'}")
    return examples, notes


def _arrays(given: Given) -> list[np.ndarray] | None:
    """Return what is given if it is arrays, None if it is files."""
    if isinstance(given, str | os.PathLike):
        return None
    arrays = [each for each in given if isinstance(each, np.ndarray)]
    return arrays if len(arrays) == len(given) else None


def _shape(image: np.ndarray) -> tuple[int, ...]:
    """Return (H, W) or (N, H, W), without the channels of a colour image."""
    return image.shape[:-1] if image.ndim > 2 and image.shape[-1] in (3, 4) else image.shape


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


def _pair(images: list[Path], labels: list[Path]) -> list[tuple[Path, Path]]:
    """Match files by name: the label's stem contains the image's, and no other's longer one."""
    pairs = []
    for image in images:
        same = [label for label in labels if label.stem == image.stem]
        alike = same or [
            label
            for label in labels
            if image.stem in label.stem
            # img_1 is in img_10_labels too, but that belongs to img_10.
            and not any(
                len(other.stem) > len(image.stem) and other.stem in label.stem for other in images
            )
        ]
        if len(alike) != 1:
            raise ValueError(
                f"{image}: {'no' if not alike else 'more than one'} label file has its name; "
                f"name them alike, such as {image.stem}.tif or {image.stem}_labels.tif"
            )
        pairs.append((image, alike[0]))
    return pairs
