"""particlebridge.json: what a model folder or a bundle says about itself beyond its weights."""

import hashlib
import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from particlebridge.analysis.io.atomic import write_json
from particlebridge.analysis.io.errors import check_stand_in, reason

RECORD_NAME = "particlebridge.json"
_MAX_BYTES = 1 << 20
# No network has more rays, or a coarser grid.
_MOST = 1 << 16
_DELETE = "delete it to use the defaults"


@dataclass(frozen=True)
class Thresholds:
    """Above `prob` a pixel proposes an object; above `nms` overlap suppresses it. Both 0 to 1.

    Examples
    --------
    >>> from particlebridge.exporter import Thresholds
    >>> Thresholds(prob=0.6)
    Thresholds(prob=0.6, nms=0.4)
    """

    prob: float = 0.5
    nms: float = 0.4


@dataclass(frozen=True)
class ModelRecord:
    """Settings that travel with a model.

    Attributes
    ----------
    thresholds
        Those the model was tuned to.
    numerics
        Whose rules they were tuned under: "plugin" (docs/numerics.md) or "stardist".
    percentiles
        Lower and upper percentile of the normalisation.
    diameter
        Typical particle diameter in the training images, pixels; None: not recorded, and then
        images are never rescaled.
    grid
        (y, x) pixels between the network's grid points; None: not recorded.
    rays
        Number of rays; None: not recorded.
    digest
        sha256 of the configuration and weights, see `folder_digest`; "" if not recorded.
    own_scale
        Whether the training images kept their scale: then images are segmented at their own
        scale, too, unless somebody says how large their particles are.

    Examples
    --------
    >>> from particlebridge.exporter import ModelRecord, Thresholds
    >>> record = ModelRecord(Thresholds(prob=0.6), diameter=40.0)
    >>> record.thresholds.nms, record.percentiles
    (0.4, (1.0, 99.8))
    """

    thresholds: Thresholds = Thresholds()
    numerics: str = "plugin"
    percentiles: tuple[float, float] = (1.0, 99.8)
    diameter: float | None = None
    grid: tuple[int, int] | None = None
    rays: int | None = None
    digest: str = ""
    own_scale: bool = False

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the record as JSON to `path`, usually FOLDER/particlebridge.json."""
        write_json(path, asdict(self))


def read_record(path: str | os.PathLike[str]) -> ModelRecord:
    """Read particlebridge.json.

    Parameters
    ----------
    path
        The file; keys it lacks get their defaults, keys it has beyond them are ignored.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such a record.
    """
    path = Path(path)
    try:
        entries = read_json(path)
    except ValueError as error:
        raise ValueError(f"{path} is not a model's record ({reason(error)}); {_DELETE}") from error
    return record_of(entries, path)


def record_of(entries: dict[str, Any], source: Path, fix: str = _DELETE) -> ModelRecord:
    """Make a record of the entries of particlebridge.json, or of model.onnx's metadata.

    Parameters
    ----------
    entries
        Keys that are missing get their defaults, others are ignored.
    source, fix
        For the message: where they are from, and what to do.

    Raises
    ------
    ValueError
        If they are none.
    """
    try:
        thresholds = entries.get("thresholds") or {}
        grid, rays = entries.get("grid"), entries.get("rays")
        diameter = entries.get("diameter")
        low, high = (
            _number(q, 0, 100) for q in entries.get("percentiles", ModelRecord.percentiles)
        )
        if not low < high:
            raise ValueError(f"percentiles {low:g}, {high:g} do not rise")
        record = ModelRecord(
            thresholds=Thresholds(
                prob=_number(thresholds.get("prob", Thresholds.prob), 0, 1),
                nms=_number(thresholds.get("nms", Thresholds.nms), 0, 1),
            ),
            numerics=str(entries.get("numerics", ModelRecord.numerics)),
            percentiles=(low, high),
            diameter=None if diameter is None else _number(diameter, 1, 1e6),
            grid=None if grid is None else (_whole(grid[0]), _whole(grid[1])),
            rays=None if rays is None else _whole(rays),
            digest=str(entries.get("digest", "")),
            own_scale=entries.get("own_scale") is True,
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{source} is not a model's record ({reason(error)}); {fix}") from error
    return record


def read_json(path: Path) -> dict[str, Any]:
    """Read a small JSON object; raise ValueError if it is something else."""
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path} is {path.stat().st_size:,} bytes long, no settings file")
    check_stand_in(path)
    return parse_json(path.read_bytes(), path)


def parse_json(content: bytes, source: Path) -> dict[str, Any]:
    """Read a JSON object from bytes; raise ValueError if they are something else."""
    try:
        entries = json.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(
            f"{source} is not JSON ({reason(error)}); restore it from the model"
        ) from error
    if not isinstance(entries, dict):
        raise ValueError(f"{source} holds a JSON {type(entries).__name__}, not an object")
    return entries


def read_thresholds(path: Path) -> Thresholds:
    """Read StarDist's thresholds.json; raise ValueError if it is none."""
    try:
        entries = read_json(path)
        return Thresholds(_number(entries["prob"], 0, 1), _number(entries["nms"], 0, 1))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} holds no thresholds ({reason(error)}); copy it from the model again"
        ) from error


def weights_file(folder: str | os.PathLike[str]) -> Path:
    """Return the weights that StarDist itself would load: the newest "best", else the newest.

    What macOS leaves beside a file (``._weights_best.h5``) is no file of weights.

    Parameters
    ----------
    folder
        A StarDist or CARE model folder.

    Raises
    ------
    FileNotFoundError
        If it holds no .h5 or .hdf5 file.
    """
    folder = Path(folder)
    found = [
        path
        for ext in ("*.h5", "*.hdf5")
        for path in folder.glob(ext)
        if not path.name.startswith("._")
    ]
    if not found:
        raise FileNotFoundError(f"{folder} holds no weights (.h5); copy weights_best.h5 into it")
    return max(found, key=lambda path: ("best" in path.name, path.stat().st_mtime))


def folder_digest(folder: str | os.PathLike[str]) -> str:
    """Return the sha256 (hex) of a model folder's config.json followed by its weights."""
    digest = hashlib.sha256()
    for path in (Path(folder) / "config.json", weights_file(folder)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _whole(value: Any) -> int:
    number = _number(value, 1, _MOST)
    if not number.is_integer():
        raise ValueError(f"{value} is not a whole number")
    return int(number)


def _number(value: Any, low: float, high: float) -> float:
    number = float(value)
    if not (math.isfinite(number) and low <= number <= high):
        raise ValueError(f"{value} is outside {low:g} to {high:g}")
    return number
