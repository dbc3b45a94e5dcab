"""What a training learns from: images paired with labels, checked, normalised and split."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from particlebridge.analysis import normalize

from ..annotations.label_checks import check_particles

_MAX_VALIDATION_IMAGES = 64


@dataclass(frozen=True, eq=False)
class Example:
    """One annotated image.

    Attributes
    ----------
    name
        Where it came from, for messages and the report.
    image
        (H, W) or (H, W, C), or (Z, Y, X[, C]) for 3-D training.
    labels
        int32 of the same shape without channels; negative where nobody annotated.
    source
        The stack that it is a slice of; by default it is none.
    scale
        By how much it was rescaled.
    pixel_size
        (y, x) sides of its pixels over the smallest side of a volume's voxels; 2-D training
        resamples them to squares of side 1, as segmenting does.
    """

    name: str
    image: np.ndarray
    labels: np.ndarray
    source: str = ""
    scale: float = 1.0
    pixel_size: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Split:
    """Examples to learn from and examples held out; images are normalised.

    Attributes
    ----------
    train, validation
        Both hold at least one example with an object. Validation chooses the best epoch and the
        thresholds.
    notes
        Sentences for the user about what was done with the data.
    unseen
        Examples that choose nothing: scores on them are a test. Often empty.
    """

    train: list[Example]
    validation: list[Example]
    notes: list[str] = field(default_factory=list)
    unseen: list[Example] = field(default_factory=list)


def check_examples(examples: Sequence[Example], dims: int) -> tuple[list[Example], list[str]]:
    """Check what a user hands in, cut stacks into slices, and bring labels to int32.

    Parameters
    ----------
    examples
        As a user gave them; for 2-D training labels may be stacks (N, H, W), and then the images
        are (N, H, W) or (N, H, W, C).
    dims
        2 or 3.

    Returns
    -------
    examples : list of Example
        Images with `dims` axes, plus channels; those without any object are left out, since
        nobody can tell whether they are empty or were not annotated.
    notes : list of str
        How many were left out, if any, and what could not be told.

    Raises
    ------
    ValueError
        If shapes disagree, labels are no integers, are a mask or classes instead of numbered
        objects, number the background, channels differ, or nothing at all is annotated. The
        sentence names the image.
    """
    if dims not in (2, 3):
        raise ValueError(f"dims must be 2 or 3, not {dims!r}")
    checked: list[Example] = []
    originals: list[tuple[int, np.dtype]] = []
    channels: set[int | None] = set()
    without = 0
    for example in examples:
        image, labels = np.asarray(example.image), np.asarray(example.labels)
        name = example.name
        if not _whole_numbers(labels):
            raise ValueError(f"{name}: labels must be whole numbers, not {labels.dtype}")
        if image.shape[: labels.ndim] != labels.shape or image.ndim not in (
            labels.ndim,
            labels.ndim + 1,
        ):
            raise ValueError(
                f"{name}: the image has shape {image.shape} and its labels {labels.shape}; "
                "give labels of the same height and width"
            )
        if labels.ndim == dims + 1 == 3:
            slices = [
                Example(f"{name}, slice {k + 1}", *pair, source=name)
                for k, pair in enumerate(zip(image, labels, strict=True))
            ]
        elif labels.ndim == dims:
            slices = [replace(example, image=image, labels=labels)]
        else:
            raise ValueError(
                f"{name}: labels have {labels.ndim} axes, {dims}-D training needs {dims}"
            )
        for item in slices:
            channels.add(item.image.shape[-1] if item.image.ndim > dims else None)
            if (item.labels > 0).any():
                checked.append(replace(item, labels=_consecutive(item.labels)))
                originals.append((int(item.labels.max()), item.labels.dtype))
            else:
                without += 1
    if not checked:
        names = ", ".join(example.name for example in examples[:5])
        raise ValueError(f"{names}: no object is annotated within the image; draw some to train on")
    if len(channels) > 1:
        raise ValueError(f"images differ in their channels ({channels}); convert them to grey")
    note = f"{without} images or slices without any annotated particle were left out."
    return checked, [*([note] if without else []), *check_particles(checked, originals)]


def _whole_numbers(labels: np.ndarray) -> bool:
    if labels.dtype.kind == "f":
        return np.array_equal(labels, np.round(labels))
    return labels.dtype.kind in "iub"


def _consecutive(labels: np.ndarray) -> np.ndarray:
    """Renumber objects 1, 2, ...: a label image may hold any numbers, however large.

    What is negative, not annotated, becomes -1.
    """
    if labels.dtype.kind != "f" and labels.max(initial=0) <= labels.size:
        # A table of all numbers up to the largest, ten times as fast as sorting.
        shifted = np.maximum(labels.astype(np.int64), -1) + 1
        used = np.bincount(shifted.ravel(), minlength=2) > 0
        used[:2] = False
        table = np.cumsum(used, dtype=np.int32)
        table[0] = -1
        return table[shifted]
    values, place = np.unique(labels, return_inverse=True)
    numbers = np.where(values < 0, -1, np.cumsum(values > 0)).astype(np.int32)
    return numbers[place].reshape(labels.shape)


def fill_holes(examples: Sequence[Example]) -> tuple[list[Example], list[str]]:
    """Fill holes inside labelled objects, as StarDist's notebooks do: their outlines have none.

    Returns
    -------
    examples : list of Example
    notes : list of str
        In how many images there were some.
    """
    from stardist import fill_label_holes

    filled, changed = [], 0
    for example in examples:
        whole = fill_label_holes(np.maximum(example.labels, 0))
        # What is another particle, or not annotated, is no hole.
        labels = np.where(example.labels == 0, whole, example.labels).astype(np.int32)
        changed += not np.array_equal(labels, example.labels)
        filled.append(replace(example, labels=labels))
    note = f"Holes inside particles were filled in {changed} images: an outline has none."
    return filled, [note] if changed else []


def normalized(examples: Sequence[Example], percentiles: tuple[float, float]) -> list[Example]:
    """Normalise whole images as the plugin will."""
    return [replace(e, image=normalize(e.image, percentiles)) for e in examples]


def split_examples(
    examples: Sequence[Example],
    share: float,
    seed: int,
    percentiles: tuple[float, float],
    unseen: float = 0.0,
) -> Split:
    """Normalise and hold out some images, or part of the only one, as StarDist's notebooks do.

    Parameters
    ----------
    examples
        Checked ones.
    share
        Of the images (at least one), or of the only image's longest side, held out.
    seed
        Of the choice.
    percentiles
        See `particlebridge.analysis.normalize`; taken over whole images, before any cutting.
    unseen
        Share of the images that is neither learned from nor held out for choices.

    Returns
    -------
    Split
    """
    ready = normalized(examples, percentiles)
    notes: list[str] = []
    if len(ready) == 1:
        return _split_one(ready[0], share)
    order = np.random.RandomState(seed).permutation(len(ready))
    count = max(1, round(share * len(ready)))
    # The last ones of a permutation: images of the same order give the notebooks' choice.
    rest, validation = order[:-count], [ready[k] for k in order[-count:]]
    if count > _MAX_VALIDATION_IMAGES:
        validation = validation[:_MAX_VALIDATION_IMAGES]
        notes.append(f"Of {count} images held out, {len(validation)} were used for validation.")
    apart = min(round(unseen * len(ready)), len(rest) - 1)
    return Split(
        [ready[k] for k in rest[apart:]], validation, notes, [ready[k] for k in rest[:apart]]
    )


def _split_one(example: Example, share: float) -> Split:
    """Hold out the far end of the only image, as narrow as holds two whole objects."""
    labels = example.labels
    axis = int(np.argmax(labels.shape))
    for width in (share, 0.2, 0.25, 0.3, 0.4):
        at = round(labels.shape[axis] * (1 - max(width, share)))
        here, there = (
            (slice(None),) * axis + (slice(at),),
            (slice(None),) * axis + (slice(at, None),),
        )
        if min(_whole_objects(labels, labels[here]), _whole_objects(labels, labels[there])) >= 2:
            held_out = 1 - at / labels.shape[axis]
            note = (
                f"Only one image is annotated: its last {100 * held_out:.0f} % along the "
                f"{'ZYX'[axis - labels.ndim]} axis were held out for validation. "
                "Scores of one image's own end say little about other images."
            )
            first, last = (
                replace(example, name=f"{example.name}, {name} part",
                        image=example.image[part], labels=labels[part])
                for name, part in (("first", here), ("last", there))
            )  # fmt: skip
            return Split([first], [last], [note])
    note = (
        "Only one image is annotated, with too few particles to hold some out: it served for "
        "training and validation alike, so the scores below are not a test."
    )
    return Split([example], [example], [note])


def _whole_objects(labels: np.ndarray, part: np.ndarray) -> int:
    whole = np.bincount(np.maximum(labels, 0).ravel())
    inside = np.bincount(np.maximum(part, 0).ravel(), minlength=whole.size)
    return int(np.count_nonzero((inside == whole)[1:] & (whole[1:] > 0)))
