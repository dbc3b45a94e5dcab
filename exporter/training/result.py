"""What a training tells while it runs, and how it keeps its libraries' prints to itself."""

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

Loud = Callable[[], AbstractContextManager[Any]]
"""Gives a context in which prints are seen again."""


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is.

    Attributes
    ----------
    epoch, epochs
        The epoch under way, counted from 1, and how many there are at most.
    step, steps
        Batches done in this epoch, and how many it has.
    loss
        Mean loss of this epoch so far.
    val_loss
        Validation loss of the last finished epoch; NaN before the first.

    Examples
    --------
    >>> from particlebridge.exporter import TrainingProgress
    >>> now = TrainingProgress(epoch=2, epochs=50, step=30, steps=100, loss=0.4, val_loss=0.5)
    >>> f"epoch {now.epoch} of {now.epochs}, step {now.step} of {now.steps}"
    'epoch 2 of 50, step 30 of 100'
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    val_loss: float


@contextlib.contextmanager
def quiet() -> Iterator[Loud]:
    """Drop what csbdeep, StarDist and Keras print; yield the way to be heard in between."""
    stdout = sys.stdout
    with (
        open(os.devnull, "w") as nowhere,  # noqa: PTH123 - the null device
        contextlib.redirect_stdout(nowhere),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield lambda: contextlib.redirect_stdout(stdout)
