"""Pores and cracks inside the particles of a generated electrode."""

import numpy as np
from numba import njit

from .shapes import CRACKS, GRAINS, ROOM, Particles, bend, box_of


@njit(cache=True)
def _openness(y0, y1, y2, i, cores, crack_axes, widths, pores, grains, joints, lattice):  # type: ignore[no-untyped-def]
    """How far a point (in radii from the centre) is from the nearest crack, over its width."""
    shift = 7.31 * i
    w0 = y0 + 0.10 * bend(lattice, 0, 2.3 * y0 + shift, 2.3 * y1, 2.3 * y2)
    w1 = y1 + 0.10 * bend(lattice, 1, 2.3 * y0 + shift, 2.3 * y1, 2.3 * y2)
    w2 = y2 + 0.10 * bend(lattice, 2, 2.3 * y0 + shift, 2.3 * y1, 2.3 * y2)
    fine = bend(lattice, 0, 7 * y0, 7 * y1 + shift, 7 * y2)
    w0 -= cores[i, 0]
    w1 -= cores[i, 1]
    w2 -= cores[i, 2]
    rho = np.sqrt(w0 * w0 + w1 * w1 + w2 * w2)
    best = rho / pores[i] * 0.55
    for k in range(CRACKS):
        if widths[i, k] == 0:
            break
        n = crack_axes[i, k, 0]
        t = crack_axes[i, k, 1]
        across = n[0] * w0 + n[1] * w1 + n[2] * w2
        along = t[0] * w0 + t[1] * w1 + t[2] * w2
        gap = abs(across + 0.03 * fine)
        if along < 0:
            gap = np.sqrt(gap * gap + along * along)
        best = min(best, gap / (widths[i, k] * max(0.08, 1.1 - rho)))
    if joints[i] > 0:
        first = 1e9
        second = 1e9
        for k in range(GRAINS):
            e0, e1, e2 = w0 - grains[i, k, 0], w1 - grains[i, k, 1], w2 - grains[i, k, 2]
            e = np.sqrt(e0 * e0 + e1 * e1 + e2 * e2)
            if e < first:
                first, second = e, first
            elif e < second:
                second = e
        best = min(best, (second - first + 0.02 * abs(fine)) / joints[i])
    return best * (1 + 0.15 * fine)


def crack(
    particles: Particles,
    labels: np.ndarray,
    corner: tuple[float, float, float],
    damage: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Open pores and cracks so that particle i loses about the share ``damage[i]`` of its body.

    Parameters
    ----------
    particles, labels, corner
        As painted.
    damage
        (n,) void share of each body.
    rng
        Source of the sample points that find each particle's threshold.

    Returns
    -------
    ndarray
        Void voxels, bool, the shape of `labels`.
    """
    p = particles
    seen = np.zeros(len(p) + 1, bool)
    seen[np.unique(labels)] = True
    ball = rng.normal(size=(3000, 3))
    ball *= (rng.random(3000) ** (1 / 3) / np.linalg.norm(ball, axis=1))[:, None]
    field = (p.cores, p.crack_axes, p.crack_widths, p.pores, p.grains, p.joint_widths, p.lattice)
    void = np.zeros(labels.shape, bool)
    _crack(void, labels, np.asarray(corner, float), p.centres, p.radii, p.inverse_axes,
           p.longest, damage, seen[1:], ball, field)  # fmt: skip
    return void


@njit(cache=True)
def _crack(void, labels, corner, centres, radii, matrices, longest, damage, seen, ball, field):  # type: ignore[no-untyped-def]
    samples = np.empty(len(ball))
    for i in range(len(radii)):
        if not seen[i]:
            continue
        axes = np.linalg.inv(matrices[i]) / radii[i]
        for k in range(len(ball)):
            b = ball[k]
            samples[k] = _openness(
                axes[0, 0] * b[0] + axes[0, 1] * b[1] + axes[0, 2] * b[2],
                axes[1, 0] * b[0] + axes[1, 1] * b[1] + axes[1, 2] * b[2],
                axes[2, 0] * b[0] + axes[2, 1] * b[1] + axes[2, 2] * b[2],
                i,
                *field,
            )
        limit = np.sort(samples)[int(damage[i] * len(samples))]
        box = box_of(centres[i], ROOM * longest[i], corner, labels.shape)
        for z in range(box[0, 0], box[0, 1]):
            d0 = (z + corner[0] - centres[i, 0]) / radii[i]
            for y in range(box[1, 0], box[1, 1]):
                d1 = (y + corner[1] - centres[i, 1]) / radii[i]
                for x in range(box[2, 0], box[2, 1]):
                    if labels[z, y, x] == i + 1:
                        d2 = (x + corner[2] - centres[i, 2]) / radii[i]
                        void[z, y, x] = _openness(d0, d1, d2, i, *field) < limit
