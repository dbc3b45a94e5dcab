"""What the generator's richness and the augmentation buy on the real slice, at one small budget.

    python -m benchmarks.ablation nmc_slice.tif nmc_slice_marks.json --out DIR

Five arms of 1,200 steps with one seed, the chosen one with a second, and Otsu + watershed; a small
network (16 filters) pays for the steps, for after 400 no arm had begun to find particles.
Thresholds are tuned on generated slices; the marks only measure. "generated" is F1 on 24 unseen
rich slices, which hold many more particles than the real one: less a matter of luck.
"""

import argparse
import json
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from particlebridge.analysis import electrode, training_slices
from particlebridge.analysis.phantom.texture import Look
from particlebridge.bridge.engines.protocol import Settings
from particlebridge.bridge.engines.python import PythonEngine
from particlebridge.exporter import load_model
from particlebridge.exporter.networks.record import RECORD_NAME, ModelRecord, folder_digest
from particlebridge.exporter.training.examples import Example, normalized
from particlebridge.exporter.training.folder import TrainingSettings
from particlebridge.exporter.training.nmc.training import (
    NMC_OPTIONS,
    TRAINING_DIAMETER,
    as_examples,
    held_out_slices,
)
from particlebridge.exporter.training.options import TrainOptions
from particlebridge.exporter.training.threshold_tuning import evaluate, tune_thresholds
from particlebridge.exporter.training.train import train_examples

from .real_slice import judge, otsu_watershed

_OPTIONS = replace(NMC_OPTIONS, epochs=12, filters=16)
_SLICES, _DIAMETER, _SEED = 240, 40.0, 42


@cache
def rich(scale: tuple[float, float] = (0.7, 1.4), seed: int = 42) -> list[Example]:
    made = training_slices(_SLICES, seed=seed, diameter=_DIAMETER, scale=scale)
    return as_examples(made)


def plain(seed: int = 42) -> list[Example]:
    """Slices of electrodes with even binder and white noise: no bands, streaks, rings, specks."""
    look = Look(1.25 * _DIAMETER, mottling=0, streaks=0, rings=0, specks=0, edge=0)
    slices = []
    for k in range(_SLICES // 24):
        made = electrode(
            (73, 288, 288), seed=seed + k, radius=(9, 32), band=0, view=1.5, look=look,
            cycles=(10, 50)[k % 2],
        )  # fmt: skip
        slices += [(made.volume[z], made.labels[z]) for z in range(1, 73, 3)]
    return as_examples(slices)


def fit(
    out: Path,
    options: TrainOptions,
    pool: list[Example],
    held_out: list[Example],
    seed: int = _SEED,
) -> None:
    settings = TrainingSettings(None, 2, options, seed)
    train_examples(pool, out, settings, None, held_out, TRAINING_DIAMETER)


def stardist_defaults(out: Path, pool: list[Example], held_out: list[Example]) -> None:
    """Train as StarDist's own example does: its learning rate, its augmenter, its training loop."""
    from stardist.models import Config2D, StarDist2D

    rng = np.random.default_rng(_SEED)

    def augmenter(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        turns, mirror = int(rng.integers(4)), rng.integers(2)
        x, y = (np.rot90(a[:, ::-1] if mirror else a, turns) for a in (x, y))
        x = x * rng.uniform(0.6, 2) + rng.uniform(-0.2, 0.2)
        sigma = 0.02 * rng.uniform(0, 1)
        return x + sigma * rng.normal(0, 1, x.shape), y

    pool, held_out = (normalized(e, _OPTIONS.percentiles) for e in (pool, held_out))
    config = Config2D(
        n_rays=32,
        grid=(2, 2),
        n_channel_in=1,
        unet_n_filter_base=_OPTIONS.filters,
        train_patch_size=(256, 256),
        train_tensorboard=False,
    )
    model = StarDist2D(config, name=out.name, basedir=str(out.parent))
    model.train(
        [e.image for e in pool],
        [np.maximum(e.labels, 0) for e in pool],
        validation_data=([e.image for e in held_out], [np.maximum(e.labels, 0) for e in held_out]),
        augmenter=augmenter,
        epochs=_OPTIONS.epochs,
        steps_per_epoch=_OPTIONS.steps,
        seed=_SEED,
    )
    thresholds = tune_thresholds(load_model(out), held_out)
    (out / "thresholds.json").write_text(json.dumps(asdict(thresholds)))
    record = ModelRecord(thresholds, diameter=TRAINING_DIAMETER, digest=folder_digest(out))
    record.write(out / RECORD_NAME)


def main() -> None:
    from tifffile import imread

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path)
    parser.add_argument("marks", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--diameter", type=float, default=120.0)
    parser.add_argument("--arms", nargs="*", help="numbers of the arms to run; default all")
    given = parser.parse_args()
    image, truth = imread(given.image), json.loads(given.marks.read_text())
    held_out = held_out_slices(_SEED, _DIAMETER)[:16]
    made = training_slices(24, seed=6006, diameter=TRAINING_DIAMETER)
    unseen = normalized(as_examples(made), _OPTIONS.percentiles)
    still = replace(_OPTIONS, augmentation=None)
    arms = {
        "1 plain slices, no augmentation": lambda at: fit(at, still, plain(), plain(900)[:16]),
        "2 rich slices, no augmentation": lambda at: fit(at, still, rich(), held_out),
        "3 rich slices, one scale, augmented": lambda at: fit(
            at, _OPTIONS, rich(scale=(1, 1)), held_out
        ),
        "4 rich slices, all scales, augmented (chosen)": lambda at: fit(
            at, _OPTIONS, rich(), held_out
        ),
        "5 rich slices, StarDist's defaults": lambda at: stardist_defaults(at, rich(), held_out),
        "6 chosen, second seed": lambda at: fit(at, _OPTIONS, rich(seed=143), held_out, 43),
    }
    rows = [{"arm": "Otsu + watershed"} | judge(otsu_watershed(image, given.diameter), truth)]
    for name, train in arms.items():
        if given.arms and name.split()[0] not in given.arms:
            continue
        at = given.out / f"arm{name.split()[0]}"
        train(at)
        network = load_model(at)
        f1 = evaluate(network, unseen, network.thresholds).f1
        engine = PythonEngine(network, Settings(diameter=given.diameter))
        rows.append(
            {"arm": name}
            | judge(engine.segment(image).labels, truth)
            | {"generated F1@0.5": f1[0.5], "generated F1@0.75": f1[0.75]}
        )
        print(pd.DataFrame(rows).round(3).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
