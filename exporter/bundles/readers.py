"""Proof that a network computes the same in Java, in OpenCV and in BioImage.IO's own tests."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..networks.saved_model import OUTPUT
from ..runtimes.python_packages import run_python_worker
from ..runtimes.runtime_ops import run_worker
from .comparison import RuntimeResult, in_bundle_layout, in_worker, not_passed

ONNX_JAVA = "1.22.0"
"""The ONNX Runtime of Maven Central that a network is tried on; it runs on Java 8 and newer."""

OPENCV = {
    "4.6.0": ("opencv-python-headless==4.6.0.66", "numpy<2"),
    "5.0.0": ("opencv-python-headless==5.0.0.93",),
}
"""The OpenCV of QuPath 0.5, and the newest; what pip installs for each."""


BIOIMAGEIO = ("bioimageio.core==0.11.0", "bioimageio.spec==0.5.12.0", "pydantic<2.14")
"""What pip installs to test a package; bioimageio.spec 0.5.12 does not run with pydantic 2.14."""


def on_onnx_java(
    content: bytes,
    images: list[np.ndarray],
    expected: list[np.ndarray],
    grid: tuple[int, int] | None,
) -> tuple[str, RuntimeResult]:
    """Run a network in ONNX Runtime for Java and compare.

    Parameters
    ----------
    content
        Of model.onnx.
    images
        (1, [Z,] H, W, C) float32.
    expected
        The output of each in a bundle's layout.
    grid
        StarDist's pixels (y, x) between the grid points; None for CARE.

    Returns
    -------
    java : str
        Version of Java, "" if there is none.
    result : RuntimeResult
        "unavailable" without Java or Maven.
    """

    def run(job: dict[str, Any], folder: Path) -> dict[str, Any]:
        return run_worker({"runtime": ONNX_JAVA, **job}, folder)

    return _tried(f"ONNX Runtime {ONNX_JAVA} for Java", run, content, images, expected, grid)


def on_opencv(
    version: str,
    content: bytes,
    images: list[np.ndarray],
    expected: list[np.ndarray],
    grid: tuple[int, int],
) -> RuntimeResult:
    """Run a network in OpenCV's dnn module as QuPath does, and compare.

    Parameters
    ----------
    version
        Of `OPENCV`.
    content
        Of a network that takes channels first.
    images, expected, grid
        As `on_onnx_java`.

    Returns
    -------
    RuntimeResult
        "unavailable" where that OpenCV cannot be installed.
    """

    def run(job: dict[str, Any], folder: Path) -> dict[str, Any]:
        return run_python_worker("opencv_worker", OPENCV[version], job, folder)

    return _tried(f"OpenCV {version}", run, content, images, expected, grid)[1]


def on_bioimageio(package: bytes, weights: str) -> RuntimeResult:
    """Let bioimageio.spec validate a package and bioimageio.core test it, without a network.

    Parameters
    ----------
    package
        The zip.
    weights
        Which of its weights: "onnx" or "tensorflow_saved_model_bundle".

    Returns
    -------
    RuntimeResult
        "unavailable" where they cannot be installed.
    """
    title = f"{BIOIMAGEIO[0].replace('==', ' ')} ({weights})"
    with tempfile.TemporaryDirectory(prefix="particlebridge-") as scratch:
        path = Path(scratch) / "package.zip"
        path.write_bytes(package)
        job = {"package": str(path), "formats": [weights]}
        try:
            told = run_python_worker("bioimageio_worker", BIOIMAGEIO, job, Path(scratch))
        except RuntimeError as error:
            return RuntimeResult(title, "unavailable", False, {}, detail=str(error))
    return not_passed(title, told) if told["error"] else RuntimeResult(title, "passed", True, {})


def _tried(
    title: str,
    work: Callable[[dict[str, Any], Path], dict[str, Any]],
    content: bytes,
    images: list[np.ndarray],
    expected: list[np.ndarray],
    grid: tuple[int, int] | None,
) -> tuple[str, RuntimeResult]:
    def run(folder: Path) -> dict[str, Any]:
        network = folder / "model.onnx"
        network.write_bytes(content)
        return work({"onnx": str(network), "images": len(images)}, folder)

    def read(folder: Path, index: int) -> np.ndarray:
        if grid is None:
            return np.load(folder / f"out_{index}_{OUTPUT}.npy")
        prob, dist = (np.load(folder / f"out_{index}_{name}.npy") for name in ("prob", "dist"))
        return in_bundle_layout(prob, dist, grid)

    return in_worker(title, run, read, images, expected, grid is not None)
