"""Networks that ONNX Runtime computes: model.onnx in a bundle, in a folder, or alone."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from particlebridge.analysis.io.errors import check_stand_in

from ..safe_zip import opened
from .model_kinds import kind_of_file
from .network import PLUGIN_MULTIPLE, DeviceChoice, Network
from .onnx_session import ONNX_NAME, OnnxSession
from .record import RECORD_NAME, ModelRecord, parse_json, record_of

_AGAIN = "export the model again"


def from_onnx_file(path: Path, device: DeviceChoice = "cpu") -> Network:
    """Load an .onnx file that `export` wrote; its record are its metadata.

    Raises
    ------
    ValueError
        If it is damaged, or no network of ours.
    """
    check_stand_in(path)
    content = path.read_bytes()
    session = OnnxSession(content, path, device)
    record = record_of(session.metadata, path, _AGAIN)
    return _network(session, path, path.stem, _with_digest(record, content))


def from_onnx_bundle(path: Path, device: DeviceChoice = "cpu") -> Network | None:
    """Load a bundle's model.onnx; None if the file is no zip or holds none.

    Raises
    ------
    ValueError
        If the zip is damaged or unsafe, or its parts are of different models.
    """
    if kind_of_file(path) is not None:
        return None
    with opened(path) as archive:
        content, told = (_member(archive, name) for name in (ONNX_NAME, RECORD_NAME))
    if content is None:
        return None
    session = OnnxSession(content, path, device)
    record = record_of(session.metadata, path, _AGAIN)
    if told is not None:
        own = record_of(parse_json(told, path / RECORD_NAME), path / RECORD_NAME, _AGAIN)
        if (own.digest, own.grid, own.rays) != (record.digest, record.grid, record.rays):
            raise ValueError(
                f"{path} holds {ONNX_NAME} of another model than {RECORD_NAME} tells (digest, "
                "grid or rays differ); export the model again"
            )
        record = own
    return _network(session, path, path.stem, _with_digest(record, content))


def onnx_content(path: Path) -> bytes | None:
    """Read an .onnx file, or a bundle's model.onnx; None if the bundle holds none.

    Raises
    ------
    ValueError
        If the zip is damaged or unsafe.
    """
    if path.suffix.lower() == ".onnx":
        check_stand_in(path)
        return path.read_bytes()
    with opened(path) as archive:
        return _member(archive, ONNX_NAME)


def _member(archive: zipfile.ZipFile, name: str) -> bytes | None:
    return archive.read(name) if name in archive.namelist() else None


def from_onnx_folder(
    folder: Path, record: ModelRecord, device: DeviceChoice = "cpu"
) -> Network | None:
    """Load the model.onnx of a model folder; None if it was made from other weights.

    Parameters
    ----------
    folder
        Holds it beside config.json and weights.
    record
        The folder's.

    Raises
    ------
    ValueError
        If it is damaged, or no network of ours.
    """
    path = folder / ONNX_NAME
    check_stand_in(path)
    session = OnnxSession(path.read_bytes(), path, device)
    made = record_of(session.metadata, path, _AGAIN)
    if made.digest != record.digest:
        return None
    return _network(
        session, path, folder.resolve().name, replace(record, grid=made.grid, rays=made.rays)
    )


def _network(session: OnnxSession, source: Path, name: str, record: ModelRecord) -> Network:
    """Make the network, after a trial that shows that it is what its metadata tell."""
    assert record.grid is not None and record.rays is not None
    noise = np.random.default_rng(0).random((1, 64, 64, session.channels), np.float32)
    shape = (1, 64 // record.grid[0], 64 // record.grid[1])
    try:
        prob, dist = session(noise)
    except RuntimeError as error:
        raise ValueError(f"{source}: {error}; export the model again") from error
    if (prob.shape, dist.shape) != ((*shape, 1), (*shape, record.rays)):
        raise ValueError(
            f"{source} tells a grid of {record.grid[0]} x {record.grid[1]} and {record.rays} rays, "
            f"and its network gives {prob.shape} and {dist.shape}; export the model again"
        )
    return Network(
        name=name,
        n_channels=session.channels,
        rays=record.rays,
        grid=record.grid,
        record=record,
        multiple=PLUGIN_MULTIPLE,
        stardist=None,
        _forward=session,
        _reach=lambda: session.reach,
        backend="onnx",
        device=session.device,
    )


def _with_digest(record: ModelRecord, content: bytes) -> ModelRecord:
    return replace(record, digest=record.digest or hashlib.sha256(content).hexdigest())
