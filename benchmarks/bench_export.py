"""Every kind of model that users have, against every TensorFlow 1.x that Fiji offers.

uv run python -m benchmarks.bench_export [WORD...]    # only models whose name holds a WORD
"""

import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from particlebridge.exporter.bundles.export import export
from particlebridge.exporter.bundles.verification import verify
from particlebridge.exporter.networks.keras_models import SHIPPED
from particlebridge.exporter.runtimes.runtime_ops import RUNTIMES

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS / "helpers"))

import small_models  # noqa: E402

# Of the size that StarDist builds by default.
WHOLE = dict(unet_n_filter_base=32, unet_n_depth=3, net_conv_after_unet=128)

MODELS = {
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
    **{f"shipped: {p.name}": lambda p=p: p for p in sorted(SHIPPED.glob("*")) if p.is_dir()},
}


def main(words: Sequence[str] = ()) -> None:
    warnings.simplefilter("ignore")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, make in MODELS.items():
            if words and not any(word in name for word in words):
                continue
            model = make()
            start = time.perf_counter()
            written = export(model, Path(folder) / "model.zip", runtimes=RUNTIMES)
            total = time.perf_counter() - start
            rows.append(_row(name, written.verification, written.path, written.seconds, total))
            print(rows[-1], flush=True)
        recorded = TESTS / "data" / "plugin" / "bundle.zip"
        if not words:
            start = time.perf_counter()
            proven = verify(recorded, TESTS / "data" / "plugin" / "model", RUNTIMES)
            took = time.perf_counter() - start
            rows.append(_row("the recorded bundle.zip", proven, recorded, None, took))
    print(pd.DataFrame(rows).to_string(index=False))


def _row(name, verification, path, seconds, total):
    relative = {
        result.runtime: result.status if result.relative is None else f"{result.relative:.1e}"
        for result in verification.results
    }
    return {
        "model": name,
        **relative,
        "size MB": round(path.stat().st_size / 1e6, 2),
        "export s": None if seconds is None else round(seconds, 2),
        "with proof s": round(total, 1),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
