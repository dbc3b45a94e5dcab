"""Particles that a person put right or found right, as a volume to train on."""

import os

import numpy as np
from particlebridge.analysis.correction.acts import Box, slices, wider_box
from scipy.ndimage import distance_transform_edt

from .._shared.progress import inform
from ..volumes.labelled import LabelledVolume, without_unseen
from .log import LOG
from .session import ReviewSession

_RIGHT = ("accepted", "corrected", "added")
_RIM = 0.25
"""Background is known around a particle as far as this share of its diameter."""


def corrected_volume(folder: str | os.PathLike[str]) -> LabelledVolume:
    """Give the volume of a run with the particles that a person corrected, added or accepted.

    All else counts as not annotated (-1), but for two kinds of background: what a person took out,
    and the rim around each of these particles, a quarter of its diameter wide, where no particle
    lies. Without a rim a network would learn that there is no background.

    Parameters
    ----------
    folder
        A run folder with ``corrections.jsonl``.

    Raises
    ------
    ValueError
        If no particle was corrected, added or accepted.
    FileNotFoundError, ValueError, RuntimeError
        As `ReviewSession.open`.
    """
    with ReviewSession.open(folder) as review:
        table = review.table
        right = [int(n) for n in table["label"][table["review"].isin(_RIGHT)]]
        if not right:
            raise ValueError(
                f"{review.folder / LOG}: no particle was corrected, added or accepted; do so with "
                f"'particlebridge review {folder}' and train then"
            )
        now, before = np.asarray(review.labels[:]), np.asarray(review.labels.base[:])
        numbers = np.full(now.shape, -1, np.int32)
        numbers[(before > 0) & (now == 0) & ~np.isin(before, table["label"])] = 0
        for label in right:
            _mark(numbers, now, label, review.box(label), review.spacing)
        inform(
            f"{review.folder}: {len(right)} particles that were corrected, added or accepted are "
            "annotated; all but their rims and what was taken out counts as not annotated"
        )
        return without_unseen(review.volume, numbers)


def _mark(
    numbers: np.ndarray,
    now: np.ndarray,
    label: int,
    box: Box,
    spacing: tuple[float, float, float],
) -> None:
    """Give a particle its number, and its rim 0 where no particle lies."""
    inside = now[slices(box)] == label
    diameter = 2 * (3 * inside.sum() * np.prod(spacing) / (4 * np.pi)) ** (1 / 3)
    reach = max(_RIM * diameter, 2 * min(spacing))
    wide = [int(np.ceil(reach / side)) for side in spacing]
    around = slices(wider_box(box, wide, now.shape))
    own = now[around] == label
    marked = numbers[around]
    rim = (distance_transform_edt(~own, spacing) <= reach) & (now[around] == 0)
    marked[rim & (marked < 0)] = 0
    marked[own] = label
