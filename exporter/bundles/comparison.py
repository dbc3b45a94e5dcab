"""What a runtime computed beside what Keras computed, and model.onnx in ONNX Runtime."""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..networks.onnx_session import OnnxRun, is_care
from ..networks.saved_model import OUTPUT

TOLERANCE = 1e-4
"""Largest difference allowed, as a share of the range of the values."""


@dataclass(frozen=True)
class RuntimeResult:
    """How a bundle fared on one TensorFlow.

    Attributes
    ----------
    runtime
        Version of org.tensorflow, or the name and version of another library.
    status
        "passed", "failed", or "unavailable" where the runtime itself could not be had.
    loaded
        Whether it opened the bundle.
    differences
        Largest absolute difference, by output: prob and dist, or output for CARE.
    relative
        The largest of them as a share of the range of its values.
    milliseconds
        For the last image, on a warm session.
    detail
        What went wrong; "" if nothing.
    """

    runtime: str
    status: Literal["passed", "failed", "unavailable"]
    loaded: bool
    differences: dict[str, float]
    relative: float | None = None
    milliseconds: float | None = None
    detail: str = ""

    @property
    def title(self) -> str:
        """Which library it was, with its version."""
        return f"TensorFlow {self.runtime}" if self.runtime[:1].isdigit() else self.runtime


def compared(
    runtime: str,
    expected: list[np.ndarray],
    got: list[np.ndarray],
    stardist: bool,
    milliseconds: float,
) -> RuntimeResult:
    """Compare outputs in a bundle's layout.

    Parameters
    ----------
    runtime, milliseconds
        As in the result.
    expected, got
        (1, [Z,] H, W, outputs) of each image.
    stardist
        Whether the first channel is a probability and the others are distances.

    Returns
    -------
    RuntimeResult
        "passed" or "failed".
    """
    outputs = {"prob": np.s_[..., :1], "dist": np.s_[..., 1:]} if stardist else {"output": ...}
    differences, relative, detail = {}, 0.0, ""
    for name, part in outputs.items():
        largest = 0.0
        for ours, theirs in zip(expected, got, strict=True):
            if ours.shape != theirs.shape:
                detail = f"the output has shape {theirs.shape}, not {ours.shape}"
                return RuntimeResult(runtime, "failed", True, {}, detail=detail)
            # A NaN makes the difference NaN, and no comparison with NaN passes.
            largest = float(np.fmax(largest, np.abs(ours[part] - theirs[part]).max()))
            if not np.isfinite(theirs[part]).all():
                detail = f"{name} holds NaN or infinity"
        scale = max(float(np.ptp(array[part])) for array in expected)
        differences[name] = largest
        relative = max(relative, largest / scale if scale else largest)
    if not detail and not relative <= TOLERANCE:
        detail = f"differs by {relative:.1e} of the range of the values, more than {TOLERANCE:g}"
    return RuntimeResult(
        runtime=runtime,
        status="failed" if detail else "passed",
        loaded=True,
        differences=differences,
        relative=relative,
        milliseconds=milliseconds,
        detail=detail,
    )


def in_worker(
    runtime: str,
    run: Callable[[Path], dict[str, Any]],
    read: Callable[[Path, int], np.ndarray],
    images: list[np.ndarray],
    expected: list[np.ndarray],
    stardist: bool = True,
    causes: Mapping[str, str] = {},
) -> tuple[str, RuntimeResult]:
    """Run images in a process of its own and compare.

    Parameters
    ----------
    runtime, expected, stardist
        As `compared`.
    run
        Does the job in a folder that holds the images as 0.npy, 1.npy...; gives its result.json.
    read
        Reads an output out of the folder, in a bundle's layout.
    images
        (1, [Z,] H, W, C) float32.
    causes
        As `not_passed`.

    Returns
    -------
    java : str
        Version of Java, "" if there is none.
    result : RuntimeResult
        "unavailable" where the runtime cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix="particlebridge-") as scratch:
        folder = Path(scratch)
        for index, image in enumerate(images):
            np.save(folder / f"{index}.npy", image)
        try:
            told = run(folder)
        except RuntimeError as error:  # no Java, no pip, no network
            return "", RuntimeResult(runtime, "unavailable", False, {}, detail=str(error))
        java = told.get("java", "")
        if told["error"]:
            return java, not_passed(runtime, told, causes)
        got = [read(folder, index) for index in range(len(images))]
    return java, compared(runtime, expected, got, stardist, told["milliseconds"][-1])


def not_passed(
    runtime: str, told: Mapping[str, Any], causes: Mapping[str, str] = {}
) -> RuntimeResult:
    """Make the result of a worker that ended with an error.

    At the stages "java" and "native" nothing has been learned about the network; `causes` says
    what they mean, to be put before the error.
    """
    stage, detail = told["stage"], told["error"]
    if stage in causes:
        detail = f"{causes[stage]}: {detail}"
    status: Literal["unavailable", "failed"] = (
        "unavailable" if stage in ("java", "native") else "failed"
    )
    return RuntimeResult(runtime, status, stage == "run", {}, detail=detail)


def on_onnx(
    content: bytes, source: Path, images: list[np.ndarray], expected: list[np.ndarray]
) -> RuntimeResult:
    """Run a network in ONNX Runtime and compare.

    Parameters
    ----------
    content
        Of model.onnx, or of another network that we wrote, channels last.
    source
        Where it came from, for messages.
    images, expected
        What is run, and what comes of it in the bundle's layout.

    Returns
    -------
    RuntimeResult
        "passed" or "failed".
    """
    import onnxruntime

    runtime = f"ONNX Runtime {onnxruntime.__version__}"
    try:
        network, stardist = onnx_on_pixels(content, source)
    except ValueError as error:
        return RuntimeResult(runtime, "failed", False, {}, detail=str(error))
    got = []
    try:
        for image in images:
            start = time.perf_counter()
            got.append(network(image))
            milliseconds = 1000 * (time.perf_counter() - start)
    except (RuntimeError, MemoryError, ValueError) as error:
        return RuntimeResult(runtime, "failed", True, {}, detail=str(error))
    return compared(runtime, expected, got, stardist, milliseconds)


def onnx_on_pixels(content: bytes, source: Path) -> tuple[Callable[[np.ndarray], np.ndarray], bool]:
    """Open a network in ONNX Runtime that gives its output in a bundle's layout.

    Parameters
    ----------
    content, source
        As `on_onnx`.

    Returns
    -------
    network : callable
        From an image (1, [Z,] H, W, C) to (1, [Z,] H, W, outputs), float32.
    stardist : bool
        Whether these are a probability and distances.

    Raises
    ------
    ValueError
        If it is no ONNX network, or none of ours.
    """
    opened = OnnxRun(content, source)
    if opened.outputs == (OUTPUT,):
        return (lambda image: opened.run(image)[0]), not is_care(opened.metadata)
    opened.check_star_convex(source)
    gy, gx = opened.metadata["grid"]

    def on_pixels(image: np.ndarray) -> np.ndarray:
        prob, dist = opened.run(image)
        return in_bundle_layout(prob, dist, (gy, gx))

    return on_pixels, True


def in_bundle_layout(prob: np.ndarray, dist: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Lay a network's two outputs out on the pixels, as a bundle gives them.

    Parameters
    ----------
    prob, dist
        (1, H / grid y, W / grid x, 1) and (..., rays) float32.
    grid
        Pixels (y, x) between the grid points.

    Returns
    -------
    numpy.ndarray
        (1, H, W, 1 + rays) float32: the probability at [::gy, ::gx] and zero elsewhere, and the
        distances repeated over each cell of the grid.
    """
    gy, gx = grid
    shape = prob.shape[1] * gy, prob.shape[2] * gx
    output = np.zeros((1, *shape, 1 + dist.shape[-1]), np.float32)
    output[:, ::gy, ::gx, :1] = prob
    output[..., 1:] = dist.repeat(gy, axis=1).repeat(gx, axis=2)
    return output
