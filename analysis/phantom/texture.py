"""How a nano-tomograph shows an electrode: mottled binder, blur, streaks, rings, a round view."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import fft
from scipy.ndimage import gaussian_filter, gaussian_filter1d

# Grey levels relative to the mean binder (0) and the intact particle (1).
VIEW_FILL = 0.25
_GREY, _STEP = 12000.0, 12000.0  # binder, and particle minus binder, in the 16-bit volume


@dataclass(frozen=True)
class Look:
    """Strengths of what the microscope adds; levels relative to particle minus binder.

    Lengths are in voxels.

    Attributes
    ----------
    diameter
        Typical particle diameter: textures scale with it.
    contrast
        Factor on all differences of grey; the noise stays.
    noise, streaks, rings, mottling, grain
        Standard deviations.
    correlation
        Gaussian sigma that smooths noise and streaks; at least 0.6 is usual.
    blur
        Gaussian sigma of the point spread.
    edge
        Phase-contrast overshoot at edges.
    specks
        Bright specks per typical particle volume.
    bands
        Grey levels of the layers above and below the electrode.
    """

    diameter: float
    contrast: float = 1.0
    noise: float = 0.09
    streaks: float = 0.05
    rings: float = 0.02
    mottling: float = 0.20
    grain: float = 0.06
    correlation: float = 0.7
    blur: float = 0.8
    edge: float = 0.25
    specks: float = 1.0
    bands: tuple[float, float] = (0.25, 0.12)


def smooth_noise(shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of unit variance that varies over about `scale` voxels, (Z, Y, X) float32."""
    scale = max(scale, 1.0)
    knots = rng.normal(size=[int(n / scale) + 3 for n in shape]).astype(np.float32)
    if min(knots.shape) > 3:
        knots = gaussian_filter(knots, 0.5)
    fine = _interpolate(knots, np.asarray(shape), scale, rng.random(3))
    return (fine - fine.mean()) / (fine.std() + 1e-6)


@njit(cache=True)
def _interpolate(knots, shape, scale, start):  # type: ignore[no-untyped-def]
    """Smoothstep interpolation of knots that stand `scale` voxels apart."""
    fine = np.empty((shape[0], shape[1], shape[2]), np.float32)
    row = np.empty(knots.shape[2], np.float32)
    for z in range(shape[0]):
        fz = z / scale + start[0]
        k = int(fz)
        wz = (fz - k) ** 2 * (3 - 2 * (fz - k))
        for y in range(shape[1]):
            fy = y / scale + start[1]
            j = int(fy)
            wy = (fy - j) ** 2 * (3 - 2 * (fy - j))
            for i in range(knots.shape[2]):
                row[i] = (1 - wz) * ((1 - wy) * knots[k, j, i] + wy * knots[k, j + 1, i]) + wz * (
                    (1 - wy) * knots[k + 1, j, i] + wy * knots[k + 1, j + 1, i]
                )
            for x in range(shape[2]):
                fx = x / scale + start[2]
                i = int(fx)
                wx = (fx - i) ** 2 * (3 - 2 * (fx - i))
                fine[z, y, x] = (1 - wx) * row[i] + wx * row[i + 1]
    return fine


def _streaks(
    shape: tuple[int, int, int], length: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Reconstruction noise of each xy slice, and the part of it that runs along few directions."""
    ky = fft.fftfreq(shape[1])[:, None]
    kx = fft.rfftfreq(shape[2])[None, :]
    k = np.hypot(ky, kx)
    fall = np.exp(-2 * (np.pi * k * length) ** 2)
    angle = np.arctan2(ky, kx)
    wedge = np.zeros_like(k)
    for _ in range(rng.integers(1, 4)):
        turn = rng.uniform(-np.pi / 2, np.pi / 2)
        away = np.abs((angle - turn + np.pi / 2) % np.pi - np.pi / 2)
        wedge += rng.uniform(0.4, 1) * np.exp(-0.5 * (away / rng.uniform(0.03, 0.12)) ** 2)
    both = []
    for filt in (fall, fall * wedge):
        white = rng.standard_normal(shape, np.float32)
        if shape[0] > 1:
            white = gaussian_filter1d(white, 0.7 * length, axis=0)
        noise = fft.irfft2(fft.rfft2(white) * filt.astype(np.float32), s=shape[1:])
        both.append(noise / (noise.std() + 1e-9))
    return both[0], both[1]


def _rings(
    shape: tuple[int, int, int], centre: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Concentric rings about the rotation axis, the same in every slice, (1, Y, X)."""
    y, x = np.ogrid[: shape[1], : shape[2]]
    r = np.hypot(y - centre[0], x - centre[1])
    profile = rng.normal(size=int(r.max()) + 3)
    profile = gaussian_filter1d(profile, 0.8) * (rng.random(profile.size) < 0.35)
    profile /= profile.std() + 1e-9
    return np.interp(r, np.arange(profile.size), profile)[None].astype(np.float32)


def _add_specks(levels: np.ndarray, free: np.ndarray, look: Look, rng: np.random.Generator) -> None:
    """Put small bright lumps of carbon and debris into the binder, in place."""
    volume = np.pi / 6 * look.diameter**3
    # a thin slab still meets every speck whose centre lies within one diameter of it
    count = rng.poisson(look.specks * levels.size / volume * 1.5)
    spots = np.stack([rng.integers(0, n, count) for n in levels.shape], axis=1)
    for spot in spots:
        if not free[tuple(spot)]:
            continue
        for _ in range(rng.integers(1, 5)):
            r = look.diameter * rng.uniform(0.015, 0.06)
            c = spot + rng.normal(0, 0.06 * look.diameter, 3)
            lo = np.maximum(0, np.ceil(c - r)).astype(int)
            hi = np.minimum(levels.shape, np.floor(c + r) + 1).astype(int)
            if (hi <= lo).any():
                continue
            box = tuple(slice(a, b) for a, b in zip(lo, hi, strict=True))
            g = np.ogrid[box]
            inside = sum((g[a] - c[a]) ** 2 for a in range(3)) <= r * r
            spot_levels = levels[box]
            spot_levels[inside & free[box]] = rng.uniform(0.4, 1.15)


def render(
    labels: np.ndarray,
    void: np.ndarray,
    layer: np.ndarray,
    look: Look,
    centre: tuple[float, float],
    view: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Image an electrode.

    Parameters
    ----------
    labels, void
        (Z, Y, X) bodies, and their void voxels.
    layer
        (Z, Y, X) int8: 0 electrode, -1 the band above, 1 the band below.
    look
        What the microscope adds.
    centre
        (y, x) of the rotation axis.
    view
        (Y, X) or (Z, Y, X) bool: field of view; outside it the image is one constant grey.
    rng
        Source of chance.

    Returns
    -------
    ndarray
        uint16, the shape of `labels`.
    """
    shape = labels.shape
    d = look.diameter
    mottle = smooth_noise(shape, 0.35 * d, rng) + 0.7 * smooth_noise(shape, 0.12 * d, rng)
    levels = look.mottling * mottle / 1.22
    for side, grey in zip((-1, 1), look.bands, strict=True):
        inside = layer == side
        levels[inside] = grey + 0.3 * levels[inside]
    _add_specks(levels, (labels == 0) & (layer == 0), look, rng)
    brightness = rng.normal(1, 0.04, int(labels.max()) + 1)
    faint = rng.random(brightness.size) < 0.06
    brightness[faint] -= rng.uniform(0.1, 0.3, int(faint.sum()))
    solid = (labels > 0) & ~void
    grain = smooth_noise(shape, max(1.5, 0.05 * d), rng)
    levels[solid] = brightness[labels[solid]] + look.grain * grain[solid]
    hollow = rng.normal(-0.05, 0.12, brightness.size)
    levels[void] = 0.5 * levels[void] + hollow[labels[void]]
    sigma = [look.blur if n > 1 else 0 for n in shape]
    levels = gaussian_filter(levels, sigma)
    if look.edge:
        wide = gaussian_filter(levels, [2.5 * s for s in sigma], truncate=2.5)
        levels += look.edge * (levels - wide)
    levels *= look.contrast
    noise, streaks = _streaks(shape, look.correlation, rng)
    gain = 1 + 0.35 * smooth_noise(shape, 1.5 * d, rng).clip(-2, 2)
    levels += gain * (look.noise * noise + look.streaks * streaks)
    levels += look.rings * _rings(shape, centre, rng)
    levels[~np.broadcast_to(view, shape)] = VIEW_FILL * look.contrast
    return (_GREY + _STEP * levels).round().clip(0, 65535).astype(np.uint16)
