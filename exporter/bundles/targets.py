"""What `export --to` writes for readers other than Fiji's plugin, tried on them first."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from ..safe_zip import zip_bytes
from .bioimageio import package_members, weight_formats
from .comparison import RuntimeResult, on_onnx
from .onnx_layouts import channels_first
from .portable import PortableNetwork
from .qupath import qupath_script
from .readers import OPENCV, on_bioimageio, on_onnx_java, on_opencv, on_pixels_onnx
from .trial_outputs import check_finite, trial_images
from .verification import Verification

Target = Literal["fiji", "onnx", "qupath", "bioimageio"]
"""The reader that `export` writes for."""


@dataclass(frozen=True)
class Written:
    """What is to be written for a reader.

    Attributes
    ----------
    files
        {suffix: content}; the first is the file itself, others lie beside it with its stem.
    tried
        Runs the first file on images in the reader; gives Java's version and the outcomes.
    """

    files: dict[str, bytes]
    tried: Callable[[list[np.ndarray], list[np.ndarray]], tuple[str, list[RuntimeResult]]]


def default_name(model: str, target: Target) -> str:
    """Name the file that `export` writes in the working folder."""
    endings = {"fiji": "zip", "onnx": "onnx", "qupath": "qupath.onnx"}
    return f"{model}.{endings.get(target, 'bioimageio.zip')}"


def check_target(target: str, path: Path) -> None:
    """Refuse an unknown reader and a file name that it does not open.

    Raises
    ------
    ValueError
        Before anything is loaded.
    """
    if target not in get_args(Target):
        raise ValueError(f"--to must be one of {', '.join(get_args(Target))}, not {target!r}")
    suffix = Path(default_name("x", target)).suffix  # type: ignore[arg-type]
    if path.suffix.lower() != suffix:
        who = "Fiji's dialog asks for a zip" if target == "fiji" else f"--to {target} writes one"
        raise ValueError(f"{path} does not end in {suffix}, and {who}")


def written_for(target: Target, network: PortableNetwork, path: Path) -> Written:
    """Make the files for a reader.

    Parameters
    ----------
    target
        The reader; not "fiji".
    network
        What to write.
    path
        Where the first file will lie.

    Raises
    ------
    ValueError
        If the network cannot be written for it.
    """
    if target == "onnx":
        return _for_onnx(network, path)
    if target == "qupath":
        return _for_qupath(network, path)
    return _for_bioimageio(network, path)


def verified(written: Written, network: PortableNetwork, path: Path) -> Verification:
    """Run what was written in its reader and compare it with where it came from."""
    images = trial_images(2, network.channels)
    expected = [network.expected(image) for image in images]
    check_finite(expected, network.reference)
    java, results = written.tried(images, expected)
    content = next(iter(written.files.values()))
    return Verification(
        bundle=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        reference=network.reference,
        images=tuple(image.shape for image in images),
        java=java,
        results=tuple(results),
    )


def _for_onnx(network: PortableNetwork, path: Path) -> Written:
    def tried(
        images: list[np.ndarray], expected: list[np.ndarray]
    ) -> tuple[str, list[RuntimeResult]]:
        java, by_java = on_onnx_java(network.onnx, images, expected, network.grid)
        return java, [on_onnx(network.onnx, path, images, expected), by_java]

    return Written({path.suffix: network.onnx}, tried)


def _for_qupath(network: PortableNetwork, path: Path) -> Written:
    content = channels_first(network.onnx)
    script = qupath_script(network, path.name)

    def tried(
        images: list[np.ndarray], expected: list[np.ndarray]
    ) -> tuple[str, list[RuntimeResult]]:
        return "", [on_opencv(v, content, images, expected, network.grid) for v in OPENCV]

    return Written({path.suffix: content, ".groovy": script.encode()}, tried)


def _for_bioimageio(network: PortableNetwork, path: Path) -> Written:
    members = package_members(network)
    package = zip_bytes(members)

    def tried(
        images: list[np.ndarray], expected: list[np.ndarray]
    ) -> tuple[str, list[RuntimeResult]]:
        by_onnx = on_pixels_onnx(members["model.onnx"], images, expected)
        return "", [by_onnx, *(on_bioimageio(package, one) for one in weight_formats(network))]

    return Written({path.suffix: package}, tried)
