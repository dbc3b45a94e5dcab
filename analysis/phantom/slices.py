"""Slices of many generated electrodes, to train on."""

import numpy as np

from .cracks import crack
from .electrode import keep_whole_pieces, layers
from .shapes import Particles, pack, paint
from .texture import Look, render


def training_slices(
    n: int,
    shape: tuple[int, int] = (288, 288),
    *,
    seed: int,
    diameter: float = 48.0,
    scale: tuple[float, float] = (0.7, 1.4),
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut slices out of many electrodes that differ in everything a microscope may change.

    Only a slab of five voxels around each slice is made, so a slice costs as much as it holds.

    Parameters
    ----------
    n
        How many slices.
    shape
        (H, W) of each.
    seed
        The same seed and parameters give the same slices.
    diameter
        Typical diameter in pixels, as `typical_diameter` defines it for all slices together; the
        largest particles are 1.44 to 1.74 times as wide.
    scale
        Each electrode's particles are this much larger or smaller, from and to.

    Returns
    -------
    list of (image, labels)
        uint16 and int32, (H, W); labels of one slice start at 1 and are connected. Caps less than
        0.18 diameters wide, which nobody would annotate, are -1.

    Examples
    --------
    >>> from particlebridge.analysis import training_slices
    >>> [(image, labels)] = training_slices(1, (64, 64), seed=1, diameter=20)
    >>> image.shape, image.dtype, labels.dtype
    ((64, 64), dtype('uint16'), dtype('int32'))
    """
    rng = np.random.default_rng(seed)
    slices: list[tuple[np.ndarray, np.ndarray]] = []
    while len(slices) < n:
        factor = float(np.exp(rng.uniform(*np.log(scale))))
        d = diameter * factor
        spread = rng.uniform(3.0, 4.0)
        # Slices cut most particles off-centre: measured, this makes the typical section d wide.
        largest = 0.5 * d * rng.uniform(1.44, 1.74)
        side = max(shape) + 4.0 * largest
        size = (rng.uniform(5, 9) * largest, side, side)
        particles = pack(size, (largest / spread, largest), rng.uniform(0.28, 0.55), rng)
        for _ in range(min(8, n - len(slices))):
            look = _random_look(1.5 * largest, rng)
            slices.append(_slice(particles, size, shape, look, 0.18 * d, rng))
    return slices


def _random_look(diameter: float, rng: np.random.Generator) -> Look:
    # Every third electrode was scanned with larger voxels and enlarged: all its detail is coarser.
    coarse = rng.uniform(1.0, 2.4) if rng.random() < 0.33 else 1.0
    return Look(
        diameter=diameter,
        contrast=float(np.exp(rng.uniform(np.log(0.3), np.log(1.5)))),
        noise=rng.uniform(0.03, 0.13),
        streaks=rng.uniform(0.0, 0.10),
        rings=rng.uniform(0.0, 0.05),
        mottling=rng.uniform(0.05, 0.32),
        grain=rng.uniform(0.02, 0.10),
        correlation=rng.uniform(0.5, 1.0) * coarse,
        blur=rng.uniform(0.5, 1.4) * coarse,
        edge=rng.uniform(0.0, 0.5),
        specks=rng.uniform(0.0, 3.0),
        bands=(rng.uniform(-0.1, 0.5), rng.uniform(-0.1, 0.5)),
    )


def _slice(
    particles: Particles,
    size: tuple[float, float, float],
    shape: tuple[int, int],
    look: Look,
    smallest: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut one slice along a random axis out of packed particles and image it.

    Sections narrower than `smallest` pixels are labelled -1.
    """
    axis = int(rng.integers(0, 3))
    box = list(shape)
    box.insert(axis, 5)
    corner = np.array([rng.uniform(0, max(0.0, s - b)) for s, b in zip(size, box, strict=True)])
    if axis and rng.random() < 0.7:
        # across the depth the electrode's faces, and so the bands, come into the picture
        corner[0] = rng.uniform(-0.35 * box[0], size[0] - 0.65 * box[0])
    labels = np.zeros(box, np.int32)
    paint(particles, tuple(corner), labels)
    worst = rng.uniform(0.02, 0.4)
    damage = (worst * rng.random(len(particles)) ** 1.5).clip(0.003, 0.36)
    void = crack(particles, labels, tuple(corner), damage, rng)
    layer = layers(tuple(box), -corner[0], size[0] - corner[0], 0.12 * look.diameter, rng)
    labels, void, layer = (np.moveaxis(a, axis, 0) for a in (labels, void, layer))
    radius = shape[0] * rng.uniform(0.6, 3.0)
    away = max(0.0, radius - rng.uniform(0.1, 0.6) * shape[0]) if rng.random() < 0.4 else 0.0
    turn = rng.uniform(0, 2 * np.pi)
    centre = (shape[0] / 2 + away * np.sin(turn), shape[1] / 2 + away * np.cos(turn))
    y, x = np.ogrid[: shape[0], : shape[1]]
    seen = np.ones(shape, bool)
    if away:
        seen = np.hypot(y - centre[0], x - centre[1]) <= radius
    image = render(labels, void, layer, look, centre, seen, rng)[2]
    bodies = np.ascontiguousarray(labels[2] * seen)
    keep_whole_pieces(bodies)
    areas = np.bincount(bodies.ravel())
    tiny = areas < np.pi / 4 * smallest**2
    bodies[tiny[bodies]] = -1
    return image, bodies
