"""Training patches, changed the way tomography changes: poses, grey values, streaks and rings."""

from dataclasses import dataclass, fields

import numpy as np
from scipy import ndimage

OUTSIDE = -1
"""Label of pixels beyond the image, mirrored grey values; StarDist's losses leave them out."""

_ELASTIC_GRID = 32
"""Pixels between the nodes of the random displacement field."""


@dataclass(frozen=True)
class Augmentation:
    """How strongly patches are changed; lengths in pixels, grey values in normalised units.

    Every value is the end of a range that starts at no change at all. 0 switches a kind off.

    Attributes
    ----------
    flip
        Mirror along every axis and turn by quarters in the image plane.
    warp
        Share of the patches that are also turned by any angle, scaled and bent. The others keep
        their pixels uninterpolated, so that the network sees the true noise as well.
    scale
        Largest factor by which a warped patch is enlarged or made smaller, at least 1.
    elastic
        Standard deviation of the smooth displacement of a warped patch, pixels.
    gain, offset
        Contrast is multiplied by up to this factor (at least 1) or divided by it; brightness is
        shifted by up to this much.
    shading
        Slow change of brightness over the patch (cupping, bands), standard deviation.
    blur
        Largest standard deviation of a Gaussian blur, pixels.
    noise
        Largest standard deviation of white noise.
    streaks
        Largest standard deviation of straight streaks of one direction.
    rings
        Largest standard deviation of rings around a common centre.
    share
        Probability of each of shading, blur, noise, streaks and rings.

    Raises
    ------
    ValueError
        If a value lies outside its range.

    Examples
    --------
    >>> from particlebridge.exporter import Augmentation
    >>> Augmentation(streaks=0, rings=0).blur
    1.5
    """

    flip: bool = True
    warp: float = 0.5
    scale: float = 1.3
    elastic: float = 2.0
    gain: float = 1.5
    offset: float = 0.15
    shading: float = 0.1
    blur: float = 1.5
    noise: float = 0.1
    streaks: float = 0.08
    rings: float = 0.08
    share: float = 0.3

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            lowest = 1.0 if field.name in ("scale", "gain") else 0.0
            highest = 1.0 if field.name in ("warp", "share") else 10.0
            if not lowest <= value <= highest:
                raise ValueError(
                    f"augmentation {field.name} must lie within {lowest:g} to {highest:g}, "
                    f"not {value!r}"
                )


def draw_patch(
    image: np.ndarray,
    labels: np.ndarray,
    patch: tuple[int, ...],
    rng: np.random.Generator,
    augmentation: Augmentation | None = None,
    foreground: float = 0.9,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a random patch and change it at random.

    Parameters
    ----------
    image
        (..., H, W) or (..., H, W, C) float32, normalised; one leading axis Z for volumes.
    labels
        (..., H, W) int32; negative pixels are not annotated.
    patch
        Its shape, without channels. The image may be smaller: what lies beyond it is mirrored
        and labelled `OUTSIDE`.
    rng
        All chance comes from it.
    augmentation
        None cuts only.
    foreground
        Share of the patches that shall hold part of an object (StarDist's
        train_foreground_only).

    Returns
    -------
    x, y
        float32 of shape `patch` (+ channels), not below 0 as after the plugin's normalisation,
        and int32 of shape `patch`.
    """
    room = [max(0, size - length) for size, length in zip(labels.shape, patch, strict=True)]
    centred = [
        -max(0, length - size) // 2 for size, length in zip(labels.shape, patch, strict=True)
    ]
    wanted = rng.random() < foreground
    for _ in range(20):
        start = [c + int(rng.integers(r + 1)) for c, r in zip(centred, room, strict=True)]
        window = tuple(
            slice(max(0, s), max(0, s) + length) for s, length in zip(start, patch, strict=True)
        )
        if not wanted or (labels[window] > 0).any():
            break
    if _unknown(labels, start, patch):
        # Nothing can be learned from it: the loss of no pixel is not a number.
        start = _around_annotated(labels, room, centred, patch, rng)
    if augmentation is None:
        return crop(image, labels, start, patch)
    if rng.random() < augmentation.warp:
        x, y = _warp(image, labels, start, patch, rng, augmentation)
    else:
        x, y = crop(image, labels, start, patch)
    if augmentation.flip:
        x, y = _flip(x, y, rng)
    has_channels = x.ndim > y.ndim
    # Channels share one recording, hence its artefacts: broadcast over a leading channel axis.
    changed = _change_greys(np.moveaxis(x, -1, 0) if has_channels else x, rng, augmentation)
    x = np.moveaxis(changed, 0, -1) if has_channels else changed
    return np.ascontiguousarray(np.maximum(x, 0), np.float32), np.ascontiguousarray(y, np.int32)


def _unknown(labels: np.ndarray, start: list[int], patch: tuple[int, ...]) -> bool:
    """Tell whether nobody annotated the middle of a window, which no warp moves out of it.

    The network predicts at every `grid`-th pixel only, the fourth at most.
    """
    middle = tuple(
        slice(max(0, s + length // 4), max(0, s + length - length // 4), 4)
        for s, length in zip(start, patch, strict=True)
    )
    return bool((labels[middle] < 0).all())


def _around_annotated(
    labels: np.ndarray,
    room: list[int],
    centred: list[int],
    patch: tuple[int, ...],
    rng: np.random.Generator,
) -> list[int]:
    """Start a window whose middle is an annotated pixel, as nearly as the image has room."""
    known = np.flatnonzero(ndimage.minimum_filter(labels, 5) >= 0)
    known = known if known.size else np.flatnonzero(labels >= 0)
    if not known.size:
        return centred
    at = np.unravel_index(known[rng.integers(known.size)], labels.shape)
    return [
        c + min(max(int(a) - length // 2 - c, 0), r)
        for a, length, c, r in zip(at, patch, centred, room, strict=True)
    ]


def crop(
    image: np.ndarray, labels: np.ndarray, start: list[int], patch: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a window that may reach beyond the image: mirrored there, and labelled `OUTSIDE`.

    Parameters
    ----------
    image, labels, patch
        As in `draw_patch`.
    start
        First index of the window along each axis, negative if it begins before the image.
    """
    indices = [np.arange(s, s + length) for s, length in zip(start, patch, strict=True)]
    outside = np.zeros(patch, bool)
    mirrored = []
    for axis, (index, size) in enumerate(zip(indices, labels.shape, strict=True)):
        beyond = (index < 0) | (index >= size)
        outside |= np.expand_dims(beyond, [k for k in range(len(patch)) if k != axis])
        turn = index % (2 * size)
        mirrored.append(np.where(turn >= size, 2 * size - 1 - turn, turn))
    where = np.ix_(*mirrored)
    return image[where].astype(np.float32), np.where(outside, OUTSIDE, labels[where])


def _warp(
    image: np.ndarray,
    labels: np.ndarray,
    start: list[int],
    patch: tuple[int, ...],
    rng: np.random.Generator,
    augmentation: Augmentation,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn in the image plane, scale and bend, in one interpolation."""
    half = np.array([(length - 1) / 2 for length in patch])
    angle = rng.uniform(0, 2 * np.pi)
    shrink = augmentation.scale ** rng.uniform(-1, 1)
    steps = np.meshgrid(
        *[np.arange(length) - h for length, h in zip(patch, half, strict=True)], indexing="ij"
    )
    *above, y, x = (shrink * step for step in steps)
    turned = [*above, np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x]
    coordinates = np.stack(turned).astype(np.float32)
    if augmentation.elastic > 0:
        for axis in range(len(patch)):
            coordinates[axis] += rng.uniform(0, augmentation.elastic) * _smooth_field(patch, rng)
    coordinates += (np.array(start) + half).reshape(-1, *[1] * len(patch)).astype(np.float32)
    channels = [image] if image.ndim == labels.ndim else list(np.moveaxis(image, -1, 0))
    bent = [ndimage.map_coordinates(c, coordinates, order=1, mode="reflect") for c in channels]
    warped = bent[0] if image.ndim == labels.ndim else np.stack(bent, axis=-1)
    truth = ndimage.map_coordinates(labels, coordinates, order=0, mode="constant", cval=OUTSIDE)
    return warped, truth


def _flip(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    for axis in range(y.ndim):
        if rng.random() < 0.5:
            x, y = np.flip(x, axis), np.flip(y, axis)
    plane = (y.ndim - 2, y.ndim - 1)
    if y.shape[-2] == y.shape[-1] and rng.random() < 0.5:
        x, y = np.swapaxes(x, *plane), np.swapaxes(y, *plane)
    return x, y


def _change_greys(
    x: np.ndarray, rng: np.random.Generator, augmentation: Augmentation
) -> np.ndarray:
    """Change grey values; the last two axes are the image plane."""
    plane = x.shape[-2:]
    lots = rng.random(5) < augmentation.share
    if lots[0] and augmentation.blur > 0:
        sigma = rng.uniform(0, augmentation.blur)
        x = ndimage.gaussian_filter(x, (0,) * (x.ndim - 2) + (sigma, sigma))
    gain = augmentation.gain ** rng.uniform(-1, 1)
    x = gain * x + augmentation.offset * rng.uniform(-1, 1)
    if lots[1] and augmentation.shading > 0:
        x = x + rng.uniform(0, augmentation.shading) * _smooth_field(
            plane, rng, 2 * max(plane) // 3
        )
    if lots[2] and augmentation.noise > 0:
        x = x + rng.uniform(0, augmentation.noise) * rng.standard_normal(x.shape)
    if lots[3] and augmentation.streaks > 0:
        x = x + rng.uniform(0, augmentation.streaks) * _streaks(plane, rng)
    if lots[4] and augmentation.rings > 0:
        x = x + rng.uniform(0, augmentation.rings) * _rings(plane, rng)
    return x


def _smooth_field(
    shape: tuple[int, ...], rng: np.random.Generator, grid: int = _ELASTIC_GRID
) -> np.ndarray:
    """Return a smooth random field of unit standard deviation at its nodes."""
    nodes = rng.standard_normal([length // grid + 4 for length in shape]).astype(np.float32)
    # A cubic spline through the nodes, from the second one on: no edge of it is seen.
    places = np.meshgrid(*[1 + np.arange(length) / grid for length in shape], indexing="ij")
    return ndimage.map_coordinates(nodes, np.stack(places), order=3, mode="mirror")


def _streaks(plane: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Lines of one direction, each of its own brightness, fading in and out along their way."""
    y, x = np.mgrid[: plane[0], : plane[1]]
    angle = rng.uniform(0, np.pi)
    across = np.cos(angle) * y - np.sin(angle) * x
    along = np.sin(angle) * y + np.cos(angle) * x
    lines = _profile(across, rng, rng.uniform(1.0, 3.0))
    return lines * (0.5 + np.abs(_profile(along, rng, max(plane) / 3)))


def _rings(plane: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Circles of their own brightness around a rotation axis in or beside the patch."""
    y, x = np.mgrid[: plane[0], : plane[1]]
    cy, cx = (rng.uniform(-1, 2) * length for length in plane)
    return _profile(np.hypot(y - cy, x - cx), rng, rng.uniform(1.0, 3.0))


def _profile(position: np.ndarray, rng: np.random.Generator, length: float) -> np.ndarray:
    """Look up unit white noise with one node per `length` pixels, linear in between."""
    position = (position - position.min()) / length
    nodes = rng.standard_normal(int(position.max()) + 2)
    return np.interp(position, np.arange(len(nodes)), nodes).astype(np.float32)
