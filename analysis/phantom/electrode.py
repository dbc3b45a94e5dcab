"""Electrodes made by code, with the truth beside them: for the demo and for tests."""

from dataclasses import dataclass, replace

import cc3d
import numpy as np
import pandas as pd
from numba import njit

from .cracks import crack
from .damage import damage_rule
from .packing import touching
from .shapes import Particles, pack, paint
from .texture import Look, render, smooth_noise


@dataclass(frozen=True)
class Electrode:
    """A generated electrode.

    Attributes
    ----------
    volume
        (Z, Y, X) uint16 grey values.
    labels
        (Z, Y, X) int32 bodies, cracks included; 0 is background.
    solid, void
        (Z, Y, X) bool: material and void voxels of the bodies; together they are ``labels > 0``.
    field_of_view
        (Z, Y, X) bool: what the microscope saw.
    spacing
        Voxel size (z, y, x) in um.
    truth
        One row per label: ``label``; ``Z``, ``Y``, ``X`` centroid of the body in um; ``Radius`` of
        the ball of the same volume and ``Volume`` of the whole particle (um, um3); ``Contact``,
        the share of the body's surroundings that is other particles; ``Damage``, void voxels over
        body voxels as counted in the volume; ``Target``, what the rule asked for; ``Whole``:
        neither the volume's edge nor the field of view cuts it.
    """

    volume: np.ndarray
    labels: np.ndarray
    solid: np.ndarray
    void: np.ndarray
    field_of_view: np.ndarray
    spacing: tuple[float, float, float]
    truth: pd.DataFrame


def electrode(
    shape: tuple[int, int, int] = (160, 256, 256),
    *,
    seed: int,
    contrast: float = 1.0,
    cycles: float = 50,
    radius: tuple[float, float] = (6.0, 21.0),
    packing: float = 0.5,
    voxel_size: float = 0.25,
    band: float = 0.06,
    view: float = 1.12,
    look: Look | None = None,
    coupling: float = 0.0,
) -> Electrode:
    """Generate an electrode that looks like a nano-tomography scan of an NMC cathode.

    Damage follows `particlebridge.analysis.phantom.damage.damage_rule`: it falls with depth Z,
    grows with size (Volume) and with Contact, plus a little chance, all scaled by the cycle state.
    With `coupling`, particles that touch share their chance.

    Parameters
    ----------
    shape
        (Z, Y, X) voxels; Z is the depth, 0 the separator side.
    seed
        The same seed and parameters give the same electrode.
    contrast
        Grey difference of particles and binder relative to the default; the noise stays.
    cycles
        10 to 50.
    radius
        Smallest and largest particle radius, voxels.
    packing
        Share of the electrode layer that particles fill, about 0.3 to 0.55.
    voxel_size
        Edge of a voxel, um.
    band
        Share of the depth that separator and current collector take, each.
    view
        Diameter of the round field of view over the smaller of Y and X; 1.42 shows all.
    look
        What the microscope adds; by default from the particle size. Its contrast is replaced.
    coupling
        How far the damage of a particle follows that of the particles that touch it, beyond
        depth, size and contact: 0 (not at all) to below 1.

    Returns
    -------
    Electrode

    Examples
    --------
    >>> from particlebridge.analysis import electrode
    >>> made = electrode((24, 48, 48), seed=1, radius=(5, 8))
    >>> made.volume.shape, made.volume.dtype, made.labels.dtype
    ((24, 48, 48), dtype('uint16'), dtype('int32'))
    >>> len(made.truth) == int(made.labels.max())
    True
    """
    rng = np.random.default_rng(seed)
    nz, ny, nx = shape
    edge = round(band * nz)
    margin = 1.6 * radius[1]
    box = (nz - 2 * edge, ny + 2 * margin, nx + 2 * margin)
    particles = pack(box, radius, packing, rng)
    corner = (-float(edge), margin, margin)
    labels = np.zeros(shape, np.int32)
    paint(particles, corner, labels)
    centre = (ny / 2 + rng.normal(0, 0.02 * ny), nx / 2 + rng.normal(0, 0.02 * nx))
    y, x = np.ogrid[:ny, :nx]
    seen = np.hypot(y - centre[0], x - centre[1]) <= view * min(ny, nx) / 2
    contact = _contact(particles, corner, labels, 0.7 / voxel_size)
    size = np.log(particles.radii / radius[0]) / np.log(radius[1] / radius[0])
    depth = particles.centres[:, 0] / (nz - 2 * edge)
    pairs = None
    if coupling:
        pairs = touching(particles.centres, particles.inverse_axes, particles.longest, box)
    target = damage_rule(depth, size, contact, cycles, rng, pairs, coupling)
    void = crack(particles, labels, corner, target, rng)
    look = look or Look(diameter=1.5 * radius[1])
    look = replace(look, contrast=contrast)
    layer = layers(shape, edge, nz - 1 - edge, 0.25 * edge, rng)
    image = render(labels, void, layer, look, centre, seen, rng)
    labels *= seen
    kept = keep_whole_pieces(labels)
    void &= labels > 0
    extra = pd.DataFrame(
        {"Radius": particles.radii, "Contact": contact, "Target": target}, index=None
    ).iloc[kept - 1]
    spacing = (voxel_size,) * 3
    truth = _truth(labels, void, seen, spacing, extra)
    return Electrode(
        volume=image,
        labels=labels,
        solid=(labels > 0) & ~void,
        void=void,
        field_of_view=np.broadcast_to(seen, shape).copy(),
        spacing=spacing,
        truth=truth,
    )


def layers(
    shape: tuple[int, ...], top: float, bottom: float, wave: float, rng: np.random.Generator
) -> np.ndarray:
    """-1 above z = `top`, 1 below `bottom`, 0 in the electrode; both faces wave slightly."""
    z = np.arange(shape[0])[:, None, None]
    scale = 8 * wave + 4
    layer = np.zeros(shape, np.int8)
    layer[z < top + wave * smooth_noise((1, *shape[1:]), scale, rng)] = -1
    layer[z > bottom + wave * smooth_noise((1, *shape[1:]), scale, rng)] = 1
    return layer


def keep_whole_pieces(labels: np.ndarray) -> np.ndarray:
    """Keep each body's largest piece and number bodies 1..n in place; gives their old numbers."""
    pieces = cc3d.connected_components(labels, connectivity=6)
    counts = np.bincount(pieces.ravel())
    owner = np.zeros(len(counts), np.int64)
    owner[pieces.ravel()] = labels.ravel()
    order = np.lexsort((counts, owner))
    last = np.r_[owner[order][1:] != owner[order][:-1], True]
    best = order[last & (owner[order] > 0)]
    table = np.zeros(len(counts), np.int32)
    table[best] = np.arange(1, len(best) + 1)
    labels[...] = table[pieces]
    return owner[best]


def _truth(
    labels: np.ndarray,
    void: np.ndarray,
    seen: np.ndarray,
    spacing: tuple[float, float, float],
    extra: pd.DataFrame,
) -> pd.DataFrame:
    n = len(extra)
    body, hollow, cut, place = _count(labels, void, seen, n)
    table = pd.DataFrame({"label": np.arange(1, n + 1)})
    for a, name in enumerate("ZYX"):
        table[name] = place[:, a] / body * spacing[a]
    table["Radius"] = extra["Radius"].to_numpy() * spacing[0]
    table["Volume"] = 4 / 3 * np.pi * table["Radius"] ** 3
    table["Contact"] = extra["Contact"].to_numpy()
    table["Damage"] = hollow / body
    table["Target"] = extra["Target"].to_numpy()
    table["Whole"] = ~cut
    return table


@njit(cache=True)
def _count(labels, void, seen, n):  # type: ignore[no-untyped-def]
    """Voxels, void voxels, cut by an edge or the view, and sums of coordinates of each label."""
    body = np.zeros(n, np.int64)
    hollow = np.zeros(n, np.int64)
    cut = np.zeros(n, np.bool_)
    place = np.zeros((n, 3))
    nz, ny, nx = labels.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                i = labels[z, y, x] - 1
                if i < 0:
                    continue
                body[i] += 1
                hollow[i] += void[z, y, x]
                place[i, 0] += z
                place[i, 1] += y
                place[i, 2] += x
                cut[i] |= z == 0 or y == 0 or x == 0 or z == nz - 1 or y == ny - 1 or x == nx - 1
                if not cut[i]:
                    inside = seen[y - 1, x] and seen[y + 1, x] and seen[y, x - 1] and seen[y, x + 1]
                    cut[i] = not inside
    return body, hollow, cut, place


def _contact(
    particles: Particles, corner: tuple[float, float, float], labels: np.ndarray, ring: float
) -> np.ndarray:
    """Share of the shell of `ring` voxels around each body that other bodies fill."""
    n = 400
    k = np.arange(n) + 0.5
    polar = np.arccos(1 - 2 * k / n)
    turn = np.pi * (1 + 5**0.5) * k
    rays = np.stack(
        [np.cos(polar), np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn)], axis=1
    )
    return _shell(particles.centres - corner, particles.radii, rays, labels, ring)


@njit(cache=True)
def _shell(centres, radii, rays, labels, ring):  # type: ignore[no-untyped-def]
    share = np.zeros(len(radii))
    for i in range(len(radii)):
        own = 0.0
        other = 0.0
        for r in rays:
            outside = 0.0
            step = 0.3 * radii[i]
            while outside < ring:
                place = centres[i] + step * r
                z, y, x = np.rint(place[0]), np.rint(place[1]), np.rint(place[2])
                if (
                    z < 0
                    or y < 0
                    or x < 0
                    or z >= labels.shape[0]
                    or y >= labels.shape[1]
                    or x >= labels.shape[2]
                ):
                    break
                there = labels[int(z), int(y), int(x)]
                if there != i + 1:
                    outside += 0.5
                    own += step * step
                    if there:
                        other += step * step
                step += 0.5
        if own > 0:
            share[i] = other / own
    return share
