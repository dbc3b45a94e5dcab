"""Labels that are a segmentation, not particles: masks, classes, a numbered background."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from skimage.measure import label as connected
from skimage.measure import regionprops

if TYPE_CHECKING:
    from ..training.examples import Example

_SPECK = 4
"""Fewer pixels are no piece: outlines painted thin leave some behind."""

_SPARE_PIECES = 3
_MASK_VALUES = (255, 65535)
_SOLID = 0.85
"""Area over that of the convex hull; particles that touch leave gaps in it."""

_REMEDY = "give every particle its own number (in Fiji: Process > Binary > Find Connected Regions)"


def check_particles(
    examples: Sequence["Example"], originals: Sequence[tuple[int, np.dtype]]
) -> list[str]:
    """Refuse labels in which several particles have the same number, or the background has one.

    Parameters
    ----------
    examples
        Their labels are consecutive: 1, 2, ...; 0 background; -1 not annotated.
    originals
        Of each example the largest label as it was stored, and its type.

    Returns
    -------
    list of str
        What could not be told.

    Raises
    ------
    ValueError
        If the labels are a mask, classes or have no background; the sentence names the image.
    """
    numbers = [int(example.labels.max()) for example in examples]
    pieces = []
    for example, count in zip(examples, numbers, strict=True):
        found = _pieces(example.labels)
        pieces.append(found)
        if found >= max(2 * count, count + _SPARE_PIECES):
            raise ValueError(_mask_sentence(example, found, count))
        _refuse_numbered_background(example, count)
    if sum(pieces) >= 2 * sum(numbers):
        worst = max(range(len(examples)), key=lambda k: pieces[k] / numbers[k])
        raise ValueError(_mask_sentence(examples[worst], pieces[worst], numbers[worst]))
    return _check_single_numbers(examples, originals) if set(numbers) == {1} else []


def _pieces(labels: np.ndarray) -> int:
    """Count what hangs together and has one number."""
    parts = connected(np.maximum(labels, 0), background=0, connectivity=labels.ndim)
    return int(np.count_nonzero(np.bincount(parts.ravel())[1:] >= _SPECK))


def _mask_sentence(example: "Example", pieces: int, numbers: int) -> str:
    having = "all have the same number" if numbers == 1 else f"have {numbers} numbers"
    return (
        f"{example.name}: the labels are a mask of {pieces} pieces that {having}, not numbered "
        f"particles; {_REMEDY}"
    )


def _refuse_numbered_background(example: "Example", count: int) -> None:
    labels = example.labels
    if (labels <= 0).any():
        return
    if count == 1:
        raise ValueError(f"{example.name}: one label covers the whole image; {_REMEDY}")
    sides = [np.unique(np.take(labels, at, axis)) for axis in range(labels.ndim) for at in (0, -1)]
    everywhere = set(sides[0].tolist()).intersection(*(side.tolist() for side in sides[1:]))
    if everywhere:
        raise ValueError(
            f"{example.name}: the labels have no 0 for background, and one of them spans the "
            f"whole image; make the background 0 and {_REMEDY}"
        )


def _check_single_numbers(
    examples: Sequence["Example"], originals: Sequence[tuple[int, np.dtype]]
) -> list[str]:
    """Judge labels of which no image has two numbers: one particle each, or a mask."""
    for example in examples:
        if example.labels.ndim == 2:
            (found,) = regionprops((example.labels > 0).astype(np.uint8))
            if found.solidity < _SOLID:
                raise ValueError(
                    f"{example.name}: all that is labelled has the same number and is no single "
                    f"particle by its shape, so the labels look like a mask; {_REMEDY}"
                )
    value, dtype = originals[0]
    if len(examples) == 1 and (value in _MASK_VALUES or dtype.kind == "b"):
        raise ValueError(
            f"{examples[0].name}: the only label is {value}, so the labels look like a mask; "
            + _REMEDY
        )
    return [
        "No image has more than one labelled particle: if the labels are masks of particles that "
        "touch, these are taught as one; give every particle its own number."
    ]
