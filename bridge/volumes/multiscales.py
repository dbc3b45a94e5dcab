"""The multiscales of OME-NGFF 0.4 and 0.5: levels, axes, voxel size."""

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from particlebridge.analysis.io.errors import shown

from .length_units import is_strange, to_micrometres
from .voxel_size import Recorded

if TYPE_CHECKING:
    import zarr


_LONGEST_NAME = 200


class Found(NamedTuple):
    """An array, its axes if they are named, and what is recorded of its voxel size."""

    array: "zarr.Array[Any]"
    axes: str | None = None
    spacing: Recorded | None = None
    has_unit: bool = True
    notes: tuple[str, ...] = ()


def attributes_of(group: "zarr.Group") -> dict[str, Any]:
    """Return the attributes where 0.5 keeps multiscales or where 0.4 did."""
    attributes: dict[str, Any] = dict(group.attrs)
    inner = attributes.get("ome")
    return inner if isinstance(inner, dict) else attributes


def multiscale(group: "zarr.Group") -> dict[str, Any] | None:
    """Return the first entry of multiscales."""
    held = attributes_of(group)
    if "multiscales" not in held:
        return None
    image: Any = held["multiscales"][0]
    if not isinstance(image, dict) or not isinstance(image.get("datasets"), list):
        raise ValueError("its multiscales name no datasets")
    level = image["datasets"][0]
    name = level.get("path") if isinstance(level, dict) else level
    parts = PurePosixPath(name).parts if isinstance(name, str) else ("..",)
    if ".." in parts or "/" in parts or any(len(part) > _LONGEST_NAME for part in parts):
        raise ValueError(f"its multiscales name the level '{shown(str(name))}'")
    return image


def described(
    array: "zarr.Array[Any]", level: dict[str, Any], image: dict[str, Any], path: Path
) -> Found:
    """Read the axes and the voxel size that multiscales give to a level."""
    entries = [a if isinstance(a, dict) else {"name": a} for a in image.get("axes") or []]
    axes = "".join(str(entry.get("name")).upper() for entry in entries)
    if len(axes) != array.ndim or len(set(axes)) < len(axes) or set(axes) - set("TCZYX"):
        raise ValueError(
            f"its axes are {axes[:20] or 'not named'}, and its array has {array.ndim}; "
            "each must be one of t, c, z, y, x"
        )
    factors = np.ones(len(axes))
    found = False
    for holder in (level, image):
        for transformation in holder.get("coordinateTransformations") or []:
            if transformation.get("type") == "scale":
                scale = [float(v) for v in transformation["scale"]]
                if len(scale) != len(axes):
                    raise ValueError(f"its scale has {len(scale)} numbers for {len(axes)} axes")
                factors *= np.array(scale)
                found = True
    if not found or not {"Y", "X"} <= set(axes):
        return Found(array, axes)
    sides = {axis: float(factor) for axis, factor in zip(axes, factors, strict=True)}
    unit = {
        axis: str(entry.get("unit") or "")
        for axis, entry in zip(axes, entries, strict=True)
        if axis in "ZYX"
    }
    sizes = {axis: to_micrometres(sides[axis], unit[axis]) for axis in unit}
    y, x = sizes["Y"], sizes["X"]
    if y is not None and x is not None:
        return Found(array, axes, (sizes.get("Z"), y, x))
    # Without a unit, or with one unknown unit for all, the numbers still tell the ratio.
    y, x = (to_micrometres(sides[axis], "um") for axis in "YX")
    if len(set(unit.values())) > 1 or y is None or x is None:
        return Found(array, axes)
    # A scale must be there; nobody set it where it is 1 throughout.
    if not unit["Y"] and all(sides[axis] == 1 for axis in unit):
        return Found(array, axes)
    strange = unit["Y"]
    notes = (
        (f"{path}: its unit '{shown(strange)}' is not a known unit of length",)
        if is_strange(strange)
        else ()
    )
    z = to_micrometres(sides.get("Z", 0.0), "um")
    return Found(array, axes, (z, y, x), False, notes if is_strange(strange) else ())


def finest(member: Any) -> "zarr.Array[Any] | None":
    """Return an array, or the finest level of an image."""
    import zarr

    if isinstance(member, zarr.Array):
        return member
    image = multiscale(member)
    name = image["datasets"][0]["path"] if image else ""
    level = member[name] if isinstance(name, str) and name in member else None
    return level if isinstance(level, zarr.Array) else None
