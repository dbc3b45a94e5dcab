"""Which array of a file is read: grey values or labels, and never one for the other in silence."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from particlebridge.analysis.io.errors import shown

Holds = Literal["grey", "labels"]
_LABEL_WORDS = {
    "annotation", "annotations", "gt", "groundtruth", "instance", "instances", "label", "labeled",
    "labelled", "labelmap", "labels", "mask", "masks", "seg", "segmentation", "segmentations",
    "segmented", "truth",
}  # fmt: skip


def choose(
    arrays: Mapping[str, tuple[int, ...]], path: Path, holds: Holds, separator: str
) -> tuple[str, tuple[str, ...]]:
    """Choose the array that a file is opened for, never labels as grey values in silence.

    Parameters
    ----------
    arrays
        Name -> shape, of all that hold numbers.
    path
        For messages.
    holds
        What is wanted. What is named as labels (``label``, ``mask``, ``gt``, ...) is labels.
    separator
        Between the path and the name of an array.

    Returns
    -------
    name, notes
        The notes name what was left where there was a choice.

    Raises
    ------
    ValueError
        If several fit as well, or none does; the sentence names one that can be given.
    """
    sides = {name: sum(n > 1 for n in shape) for name, shape in arrays.items()}
    volumes = [name for name, shape in arrays.items() if len(shape) == 3 or sides[name] == 3]
    planes = [name for name in arrays if sides[name] == 2 and name not in volumes]
    larger = [name for name in arrays if sides[name] > 3]

    def of(kind: Holds, names: list[str]) -> list[str]:
        return [name for name in names if _named_as_labels(name) == (kind == "labels")]

    tiers = [of(holds, volumes), of(holds, planes), of(holds, larger)]
    fit = next(filter(None, tiers), [])
    labels = of("labels", volumes)
    if holds == "grey" and labels and fit and fit is not tiers[0]:
        size = " x ".join(str(n) for n in arrays[fit[0]])
        raise ValueError(
            f"{path}: holds no 3-D array of grey values: {shown(fit[0])} is {size}, and "
            f"{shown(labels[0])} is named as labels; save one channel or time point of "
            f"{shown(fit[0])} on its own, or name {path}{separator}{labels[0]}"
        )
    if not fit:
        fit = volumes or planes or larger
    if len(fit) != 1:
        # An example must be one that can be read.
        held = f"{len(fit)} arrays ({some(fit)})" if fit else "no array of two axes or more"
        fix = f"; name one, such as {path}{separator}{fit[0]}" if fit else ""
        raise ValueError(f"{path}: holds {held}{fix}")
    (name,) = fit
    others = [other for other in [*volumes, *larger] if other != name]
    if others:
        return name, (
            f"{path}: {shown(name)} is read; it also holds {some(others)} "
            f"({path}{separator}NAME reads another)",
        )
    if holds == "grey" and of("labels", [name]):
        return name, (f"{path}: {shown(name)} is named as labels, and is read as grey values",)
    return name, ()


def _named_as_labels(name: str) -> bool:
    """Look for words such as label in /volumes/labels/cells, cellLabels or nuclei_gt."""
    words = re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    return not _LABEL_WORDS.isdisjoint(words)


def some(names: Iterable[str], longest: int = 60) -> str:
    """Name a few things in a sentence."""
    listed = [shown(name, longest) for name in names]
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "") if listed else "nothing"
