"""Votes of the views on every voxel."""

from collections.abc import Mapping
from typing import NamedTuple

import numba
import numpy as np

from .._shared.parallel import in_pieces
from .._shared.views import VIEWS, View, from_view
from ..linking.objects import Objects2D

# A full vote for a body, as stored.
FULL = 240
# Least weight: whoever drew an object where the network saw none still has a say.
_LEAST = 1e-3


class Ballot(NamedTuple):
    """One view's 2-D objects and what each of them votes for.

    Attributes
    ----------
    objects : Objects2D
    body_of : ndarray of int32, shape (n + 1,)
        Body of each object; -1: some body, the others shall say which; 0 for background.
    weights : ndarray of float32, shape (n + 1,)
        Weight of each object's vote; 1 is usual.
    trust : float
        Weight of the view beside the others, for and against a body.
    """

    objects: Objects2D
    body_of: np.ndarray
    weights: np.ndarray
    trust: float = 1.0


def object_weights(objects: Objects2D, prob: np.ndarray | None) -> np.ndarray:
    """Weigh each 2-D object by its mean probability over that of all the view's objects.

    Parameters
    ----------
    objects
        A view's 2-D objects.
    prob
        Object probability in the view's own order; without it all weights are 1.

    Returns
    -------
    ndarray of float32, shape (n + 1,)
        All above 0.

    Raises
    ------
    ValueError
        If an object holds a value that is no probability: NaN, infinite or negative.
    """
    if prob is None:
        return np.ones(objects.sizes.size, np.float32)
    total = np.zeros(objects.sizes.size)
    for numbers, plane in zip(objects.numbers, prob, strict=True):
        _add_inside(numbers, np.asarray(plane, np.float32), total)
    if not (np.isfinite(total).all() and total.min() >= 0):
        raise ValueError(
            "The probabilities of an object hold NaN, infinite or negative values; "
            "give values from 0 to 1, or none."
        )
    usual = total.sum() / max(objects.sizes.sum(), 1)
    if not usual > 0:
        return np.ones(objects.sizes.size, np.float32)
    weights = total / np.maximum(objects.sizes, 1) / usual
    return np.maximum(weights, _LEAST).astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _add_inside(numbers: np.ndarray, values: np.ndarray, total: np.ndarray) -> None:
    for y in range(numbers.shape[0]):
        for x in range(numbers.shape[1]):
            if numbers[y, x]:
                total[numbers[y, x]] += values[y, x]


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
    support : ndarray of uint8, shape (Z, Y, X)
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
        weights.append(ballot.weights * np.float32(ballot.trust))
        offsets.append(offsets[-1] + ballot.body_of.size)
        flags = np.zeros((n_bodies + 1, shape[VIEWS.index(view)]), bool)
        named = ballot.body_of > 0
        flags[ballot.body_of[named], ballot.objects.slices[named]] = True
        seen.append(flags)
    widest = max(flags.shape[1] for flags in seen)
    table = np.zeros((len(seen), n_bodies + 1, widest), bool)
    for row, flags in zip(table, seen, strict=True):
        row[:, : flags.shape[1]] = flags
    bodies, support = np.empty(shape, np.int32), np.empty(shape, np.uint8)
    starts, named = np.array(offsets), np.concatenate(body_of)
    heard, axes = np.concatenate(weights), np.array([VIEWS.index(view) for view in ballots])
    trust = np.array([ballot.trust for ballot in ballots.values()], np.float32)

    def work(start: int, stop: int) -> None:
        here = slice(start, stop)
        numbers = np.stack(
            [from_view(b.objects.numbers, view)[here] for view, b in ballots.items()]
        )
        _count(
            numbers, starts, named, heard, trust, table, axes, start, bodies[here], support[here]
        )

    in_pieces(work, shape)
    return bodies, support


@numba.njit(cache=True, nogil=True)
def _count(
    numbers: np.ndarray,
    offsets: np.ndarray,
    body_of: np.ndarray,
    weights: np.ndarray,
    trust: np.ndarray,
    seen: np.ndarray,
    axes: np.ndarray,
    start: int,
    bodies: np.ndarray,
    support: np.ndarray,
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
                support[z, y, x] = 0
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
                            no += trust[v]
                support[z, y, x] = np.uint8(FULL * yes / (yes + no) + np.float32(0.5))
