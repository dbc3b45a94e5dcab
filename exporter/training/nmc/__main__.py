"""Train the shipped model: ``python -m particlebridge.exporter.training.nmc --out DIR``."""

import argparse
import os
from dataclasses import replace
from pathlib import Path

from ..result import TrainingProgress
from .training import NMC_OPTIONS, train_nmc


def _tell(at: TrainingProgress) -> None:
    if at.step == at.steps:
        print(f"epoch {at.epoch} of {at.epochs}: loss {at.loss:.4f}", flush=True)


def main() -> None:
    """Train with the settings of the shipped model, or others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="model folder to make")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--float32", action="store_true", help="no bfloat16")
    settings = {n: getattr(NMC_OPTIONS, n) for n in ("epochs", "steps", "filters", "learning_rate")}
    data = {"slices": 900, "diameter": 40.0, "seed": 42}
    for name, value in (settings | data).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if given.threads:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(given.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    options = replace(NMC_OPTIONS, bfloat16=not given.float32)
    options = replace(options, **{name: getattr(given, name) for name in settings})
    rest = {name: getattr(given, name) for name in data}
    train_nmc(given.out, options, **rest, progress=_tell)


if __name__ == "__main__":
    main()
