"""VGG Image Annotator 3: projects (JSON) and exports (CSV)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis.io.errors import reason, shown

from .image_names import plain_path
from .regions import Region
from .via import CSV3_HEADER, coordinate, via_region

_FIX = "save the project in VIA again"


def regions_of_project3(entries: Mapping[str, Any], path: Path) -> dict[str, list[Region]]:
    """Read a VIA 3 project; as `via.regions_of_project`."""
    files, views, metadata, attributes = (
        entries.get(key) for key in ("file", "view", "metadata", "attribute")
    )
    if not (isinstance(files, dict) and isinstance(views, dict) and isinstance(metadata, dict)):
        raise ValueError(f"{path}: file, view or metadata of this VIA 3 project is no object")
    named: dict[str, str] = {}
    for key, view in views.items():
        ids = view.get("fid_list") if isinstance(view, dict) else None
        if not isinstance(ids, list) or not ids:
            raise ValueError(f"{path}: view {shown(key)} shows no file; {_FIX}")
        if len(ids) > 1:
            raise ValueError(
                f"{path}: view {shown(key)} shows {len(ids)} files side by side, so its regions "
                "belong to none of them alone; annotate one image per view"
            )
        file = files.get(str(ids[0]))
        name = file.get("fname") if isinstance(file, dict) else None
        if not isinstance(name, str) or not name:
            raise ValueError(f"{path}: file {shown(str(ids[0]))} has no fname; {_FIX}")
        named[key] = plain_path(name)
    found: dict[str, list[Region]] = {name: [] for name in named.values()}
    if len(found) < len(named):
        twice = next(n for n in found if list(named.values()).count(n) > 1)
        raise ValueError(f"{path}: two images are named {shown(twice)}; rename one and save again")
    titles = _titles(attributes)
    for key, each in metadata.items():
        if not isinstance(each, dict) or str(each.get("vid")) not in named:
            raise ValueError(f"{path}: metadata {shown(key)} belongs to no image; {_FIX}")
        regions = found[named[str(each["vid"])]]
        where = f"{path}, image {shown(named[str(each['vid'])])}, region {len(regions) + 1}"
        regions += _regions(
            each.get("xy"), each.get("z"), each.get("av"), titles, len(regions) + 1, where
        )
    return found


def regions_of_csv3(rows: list[list[str]], path: Path) -> dict[str, list[Region]]:
    """Read the cells of annotations that VIA 3 exports as CSV, where each image has a region.

    Nothing in them is trusted: ValueError if it is no such export, with the row named.
    """
    header = next(k for k, row in enumerate(rows) if is_header3(row))
    columns = [cell.removeprefix(CSV3_HEADER).strip() for cell in rows[header]]
    needed = ("file_list", "temporal_coordinates", "spatial_coordinates", "metadata")
    if any(name not in columns for name in needed):
        lacking = next(name for name in needed if name not in columns)
        raise ValueError(f"{path} lacks the column {lacking}; export it from VIA 3 again")
    at = [columns.index(name) for name in needed]
    found: dict[str, list[Region]] = {}
    for line, row in enumerate(rows[header + 1 :], start=header + 2):
        if not row:
            continue
        if len(row) <= max(at):
            raise ValueError(f"{path}, row {line} is cut short; export it from VIA 3 again")
        try:
            names, z, xy, av = (json.loads(row[k] or "[]") for k in at)
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{path}, row {line} is damaged ({reason(error)}); export it from VIA 3 again"
            ) from error
        if not isinstance(names, list) or len(names) != 1 or not isinstance(names[0], str):
            raise ValueError(f"{path}, row {line} does not name one image; annotate one per view")
        name = plain_path(names[0])
        regions = found.setdefault(name, [])
        where = f"{path}, image {shown(name)}, region {len(regions) + 1}"
        regions += _regions(xy, z, av, {}, len(regions) + 1, where)
    return found


def is_header3(row: list[str]) -> bool:
    """Tell whether a row of a CSV file is VIA 3's line of column names."""
    return bool(row) and row[0].startswith(CSV3_HEADER)


def _regions(
    xy: Any, z: Any, av: Any, titles: dict[str, tuple[str, dict[str, str]]], number: int, where: str
) -> list[Region]:
    """Make one region of VIA 3's numbers; none of a remark on the image as a whole."""
    if not isinstance(xy, list):
        raise ValueError(f"{where} has no coordinates; delete it in VIA and save again")
    if z:
        problem = "belongs to a moment of a video, not to an image"
        return [Region(number, "video", problem=problem)]
    if not xy:
        return []
    attributes = {}
    for key, value in av.items() if isinstance(av, dict) else ():
        title, options = titles.get(key, (key, {}))
        attributes[title] = options.get(str(value), str(value))
    try:
        values = [coordinate(value) for value in xy]
        shape = _SHAPES.get(int(values[0]), _unknown)(values[1:])
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise ValueError(f"{where} is damaged ({error}); draw it again in VIA") from error
    return [via_region(shape, attributes, number, where)]


def _titles(attributes: Any) -> dict[str, tuple[str, dict[str, str]]]:
    """Return name and options of every attribute."""
    titles = {}
    for key, each in attributes.items() if isinstance(attributes, dict) else ():
        if isinstance(each, dict):
            options = each.get("options")
            texts = (
                {str(k): str(v) for k, v in options.items()} if isinstance(options, dict) else {}
            )
            titles[str(key)] = str(each.get("aname", key)), texts
    return titles


def _unknown(values: list[float]) -> dict[str, Any]:
    return {"name": "shape of an unknown number"}


def _numbers(values: list[float], *counts: int) -> list[float]:
    if len(values) not in counts:
        raise ValueError(f"{len(values)} coordinates instead of {counts[0]}")
    return values


def _rectangle(values: list[float]) -> dict[str, Any]:
    x, y, width, height = _numbers(values, 4)
    return {"name": "rect", "x": x, "y": y, "width": width, "height": height}


def _circle(values: list[float]) -> dict[str, Any]:
    x, y, radius = _numbers(values, 3)
    return {"name": "circle", "cx": x, "cy": y, "r": radius}


def _ellipse(values: list[float]) -> dict[str, Any]:
    x, y, rx, ry = _numbers(values, 4)
    return {"name": "ellipse", "cx": x, "cy": y, "rx": rx, "ry": ry}


def _vertices(name: str, values: list[float]) -> dict[str, Any]:
    if len(values) % 2:
        raise ValueError(f"{len(values)} coordinates, which make no points")
    return {"name": name, "all_points_x": values[::2], "all_points_y": values[1::2]}


def _extreme_rectangle(values: list[float]) -> dict[str, Any]:
    """Make the rectangle that four points on its sides tell."""
    xs, ys = _numbers(values, 8)[::2], values[1::2]
    return _rectangle([min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)])


def _extreme_circle(values: list[float]) -> dict[str, Any]:
    """Make the circle through three points."""
    points = np.array(_numbers(values, 6)).reshape(3, 2)
    sides = 2 * (points[1:] - points[0])
    squares = (points**2).sum(axis=1)
    try:
        centre = np.linalg.solve(sides, squares[1:] - squares[0])
    except np.linalg.LinAlgError as error:
        raise ValueError("its three points lie on a line") from error
    return _circle([*centre.tolist(), float(np.hypot(*(points[0] - centre)))])


_SHAPES = {
    1: lambda values: {"name": "point"},
    2: _rectangle,
    3: _circle,
    4: _ellipse,
    5: lambda values: {"name": "line"},
    6: lambda values: _vertices("polyline", values),
    7: lambda values: _vertices("polygon", values),
    8: _extreme_rectangle,
    9: _extreme_circle,
}
