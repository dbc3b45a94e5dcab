"""Train the shipped model: ``python -m particlebridge.exporter.training.nmc --out DIR``."""

import argparse
import os
from dataclasses import fields
from pathlib import Path

from .recipe import NmcRecipe, train_nmc

_FLAGS = ("augmentation", "bfloat16")


def main() -> None:
    """Train with the recipe's settings as options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="model folder to make")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--float32", action="store_true", help="no bfloat16")
    settings = [field for field in fields(NmcRecipe) if field.name not in _FLAGS]
    for field in settings:
        kind = type(field.default)
        parser.add_argument(f"--{field.name}", type=kind, default=field.default)
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if options.threads:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    chosen = {field.name: getattr(options, field.name) for field in settings}
    train_nmc(options.out, NmcRecipe(**chosen, bfloat16=not options.float32))


if __name__ == "__main__":
    main()
