"""Proof that a bundle computes, on the TensorFlow 1.x of Fiji, what its model computes in Keras."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..networks.onnx_session import ONNX_NAME
from ..runtimes.runtime_ops import RUNTIMES, run_worker
from ..safe_zip import extract
from ..tensorflow_import import import_tensorflow
from .comparison import TOLERANCE, RuntimeResult, in_worker, on_onnx
from .inspection import inspect
from .trial_outputs import check_finite, in_keras, in_tensorflow2, trial_images

if TYPE_CHECKING:
    from csbdeep.models import CARE
    from stardist.models import StarDist2D

_CAUSES = {
    "java": "no TensorFlow from Maven",
    "native": "this machine has no TensorFlow 1.x library",
}


@dataclass(frozen=True)
class Verification:
    """The proof, or what is missing of it.

    Attributes
    ----------
    bundle
        Name of the zip.
    sha256
        Of the zip.
    reference
        What the outputs were compared with.
    images
        Shapes of the images that were run, after padding: (N, [Z,] H, W, C).
    java
        Version of Java.
    results
        One for each runtime, the last for model.onnx where the bundle holds it.
    """

    bundle: str
    sha256: str
    reference: str
    images: tuple[tuple[int, ...], ...]
    java: str
    results: tuple[RuntimeResult, ...]

    @property
    def status(self) -> Literal["verified", "failed", "unverified"]:
        """Give "failed" if any runtime failed, "verified" if all passed, else "unverified"."""
        statuses = {result.status for result in self.results}
        if "failed" in statuses:
            return "failed"
        return "verified" if statuses == {"passed"} else "unverified"

    def table(self) -> pd.DataFrame:
        """One row for each runtime: loaded, differences, relative, milliseconds, detail."""
        return pd.DataFrame(
            [
                {
                    "runtime": result.runtime,
                    "status": result.status,
                    "loaded": result.loaded,
                    **{f"max |{name}|": value for name, value in result.differences.items()},
                    "relative": result.relative,
                    "ms": result.milliseconds,
                    "detail": result.detail,
                }
                for result in self.results
            ]
        )

    def record(self) -> dict[str, Any]:
        """Give all of it as plain values, for X.verify.json."""
        return {"status": self.status, "tolerance": TOLERANCE, **asdict(self)}


def verify_bundle(
    bundle: Path,
    model: "str | os.PathLike[str] | StarDist2D | CARE | None",
    runtimes: Sequence[str],
) -> Verification:
    """Run a bundle for Fiji on TensorFlow 1.x, and its model.onnx; see `verify`."""
    if unknown := set(runtimes) - set(RUNTIMES):
        raise ValueError(
            f"{', '.join(sorted(unknown))}: no such runtime; choose of {', '.join(RUNTIMES)}"
        )
    inspection = inspect(bundle)
    signature = inspection.signature
    if signature is None or inspection.fatal:
        why = inspection.fatal or inspection.problems[0]
        raise ValueError(f"{bundle} cannot be run ({inspection.kind}): {why}")
    images = trial_images(signature.axes_count, signature.channels)
    with tempfile.TemporaryDirectory(prefix="particlebridge-") as scratch:
        folder = extract(bundle, Path(scratch) / "bundle")
        if model is None:
            reference = f"the bundle in TensorFlow {import_tensorflow().__version__}"
            expected = in_tensorflow2(folder, bundle, signature, images)
        else:
            reference, expected = in_keras(model, bundle, signature, images)
        check_finite(expected, reference)
        job = {
            "bundle": str(folder),
            "input": signature.input_tensor,
            "output": signature.output_tensor,
            "images": len(images),
        }
        stardist = inspection.rays is not None
        answers = [_on_runtime(runtime, job, images, expected, stardist) for runtime in runtimes]
        if inspection.onnx:
            content = (folder / ONNX_NAME).read_bytes()
            answers.append(("", on_onnx(content, bundle, images, expected)))
    return Verification(
        bundle=bundle.name,
        sha256=hashlib.sha256(bundle.read_bytes()).hexdigest(),
        reference=reference,
        images=tuple(image.shape for image in images),
        java=next((java for java, _ in answers if java), ""),
        results=tuple(result for _, result in answers),
    )


def _on_runtime(
    runtime: str,
    job: dict[str, Any],
    images: list[np.ndarray],
    expected: list[np.ndarray],
    stardist: bool,
) -> tuple[str, RuntimeResult]:
    def run(folder: Path) -> dict[str, Any]:
        return run_worker({"runtime": runtime, **job}, folder)

    def read(folder: Path, index: int) -> np.ndarray:
        return np.load(folder / f"out_{index}.npy")

    return in_worker(runtime, run, read, images, expected, stardist, _CAUSES)
