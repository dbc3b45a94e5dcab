"""Acts as JSON objects: the lines of corrections.jsonl, written and read."""

import base64
import binascii
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..io.errors import shown
from .acts import (
    Accept,
    Act,
    Box,
    Cut,
    Delete,
    Merge,
    Paint,
    Point,
    Redo,
    Reference,
    Split,
    Undo,
    Unsure,
    box_shape,
)

_LARGEST = 1 << 30
"""Voxels of a mask: no particle fills more."""

_HIGHEST = np.iinfo(np.int32).max


def as_record(act: Act) -> dict[str, Any]:
    """Give an act as the keys of a JSON object."""
    record: dict[str, Any] = {"act": act.name}
    for name, value in vars(act).items():
        if value is None or (name in ("new", "parts") and not value):
            continue
        record[name] = _plain(value)
    if isinstance(act, Paint) and act.particle is None:
        record["particle"] = None
    return record


def act_of(record: Mapping[str, Any], shape: Sequence[int]) -> Act:
    """Read an act from the keys of a JSON object.

    Parameters
    ----------
    record
        As `as_record` gives it; other keys are not looked at.
    shape
        Of the volume: no coordinate may lie outside.

    Returns
    -------
    Act

    Raises
    ------
    ValueError
        Saying what is wrong.
    """
    name = record.get("act")
    if name == "undo":
        return Undo()
    if name == "redo":
        return Redo()
    if name == "merge":
        several = record.get("particles")
        if not isinstance(several, list) or len(several) < 2:
            raise ValueError("'particles' of a merge must be a list of two or more")
        return Merge(tuple(_reference(one, shape) for one in several))
    if name == "paint":
        return _paint(record, shape)
    kinds: dict[Any, Any] = {"accept": Accept, "unsure": Unsure, "delete": Delete}
    if name not in (*kinds, "split", "cut"):
        raise ValueError(f"the act {shown(repr(name))} is unknown")
    particle = _reference(record.get("particle"), shape)
    if name == "split":
        return _split(record, particle, shape)
    if name == "cut":
        normal = _numbers(record, "normal")
        if not any(normal):
            raise ValueError("'normal' is 0 throughout; a plane has a direction")
        return Cut(particle, _numbers(record, "point"), normal, _new(record, 1))
    act: Act = kinds[name](particle)
    return act


def _plain(value: Any) -> Any:
    if isinstance(value, Reference):
        return {key: _plain(part) for key, part in vars(value).items()}
    if isinstance(value, np.ndarray):
        return base64.b64encode(zlib.compress(np.packbits(value).tobytes())).decode("ascii")
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value


def _split(record: Mapping[str, Any], particle: Reference, shape: Sequence[int]) -> Split:
    seeds = record.get("seeds")
    if not isinstance(seeds, list) or len(seeds) < 2:
        raise ValueError("'seeds' of a split must be a list of two or more points")
    points = tuple(_point(seed, "seeds", shape) for seed in seeds)
    new = _new(record, len(points) - 1)
    if "parts" not in record:
        return Split(particle, points, new)
    box, parts = _box(record.get("box"), shape), record["parts"]
    if not isinstance(parts, list) or len(parts) != len(new):
        raise ValueError("'parts' must be one mask for each label of 'new'")
    return Split(particle, points, new, box, tuple(_mask(part, "parts", box) for part in parts))


def _paint(record: Mapping[str, Any], shape: Sequence[int]) -> Paint:
    particle = record.get("particle")
    known = None if particle is None else _reference(particle, shape)
    box = _box(record.get("box"), shape)
    add, remove = (
        None if record.get(name) is None else _mask(record[name], name, box)
        for name in ("add", "remove")
    )
    if add is None and (remove is None or known is None):
        raise ValueError("paints nothing: it has no mask 'add'")
    return Paint(known, () if known else _new(record, 1), box, add, remove)


def _reference(value: Any, shape: Sequence[int]) -> Reference:
    if not isinstance(value, dict):
        raise ValueError("a particle must be an object with label, at, voxels and box")
    box = _box(value.get("box"), shape)
    at = _point(value.get("at"), "at", shape)
    voxels: Any = value.get("voxels")
    if not _is_whole(voxels) or not 1 <= voxels <= math.prod(box_shape(box)):
        raise ValueError("'voxels' of a particle must be a number from 1 to those of its box")
    return Reference(_label(value.get("label")), at, voxels, box)


def _new(record: Mapping[str, Any], count: int) -> tuple[int, ...]:
    labels = record.get("new")
    if not isinstance(labels, list) or len(labels) != count:
        raise ValueError(f"'new' must be a list of {count} label{'s' if count > 1 else ''}")
    if len(set(map(str, labels))) < count:
        raise ValueError("'new' names a label twice")
    return tuple(_label(label) for label in labels)


def _label(value: Any) -> int:
    if not _is_whole(value) or not 1 <= value <= _HIGHEST:
        raise ValueError(
            f"the label {shown(repr(value))} is not a whole number from 1 to {_HIGHEST}"
        )
    return int(value)


def _point(value: Any, name: str, shape: Sequence[int]) -> Point:
    if not isinstance(value, list) or len(value) != 3 or not all(map(_is_whole, value)):
        raise ValueError(f"'{name}' must be three whole numbers (z, y, x)")
    if not all(0 <= v < n for v, n in zip(value, shape, strict=True)):
        raise ValueError(f"'{name}' {value} lies outside the volume of {tuple(shape)} voxels")
    return (value[0], value[1], value[2])


def _box(value: Any, shape: Sequence[int]) -> Box:
    if not isinstance(value, list) or len(value) != 6 or not all(map(_is_whole, value)):
        raise ValueError("'box' must be six whole numbers (z0, y0, x0, z1, y1, x1)")
    low, high = value[:3], value[3:]
    if not all(0 <= a < b <= n for a, b, n in zip(low, high, shape, strict=True)):
        raise ValueError(
            f"'box' {value} is empty or lies outside the volume of {tuple(shape)} voxels"
        )
    z0, y0, x0, z1, y1, x1 = value
    return z0, y0, x0, z1, y1, x1


def _numbers(record: Mapping[str, Any], name: str) -> tuple[float, float, float]:
    value = record.get(name)
    if not isinstance(value, list) or len(value) != 3 or not all(map(_is_finite, value)):
        raise ValueError(f"'{name}' must be three finite numbers (z, y, x)")
    return float(value[0]), float(value[1]), float(value[2])


def _mask(text: Any, name: str, box: Box) -> np.ndarray:
    """Unpack a mask, never to more than its box has voxels."""
    sides = box_shape(box)
    voxels = math.prod(sides)
    if voxels > _LARGEST:
        raise ValueError(f"'box' holds {voxels:,} voxels, more than a particle can")
    size = -(-voxels // 8)
    try:
        packed = base64.b64decode(text, validate=True)
        unpacking = zlib.decompressobj()
        bits = unpacking.decompress(packed, size + 1)
    except (TypeError, ValueError, binascii.Error, zlib.error):
        raise ValueError(f"'{name}' is no mask: base64 of zlib of its bits") from None
    if len(bits) != size or not unpacking.eof:
        raise ValueError(f"'{name}' does not hold one bit for each of the {voxels:,} voxels of box")
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=voxels).astype(bool).reshape(sides)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
