"""What `export` wrote, run again in the reader that it was written for."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..networks.keras_models import load_keras_model
from ..networks.model_zips import unpacked
from ..tensorflow_import import require_training
from . import targets
from .plugin_graph import layout_of
from .portable import from_keras, from_onnx, onnx_source
from .verification import Verification, verify_bundle

if TYPE_CHECKING:
    from csbdeep.models import CARE
    from stardist.models import StarDist2D


def verify(
    bundle: str | os.PathLike[str],
    model: "str | os.PathLike[str] | StarDist2D | CARE | None" = None,
    runtimes: Sequence[str] = ("1.15.0",),
) -> Verification:
    """Run what `export` wrote in its reader, and compare.

    A bundle runs on the TensorFlow 1.x that Fiji has, and its model.onnx in ONNX Runtime; what was
    written for another reader runs there, as when it was exported.
    Each TensorFlow comes from Maven Central and runs in a JVM in a process of its own, through the
    same Java classes that Fiji calls. Three images are run: random ones whose sides are and are
    not multiples of the network's strides (padded as the plugin pads) and a photograph.

    Parameters
    ----------
    bundle
        The zip, .onnx file or BioImage.IO package.
    model
        What it was made from: a folder, name or object. Without it a bundle is compared with itself
        in today's TensorFlow, and what `export --to onnx` wrote with itself in ONNX Runtime for
        Python; files for QuPath and BioImage.IO need it.
    runtimes
        For a bundle: of "1.15.0", "1.14.0", "1.13.1", "1.12.0".

    Returns
    -------
    Verification
        Its `status` tells the outcome; a runtime that fails does not raise.

    Raises
    ------
    FileNotFoundError
        If there is no such bundle or model.
    ValueError
        If the model it was made from is needed, or a bundle is not a SavedModel that takes and
        gives one image, is unsafe, does not belong to the model, or the model's output is not
        finite.

    Examples
    --------
    Here model.onnx alone runs. By default TensorFlow 1.15 runs, too; Maven Central has it.

    >>> from particlebridge.exporter import export, verify
    >>> proof = verify(export("nmc", "nmc.zip", verify=False), "nmc", runtimes=[])
    >>> proof.status, bool(proof.table()["relative"].max() < 1e-4)
    ('verified', True)
    """
    path = Path(bundle)
    require_training(f"verifying {path}")
    target = targets.target_of(path)
    if target == "fiji":
        return verify_bundle(path, model, runtimes)
    if model is None and target != "onnx":
        raise ValueError(
            f"{path} was written for {target} and is compared with the model it was made from; "
            "give that by --model"
        )
    with unpacked(path if model is None else model) as source:
        by_onnx = onnx_source(source)
        if by_onnx is not None:
            network = from_onnx(by_onnx)
        else:
            loaded = load_keras_model(source)
            network = from_keras(loaded, layout_of(loaded))
        return targets.verified(target, path.read_bytes(), network, path)
