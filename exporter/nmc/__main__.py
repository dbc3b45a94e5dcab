"""Train the shipped model `nmc` on generated slices; every epoch leaves a whole model folder.

The shipped weights came from ``python -m particlebridge.exporter.nmc --out DIR`` with the defaults;
log.csv beside this file is the log of that run.
"""

import argparse
import csv
import math
import os
import time
from pathlib import Path

import numpy as np
from particlebridge.analysis import atomic_path, normalize, training_slices

from ..augmentation import Augmentation, draw_patch

DIAMETER = 48.0
PERCENTILES = (1.0, 99.8)
_PATCH, _GRID, _RAYS = 256, 2, 32

Pair = tuple[np.ndarray, np.ndarray]


def normalized(slices: list[Pair]) -> list[Pair]:
    """Normalise each image as the plugin will."""
    return [(normalize(image, PERCENTILES), labels) for image, labels in slices]


def targets(labels: np.ndarray) -> Pair:
    """Return StarDist's targets of one patch on the grid: probability and distances with mask."""
    from stardist.geometry import star_dist
    from stardist.utils import edt_prob

    grid = (slice(None, None, _GRID),) * 2
    known = np.maximum(labels, 0)
    prob = edt_prob(known)[grid].astype(np.float32)
    mask = prob.copy()
    prob[labels[grid] < 0] = -1  # StarDist's losses leave these pixels out
    dist = star_dist(known, _RAYS, grid=(_GRID, _GRID))
    return prob[..., None], np.concatenate([dist, mask[..., None]], axis=-1)


def batch(
    pool: list[Pair], size: int, rng: np.random.Generator, change: Augmentation | None
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Draw one batch: (n, 256, 256, 1) images and the two targets."""
    images, probs, dists = [], [], []
    for k in rng.integers(0, len(pool), size):
        x, y = draw_patch(*pool[k], (_PATCH, _PATCH), rng, change)
        prob, dist = targets(y)
        images.append(x[..., None])
        probs.append(prob)
        dists.append(dist)
    return np.stack(images), [np.stack(probs), np.stack(dists)]


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--steps", type=int, default=100, help="batches of four per epoch")
    parser.add_argument("--slices", type=int, default=900)
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--rate", type=float, default=4e-4, help="peak learning rate")
    parser.add_argument("--minutes", type=float, default=math.inf, help="anneal to end by then")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument(
        "--float32", action="store_true", help="slower on CPUs and GPUs that have bfloat16"
    )
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import tensorflow as tf
    from stardist.models import Config2D, StarDist2D

    if options.threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(options.seed)
    start = time.monotonic()
    train_pool = normalized(training_slices(options.slices, seed=options.seed, diameter=DIAMETER))
    held_out = normalized(training_slices(32, seed=options.seed + 1, diameter=DIAMETER))
    print(f"{len(train_pool)} slices in {time.monotonic() - start:.0f} s", flush=True)
    config = Config2D(
        n_rays=_RAYS,
        grid=(_GRID, _GRID),
        n_channel_in=1,
        unet_n_depth=3,
        unet_n_filter_base=options.filters,
        train_patch_size=(_PATCH, _PATCH),
        train_batch_size=4,
        train_epochs=options.epochs,
        train_steps_per_epoch=options.steps,
        train_learning_rate=options.rate,
        train_tensorboard=False,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    # Convolutions in bfloat16 (2.3 times faster here), weights, heads and losses in float32.
    keras.config.set_dtype_policy("float32" if options.float32 else "mixed_bfloat16")
    model = StarDist2D(config, name=options.out.name, basedir=str(options.out.parent))
    for head in ("prob", "dist"):
        model.keras_model.get_layer(head)._dtype_policy = keras.DTypePolicy("float32")
    model.prepare_for_training(optimizer=keras.optimizers.Adam(options.rate, clipnorm=1.0))
    network = model.keras_model
    check = batch(held_out, 64, np.random.default_rng(options.seed), None)
    change = Augmentation(scale=1.2, gain=1.3, blur=1.0, elastic=1.5)
    rng = np.random.default_rng(options.seed)
    total = options.epochs * options.steps
    best = math.inf
    log: list[dict[str, float]] = []
    start = time.monotonic()
    for epoch in range(options.epochs):
        losses = []
        for step in range(epoch * options.steps, (epoch + 1) * options.steps):
            done = max(step / total, (time.monotonic() - start) / 60 / options.minutes)
            warm = min(1.0, (step + 1) / 200)
            rate = options.rate * warm * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
            network.optimizer.learning_rate.assign(max(rate, 1e-6))
            losses.append(network.train_on_batch(*batch(train_pool, 4, rng, change))[0])
        val = network.evaluate(*check, batch_size=4, verbose=0)
        # train_on_batch reports running means of the metrics since the last evaluate
        row = dict(epoch=epoch + 1, seconds=time.monotonic() - start, rate=rate,
                   loss=losses[-1], val_loss=val[0])  # fmt: skip
        log.append({key: round(float(value), 6) for key, value in row.items()})
        print(log[-1], flush=True)
        with atomic_path(options.out / "log.csv") as beside, beside.open("w", newline="") as file:
            writer = csv.DictWriter(file, log[0])
            writer.writeheader()
            writer.writerows(log)
        if val[0] < best:
            best = val[0]
            with atomic_path(options.out / "weights_best.h5") as beside:
                network.save_weights(beside)
        if (time.monotonic() - start) / 60 > options.minutes:
            break


if __name__ == "__main__":
    main()
