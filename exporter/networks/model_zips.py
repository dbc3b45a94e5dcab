"""Zipped model folders and BioImage.IO packages of StarDist as the folders that they hold."""

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from particlebridge.analysis.io.errors import reason

from ..safe_zip import extract, opened
from .model_kinds import DESCRIPTIONS, is_macos_extra, kind_of_file
from .record import RECORD_NAME, record_of
from .saved_model import GRAPH_NAME

_MOST_BYTES = 1 << 20
_WEIGHTS = (".h5", ".hdf5")


@dataclass(frozen=True)
class _Packed:
    """Where a model lies in a zip.

    Attributes
    ----------
    folder
        That of config.json, or of the package's description; "" for the zip's root.
    settings
        What a BioImage.IO description says of StarDist; None for a zipped model folder.
    record
        What it says of particlebridge.
    """

    folder: str
    settings: dict[str, Any] | None = None
    record: dict[str, Any] | None = None


@contextmanager
def unpacked(model: Any) -> Iterator[Any]:
    """Give a model folder out of a zip; all else as it is.

    Parameters
    ----------
    model
        A zip that holds config.json and weights, at its root or in one folder, a BioImage.IO
        package that StarDist or `export` wrote, or anything else that names a model.

    Yields
    ------
    Path or the model
        A folder named as the one in the zip, or as the zip; it is deleted at the end.

    Raises
    ------
    ValueError
        If the zip is damaged or unsafe, or the package lacks its Keras weights.
    """
    packed = _packed(model)
    if packed is None:
        yield model
        return
    path = Path(model)
    with tempfile.TemporaryDirectory(prefix="particlebridge-") as scratch:
        whole = extract(path, Path(scratch) / "zip" / path.stem)
        if packed.settings is None:
            yield whole / packed.folder
        else:
            yield _from_package(whole / packed.folder, packed, Path(scratch) / path.stem, path)


def _packed(model: Any) -> _Packed | None:
    if not isinstance(model, str | os.PathLike) or not Path(model).is_file():
        return None
    path = Path(model)
    if path.suffix.lower() == ".onnx" or kind_of_file(path) is not None:
        return None
    with opened(path) as archive:
        names = [name for name in archive.namelist() if not is_macos_extra(name)]
        if GRAPH_NAME in names:
            return None
        found = [PurePosixPath(n) for n in names if PurePosixPath(n).name in DESCRIPTIONS]
        if found:
            return _described(archive, min(found, key=lambda one: len(one.parts)), path)
        configs = [PurePosixPath(n) for n in names if PurePosixPath(n).name == "config.json"]
        if len(configs) != 1 or configs[0].with_name("metadata.json").as_posix() in names:
            return None
        folder = configs[0].parent
        weights = [n for n in names if PurePosixPath(n).parent == folder and n.endswith(_WEIGHTS)]
    return _Packed("" if folder == PurePosixPath() else folder.as_posix()) if weights else None


def _described(archive: zipfile.ZipFile, name: PurePosixPath, path: Path) -> _Packed | None:
    """Read a package's description; None if it is not of a StarDist model."""
    import yaml

    if archive.getinfo(name.as_posix()).file_size > _MOST_BYTES:
        return None
    try:
        told = yaml.safe_load(archive.read(name.as_posix()))
        config = told["config"]
        settings = config["stardist"]
        whole = isinstance(settings["config"], dict) and isinstance(settings["weights"], str)
    except (yaml.YAMLError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None
    if not whole:
        return None
    record = config.get("particlebridge")
    folder = "" if name.parent == PurePosixPath() else name.parent.as_posix()
    return _Packed(folder, settings, record if isinstance(record, dict) else None)


def _from_package(folder: Path, packed: _Packed, target: Path, path: Path) -> Path:
    settings = packed.settings
    assert settings is not None
    weights = folder / PurePosixPath(settings["weights"]).name
    if weights.suffix not in _WEIGHTS or not weights.is_file():
        raise ValueError(
            f"{path} lacks the Keras weights {PurePosixPath(settings['weights']).name!r} that its "
            "description names; download it again, or ask its author for the StarDist folder"
        )
    target.mkdir()
    shutil.copyfile(weights, target / "weights_best.h5")
    try:
        (target / "config.json").write_text(json.dumps(settings["config"]), encoding="utf-8")
        if isinstance(thresholds := settings.get("thresholds"), dict):
            (target / "thresholds.json").write_text(json.dumps(thresholds), encoding="utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path}: its description holds no StarDist settings ({reason(error)}); download it "
            "again"
        ) from error
    if packed.record is not None:
        record_of(packed.record, path, "download it again").write(target / RECORD_NAME)
    return target
