"""Training StarDist models with the same settings on any machine, continued after a kill."""

import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from ..networks.record import Thresholds
from ..quiet import quiet
from ..tensorflow_import import import_tensorflow, require_training
from .examples import (
    Example,
    Split,
    check_examples,
    fill_holes,
    normalized,
    split_examples,
)
from .folder import TrainingSettings, write_folder
from .options import TrainOptions
from .pairing import Given, gather_examples
from .result import TrainingProgress, TrainingResult
from .scale import labelled_diameter, rescale_examples
from .unfinished import claim, fingerprint
from .volume_slices import volume_slices

if TYPE_CHECKING:
    from particlebridge.analysis._shared.views import View

    from .threshold_tuning import Evaluation

_CHECKPOINT = "checkpoint.npz"


def train(
    images: Given,
    labels: Given,
    out: str | os.PathLike[str],
    *,
    start: str | os.PathLike[str] | None = None,
    dims: int = 2,
    views: "Sequence[View] | None" = None,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    options: TrainOptions | None = None,
    seed: int = 42,
    names: Sequence[str] | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> TrainingResult:
    """Train a StarDist model on annotated images.

    Repeating a call that was interrupted goes on after its last finished epoch, and ends with
    the weights it would have had: bit by bit on a CPU, within rounding on a GPU.

    Parameters
    ----------
    images
        (H, W) or (H, W, C) arrays of any real dtype and any sizes, or stacks (N, H, W) if the
        labels are stacks too; volumes (Z, Y, X) with ``dims=3``. Or files, or a glob.
    labels
        As many integer arrays: 0 background, every particle its own number, negative: not
        annotated. Or label images (files or a glob), or one annotation file for all images, see
        `gather_examples`.
    out
        The model folder to make.
    start
        A model to train on: a folder, or the name of a shipped or registered model. Its network
        is kept, so rays, grid, filters and depth of `options` do not apply.
    dims
        2, or 3 for StarDist3D.
    views
        Given, images and labels are volumes (Z, Y, X), as arrays; a 2-D model learns from the
        slices of these views, out of ``xy``, ``xz``, ``yz``, and is judged by a slab of each
        volume that is held out.
    spacing
        Voxel size (z, y, x) of these volumes; only the ratios count.
    options
        By default ``TrainOptions.augmented(dims)``; ``TrainOptions.published(dims)`` holds the
        settings of the paper.
    seed
        Of initial weights, patches and augmentation.
    names
        Of images given as arrays, for messages and the report.
    progress
        Called after every batch.
    notice
        Called with each of the result's notes as soon as it is known: what there is to say about
        the annotations comes before the training. By default they are logged as warnings.

    Returns
    -------
    TrainingResult

    Raises
    ------
    ValueError
        If images and labels do not suit each other or `start`, nothing is annotated, or most
        annotations would be lost.
    FileExistsError
        If `out` exists, or an unfinished training of other data or settings lies beside it.
    FileNotFoundError
        If `start` names no model, or images or labels are not there.
    RuntimeError
        If the loss stops being finite, or another process trains the same model.
    ImportError
        If the packages of the extra `train` are not installed.

    References
    ----------
    Schmidt et al., MICCAI 2018 (StarDist); Li et al., Science 376 (2022) 517 (the settings).

    Examples
    --------
    Two steps, to show the call; by default training takes up to 5,000.

    >>> from particlebridge.analysis import training_slices
    >>> from particlebridge.exporter import TrainOptions, train
    >>> images, labels = zip(*training_slices(2, (64, 64), seed=1, diameter=16), strict=True)
    >>> options = TrainOptions(epochs=1, steps=2, batch=1, patch=64, rays=8, filters=4, depth=2)
    >>> result = train(images, labels, "model", options=options, notice=lambda text: None)
    >>> result.path.name, len(result.history)
    ('model', 1)
    """
    out = Path(out)
    _check_new(out)
    require_training("training")
    gathered, notes = gather_examples(images, labels, names)
    start = None if start is None else os.fspath(start)
    settings = TrainingSettings(start, dims, options or TrainOptions.augmented(dims), seed)
    told = _Notes([], notice or logging.getLogger("particlebridge").warning)
    told.add(*notes)
    if views is None:
        examples, left_out = check_examples(gathered, dims)
        told.add(*left_out)
        return train_examples(examples, out, settings, progress, told=told)
    if dims != 2:
        raise ValueError("views are slices of a volume, for a 2-D model; leave out views or dims")
    slices = volume_slices(gathered, views, spacing)
    told.add(*slices.notes)
    return train_examples(slices.train, out, settings, progress, slices.held_out, told=told)


def _check_new(out: Path) -> None:
    if out.exists():
        raise FileExistsError(f"{out} exists; give another name, or delete it to train it again")


def train_examples(
    examples: list[Example],
    out: Path,
    settings: TrainingSettings,
    progress: Callable[[TrainingProgress], None] | None,
    held_out: Sequence[Example] = (),
    diameter: float | None = None,
    told: "_Notes | None" = None,
) -> TrainingResult:
    """Train on checked examples, in a folder beside `out` that a repeated call finds again.

    What is `held_out` chooses the best epoch and the thresholds; by default a share of the
    examples does. The model records `diameter`, and that others are brought to it; by default
    what `train` measures. Raises as `train` does.
    """
    _check_new(out)
    told = told or _Notes([], logging.getLogger("particlebridge").info)
    work = out.with_name(f".{out.name}.training")
    work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work / "lock", timeout=0):
            claim(work, out, fingerprint([*examples, *held_out], settings))
            result = _train(examples, held_out, diameter, told, out, work, settings, progress)
    except Timeout:
        raise RuntimeError(f"another process is training {out}; wait for it") from None
    except Exception:
        if not (work / _CHECKPOINT).is_file():
            shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(work, ignore_errors=True)
    return result


@dataclass(frozen=True)
class _Notes:
    """Sentences for the user, each said once, when it is known."""

    all: list[str]
    say: Callable[[str], None]

    def add(self, *notes: str) -> None:
        self.all.extend(notes)
        for note in notes:
            self.say(note)


def _train(
    examples: list[Example],
    held_out: Sequence[Example],
    diameter: float | None,
    notes: _Notes,
    out: Path,
    work: Path,
    settings: TrainingSettings,
    progress: Callable[[TrainingProgress], None] | None,
) -> TrainingResult:
    tf = import_tensorflow()
    import keras

    from ..networks.loading import load_model
    from .fitting import build_model, find_3d, fit, load_start, tune_3d
    from .threshold_tuning import evaluate, summarise, tune_thresholds

    options, dims = settings.options, settings.dims
    keras.utils.set_random_seed(settings.seed)
    if not tf.config.list_physical_devices("GPU"):
        # On a GPU TensorFlow refuses operations that it cannot repeat exactly.
        tf.config.experimental.enable_op_determinism()
    before: Evaluation | None = None
    unseen: Evaluation | None = None
    with quiet(errors=False) as loud:
        start = None if settings.start is None else load_start(settings.start, dims)
        network = load_model(start) if start is not None and dims == 2 else None
        recorded = None if network is None else network.diameter
        count = len(examples)
        every, rescaled = rescale_examples([*examples, *held_out], options.diameter or recorded)
        every, filled = fill_holes(every)
        examples = every[:count]
        if held_out:
            ready = normalized(every, options.percentiles)
            split = Split(ready[:count], ready[count:])
        else:
            share, seed = options.validation, options.split_seed
            split = split_examples(examples, share, seed, options.percentiles, options.unseen)
        own_scale = options.diameter is None and diameter is None
        own_scale = own_scale and all(e.scale == 1 for e in examples)
        if recorded is not None and network is not None:
            own_scale = own_scale and network.own_scale
        diameter = diameter or labelled_diameter([example.labels for example in split.train])
        with loud():
            notes.add(*rescaled, *filled, *split.notes, _told_scale(diameter, own_scale, dims))
        channels = examples[0].image.shape[-1] if examples[0].image.ndim > dims else 1
        model = build_model(work / "model", start, dims, options, channels, split)
        if network is not None:
            before = evaluate(network, split.validation, network.thresholds)
        checkpoint = fit(model, split, options, settings.seed, work / _CHECKPOINT, progress, loud)
        if dims == 2:
            trained = load_model(model)
            thresholds = tune_thresholds(trained, split.validation)
            after = evaluate(trained, split.validation, thresholds)
            unseen = evaluate(trained, split.unseen, thresholds) if split.unseen else None
        else:
            thresholds = Thresholds(**tune_3d(model, split))
            after = summarise(split.validation, find_3d(model, split.validation), thresholds)
            if split.unseen:
                unseen = summarise(split.unseen, find_3d(model, split.unseen), thresholds)
    if before is not None and np.mean(list(after.f1.values())) < np.mean(list(before.f1.values())):
        notes.add("The model was better on the held-out images before this training.")
    if not after.f1[0.5]:
        notes.add("Not one held-out particle is found: train longer, or check the annotations.")
    result = TrainingResult(
        path=out,
        thresholds=thresholds,
        diameter=diameter,
        own_scale=own_scale,
        history=pd.DataFrame(checkpoint.history),
        f1=after.f1,
        f1_unseen=None if unseen is None else unseen.f1,
        before=None if before is None else before.f1,
        resumed_at=checkpoint.resumed_at,
        notes=tuple(notes.all),
    )
    write_folder(work / "model", model.config, result, settings, split, after, unseen)
    (work / "model").rename(out)
    return result


def _told_scale(diameter: float, own_scale: bool, dims: int) -> str:
    """Say what the model records about its particles' size, and what follows from it."""
    told = f"The model records a typical particle diameter of {diameter:.3g} pixels"
    if dims == 3:
        return f"{told}, measured from the annotations."
    if own_scale:
        return (
            f"{told}, measured from the annotations: the images kept their scale, and others are "
            "segmented at their own, too, unless --diameter tells how large their particles are."
        )
    return f"{told}: images are brought to it before they are segmented."
