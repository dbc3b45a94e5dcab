"""The training of the shipped model: slices made by code, a cosine schedule, bfloat16 inside."""

import csv
import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from particlebridge.analysis import atomic_path, normalize, training_slices

from ...networks.record import RECORD_NAME, ModelRecord, Thresholds, folder_digest
from ..augmentation import Augmentation, draw_patch
from ..examples import Example
from ..threshold_tuning import tune_thresholds

if TYPE_CHECKING:
    from stardist.models import StarDist2D

TRAINING_DIAMETER = 48.0
"""Typical diameter that images are rescaled to, pixels: on held-out slices 46 to 52 did best."""

_PERCENTILES = (1.0, 99.8)
_PATCH, _GRID, _RAYS = 256, 2, 32
_CHANGE = Augmentation(scale=1.2, gain=1.3, blur=1.0, elastic=1.5)
_WARM_UP = 200  # steps until the learning rate has risen to its peak, or a tenth of all


@dataclass(frozen=True)
class NmcRecipe:
    """Settings of the shipped model's training.

    Attributes
    ----------
    epochs, steps
        Batches of four patches: `epochs` times `steps`.
    slices
        Generated slices to draw patches from.
    diameter
        Typical particle diameter in the generated slices, pixels; each electrode's is 0.7 to 1.4
        times that.
    filters
        Of the U-Net's first level.
    rate
        Peak learning rate; a cosine takes it to zero.
    seed
        Of slices, patches and initial weights.
    augmentation
        How patches are changed; None: not at all.
    bfloat16
        Convolutions in bfloat16 (2.3 times faster on CPUs and GPUs that have it); weights, heads
        and losses stay float32, and so does the finished model.
    """

    epochs: int = 49
    steps: int = 100
    slices: int = 900
    diameter: float = 40.0
    filters: int = 32
    rate: float = 4e-4
    seed: int = 42
    augmentation: Augmentation | None = _CHANGE
    bfloat16: bool = True


def train_nmc(out: str | os.PathLike[str], recipe: NmcRecipe | None = None) -> Path:
    """Train a model like the shipped `nmc` on generated slices; no annotation is needed.

    Every epoch that improves the held-out loss leaves a whole model in `out`; log.csv grows with
    every epoch.

    Parameters
    ----------
    out
        The model folder to make.
    recipe
        By default that of the shipped model: about an hour on one core.

    Returns
    -------
    Path
        `out`, which `load_model` takes.

    Raises
    ------
    OSError
        If `out` cannot be written.

    Examples
    --------
    >>> from particlebridge.exporter import train_nmc
    >>> train_nmc("nmc")  # doctest: +SKIP
    PosixPath('nmc')
    """
    out = Path(out)
    recipe = recipe or NmcRecipe()
    pool = normalized(training_slices(recipe.slices, seed=recipe.seed, diameter=recipe.diameter))
    held_out = held_out_slices(recipe)
    fit(out, recipe, pool, held_out)
    finish(out, held_out)
    return out


def held_out_slices(recipe: NmcRecipe) -> list[Example]:
    """Make the slices, of other electrodes, that judge the epochs and tune the thresholds."""
    slices = training_slices(32, seed=recipe.seed + 1, diameter=recipe.diameter)
    return normalized(slices)


def finish(out: Path, held_out: Sequence[Example]) -> Thresholds:
    """Tune thresholds on held-out slices and write thresholds.json and particlebridge.json."""
    from ...networks.loading import load_model

    thresholds = tune_thresholds(load_model(out), held_out)
    with atomic_path(out / "thresholds.json") as beside:
        beside.write_text(json.dumps(asdict(thresholds)), encoding="utf-8")
    ModelRecord(
        thresholds=thresholds,
        percentiles=_PERCENTILES,
        diameter=TRAINING_DIAMETER,
        grid=(_GRID, _GRID),
        rays=_RAYS,
        digest=folder_digest(out),
    ).write(out / RECORD_NAME)
    return thresholds


def normalized(slices: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[Example]:
    """Normalise slices as the plugin will."""
    return [
        Example(f"slice {k}", normalize(image, _PERCENTILES), labels)
        for k, (image, labels) in enumerate(slices)
    ]


def _targets(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return StarDist's targets of one patch on the grid: probability, distances with mask."""
    from stardist.geometry import star_dist
    from stardist.utils import edt_prob

    grid = (slice(None, None, _GRID),) * 2
    known = np.maximum(labels, 0)
    prob = edt_prob(known)[grid].astype(np.float32)
    mask = prob.copy()
    prob[labels[grid] < 0] = -1  # StarDist's losses leave these pixels out
    dist = star_dist(known, _RAYS, grid=(_GRID, _GRID))
    return prob[..., None], np.concatenate([dist, mask[..., None]], axis=-1)


def _batch(
    pool: Sequence[Example], size: int, rng: np.random.Generator, change: Augmentation | None
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Draw (n, 256, 256, 1) images and the two targets."""
    images, probs, dists = [], [], []
    for k in rng.integers(0, len(pool), size):
        x, y = draw_patch(pool[k].image, pool[k].labels, (_PATCH, _PATCH), rng, change)
        prob, dist = _targets(y)
        images.append(x[..., None])
        probs.append(prob)
        dists.append(dist)
    return np.stack(images), [np.stack(probs), np.stack(dists)]


def _build(out: Path, recipe: NmcRecipe) -> "StarDist2D":
    import keras
    from stardist.models import Config2D, StarDist2D

    keras.utils.set_random_seed(recipe.seed)
    config = Config2D(
        n_rays=_RAYS,
        grid=(_GRID, _GRID),
        n_channel_in=1,
        unet_n_depth=3,
        unet_n_filter_base=recipe.filters,
        train_patch_size=(_PATCH, _PATCH),
        train_batch_size=4,
        train_epochs=recipe.epochs,
        train_steps_per_epoch=recipe.steps,
        train_learning_rate=recipe.rate,
        train_tensorboard=False,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if recipe.bfloat16 else "float32")
    try:
        model = StarDist2D(config, name=out.name, basedir=str(out.parent))
    finally:
        keras.config.set_dtype_policy(before)
    for head in ("prob", "dist"):
        model.keras_model.get_layer(head).dtype_policy = keras.DTypePolicy("float32")
    model.prepare_for_training(optimizer=keras.optimizers.Adam(recipe.rate, clipnorm=1.0))
    return model


def fit(out: Path, recipe: NmcRecipe, pool: Sequence[Example], held_out: Sequence[Example]) -> None:
    """Train on `pool`; the weights with the least loss on `held_out` stay in `out`."""
    network = _build(out, recipe).keras_model
    check = _batch(held_out, 64, np.random.default_rng(recipe.seed), None)
    rng = np.random.default_rng(recipe.seed)
    total = recipe.epochs * recipe.steps
    warm_up = min(_WARM_UP, total / 10)
    best = math.inf
    log: list[dict[str, Any]] = []
    start = time.monotonic()
    for epoch in range(recipe.epochs):
        for step in range(epoch * recipe.steps, (epoch + 1) * recipe.steps):
            cosine = 0.5 * (1 + math.cos(math.pi * step / total))
            rate = max(1e-6, recipe.rate * cosine * min(1.0, (step + 1) / warm_up))
            network.optimizer.learning_rate.assign(rate)
            # the mean since the last evaluate, as Keras reports it
            loss = network.train_on_batch(*_batch(pool, 4, rng, recipe.augmentation))[0]
        val_loss = network.evaluate(*check, batch_size=4, verbose=0)[0]
        seconds = time.monotonic() - start
        values = dict(seconds=seconds, rate=rate, loss=loss, val_loss=val_loss)
        log.append({"epoch": epoch + 1} | {k: round(float(v), 6) for k, v in values.items()})
        _write_log(out / "log.csv", log)
        if val_loss < best:
            best = val_loss
            with atomic_path(out / "weights_best.h5") as beside:
                network.save_weights(beside)


def _write_log(path: Path, rows: list[dict[str, Any]]) -> None:
    with atomic_path(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
