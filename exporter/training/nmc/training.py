"""How the shipped model is trained: on slices made by code, along a cosine, bfloat16 inside."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from particlebridge.analysis import atomic_path, training_slices

from ...bundles.plugin_graph import layout_of
from ...bundles.portable import from_keras
from ...networks.keras_models import load_keras_model
from ...networks.onnx_session import ONNX_NAME
from ...tensorflow_import import require_training
from ..augmentation import Augmentation
from ..examples import Example
from ..folder import TrainingSettings
from ..options import TrainOptions
from ..result import TrainingProgress
from ..train import train_examples

TRAINING_DIAMETER = 48.0
"""Typical diameter that images are rescaled to, pixels: on held-out slices 46 to 52 did best."""

NMC_OPTIONS = TrainOptions(
    epochs=49,
    patience=None,
    learning_rate=4e-4,
    schedule="cosine",
    bfloat16=True,
    augmentation=Augmentation(scale=1.2, gain=1.3, blur=1.0, elastic=1.5),
)
"""Settings of the shipped model: about an hour on one core."""


def train_nmc(
    out: str | os.PathLike[str],
    options: TrainOptions = NMC_OPTIONS,
    *,
    slices: int = 900,
    diameter: float = 40.0,
    seed: int = 42,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> Path:
    """Train a model like the shipped `nmc` on generated slices; no annotation is needed.

    Repeating a call that was interrupted goes on after its last finished epoch.

    Parameters
    ----------
    out
        The model folder to make.
    options
        By default that of the shipped model.
    slices
        Generated slices to draw patches from. 32 more, of other electrodes, judge the epochs and
        tune the thresholds.
    diameter
        Typical particle diameter in the generated slices, pixels; each electrode's is 0.7 to 1.4
        times that.
    seed
        Of slices, patches and initial weights.
    progress
        Called after every batch.

    Returns
    -------
    Path
        `out`, which `load_model` takes; it holds model.onnx, too.

    Raises
    ------
    FileExistsError
        If `out` exists, or an unfinished training with other settings lies beside it.
    OSError
        If `out` cannot be written.

    Examples
    --------
    >>> from particlebridge.exporter import train_nmc
    >>> train_nmc("nmc")  # doctest: +SKIP
    PosixPath('nmc')
    """
    require_training("training")
    pool = as_examples(training_slices(slices, seed=seed, diameter=diameter))
    held_out = held_out_slices(seed, diameter)
    settings = TrainingSettings(None, 2, options, seed)
    path = train_examples(pool, Path(out), settings, progress, held_out, TRAINING_DIAMETER).path
    model = load_keras_model(path)
    with atomic_path(path / ONNX_NAME) as beside:
        beside.write_bytes(from_keras(model, layout_of(model)).onnx)
    return path


def as_examples(slices: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[Example]:
    """Name generated slices."""
    return [Example(f"slice {k}", image, labels) for k, (image, labels) in enumerate(slices)]


def held_out_slices(seed: int, diameter: float) -> list[Example]:
    """Make slices of other electrodes than those of `seed`."""
    return as_examples(training_slices(32, seed=seed + 1, diameter=diameter))
