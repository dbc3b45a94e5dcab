"""The bodies' edges: the views' votes beside the grey values, decided voxel by voxel."""

import numba
import numpy as np

from .._shared.parallel import in_pieces
from ..material.grey_levels import GreyLevels
from .voting import FULL

# How much more a voxel inside a body counts than its grey value says, in units of the step from
# surroundings to material: a dark voxel there may well be a crack.
_LENIENCE = 0.3
# With noise of this share of the step, grey still weighs as much as the views; with more, by the
# inverse of its variance. Views say yes or no, which is off by one half at most.
_NOISE = 0.5


def add_grey_votes(
    bodies: np.ndarray, support: np.ndarray, volume: np.ndarray, levels: GreyLevels
) -> np.ndarray:
    """Give the grey value of each voxel at an edge a vote beside those of the views.

    It is 0 at the grey of the surroundings and 1 at that of the body's material. Inside a body
    it counts `_LENIENCE` more, because a dark voxel there may well be a crack. It weighs as much
    as the views unless noise hides the step between the two greys (`_NOISE`).

    Parameters
    ----------
    bodies, support
        From `count_votes`.
    volume
        (Z, Y, X) grey values.
    levels
        Grey values of the bodies.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X)
        The votes with those of the grey values.
    """
    out = support.copy()

    def work(start: int, stop: int) -> None:
        grey = np.ascontiguousarray(volume[start:stop], np.float32)
        _add_grey_votes(bodies, support, start, grey, levels, out)

    in_pieces(work, bodies.shape)
    return out


@numba.njit(cache=True, nogil=True)
def _add_grey_votes(
    bodies: np.ndarray,
    support: np.ndarray,
    start: int,
    volume: np.ndarray,
    levels: GreyLevels,
    out: np.ndarray,
) -> None:
    solid, void = levels.solid, levels.void
    nz, ny, nx = support.shape
    inside, plain = np.zeros((3, ny, nx), np.bool_), np.zeros((3, ny, nx), np.bool_)
    for z in range(start, start + volume.shape[0]):
        z0, z1 = max(z - 1, 0), min(z + 2, nz)
        for zz in range(z0 if z == start else z + 1, z1):
            for y in range(ny):
                for x in range(nx):
                    inside[zz % 3, y, x] = 2 * support[zz, y, x] > FULL
            _mark_plain(inside[zz % 3], inside[zz % 3], plain[zz % 3])
        for y in range(ny):
            for x in range(nx):
                # At an edge, some neighbours are voted in and some are not.
                alike = True
                for zz in range(z0, z1):
                    alike &= plain[zz % 3, y, x] & (inside[zz % 3, y, x] == inside[z % 3, y, x])
                if alike:
                    continue
                name = bodies[z, y, x]
                height = solid[name] - void[name]
                if height <= 0:
                    continue
                grey = (volume[z - start, y, x] - void[name]) / height
                if inside[z % 3, y, x]:
                    grey += _LENIENCE
                grey = min(max(grey, 0.0), 1.0)
                weight = min(1.0, (_NOISE * height / levels.noise) ** 2) if levels.noise else 1.0
                votes = (support[z, y, x] + weight * FULL * grey) / (1 + weight)
                out[z, y, x] = np.uint8(votes + 0.5)


def settle(bodies: np.ndarray, support: np.ndarray, centre: int = 2) -> np.ndarray:
    """Decide each voxel by the votes in its 3 x 3 x 3 neighbourhood.

    The share of votes for any body decides between body and background, then the votes for each
    body decide which it is.

    Parameters
    ----------
    bodies, support
        From `count_votes`.
    centre
        Neighbours weigh 1, `centre`, 1 along each axis.

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)
    """
    settled = np.empty_like(bodies)

    def work(start: int, stop: int) -> None:
        _settle(bodies, support, centre, start, stop, settled)

    in_pieces(work, bodies.shape)
    return settled


@numba.njit(cache=True, nogil=True)
def _settle(
    bodies: np.ndarray, support: np.ndarray, centre: int, start: int, stop: int, out: np.ndarray
) -> None:
    nz, ny, nx = bodies.shape
    names, tally = np.zeros(27, np.int32), np.zeros(27, np.int64)
    plain = np.zeros((3, ny, nx), np.bool_)
    for z in range(start, stop):
        z0, z1 = max(z - 1, 0), min(z + 2, nz)
        for zz in range(z0 if z == start else z + 1, z1):
            _mark_plain(bodies[zz], support[zz], plain[zz % 3])
        for y in range(ny):
            y0, y1 = max(y - 1, 0), min(y + 2, ny)
            for x in range(nx):
                own, own_support = bodies[z, y, x], support[z, y, x]
                # Most voxels have 26 neighbours like themselves.
                alike = True
                for zz in range(z0, z1):
                    alike &= plain[zz % 3, y, x]
                    alike &= (bodies[zz, y, x] == own) & (support[zz, y, x] == own_support)
                if alike:
                    out[z, y, x] = own if 2 * own_support > FULL else 0
                    continue
                x0, x1 = max(x - 1, 0), min(x + 2, nx)
                used, yes, total = 0, 0, 0
                for zz in range(z0, z1):
                    for yy in range(y0, y1):
                        for xx in range(x0, x1):
                            weight = (
                                (1 if zz != z else centre)
                                * (1 if yy != y else centre)
                                * (1 if xx != x else centre)
                            )
                            total += weight * FULL
                            voice = weight * support[zz, yy, xx]
                            yes += voice
                            name = bodies[zz, yy, xx]
                            if name == 0:
                                continue
                            k = 0
                            while k < used and names[k] != name:
                                k += 1
                            if k == used:
                                names[k], tally[k] = name, 0
                                used += 1
                            tally[k] += voice
                out[z, y, x] = 0
                if 2 * yes > total and used:
                    best = 0
                    for k in range(1, used):
                        if tally[k] > tally[best]:
                            best = k
                    out[z, y, x] = names[best]


@numba.njit(cache=True, nogil=True)
def _mark_plain(bodies: np.ndarray, support: np.ndarray, plain: np.ndarray) -> None:
    """Mark the pixels of a slice whose neighbours in the slice are all like them."""
    ny, nx = bodies.shape
    for y in range(ny):
        for x in range(nx):
            plain[y, x] = True
        for x in range(nx - 1):
            if bodies[y, x] != bodies[y, x + 1] or support[y, x] != support[y, x + 1]:
                plain[y, x] = plain[y, x + 1] = False
    # A row is done with when the row below it has been compared with it.
    above = np.ones(nx, np.bool_)
    for y in range(ny):
        for x in range(nx):
            row = plain[y, x]
            like = True
            if y + 1 < ny:
                like = (bodies[y, x] == bodies[y + 1, x]) & (support[y, x] == support[y + 1, x])
                like &= plain[y + 1, x]
            kept = row & like & above[x]
            if y + 1 < ny:
                above[x] = (
                    row & (bodies[y, x] == bodies[y + 1, x]) & (support[y, x] == support[y + 1, x])
                )
            plain[y, x] = kept
