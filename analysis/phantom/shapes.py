"""Packed, bumpy particles as formulas that can be painted into any box of voxels."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from .packing import pack_ellipsoids

_BUMPS = 6  # Legendre terms of the outline per particle
CRACKS = 7  # crack sheets a particle can have
GRAINS = 9  # pieces a shattered particle falls into
ROOM = 1.3  # how far bumps may reach beyond the longest semi-axis
_NOISE = 32  # edge of the periodic noise lattice that bends the cracks


@dataclass(frozen=True)
class Particles:
    """The particles of one electrode, n of them, lengths in voxels, axes (z, y, x).

    Attributes
    ----------
    centres
        (n, 3) float64.
    radii
        (n,) radius of the ball of the same volume.
    inverse_axes
        (n, 3, 3) matrices M: |M d| = 1 on the ellipsoid under the bumps.
    longest
        (n,) longest semi-axis.
    bump_axes, bump_sizes
        (n, 6, 3) unit vectors and (n, 6) relative heights of the Legendre terms 2, 3, 3, 4, 5, 6.
    cores
        (n, 3) where the cracks start, in radii from the centre.
    crack_axes
        (n, 7, 2, 3) per crack sheet its normal and the direction it runs.
    crack_widths
        (n, 7) relative widths; 0 is no crack.
    pores
        (n,) relative width of the pore at the core.
    grains
        (n, 9, 3) seeds of the pieces a particle shatters into, in radii.
    joint_widths
        (n,) relative width of the cracks between pieces; 0 is not shattered.
    lattice
        (3, 32, 32, 32) periodic noise that bends cracks and roughens outlines.
    """

    centres: np.ndarray
    radii: np.ndarray
    inverse_axes: np.ndarray
    longest: np.ndarray
    bump_axes: np.ndarray
    bump_sizes: np.ndarray
    cores: np.ndarray
    crack_axes: np.ndarray
    crack_widths: np.ndarray
    pores: np.ndarray
    grains: np.ndarray
    joint_widths: np.ndarray
    lattice: np.ndarray

    def __len__(self) -> int:
        return len(self.radii)


def pack(
    size: tuple[float, float, float],
    radius: tuple[float, float],
    packing: float,
    rng: np.random.Generator,
) -> Particles:
    """Pack particles as `pack_ellipsoids` does, and give them bumps, cracks, pores and pieces."""
    return _dress(*pack_ellipsoids(size, radius, packing, rng), rng)


def _unit(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    v = rng.normal(size=(*shape, 3))
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def _dress(
    centres: np.ndarray,
    radii: np.ndarray,
    inverse_axes: np.ndarray,
    longest: np.ndarray,
    rng: np.random.Generator,
) -> Particles:
    """Give packed ellipsoids their bumps, cracks, pores and pieces."""
    n = len(radii)
    heights = np.array([0.035, 0.04, 0.04, 0.035, 0.03, 0.025])
    run = _unit((n, CRACKS), rng)
    normal = np.cross(run, _unit((n, CRACKS), rng))
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    widths = rng.lognormal(0, 0.6, (n, CRACKS))
    count = rng.integers(1, CRACKS + 1, n)
    widths[np.arange(CRACKS) >= count[:, None]] = 0
    return Particles(
        centres=centres,
        radii=radii,
        inverse_axes=inverse_axes,
        longest=longest,
        bump_axes=_unit((n, _BUMPS), rng),
        bump_sizes=rng.normal(0, heights, (n, _BUMPS)).clip(-2 * heights, 2 * heights),
        cores=rng.normal(0, 0.1, (n, 3)),
        crack_axes=np.stack([normal, run], axis=2),
        crack_widths=widths,
        pores=rng.lognormal(0.0, 0.6, n),
        grains=rng.uniform(-0.8, 0.8, (n, GRAINS, 3)),
        joint_widths=np.where(rng.random(n) < 0.35, rng.lognormal(-0.7, 0.5, n), 0.0),
        lattice=rng.normal(0, 1, (3, _NOISE, _NOISE, _NOISE)).astype(np.float32),
    )


@njit(cache=True, inline="always")
def bend(lattice, a, z, y, x):  # type: ignore[no-untyped-def]
    """Trilinear periodic noise number a at (z, y, x)."""
    fz, fy, fx = np.floor(z), np.floor(y), np.floor(x)
    wz, wy, wx = z - fz, y - fy, x - fx
    m = _NOISE - 1
    k0, j0, i0 = int(fz) & m, int(fy) & m, int(fx) & m
    k1, j1, i1 = (k0 + 1) & m, (j0 + 1) & m, (i0 + 1) & m
    t = lattice[a]
    c0 = (t[k0, j0, i0] * (1 - wx) + t[k0, j0, i1] * wx) * (1 - wy) + (
        t[k0, j1, i0] * (1 - wx) + t[k0, j1, i1] * wx
    ) * wy
    c1 = (t[k1, j0, i0] * (1 - wx) + t[k1, j0, i1] * wx) * (1 - wy) + (
        t[k1, j1, i0] * (1 - wx) + t[k1, j1, i1] * wx
    ) * wy
    return c0 * (1 - wz) + c1 * wz


@njit(cache=True)
def _depth_inside(d0, d1, d2, i, matrix, axes, sizes, radius, lattice):  # type: ignore[no-untyped-def]
    """Signed distance (about, voxels) of a point from a particle's surface, negative inside."""
    s = 0.0
    for a in range(3):
        s += (matrix[a, 0] * d0 + matrix[a, 1] * d1 + matrix[a, 2] * d2) ** 2
    s = np.sqrt(s)
    if s > ROOM:
        return 1e9
    gap = np.sqrt(d0 * d0 + d1 * d1 + d2 * d2) + 1e-9
    shape = 1.0
    for k in range(_BUMPS):
        c = (axes[k, 0] * d0 + axes[k, 1] * d1 + axes[k, 2] * d2) / gap
        q = c * c
        if k == 0:
            p = 1.5 * q - 0.5
        elif k < 3:
            p = (2.5 * q - 1.5) * c
        elif k == 3:
            p = (4.375 * q - 3.75) * q + 0.375
        elif k == 4:
            p = ((7.875 * q - 8.75) * q + 1.875) * c
        else:
            p = ((14.4375 * q - 19.6875) * q + 6.5625) * q - 0.3125
        shape += sizes[k] * p
    if s > 0.6:
        f = 4.0 / gap
        shape += 0.02 * bend(lattice, 0, f * d0, f * d1, f * d2 + 5.77 * i)
    return (s / shape - 1) * radius


def paint(particles: Particles, corner: tuple[float, float, float], labels: np.ndarray) -> None:
    """Write bodies into `labels` (int32, zeros); a voxel two bodies claim goes to the deeper one.

    Parameters
    ----------
    particles
        What to paint; particle i becomes label i + 1.
    corner
        Where in the particles' frame voxel (0, 0, 0) of `labels` lies.
    labels
        (Z, Y, X) int32, changed in place.
    """
    p = particles
    best = np.zeros(labels.shape, np.float32)
    _paint(
        labels,
        best,
        np.asarray(corner, float),
        p.centres,
        p.radii,
        p.inverse_axes,
        p.longest,
        p.bump_axes,
        p.bump_sizes,
        p.lattice,
    )


@njit(cache=True)
def box_of(centre, reach, corner, shape):  # type: ignore[no-untyped-def]
    """Give the voxels, from and to along each axis, within `reach` of a centre."""
    box = np.empty((3, 2), np.int64)
    for a in range(3):
        box[a, 0] = max(0, int(np.ceil(centre[a] - corner[a] - reach)))
        box[a, 1] = min(shape[a], int(np.floor(centre[a] - corner[a] + reach)) + 1)
    return box


@njit(cache=True)
def _paint(labels, best, corner, centres, radii, matrices, longest, axes, sizes, lattice):  # type: ignore[no-untyped-def]
    for i in range(len(radii)):
        box = box_of(centres[i], ROOM * longest[i], corner, labels.shape)
        for z in range(box[0, 0], box[0, 1]):
            d0 = z + corner[0] - centres[i, 0]
            for y in range(box[1, 0], box[1, 1]):
                d1 = y + corner[1] - centres[i, 1]
                for x in range(box[2, 0], box[2, 1]):
                    d2 = x + corner[2] - centres[i, 2]
                    e = _depth_inside(
                        d0, d1, d2, i, matrices[i], axes[i], sizes[i], radii[i], lattice
                    )
                    if e < best[z, y, x]:
                        best[z, y, x] = e
                        labels[z, y, x] = i + 1
