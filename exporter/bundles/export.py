"""`export`: a model of today as a file that its reader loads, with the proof beside."""

import importlib.metadata
import json
import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from particlebridge.analysis import atomic_path
from particlebridge.analysis.io.atomic import write_json

from ..networks.keras_models import load_keras_model
from ..networks.model_folders import model_folder
from ..networks.model_zips import unpacked
from ..networks.onnx_session import ONNX_NAME
from ..networks.record import RECORD_NAME
from ..networks.saved_model import GRAPH_NAME, saved_model_bytes
from ..safe_zip import write_zip
from ..tensorflow_import import require_training
from . import targets
from .plugin_graph import Layout, bundle_graph, layout_of
from .portable import PortableNetwork, from_keras, from_onnx, onnx_source
from .targets import Target
from .verification import Verification, verify_bundle

if TYPE_CHECKING:
    from csbdeep.models import CARE
    from stardist.models import StarDist2D

FORMAT = 1
"""Of particlebridge.json in a bundle."""

_PRODUCERS = ("particlebridge", "tensorflow", "keras", "stardist", "csbdeep", "onnx")


@dataclass(frozen=True)
class Export:
    """A model that was written; usable as a path.

    Attributes
    ----------
    path
        The file.
    proof
        X.verify.json beside it.
    verification
        What was proven; None if verification was turned off.
    notices
        What the user should know: what was left out, what could not be proven.
    seconds
        The writing took, without loading the model and without verification.
    beside
        Other files that were written: QuPath's script.
    """

    path: Path
    proof: Path
    verification: Verification | None
    notices: tuple[str, ...]
    seconds: float
    beside: tuple[Path, ...] = ()

    @property
    def status(self) -> Literal["verified", "unverified"]:
        """Whether every runtime asked for ran it and agreed with Keras: then "verified"."""
        proven = self.verification is not None and self.verification.status == "verified"
        return "verified" if proven else "unverified"

    def __fspath__(self) -> str:
        """Return the path of the file."""
        return str(self.path)


def export(
    model: "str | os.PathLike[str] | StarDist2D | CARE",
    out: str | os.PathLike[str] | None = None,
    *,
    to: Target = "fiji",
    verify: bool = True,
    runtimes: Sequence[str] = ("1.15.0",),
) -> Export:
    """Write a model for Fiji or another reader, run it there, and keep the proof.

    Parameters
    ----------
    model
        A StarDist 2D or CARE model folder (weights of Keras 2 or 3), also zipped or as a
        BioImage.IO package, the name of a shipped or registered pretrained model, or such a model
        object. For readers of ONNX also a bundle or an .onnx file that `export` wrote.
    out
        The file to write, replaced if it exists; NAME.zip, NAME.onnx, NAME.qupath.onnx or
        NAME.bioimageio.zip in the working folder by default.
    to
        ``fiji``: a bundle for Fiji's TensorFlow 1.x that also holds model.onnx; ``onnx``: the
        network alone, for ONNX Runtime; ``qupath``: for QuPath's StarDist extension, which runs
        it by OpenCV, with a script beside it; ``bioimageio``: a package of the BioImage Model Zoo.
    verify
        Whether to run what was written in its reader and compare it with Keras (with ONNX Runtime
        if `model` holds ONNX only).
    runtimes
        The TensorFlow that a bundle for Fiji is run on: of "1.15.0", "1.14.0", "1.13.1", "1.12.0".

    Returns
    -------
    Export
        The same model gives the same bytes. The proof, or that there is none, lies in
        X.verify.json beside X.zip, in X.onnx.verify.json beside X.onnx.

    Raises
    ------
    FileNotFoundError, OSError
        If the model is not found, cannot be downloaded, or the file cannot be written.
    ValueError
        If the model is 3-D StarDist, or has a layer that its reader cannot run.
    RuntimeError
        If the file does not load in its reader, or differs from Keras; then it is not left behind.

    Warns
    -----
    UserWarning
        If a class head was dropped, or the file could not be verified.

    Examples
    --------
    >>> from particlebridge.exporter import export
    >>> done = export("nmc", "nmc.zip", verify=False)
    >>> done.path.name, done.proof.name, done.status
    ('nmc.zip', 'nmc.verify.json', 'unverified')
    """
    if out is not None:
        targets.check_target(to, Path(out))
    with unpacked(model) as source:
        return _exported(source, out, to, verify, runtimes)


def _exported(
    model: "str | os.PathLike[str] | StarDist2D | CARE",
    out: str | os.PathLike[str] | None,
    to: Target,
    verify: bool,
    runtimes: Sequence[str],
) -> Export:
    by_onnx = None if to == "fiji" else onnx_source(model)
    if by_onnx is None and isinstance(model, str | os.PathLike):
        model_folder(model)
    require_training(f"exporting {getattr(model, 'name', model)}")
    notices = []
    if to == "bioimageio":
        notices.append("rdf.yaml names no author and no licence: fill them in before publishing")
    if by_onnx is not None:
        return _finished(_for_reader(from_onnx(by_onnx), to, out, verify), notices)
    loaded = load_keras_model(model)
    layout = layout_of(loaded)
    if getattr(loaded.config, "n_classes", None) is not None:
        notices.append(f"the class head of {loaded.name} was left out: {_NO_CLASSES[to]}")
    if to == "fiji":
        return _finished(_bundle(loaded, layout, out, runtimes, verify), notices)
    return _finished(_for_reader(from_keras(loaded, layout), to, out, verify), notices)


_NO_CLASSES = {
    "fiji": "Fiji's plugin has none",
    "onnx": "what reads the network knows none",
    "qupath": "the script asks for none",
    "bioimageio": "StarDist's description of a package knows none",
}


def _bundle(
    model: "StarDist2D | CARE",
    layout: Layout,
    out: str | os.PathLike[str] | None,
    runtimes: Sequence[str],
    prove: bool,
) -> Export:
    path = Path(targets.default_name(model.name, "fiji") if out is None else out)
    proof = path.with_suffix(".verify.json")
    start = time.perf_counter()
    members = _members(model, layout)
    with atomic_path(path) as beside:
        write_zip(beside, members)
        seconds = time.perf_counter() - start
        verification = None
        if prove:
            verification = replace(verify_bundle(beside, model, runtimes), bundle=path.name)
            _check(verification, path, model.name)
        # An older proof must not stand beside a newer bundle.
        proof.unlink(missing_ok=True)
    return Export(path, proof, verification, (), seconds)


def _for_reader(
    network: PortableNetwork, to: Target, out: str | os.PathLike[str] | None, prove: bool
) -> Export:
    path = Path(targets.default_name(network.name, to) if out is None else out)
    proof = path.with_name(f"{path.name}.verify.json")
    start = time.perf_counter()
    files = targets.written_for(to, network, path)
    seconds = time.perf_counter() - start
    verification = None
    if prove:
        verification = targets.verified(to, next(iter(files.values())), network, path)
        _check(verification, path, network.name)
    proof.unlink(missing_ok=True)
    paths = tuple(path.with_suffix(suffix) for suffix in files)
    for one, content in zip(paths, files.values(), strict=True):
        with atomic_path(one) as beside:
            beside.write_bytes(content)
    return Export(path, proof, verification, (), seconds, paths[1:])


def _finished(written: Export, notices: list[str]) -> Export:
    """Write the proof, and say what the user should know."""
    verification = written.verification
    if verification is None:
        record: dict[str, Any] = {
            "status": "unverified",
            "detail": "verification was turned off",
        }
    else:
        record = verification.record()
        if verification.status == "unverified":
            details = {r.detail for r in verification.results if r.status == "unavailable"}
            notices.append(f"{written.path} could not be verified: {'; '.join(sorted(details))}")
    write_json(written.proof, record)
    for notice in notices:
        warnings.warn(notice, stacklevel=4)
    return replace(written, notices=tuple(notices))


def _check(verification: Verification, path: Path, model: str) -> None:
    """Refuse what failed in a reader, before it is left behind."""
    if verification.status == "failed":
        failed = next(r for r in verification.results if r.status == "failed")
        raise RuntimeError(
            f"{path} was not written: on {failed.title} the file made from {model} "
            f"fails ({failed.detail}); please report the model's config.json"
        )


def _members(model: "StarDist2D | CARE", layout: Layout) -> dict[str, bytes]:
    any_size = (None,) * len(layout.axes)
    graph = saved_model_bytes(
        bundle_graph(model, layout), (*any_size, layout.channels), (*any_size, layout.outputs)
    )
    network = from_keras(model, layout)
    settings = {
        **network.settings,
        "format": FORMAT,
        "kind": layout.kind,
        "name": model.name,
        "axes": layout.axes,
        "channels": layout.channels,
        "producer": {name: importlib.metadata.version(name) for name in _PRODUCERS},
    }
    told = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    return {
        # CSBDeep and TensorFlow look for the folder even where all weights are constants.
        "variables/": b"",
        GRAPH_NAME: graph,
        RECORD_NAME: told.encode(),
        ONNX_NAME: network.onnx,
    }
