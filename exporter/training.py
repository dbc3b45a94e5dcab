"""Training StarDist models: the published recipe, on any machine, continued after a kill."""

import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout
from particlebridge.analysis import atomic_path

from .augmentation import Augmentation
from .model_record import RECORD_NAME, ModelRecord, Thresholds, folder_digest
from .recipe import Recipe
from .training_data import Example, check_examples, median_diameter, split_examples
from .training_progress import TrainingProgress, quiet

if TYPE_CHECKING:
    from .threshold_tuning import Evaluation

_VERSIONS = ("particlebridge", "stardist", "csbdeep", "tensorflow", "keras", "numpy", "scipy")


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
        Median particle diameter in the training images as the network saw them, pixels.
    history
        One row per epoch: loss, val_loss, learning_rate and StarDist's metrics.
    f1
        F1 on the held-out images by IoU, 0.5 to 0.95.
    before
        The same before training, where a model was trained on; else None.
    resumed_at
        Number of epochs that an earlier, interrupted call had done.
    notes
        What a reader of the scores must know, one sentence each.
    """

    path: Path
    thresholds: Thresholds
    diameter: float
    history: pd.DataFrame
    f1: dict[float, float]
    before: dict[float, float] | None
    resumed_at: int
    notes: tuple[str, ...]


def train(
    images: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    out: str | os.PathLike[str],
    *,
    start: str | os.PathLike[str] | None = None,
    dims: int = 2,
    recipe: Recipe | None = None,
    augmentation: Augmentation | None = Augmentation(),  # noqa: B008 - frozen
    seed: int = 42,
    names: Sequence[str] | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> TrainingResult:
    """Train a StarDist model on annotated images.

    Repeating a call that was interrupted goes on after its last finished epoch, and ends with
    the weights it would have had.

    Parameters
    ----------
    images
        (H, W) or (H, W, C) arrays of any real dtype and any sizes, or stacks (N, H, W) if the
        labels are stacks too; volumes (Z, Y, X) with ``dims=3``.
    labels
        Integer arrays: 0 background, every particle its own number, negative: not annotated.
    out
        The model folder to make.
    start
        A model to train on: a folder, or the name of a shipped or registered model. Its network
        is kept, so `recipe`'s rays, grid, filters and depth do not apply.
    dims
        2, or 3 for StarDist3D.
    recipe
        By default the published one for `dims`.
    augmentation
        How patches are changed; None: not at all.
    seed
        Of initial weights, patches and augmentation.
    names
        Of the images, for messages and the report.
    progress
        Called after every batch.

    Returns
    -------
    TrainingResult

    Raises
    ------
    ValueError
        If images and labels do not suit each other or `start`, or nothing is annotated.
    FileExistsError
        If `out` exists, or an unfinished training of other data or settings lies beside it.
    FileNotFoundError
        If `start` names no model.
    RuntimeError
        If the loss stops being finite, or another process trains the same model.

    References
    ----------
    Schmidt et al., MICCAI 2018 (StarDist); Li et al., Science 376 (2022) 517 (the recipe).
    """
    out = Path(out)
    if out.exists():
        raise FileExistsError(f"{out} exists; give another name, or delete it to train it anew")
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images and {len(labels)} label images; give one for each")
    recipe = recipe or Recipe.published(dims)
    if names is None:
        names = [f"image {k + 1}" for k in range(len(images))]
    given = zip(names, images, labels, strict=True)
    examples = check_examples([Example(*each) for each in given], dims)

    work = out.with_name(f".{out.name}.training")
    work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work / "lock", timeout=0):
            _claim(work, out, _fingerprint(examples, start, dims, recipe, augmentation, seed))
            result = _train(examples, out, work, start, dims, recipe, augmentation, seed, progress)
    except Timeout:
        raise RuntimeError(f"another process is training {out}; wait for it") from None
    shutil.rmtree(work, ignore_errors=True)
    return result


def _train(
    examples: list[Example],
    out: Path,
    work: Path,
    start: str | os.PathLike[str] | None,
    dims: int,
    recipe: Recipe,
    augmentation: Augmentation | None,
    seed: int,
    progress: Callable[[TrainingProgress], None] | None,
) -> TrainingResult:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    from .stardist_fitting import build_model, fit, load_start, tune_3d
    from .store import load_model
    from .threshold_tuning import evaluate, summarise, tune_thresholds
    from .training_report import write_report

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    split = split_examples(examples, recipe.validation, recipe.split_seed, recipe.percentiles)
    channels = examples[0].image.shape[-1] if examples[0].image.ndim > dims else 1
    before: Evaluation | None = None
    with quiet() as loud:
        started = None if start is None else load_start(start, dims)
        model = build_model(work / "model", started, dims, recipe, channels, split)
        if started is not None and dims == 2:
            network = load_model(started)
            before = evaluate(network, split.validation, network.thresholds)
        checkpoint = fit(
            model, split, recipe, augmentation, seed, work / "checkpoint.npz", progress, loud
        )
        if dims == 2:
            network = load_model(model)
            thresholds = tune_thresholds(network, split.validation)
            after = evaluate(network, split.validation, thresholds)
        else:
            tuned, found = tune_3d(model, split)
            thresholds = Thresholds(**tuned)
            after = summarise(split.validation, found, thresholds)
    notes = list(split.notes)
    if before is not None and np.mean(list(after.f1.values())) < np.mean(list(before.f1.values())):
        notes.append("The model was better on the held-out images before this training.")
    if not after.f1[0.5]:
        notes.append("Not one held-out particle is found: train longer, or check the annotations.")
    folder = work / "model"
    result = TrainingResult(
        path=out,
        thresholds=thresholds,
        diameter=median_diameter([example.labels for example in split.train]),
        history=pd.DataFrame(checkpoint.history),
        f1=after.f1,
        before=None if before is None else before.f1,
        resumed_at=checkpoint.resumed_at,
        notes=tuple(notes),
    )
    (folder / "weights_last.h5").unlink(missing_ok=True)
    _write_json(folder / "thresholds.json", asdict(thresholds))
    versions = {name: importlib.metadata.version(name) for name in _VERSIONS}
    record = ModelRecord(
        thresholds=thresholds,
        numerics="plugin" if dims == 2 else "stardist",
        percentiles=recipe.percentiles,
        diameter=result.diameter,
        grid=tuple(model.config.grid)[-2:],
        rays=int(model.config.n_rays),
        digest=folder_digest(folder),
    )
    _write_json(folder / RECORD_NAME, {**asdict(record), "seed": seed, "versions": versions})
    settings = {
        "recipe": asdict(recipe),
        "augmentation": None if augmentation is None else asdict(augmentation),
        "start": None if start is None else os.fspath(start),
        "dims": dims,
        "seed": seed,
        "versions": versions,
        "train": [example.name for example in split.train],
        "validation": [example.name for example in split.validation],
        "f1": {f"{iou:g}": value for iou, value in after.f1.items()},
        "f1_before": before and {f"{iou:g}": value for iou, value in before.f1.items()},
        "notes": notes,
    }
    _write_json(folder / "training.json", settings)
    result.history.to_csv(folder / "history.csv", index=False)
    write_report(folder / "training.html", result, split, after, settings)
    folder.rename(out)
    return result


def _claim(work: Path, out: Path, fingerprint: str) -> None:
    """Make the unfinished work of the same call ours; refuse any other's."""
    mark = work / "call"
    if not mark.is_file():
        with atomic_path(mark) as beside:
            beside.write_text(fingerprint, encoding="utf-8")
    elif mark.read_text(encoding="utf-8") != fingerprint:
        raise FileExistsError(
            f"{work} holds an unfinished training of {out} with other images or settings; "
            "repeat that command, or delete the folder to start anew"
        )


def _fingerprint(
    examples: Sequence[Example],
    start: str | os.PathLike[str] | None,
    dims: int,
    recipe: Recipe,
    augmentation: Augmentation | None,
    seed: int,
) -> str:
    augment = None if augmentation is None else asdict(augmentation)
    settings = [asdict(recipe), augment, None if start is None else os.fspath(start), dims, seed]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for example in examples:
        for array in (example.image, example.labels):
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _write_json(path: Path, entries: Any) -> None:
    with atomic_path(path) as beside:
        beside.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
