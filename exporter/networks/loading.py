"""Models, wherever they come from, as one `Network` that maps pixels to rays."""

import hashlib
import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from ..tensorflow_import import (
    choose_device,
    compute_in_one_thread,
    import_tensorflow,
    require_training,
)
from .keras_models import load_keras_model
from .model_folders import SHIPPED, dimensions, model_folder
from .model_kinds import kind_of_file
from .model_zips import unpacked
from .network import Backend, Device, DeviceChoice, Network
from .onnx_networks import from_onnx_bundle, from_onnx_file, from_onnx_folder, onnx_content
from .onnx_session import ONNX_NAME
from .record import (
    RECORD_NAME,
    ModelRecord,
    Thresholds,
    folder_digest,
    read_record,
    read_thresholds,
)

if TYPE_CHECKING:
    from csbdeep.models import CARE
    from stardist.models import StarDist2D

BackendChoice = Literal["auto"] | Backend
"""What computes a network; auto: ONNX Runtime where the model holds model.onnx."""


def load_model(
    model: "str | os.PathLike[str] | StarDist2D",
    backend: BackendChoice = "auto",
    device: DeviceChoice = "auto",
) -> Network:
    """Load a StarDist 2-D model.

    Parameters
    ----------
    model
        A StarDist folder (config.json and weights written by Keras 2 or 3; thresholds.json and
        particlebridge.json if there are), also zipped or as a BioImage.IO package, a bundle
        (.zip), an .onnx file out of a bundle, the name of a model that comes with the package
        ("nmc") or that StarDist has registered ("2D_versatile_fluo"), or a StarDist2D object.
    backend
        ``onnx`` (ONNX Runtime), ``tensorflow``, or ``auto``: ONNX Runtime where the model holds
        model.onnx, else TensorFlow, which is imported only then.
    device
        ``cpu``, ``cuda`` (an Nvidia GPU) or ``auto``: a GPU where the backend has one.

    Returns
    -------
    Network
        Its `backend` says what computes it, its `device` where.

    Raises
    ------
    FileNotFoundError
        If there is nothing of that name, or the folder lacks its weights.
    ValueError
        If it is no 2-D StarDist model, is damaged, or does not hold what `backend` runs.
    OSError
        If a registered model cannot be downloaded.
    RuntimeError
        If cuda is asked for and cannot be had.

    Warns
    -----
    UserWarning
        If a folder's model.onnx was made from other weights, and so is not used.

    Examples
    --------
    >>> from particlebridge.exporter import load_model
    >>> network = load_model("nmc")
    >>> network.backend, network.rays, network.grid, network.record.diameter
    ('onnx', 32, (2, 2), 48.0)
    """
    if backend not in ("auto", *get_args(Backend)):
        raise ValueError(f"backend must be auto, onnx or tensorflow, not {backend!r}")
    if device not in ("auto", *get_args(Device)):
        raise ValueError(f"device must be auto, cpu or cuda, not {device!r}")
    with unpacked(model) as source:
        return _loaded(source, backend, device)


def backend_of(model: str | os.PathLike[str], backend: BackendChoice = "auto") -> Backend:
    """Tell what would compute a network, without loading it.

    Parameters
    ----------
    model, backend
        As `load_model`.

    Raises
    ------
    ValueError
        If a zip is damaged or unsafe.
    """
    if backend != "auto":
        return backend
    with unpacked(model) as source:
        path = Path(source)
        if path.is_file():
            holds = kind_of_file(path) is None and onnx_content(path) is not None
            return "onnx" if holds or path.suffix.lower() == ".onnx" else "tensorflow"
        return "tensorflow" if _onnx_folder(path) is None else "onnx"


def _loaded(
    model: "str | os.PathLike[str] | StarDist2D", backend: BackendChoice, device: DeviceChoice
) -> Network:
    if backend != "tensorflow" and (network := _by_onnx(model, device)) is not None:
        return network
    if backend == "onnx":
        name = model if isinstance(model, str | os.PathLike) else f"the object {model.name}"
        raise ValueError(
            f"{name} holds no {ONNX_NAME} for ONNX Runtime; `particlebridge export MODEL_FOLDER` "
            "makes a bundle that does, or leave --backend out"
        )
    return _by_tensorflow(model, backend == "tensorflow", device)


def _by_onnx(model: "str | os.PathLike[str] | StarDist2D", device: DeviceChoice) -> Network | None:
    """Load what holds model.onnx; None for all else."""
    if not isinstance(model, str | os.PathLike):
        return None
    path = Path(model)
    if path.is_file():
        load = from_onnx_file if path.suffix.lower() == ".onnx" else from_onnx_bundle
        return load(path, device)
    folder = _onnx_folder(path)
    if folder is None:
        return None
    record = folder_record(folder)
    network = from_onnx_folder(folder, record, device)
    if network is None:
        warnings.warn(
            f"{folder / ONNX_NAME} was made from other weights than the folder holds and is not "
            "used; delete it",
            stacklevel=3,
        )
    return network


def _onnx_folder(path: Path) -> Path | None:
    """Give the model folder of a path or of a shipped name; None if it lacks model.onnx."""
    folder = path if path.is_dir() else SHIPPED / path
    whole = (folder / ONNX_NAME).is_file() and (folder / "config.json").is_file()
    return folder if whole else None


def _by_tensorflow(
    model: "str | os.PathLike[str] | StarDist2D", asked: bool, device: DeviceChoice
) -> Network:
    from .tensorflow_networks import from_graph, from_stardist

    bundle = None
    if isinstance(model, str | os.PathLike):
        path = Path(model)
        if path.suffix.lower() == ".onnx":
            raise ValueError(
                f"{model} is an ONNX network, which TensorFlow does not run; leave --backend out"
            )
        if dimensions(path) == 3:
            raise ValueError(
                f"{model} is a 3-D StarDist model, and slices need a 2-D one; give --dims 3 to "
                "segment a volume with it"
            )
        if path.is_file():
            bundle = path
        else:
            model_folder(model)
        how = " by TensorFlow" if asked else f", which holds no {ONNX_NAME},"
        require_training(f"running {model}{how}")
    tf = import_tensorflow()
    compute_in_one_thread(tf)
    where = choose_device(tf, device)
    if bundle is not None:
        return replace(from_graph(bundle), device=where)
    keras_model = load_keras_model(model)
    if not hasattr(keras_model.config, "n_rays"):
        raise ValueError(f"{keras_model.name} is not a StarDist model but a CARE model")
    if keras_model.config.n_dim != 2:
        raise ValueError(
            f"{keras_model.name} is a 3-D StarDist model, and slices need a 2-D one; give --dims 3 "
            "to segment a volume with it"
        )
    folder = None if keras_model.basedir is None else Path(keras_model.logdir)
    thresholds = Thresholds(float(keras_model.thresholds.prob), float(keras_model.thresholds.nms))
    if folder is None or not (folder / "config.json").is_file():
        record = ModelRecord(thresholds=thresholds, digest=model_digest(keras_model))
    else:
        record = folder_record(folder, thresholds)
    return replace(from_stardist(keras_model, record), device=where)


def model_digest(model: "StarDist2D | CARE") -> str:
    """Return `folder_digest` of a Keras model, or the sha256 of its weights where it has no folder.

    Parameters
    ----------
    model
        With or without a folder on disk.
    """
    folder = None if model.basedir is None else Path(model.logdir)
    if folder is not None and (folder / "config.json").is_file():
        return folder_digest(folder)
    digest = hashlib.sha256()
    for weight in model.keras_model.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()


def folder_record(folder: Path, thresholds: Thresholds | None = None) -> ModelRecord:
    """Collect the record of a model folder.

    Parameters
    ----------
    folder
        Holds config.json and weights.
    thresholds
        What StarDist read from thresholds.json, its defaults without one; None: read here.
    """
    # StarDist's own thresholds.json is the newer word where a user tuned the model again.
    own, tuned = folder / RECORD_NAME, folder / "thresholds.json"
    record = read_record(own) if own.is_file() else ModelRecord()
    if own.is_file() and not tuned.is_file():
        thresholds = record.thresholds
    elif thresholds is None:
        thresholds = read_thresholds(tuned) if tuned.is_file() else Thresholds()
    return replace(record, thresholds=thresholds, digest=folder_digest(folder))
