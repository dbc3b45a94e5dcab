"""Votes of the views on every voxel, and the bodies' edges that follow from them."""

from collections.abc import Mapping
from typing import NamedTuple

import numba
import numpy as np

from .grey_levels import GreyLevels
from .overlaps import slabs
from .slice_linking import Objects2D
from .views import VIEWS, View, from_view

# A full vote for a body, as stored.
FULL = 240
_LENIENCE = 0.3


class Ballot(NamedTuple):
    """One view's 2-D objects and what each of them votes for.

    Attributes
    ----------
    objects : Objects2D
    body_of : ndarray of int32, shape (n + 1,)
        Body of each object; -1: some body, the others shall say which; 0 for background.
    weights : ndarray of float32, shape (n + 1,)
        Weight of each object's vote; 1 is usual.
    """

    objects: Objects2D
    body_of: np.ndarray
    weights: np.ndarray


def count_votes(ballots: Mapping[View, Ballot], n_bodies: int) -> tuple[np.ndarray, np.ndarray]:
    """Let the views vote on each voxel.

    Parameters
    ----------
    ballots
        The objects of one to three views.
    n_bodies
        Largest body number.

    Returns
    -------
    bodies : ndarray of int32, shape (Z, Y, X)
        The body with most votes; 0 where two have as many, or none has any.
    ayes : ndarray of uint8, shape (Z, Y, X)
        `FULL` times the share of the votes that are for a body.

    Notes
    -----
    A view that has no object of the winning body in its slice has missed it there and abstains;
    one that has, but not at this voxel, votes against.
    """
    shape = next(from_view(b.objects.numbers, view).shape for view, b in ballots.items())
    offsets, body_of, weights, seen = [0], [], [], []
    for view, ballot in ballots.items():
        body_of.append(ballot.body_of)
        weights.append(ballot.weights)
        offsets.append(offsets[-1] + ballot.body_of.size)
        flags = np.zeros((n_bodies + 1, shape[VIEWS.index(view)]), bool)
        named = ballot.body_of > 0
        flags[ballot.body_of[named], ballot.objects.slices[named]] = True
        seen.append(flags)
    widest = max(flags.shape[1] for flags in seen)
    table = np.zeros((len(seen), n_bodies + 1, widest), bool)
    for row, flags in zip(table, seen, strict=True):
        row[:, : flags.shape[1]] = flags
    bodies, ayes = np.empty(shape, np.int32), np.empty(shape, np.uint8)
    for slab in slabs(shape):
        numbers = np.stack(
            [from_view(b.objects.numbers, view)[slab] for view, b in ballots.items()]
        )
        _count(
            numbers,
            np.array(offsets),
            np.concatenate(body_of),
            np.concatenate(weights),
            table,
            np.array([VIEWS.index(view) for view in ballots]),
            slab.start,
            bodies[slab],
            ayes[slab],
        )
    return bodies, ayes


@numba.njit(cache=True, nogil=True)
def _count(
    numbers: np.ndarray,
    offsets: np.ndarray,
    body_of: np.ndarray,
    weights: np.ndarray,
    seen: np.ndarray,
    axes: np.ndarray,
    start: int,
    bodies: np.ndarray,
    ayes: np.ndarray,
) -> None:
    n_views = numbers.shape[0]
    names, tally = np.zeros(n_views, np.int32), np.zeros(n_views, np.float32)
    for z in range(numbers.shape[1]):
        for y in range(numbers.shape[2]):
            for x in range(numbers.shape[3]):
                used, voices, yes = 0, 0, np.float32(0)
                for v in range(n_views):
                    number = numbers[v, z, y, x]
                    if number == 0:
                        continue
                    voices += 1
                    weight = weights[offsets[v] + number]
                    yes += weight
                    name = body_of[offsets[v] + number]
                    if name <= 0:
                        continue
                    k = 0
                    while k < used and names[k] != name:
                        k += 1
                    if k == used:
                        names[k], tally[k] = name, np.float32(0)
                        used += 1
                    tally[k] += weight
                bodies[z, y, x] = 0
                ayes[z, y, x] = 0
                if voices == 0:
                    continue
                best, tied = 0, False
                for k in range(1, used):
                    if tally[k] > tally[best]:
                        best, tied = k, False
                    elif tally[k] == tally[best]:
                        tied = True
                if used and not tied:
                    bodies[z, y, x] = names[best]
                no = np.float32(0)
                for v in range(n_views):
                    if numbers[v, z, y, x] == 0:
                        # Nobody missed what nobody named: those who are silent are against.
                        at = start + z if axes[v] == 0 else (y if axes[v] == 1 else x)
                        if used == 0 or seen[v, names[best], at]:
                            no += np.float32(1)
                ayes[z, y, x] = np.uint8(FULL * yes / (yes + no) + np.float32(0.5))


def add_grey_votes(
    bodies: np.ndarray, ayes: np.ndarray, volume: np.ndarray, levels: GreyLevels
) -> None:
    """Give the grey value of each voxel at an edge one vote beside those of the views, in place.

    It is 0 at the grey of the surroundings and 1 at that of the body's material. Inside a body
    it counts `_LENIENCE` more, because a dark voxel there may well be a crack.

    Parameters
    ----------
    bodies, ayes
        From `count_votes`; `ayes` is changed.
    volume
        (Z, Y, X) grey values.
    levels
        Grey values of the bodies.
    """
    before: np.ndarray | None = None
    for slab in slabs(bodies.shape):
        start = max(slab.start - 1, 0)
        # The slice before was changed with the slab before: what it was is kept.
        votes = np.concatenate(
            [
                ayes[start : slab.start] if before is None else before,
                ayes[slab.start : slab.stop + 1],
            ]
        )
        before = ayes[slab][-1:].copy()
        _add_grey_votes(
            bodies[slab],
            votes,
            slab.start - start,
            np.ascontiguousarray(volume[slab], np.float32),
            levels.solid,
            levels.void,
            ayes[slab],
        )


@numba.njit(cache=True, nogil=True)
def _add_grey_votes(
    bodies: np.ndarray,
    votes: np.ndarray,
    start: int,
    volume: np.ndarray,
    solid: np.ndarray,
    void: np.ndarray,
    ayes: np.ndarray,
) -> None:
    depth, ny, nx = votes.shape
    for z in range(bodies.shape[0]):
        z0, z1 = max(start + z - 1, 0), min(start + z + 2, depth)
        for y in range(ny):
            y0, y1 = max(y - 1, 0), min(y + 2, ny)
            for x in range(nx):
                own = votes[start + z, y, x]
                low = high = own
                for zz in range(z0, z1):
                    for yy in range(y0, y1):
                        for xx in range(max(x - 1, 0), min(x + 2, nx)):
                            low = min(low, votes[zz, yy, xx])
                            high = max(high, votes[zz, yy, xx])
                # At an edge, some neighbours are voted in and some are not.
                if 2 * low > FULL or 2 * high <= FULL:
                    continue
                name = bodies[z, y, x]
                height = solid[name] - void[name]
                if height <= 0:
                    continue
                grey = (volume[z, y, x] - void[name]) / height
                if 2 * own > FULL:
                    grey += _LENIENCE
                grey = min(max(grey, 0.0), 1.0)
                ayes[z, y, x] = np.uint8((own + FULL * grey) / 2 + 0.5)


def settle(bodies: np.ndarray, ayes: np.ndarray, centre: int = 2) -> np.ndarray:
    """Decide each voxel by the votes in its 3 x 3 x 3 neighbourhood.

    The share of votes for any body decides between body and background, then the votes for each
    body decide which it is.

    Parameters
    ----------
    bodies, ayes
        From `count_votes`.
    centre
        Neighbours weigh 1, `centre`, 1 along each axis.

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)
    """
    settled = np.empty_like(bodies)
    _settle(bodies, ayes, centre, settled)
    return settled


@numba.njit(cache=True, nogil=True)
def _settle(bodies: np.ndarray, ayes: np.ndarray, centre: int, out: np.ndarray) -> None:
    nz, ny, nx = bodies.shape
    names, tally = np.zeros(27, np.int32), np.zeros(27, np.int64)
    for z in range(nz):
        z0, z1 = max(z - 1, 0), min(z + 2, nz)
        for y in range(ny):
            y0, y1 = max(y - 1, 0), min(y + 2, ny)
            for x in range(nx):
                x0, x1 = max(x - 1, 0), min(x + 2, nx)
                own, aye = bodies[z, y, x], ayes[z, y, x]
                alike = True
                for zz in range(z0, z1):
                    for yy in range(y0, y1):
                        for xx in range(x0, x1):
                            alike &= bodies[zz, yy, xx] == own and ayes[zz, yy, xx] == aye
                if alike:
                    out[z, y, x] = own if 2 * aye > FULL else 0
                    continue
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
                            voice = weight * ayes[zz, yy, xx]
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
