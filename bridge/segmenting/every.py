"""How many slices of a view the network sees: all, or one of every few."""

from typing import Literal

from .._shared.progress import notice

Every = int | Literal["auto"]

_MOST = 16
_ENOUGH = 12
"""Slices of a particle from which the views still agree as well: on electrodes with particles 25 to
29 voxels wide, every second slice costs 0.002 of F1 at IoU 0.5 (`python -m benchmarks every`)."""


def check_every(every: Every) -> None:
    """Refuse what is no number of slices.

    Raises
    ------
    ValueError
        If it is neither ``auto`` nor a whole number from 1 to 16.
    """
    if every != "auto" and not (isinstance(every, int) and 1 <= every <= _MOST):
        raise ValueError(f"every is auto or a whole number from 1 to {_MOST}, not {every!r}")


def chosen_every(every: Every, view: str, diameter: float | None, step: float) -> int:
    """Find which slices of a view to segment, and say so.

    Parameters
    ----------
    every
        As in `SegmentOptions`.
    view
        For the message.
    diameter, step
        Of a typical particle and from slice to slice, in smallest sides of a voxel; without a
        diameter ``auto`` means all slices.

    Returns
    -------
    int
        One of so many slices is segmented.
    """
    if every == "auto":
        shown = 0.0 if diameter is None else diameter / step
        number = min(_MOST, max(1, int(shown / _ENOUGH)))
        why = f" (a particle shows in {shown:.3g} of them)" if shown else ""
    else:
        number, why = every, ""
    if every == "auto" or number > 1:
        what = f"one of {number} slices" if number > 1 else "every slice"
        others = "; the others take the outlines of the nearest" if number > 1 else ""
        notice(f"view {view}: {what} is segmented{why}{others}")
    return number
