"""StarDist's own training, fed with a numbered stream of patches and a checkpoint."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..networks.keras_models import load_keras_model, load_stardist3d
from ..networks.model_folders import dimensions
from ..quiet import Loud, quiet
from .checkpoint import Checkpoint
from .examples import Example, Split
from .options import TrainOptions
from .patch_stream import PatchStream
from .result import TrainingProgress
from .validation_patches import validation_patches

WEIGHTS = "weights_best.h5"
_MOST_CANDIDATES = 5000
_WARM_UP = 200


def load_start(start: str | os.PathLike[str], dims: int) -> Any:
    """Load the model that a training starts from.

    Raises
    ------
    ValueError
        If it is not a StarDist model of `dims` dimensions.
    FileNotFoundError
        If there is no such model.
    """
    if dims == 2:
        if dimensions(start) == 3:
            raise ValueError(
                f"{start} is a 3-D StarDist model; train it on volumes with --dims 3, or start "
                "from a 2-D one"
            )
        model = load_keras_model(start)
        if not hasattr(model.config, "n_rays"):
            raise ValueError(f"{start} is a CARE model; only StarDist models can be fine-tuned")
        return model
    return load_stardist3d(start)


def build_model(
    folder: Path, start: Any, dims: int, options: TrainOptions, channels: int, split: Split
) -> Any:
    """Make the StarDist model to be trained, with the weights of `start` if there is one.

    Parameters
    ----------
    folder
        Where StarDist keeps its files.
    start
        A loaded model, or None.
    channels
        Of the images.
    split
        Its training labels give a 3-D model's anisotropy.

    Raises
    ------
    ValueError
        If `start` takes other channels, or the patch does not suit its network.
    """
    import keras
    from stardist import Rays_GoldenSpiral, calculate_extents
    from stardist.models import Config2D, Config3D, StarDist2D, StarDist3D

    kinds = {2: (Config2D, StarDist2D), 3: (Config3D, StarDist3D)}
    config_class, model_class = kinds[dims]
    usual = 3e-4 if start is None else 1e-4
    training = {
        "train_patch_size": (options.patch,) * 2
        if dims == 2
        else (options.patch_depth,) + (options.patch,) * 2,
        "train_batch_size": options.batch,
        "train_epochs": options.epochs,
        "train_steps_per_epoch": options.steps,
        "train_learning_rate": options.learning_rate or usual,
        "train_tensorboard": False,
        **({"train_reduce_lr": None} if options.schedule == "cosine" else {}),
        # Patches come chosen and cut (patch_stream): StarDist has nothing to search.
        "train_foreground_only": 0,
    }
    if start is not None:
        if start.config.n_channel_in != channels:
            raise ValueError(
                f"model {start.name} takes {start.config.n_channel_in} channel(s) and the images "
                f"have {channels}; convert the images or start without a model"
            )
        config = config_class(**{**vars(start.config), **training})
    else:
        network = {
            "n_channel_in": channels,
            "unet_n_filter_base": options.filters,
            "unet_n_depth": options.depth,
        }
        if dims == 2:
            config = Config2D(n_rays=options.rays, grid=options.grid, **network, **training)
        else:
            extents = np.asarray(calculate_extents([np.maximum(e.labels, 0) for e in split.train]))
            anisotropy = tuple(float(a) for a in extents.max() / extents)
            config = Config3D(
                rays=Rays_GoldenSpiral(options.rays, anisotropy=anisotropy),
                grid=(1, *options.grid),
                anisotropy=anisotropy,
                **network,
                **training,
            )
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if options.bfloat16 else "float32")
    try:
        model = model_class(config, name=folder.name, basedir=str(folder.parent))
    finally:
        keras.config.set_dtype_policy(before)
    for head in ("prob", "dist"):
        model.keras_model.get_layer(head).dtype_policy = keras.DTypePolicy("float32")
    for axis, length, step in zip(
        "ZYX"[-dims:], config.train_patch_size, model._axes_div_by("ZYX"[-dims:]), strict=True
    ):
        if length % step:
            raise ValueError(
                f"the patch is {length} pixels along {axis}, and model {start.name} needs a "
                f"multiple of {step}; choose another patch"
            )
    if start is not None:
        model.keras_model.set_weights(start.keras_model.get_weights())
        model.thresholds = dict(start.thresholds._asdict())
    return model


def fit(
    model: Any,
    split: Split,
    options: TrainOptions,
    seed: int,
    checkpoint_path: Path,
    progress: Callable[[TrainingProgress], None] | None,
    loud: Loud,
) -> Checkpoint:
    """Train `model`, or go on where an earlier call was cut off; leave its best weights in it.

    Returns
    -------
    Checkpoint
        With the history of all epochs.
    """
    import keras

    model.prepare_for_training(_optimizer(model.config, options))
    if options.patience is not None:
        model.callbacks.append(keras.callbacks.EarlyStopping("val_loss", patience=options.patience))
    checkpoint = Checkpoint(
        checkpoint_path, list(model.callbacks), options.epochs, options.steps, progress, loud
    )
    model.callbacks.append(checkpoint)
    resumed = checkpoint.restore(model.keras_model)
    if not checkpoint.finished:
        if resumed:
            # The kill may have come while StarDist wrote its best weights.
            _save_weights(model, checkpoint.best_weights)
        patch = tuple(model.config.train_patch_size)
        stream = PatchStream(
            [example.image for example in split.train],
            [example.labels for example in split.train],
            patch,
            seed,
            options.augmentation,
            first=checkpoint.resumed_at * options.steps * options.batch,
        )
        model.train(
            *stream.views(),
            validation_data=validation_patches(split.validation, patch, options.split_seed),
            seed=seed,
        )
    model.keras_model.set_weights(checkpoint.best_weights)
    _save_weights(model, checkpoint.best_weights)
    return checkpoint


def _optimizer(config: Any, options: TrainOptions) -> Any:
    """Give Adam with the schedule of the options; None is StarDist's own."""
    import keras

    if options.schedule == "plateau":
        return None
    total, rate = options.epochs * options.steps, config.train_learning_rate
    warm_up = min(_WARM_UP, max(1, total // 10))
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / warm_up, total - warm_up, warmup_target=rate, warmup_steps=warm_up
    )
    return keras.optimizers.Adam(schedule, clipnorm=1.0)


def _save_weights(model: Any, weights: list[np.ndarray]) -> None:
    current = model.keras_model.get_weights()
    model.keras_model.set_weights(weights)
    model.keras_model.save_weights(str(model.logdir / WEIGHTS))
    model.keras_model.set_weights(current)


def tune_3d(model: Any, split: Split) -> dict[str, float]:
    """Tune a 3-D model's thresholds by StarDist's own rules; the model keeps them.

    The Fiji plugin is 2-D, so there is no other definition of a 3-D result.
    """
    images = [example.image for example in split.validation]
    truth = [np.maximum(example.labels, 0) for example in split.validation]
    # A poorly trained network proposes objects everywhere, and suppression in 3-D is slow:
    # no threshold is tried that leaves more candidates than this.
    probs = [
        model.predict(image, n_tiles=model._guess_n_tiles(image), show_tile_progress=False)[0]
        for image in images
    ]
    highest = max(float(prob.max()) for prob in probs)
    lowest = max(
        float(np.partition(prob, -count, axis=None)[-count])
        for prob in probs
        for count in [min(prob.size, _MOST_CANDIDATES)]
    )
    bracket = min(max(lowest, highest / 2), 0.99 * highest), highest
    with quiet():  # its own progress bars
        thresholds: dict[str, float] = model.optimize_thresholds(
            images, truth, optimize_kwargs={"bracket": bracket}, save_to_json=False
        )
    return thresholds


def find_3d(model: Any, examples: Sequence[Example]) -> list[np.ndarray]:
    """Return the labels that a 3-D model finds in volumes, with its own thresholds."""
    found = [
        model.predict_instances(
            example.image, n_tiles=model._guess_n_tiles(example.image), show_tile_progress=False
        )[0]
        for example in examples
    ]
    return [labels.astype(np.int32) for labels in found]
