"""`export`: a model of today as one zip that Fiji's TensorFlow 1.x loads, with the proof beside."""

import importlib.metadata
import json
import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from particlebridge.analysis import atomic_path
from particlebridge.analysis.io.atomic import write_json

from ..networks.keras_models import load_keras_model
from ..networks.loading import load_model
from ..networks.onnx_session import ONNX_NAME
from ..networks.record import RECORD_NAME, ModelRecord
from ..networks.saved_model import GRAPH_NAME, saved_model_bytes
from ..safe_zip import write_zip
from ..tensorflow_import import import_tensorflow
from .onnx_graph import onnx_bytes
from .plugin_graph import Layout, bundle_graph, layout_of
from .verification import Verification, verify

if TYPE_CHECKING:
    from csbdeep.models import CARE
    from stardist.models import StarDist2D

FORMAT = 1
"""Of particlebridge.json in a bundle."""

_PRODUCERS = ("particlebridge", "tensorflow", "keras", "stardist", "csbdeep", "onnx")


@dataclass(frozen=True)
class Export:
    """A bundle that was written; usable as a path.

    Attributes
    ----------
    path
        The zip.
    proof
        X.verify.json beside it.
    verification
        What was proven; None if verification was turned off.
    notices
        What the user should know: what was left out, what could not be proven.
    seconds
        The writing took, without loading the model and without verification.
    """

    path: Path
    proof: Path
    verification: Verification | None
    notices: tuple[str, ...]
    seconds: float

    @property
    def status(self) -> Literal["verified", "unverified"]:
        """Whether every runtime asked for ran it and agreed with Keras: then "verified"."""
        proven = self.verification is not None and self.verification.status == "verified"
        return "verified" if proven else "unverified"

    def __fspath__(self) -> str:
        """Return the path of the zip."""
        return str(self.path)


def export(
    model: "str | os.PathLike[str] | StarDist2D | CARE",
    out: str | os.PathLike[str] | None = None,
    *,
    verify: bool = True,
    runtimes: Sequence[str] = ("1.15.0",),
) -> Export:
    """Write a model as a bundle for Fiji and ONNX Runtime, run it on both, and keep the proof.

    Parameters
    ----------
    model
        A StarDist 2D or CARE model folder (weights of Keras 2 or 3), the name of a shipped or
        registered pretrained model, or such a model object.
    out
        The zip to write, replaced if it exists; NAME.zip in the working folder by default.
    verify
        Whether to run the bundle on `runtimes` and compare it with Keras (see
        `verify`).
    runtimes
        Of "1.15.0", "1.14.0", "1.13.1", "1.12.0".

    Returns
    -------
    Export
        The same model gives the same bytes. The proof, or that there is none, lies in
        X.verify.json beside X.zip.

    Raises
    ------
    FileNotFoundError, OSError
        If the model is not found, cannot be downloaded, or the zip cannot be written.
    ValueError
        If the model is 3-D StarDist, or has a layer that TensorFlow 1.12 or ONNX cannot run.
    RuntimeError
        If the bundle does not load, or differs from Keras; then it is not left behind.

    Warns
    -----
    UserWarning
        If a class head was dropped, or the bundle could not be verified.

    Examples
    --------
    >>> from particlebridge.exporter import export
    >>> done = export("nmc", "nmc.zip", verify=False)
    >>> done.path.name, done.proof.name, done.status
    ('nmc.zip', 'nmc.verify.json', 'unverified')
    """
    import_tensorflow()
    loaded = load_keras_model(model)
    layout = layout_of(loaded)
    path = Path(f"{loaded.name}.zip" if out is None else out)
    if path.suffix.lower() != ".zip":
        raise ValueError(f"{path} does not end in .zip, and Fiji's dialog asks for a zip")
    proof = path.with_suffix(".verify.json")
    start = time.perf_counter()
    members = _members(loaded, layout)
    notices = []
    if getattr(loaded.config, "n_classes", None) is not None:
        notices.append(f"the class head of {loaded.name} was left out: Fiji's plugin has none")
    with atomic_path(path) as beside:
        write_zip(beside, members)
        seconds = time.perf_counter() - start
        verification = _verified(beside, path, loaded, runtimes) if verify else None
        # An older proof must not stand beside a newer bundle.
        proof.unlink(missing_ok=True)
    if verification is None:
        record: dict[str, Any] = {
            "status": "unverified",
            "detail": "verification was turned off",
        }
    else:
        record = verification.record()
        if verification.status == "unverified":
            details = {r.detail for r in verification.results if r.status == "unavailable"}
            notices.append(f"{path} could not be verified: {'; '.join(sorted(details))}")
    write_json(proof, record)
    for notice in notices:
        warnings.warn(notice, stacklevel=2)
    return Export(path, proof, verification, tuple(notices), seconds)


def _verified(
    written: Path, path: Path, model: "StarDist2D | CARE", runtimes: Sequence[str]
) -> Verification:
    verification = replace(verify(written, model, runtimes), bundle=path.name)
    if verification.status == "failed":
        failed = next(r for r in verification.results if r.status == "failed")
        raise RuntimeError(
            f"{path} was not written: on {failed.title} the bundle of {model.name} "
            f"fails ({failed.detail}); please report the model's config.json"
        )
    return verification


def _members(model: "StarDist2D | CARE", layout: Layout) -> dict[str, bytes]:
    any_size = (None,) * len(layout.axes)
    graph = saved_model_bytes(
        bundle_graph(model, layout), (*any_size, layout.channels), (*any_size, layout.outputs)
    )
    network = load_model(model) if layout.kind == "stardist2d" else None
    record = None if network is None else _record(model, network.record)
    settings = json.dumps(_settings(model, layout, record), indent=2, sort_keys=True) + "\n"
    # CSBDeep and TensorFlow look for the folder even where all weights are constants.
    members = {"variables/": b"", GRAPH_NAME: graph, RECORD_NAME: settings.encode()}
    if network is not None and record is not None:
        members[ONNX_NAME] = onnx_bytes(model, layout, record, network.reach)
    return members


def _settings(
    model: "StarDist2D | CARE", layout: Layout, record: ModelRecord | None
) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "format": FORMAT,
        "kind": layout.kind,
        "name": model.name,
        "axes": layout.axes,
        "channels": layout.channels,
        "producer": {name: importlib.metadata.version(name) for name in _PRODUCERS},
    }
    if record is not None:
        settings |= asdict(record)
    return settings


def _record(model: "StarDist2D | CARE", record: ModelRecord) -> ModelRecord:
    """Say who tuned the thresholds; without a record in the model's folder StarDist itself."""
    folder = None if model.basedir is None else Path(model.logdir)
    if folder is None or not (folder / RECORD_NAME).is_file():
        record = replace(record, numerics="stardist")
    return record
