"""One size of particles for a training: what it is, and images brought to it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from particlebridge.analysis import typical_diameter
from particlebridge.analysis.starconvex.resampling import resize, resized_shape

from .examples import Example

_SAME_SCALE = 0.02
_MAGNIFICATIONS = 2.0
"""Images whose typical diameters differ by more were taken at different magnifications."""

_FEW = 5
"""Of fewer particles no typical diameter is taken."""

_MOST_PIXELS = 1 << 28


def labelled_diameter(labels: Sequence[np.ndarray]) -> float:
    """Return the typical diameter of all objects of label images or volumes, pixels."""
    return typical_diameter(np.concatenate([_sizes(image) for image in labels]), labels[0].ndim)


def _sizes(labels: np.ndarray) -> np.ndarray:
    return np.bincount(np.maximum(labels, 0).ravel())[1:]


def _areas(example: Example) -> np.ndarray:
    """Give the areas of the objects in the unit of `pixel_size`."""
    return _sizes(example.labels) * (example.pixel_size[0] * example.pixel_size[1])


def rescale_examples(
    examples: Sequence[Example], diameter: float | None
) -> tuple[list[Example], list[str]]:
    """Bring the typical particle of 2-D images to a diameter in pixels.

    All images by one factor: what is smaller in one of them is smaller. Only where their typical
    diameters differ by more than a factor of two, each by its own, a stack's slices alike: then
    the magnification differs, and whoever segments such an image later has its particles brought
    to the model's diameter, too.

    Parameters
    ----------
    examples
        Checked ones.
    diameter
        None: they keep their scale; only what `pixel_size` says is no square becomes one.

    Returns
    -------
    examples : list of Example
        Images resampled by the kernel that results are made with, labels by nearest neighbour;
        `scale` tells by how much.
    notes : list of str
        What was done.

    Raises
    ------
    ValueError
        If the images are volumes, or would grow beyond all measure.
    """
    if examples[0].labels.ndim != 2:
        if diameter is not None:
            raise ValueError("volumes are not rescaled; leave out the diameter")
        return list(examples), []
    own = _diameters(examples)
    known = [size for size in own.values() if size]
    lowest, highest = (min(known), max(known)) if known else (1.0, 1.0)
    small, large = (next((s for s in own if own[s] == d), "") for d in (lowest, highest))
    spread = (
        f"The images' typical particle diameters differ, from {lowest:.3g} pixels ({small}) to "
        f"{highest:.3g} ({large})"
    )
    differ = highest > _MAGNIFICATIONS * lowest
    if diameter is None:
        note = (
            f"{spread}: each is used at its own scale; give a diameter to bring all to one scale."
        )
        return [_rescaled(example, 1.0) for example in examples], [note] if differ else []
    if not differ:
        scale = diameter / typical_diameter(np.concatenate([_areas(one) for one in examples]))
        if abs(scale - 1) < _SAME_SCALE:
            return [_rescaled(example, 1.0) for example in examples], []
        note = (
            f"Images were rescaled by {scale:.3g}: the model is trained at {diameter:.3g} pixels."
        )
        return [_rescaled(example, scale) for example in examples], [note]
    middle = float(np.exp(np.mean(np.log(known))))
    scales = {source: diameter / (size or middle) for source, size in own.items()}
    note = (
        f"{spread}: each image was rescaled by its own factor, from {min(scales.values()):.3g} to "
        f"{max(scales.values()):.3g}, so that the model is trained at {diameter:.3g} pixels."
    )
    few = [source for source, size in own.items() if not size]
    notes = [note]
    if few:
        notes.append(
            f"{len(few)} of them with fewer than {_FEW} particles, such as {few[0]}, were taken "
            f"for {middle:.3g} pixels, the middle of the others."
        )
    return [_rescaled(example, scales[_source(example)]) for example in examples], notes


def _source(example: Example) -> str:
    return example.source or example.name


def _diameters(examples: Sequence[Example]) -> dict[str, float]:
    """Return the typical diameter of every image or stack; 0 where there are few particles."""
    sizes: dict[str, list[np.ndarray]] = {}
    for example in examples:
        sizes.setdefault(_source(example), []).append(_areas(example))
    found = {source: np.concatenate(each) for source, each in sizes.items()}
    return {
        source: typical_diameter(each) if np.count_nonzero(each) >= _FEW else 0.0
        for source, each in found.items()
    }


def _rescaled(example: Example, scale: float) -> Example:
    y, x = (scale * side for side in example.pixel_size)
    if max(abs(y - 1), abs(x - 1)) < _SAME_SCALE:
        return example
    shape = resized_shape(example.labels.shape, (y, x))
    if shape[0] * shape[1] > max(_MOST_PIXELS, example.labels.size):
        raise ValueError(
            f"{example.name}: its particles are so small that it would be enlarged {scale:.3g} "
            f"times, to {shape[0]:,} x {shape[1]:,} pixels; leave it out, or check its labels"
        )
    nearest = [
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.intp), old - 1)
        for new, old in zip(shape, example.labels.shape, strict=True)
    ]
    image = resize(example.image, shape)
    labels = example.labels[np.ix_(*nearest)]
    return replace(example, image=image, labels=labels, scale=scale, pixel_size=(1.0, 1.0))
