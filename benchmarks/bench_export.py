"""Every kind of model that users have, against every program that reads what `export` writes.

uv run python -m benchmarks.bench_export [WORD...]    # only models whose name holds a WORD
uv run python -m benchmarks.bench_export --folder DIR # the models in a folder besides

Each cell is the largest difference from Keras as a share of the range of the values; of BioImage.IO
it is what bioimageio.core says of the package.
"""

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pandas as pd
from csbdeep.models import CARE
from particlebridge.exporter.bundles.comparison import RuntimeResult
from particlebridge.exporter.bundles.export import Export, export
from particlebridge.exporter.bundles.inspection import inspect
from particlebridge.exporter.bundles.targets import Target
from particlebridge.exporter.bundles.verifying import verify
from particlebridge.exporter.networks.model_folders import SHIPPED
from particlebridge.exporter.runtimes.runtime_ops import RUNTIMES
from stardist.models import StarDist2D

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS / "helpers"))

import small_models  # noqa: E402

Model: TypeAlias = "Path | StarDist2D | CARE"

# Of the size that StarDist builds by default.
WHOLE = dict(unet_n_filter_base=32, unet_n_depth=3, net_conv_after_unet=128)

MODELS: dict[str, Callable[[], Model]] = {
    "grid 1x1, 32 rays": lambda: small_models.stardist(grid=(1, 1), n_rays=32),
    "grid 2x2, 96 rays": lambda: small_models.stardist(grid=(2, 2), n_rays=96),
    "grid 4x4, 3 channels": lambda: small_models.stardist(grid=(4, 4), n_channel_in=3),
    "grid 4x2": lambda: small_models.stardist(grid=(4, 2), n_rays=32),
    "batch norm": lambda: small_models.stardist(grid=(2, 2), unet_batch_norm=True),
    "dropout": lambda: small_models.stardist(unet_dropout=0.4, unet_batch_norm=True),
    "class head": lambda: small_models.stardist(grid=(2, 2), n_classes=3),
    "leaky relu": lambda: small_models.stardist(unet_activation="leaky_relu"),
    "swish": lambda: small_models.stardist(unet_activation="swish"),
    "StarDist's default size": lambda: small_models.stardist(grid=(2, 2), n_rays=32, **WHOLE),
    "tf-keras 2 weights": lambda: TESTS / "data" / "keras2_model",
    "the plugin's recorded model": lambda: TESTS / "data" / "plugin" / "model",
    "CARE 2D": lambda: small_models.care(),
    "CARE 2D, probabilistic": lambda: small_models.care(probabilistic=True),
    "CARE 3D": lambda: small_models.care(axes="ZYX"),
    **{f"shipped: {p.name}": partial(Path, p) for p in sorted(SHIPPED.glob("*")) if p.is_dir()},
}


READERS: tuple[Target, ...] = ("onnx", "qupath", "bioimageio")


def main(words: Sequence[str] = (), folder: Path | None = None) -> None:
    warnings.simplefilter("ignore")
    models = dict(MODELS)
    if folder is not None:
        models |= {f"of others: {p.name}": partial(Path, p) for p in sorted(folder.iterdir())}
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, make in models.items():
            if words and not any(word in name for word in words):
                continue
            model = make()
            start = time.perf_counter()
            written = export(model, Path(scratch) / "model.zip", runtimes=RUNTIMES)
            readers = READERS if inspect(written).rays is not None else ("onnx",)
            results = [*_results(written), *_elsewhere(model, readers, Path(scratch))]
            total = time.perf_counter() - start
            rows.append(_row(name, results, written.path, written.seconds, total))
            print(rows[-1], flush=True)
        recorded = TESTS / "data" / "plugin" / "bundle.zip"
        if not words:
            start = time.perf_counter()
            proven = verify(recorded, TESTS / "data" / "plugin" / "model", RUNTIMES)
            took = time.perf_counter() - start
            rows.append(_row("the recorded bundle.zip", proven.results, recorded, None, took))
    print(pd.DataFrame(rows).fillna("-").to_string(index=False))


def _elsewhere(model: Model, readers: Sequence[Target], scratch: Path) -> list[RuntimeResult]:
    """Export a model for the other readers; a failure is a row with its reason."""
    results: list[RuntimeResult] = []
    for reader in readers:
        name = "m.zip" if reader == "bioimageio" else "m.onnx"
        try:
            results += _results(export(model, scratch / name, to=reader))
        except (ValueError, RuntimeError) as error:
            results.append(RuntimeResult(reader, "failed", False, {}, detail=str(error)))
            print(f"{reader}: {error}")
    return results


def _results(written: Export) -> tuple[RuntimeResult, ...]:
    assert written.verification is not None  # it was not turned off
    return written.verification.results


def _row(
    name: str, results: Sequence[RuntimeResult], path: Path, seconds: float | None, total: float
) -> dict[str, str | float | None]:
    relative = {}
    for result in sorted(results, key=lambda one: one.relative or 0):  # the worst counts
        told = result.status if result.relative is None else f"{result.relative:.1e}"
        relative[result.runtime] = told
    return {
        "model": name,
        **relative,
        "size MB": round(path.stat().st_size / 1e6, 2),
        "export s": None if seconds is None else round(seconds, 2),
        "with proof s": round(total, 1),
    }


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("words", nargs="*")
    given.add_argument("--folder", type=Path)
    options = given.parse_args()
    main(options.words, options.folder)
