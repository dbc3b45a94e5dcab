"""What a training tells while it runs, and what comes of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..networks.record import Thresholds

if TYPE_CHECKING:
    import pandas as pd


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


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What came of a training.

    Attributes
    ----------
    path
        The model folder: config.json, weights_best.h5, thresholds.json, particlebridge.json,
        training.json (settings, scores, versions), history.csv, training.html (the report).
    thresholds
        Tuned on the held-out images.
    diameter
        Typical particle diameter in the training images as the network saw them, pixels.
    own_scale
        Whether these images kept their scale; then others are segmented at their own, too.
    history
        One row per epoch: loss, val_loss, learning_rate and StarDist's metrics.
    f1
        F1 by IoU, 0.5 to 0.95, on the held-out images that chose the epoch and the thresholds;
        it flatters.
    f1_unseen
        The same on images that chose nothing; None where there are none.
    before
        As `f1`, before training, where a model was trained on; else None.
    resumed_at
        Number of epochs that an earlier, interrupted call had done.
    notes
        What a reader of the scores must know, one sentence each.
    """

    path: Path
    thresholds: Thresholds
    diameter: float
    own_scale: bool
    history: "pd.DataFrame"
    f1: dict[float, float]
    f1_unseen: dict[float, float] | None
    before: dict[float, float] | None
    resumed_at: int
    notes: tuple[str, ...]
