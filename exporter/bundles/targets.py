"""What `export --to` writes for readers other than Fiji's plugin, tried on them first."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Literal, get_args

import yaml
from google.protobuf.message import DecodeError

from ..safe_zip import opened, zip_bytes
from .bioimageio import package_members
from .comparison import on_onnx
from .onnx_layouts import channels_first
from .portable import PortableNetwork, StarDistNetwork
from .qupath import qupath_script
from .readers import OPENCV, on_bioimageio, on_onnx_java, on_opencv
from .trial_outputs import check_finite, trial_images
from .verification import Verification

Target = Literal["fiji", "onnx", "qupath", "bioimageio"]
"""The reader that `export` writes for."""

_DESCRIPTION = "rdf.yaml"
"""What makes a zip a package of BioImage.IO."""


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


def target_of(path: Path) -> Target:
    """Tell which reader a file was written for; "fiji" also for what no other reader opens."""
    if path.suffix.lower() == ".onnx":
        return "qupath" if _takes_channels_first(path) else "onnx"
    if zipfile.is_zipfile(path):
        with opened(path) as archive:
            if _DESCRIPTION in archive.namelist():
                return "bioimageio"
    return "fiji"


def written_for(target: Target, network: PortableNetwork, path: Path) -> dict[str, bytes]:
    """Make the files for a reader.

    Parameters
    ----------
    target
        The reader; not "fiji".
    network
        What to write.
    path
        Where the first file will lie.

    Returns
    -------
    dict
        Suffix -> content; the first is the file itself, others lie beside it with its stem.

    Raises
    ------
    ValueError
        If the network cannot be written for it.
    """
    if target == "onnx":
        return {path.suffix: network.onnx}
    stardist = _stardist(network, target)
    if target == "qupath":
        script = qupath_script(stardist, path.name)
        return {path.suffix: channels_first(network.onnx), ".groovy": script.encode()}
    return {path.suffix: zip_bytes(package_members(stardist))}


def verified(target: Target, content: bytes, network: PortableNetwork, path: Path) -> Verification:
    """Run what was written in its reader and compare it with where it came from.

    Parameters
    ----------
    target
        The reader; not "fiji".
    content
        Of the file.
    network
        Where it came from.
    path
        The file, for messages; it need not be there yet.

    Raises
    ------
    ValueError
        If the network is none that the reader runs, or gives values that are not finite.
    """
    images = trial_images(network.dimensions, network.channels)
    expected = [network.expected(image) for image in images]
    check_finite(expected, network.reference)
    java = ""
    if target == "onnx":
        java, by_java = on_onnx_java(content, images, expected, network.grid)
        results = [on_onnx(content, path, images, expected), by_java]
    elif target == "qupath":
        grid = _stardist(network, target).grid
        results = [on_opencv(v, content, images, expected, grid) for v in OPENCV]
    else:
        _stardist(network, target)
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            described = yaml.safe_load(package.read(_DESCRIPTION))
            weights = described["weights"]
            of_package = package.read(weights["onnx"]["source"])
            by_onnx = on_onnx(of_package, path, images, expected)
        results = [by_onnx, *(on_bioimageio(content, one) for one in weights)]
    return Verification(
        bundle=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        reference=network.reference,
        images=tuple(image.shape for image in images),
        java=java,
        results=tuple(results),
    )


_ONLY_STARDIST = {
    "qupath": "QuPath runs StarDist networks only",
    "bioimageio": "the package describes StarDist's postprocessing",
}


def _stardist(network: PortableNetwork, target: Target) -> StarDistNetwork:
    if not isinstance(network, StarDistNetwork):
        raise ValueError(
            f"{network.name} is a CARE model, and {_ONLY_STARDIST[target]}; export it with "
            "--to onnx, or for Fiji without --to"
        )
    return network


def _takes_channels_first(path: Path) -> bool:
    """Tell a network for OpenCV; what is no network is for `from_onnx` to refuse."""
    import onnx

    try:
        axes = onnx.load(path).graph.input[0].type.tensor_type.shape.dim
        return axes[1].HasField("dim_value")
    except (OSError, IndexError, DecodeError):
        return False
