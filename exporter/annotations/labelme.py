"""LabelMe's JSON of one image."""

import base64
import io
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis.io.errors import check_declared_size, reason, shown

from .regions import (
    Bitmap,
    Drawing,
    Region,
    bitmap_of,
    line_region,
    open_ring,
    shown_shape,
    xy_points,
)

_OUTLINES = ("polygon", "oriented_rectangle", "rotation", "quadrilateral")
_LINES = ("linestrip", "line")


def drawing_of_labelme(entries: Mapping[str, Any], path: Path) -> Drawing:
    """Read polygons, rectangles, circles and masks.

    LabelMe's label becomes the attribute `label`. Shapes of one label and group id are parts of
    one particle, as LabelMe itself takes them. Nothing in the parsed file is trusted: ValueError
    if it is no such file, with the region named.
    """
    shapes = entries.get("shapes")
    if not isinstance(shapes, list):
        raise ValueError(f"{path}: shapes is not a list; save it in LabelMe again")
    regions = []
    for number, shape in enumerate(shapes, start=1):
        where = f"{path}, region {number}"
        if not isinstance(shape, dict):
            raise ValueError(f"{where} is not an object; save it in LabelMe again")
        kind = str(shape.get("shape_type") or "polygon")
        label, group = str(shape.get("label", "")), shape.get("group_id")
        try:
            regions.append(_region(shape, number, kind, label))
        except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
            raise ValueError(f"{where}: its points are damaged ({reason(error)})") from error
        if group is not None:
            regions[-1] = replace(regions[-1], group=f"{label} {group}")
    height, width = entries.get("imageHeight"), entries.get("imageWidth")
    known = isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0
    return Drawing(regions, (height, width) if known else None)  # type: ignore[arg-type]


def _region(shape: Mapping[str, Any], number: int, kind: str, label: str) -> Region:
    attributes = {"label": label}
    points = xy_points(shape["points"])
    if kind in _LINES:
        return line_region(number, kind, points, attributes)
    if kind == "circle":
        (y, x), edge = points
        radius = math.hypot(*(edge - points[0]))
        ellipse = (float(y), float(x), radius, radius, 0.0)
        return Region(number, kind, ellipse=ellipse, attributes=attributes)
    if kind == "rectangle":
        return Region(number, kind, rings=(_rectangle(points),), attributes=attributes)
    if kind == "mask":
        return Region(number, kind, bitmap=_mask(shape, points), attributes=attributes)
    if kind in _OUTLINES:
        return Region(number, kind, rings=(open_ring(points),), attributes=attributes)
    problem = f"is {shown_shape(shown(kind, 20))}, not an outline"
    return Region(number, kind, attributes=attributes, problem=problem)


def _rectangle(points: np.ndarray) -> np.ndarray:
    """Return the corners of two opposite ones, or of all four, which some versions write."""
    points = open_ring(points)
    if len(points) == 4:
        return points
    if len(points) != 2:
        raise ValueError(f"a rectangle of {len(points)} points, not 2 or 4")
    (top, left), (bottom, right) = points
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)])


def _mask(shape: Mapping[str, Any], points: np.ndarray) -> Bitmap:
    """Read a mask, a PNG in text, whose first and last pixel the two points name."""
    from PIL import Image

    (top, left), (bottom, right) = [[math.floor(v) for v in point] for point in points.tolist()]
    wanted = (bottom - top + 1, right - left + 1)
    packed = base64.b64decode(str(shape["mask"]))
    try:
        picture = Image.open(io.BytesIO(packed))
    except Exception as error:  # Pillow raises of any kind on damaged bytes
        raise ValueError("its mask is no PNG") from error
    # Before anything is unpacked.
    if picture.size[::-1] != wanted:
        raise ValueError(f"a mask of {picture.size[::-1]} pixels between corners of {wanted}")
    check_declared_size(wanted[0] * wanted[1], len(packed))
    try:
        mask = np.asarray(picture.convert("L"))
    except Exception as error:
        raise ValueError("its mask is damaged") from error
    return bitmap_of(mask > 0, top, left)
