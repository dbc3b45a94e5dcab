"""VGG Image Annotator 1 and 2: projects and exports."""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis.io.errors import shown

from .image_names import plain_path
from .regions import Region, line_region, open_ring, shown_shape

CSV3_HEADER = "# CSV_HEADER ="
_LONGEST_FIELD = 16 << 20


def regions_of_project(entries: Mapping[str, Any], path: Path) -> dict[str, list[Region]]:
    """Read a VIA project, or the annotations exported from one as JSON.

    Gives regions by image file name, images without regions included. Nothing in the parsed file
    is trusted: ValueError if it is no such project, with image and region named.
    """
    images = entries.get("_via_img_metadata", entries)
    if not isinstance(images, dict):
        raise ValueError(f"{path}: _via_img_metadata is not an object; save the project again")
    found: dict[str, list[Region]] = {}
    if images is entries and not any(
        isinstance(image, dict) and "filename" in image for image in images.values()
    ):
        keys = shown(", ".join(map(str, images)))
        raise ValueError(
            f"{path} is JSON of a kind not known here (it holds {keys}, but no filename); give a "
            "project of the VGG Image Annotator, COCO, GeoJSON or LabelMe's JSON"
        )
    for key, image in images.items():
        if not isinstance(image, dict) or not isinstance(image.get("filename"), str):
            raise ValueError(
                f"{path}: image '{shown(key)}' has no filename; save the project again"
            )
        name = plain_path(image["filename"])
        called = shown(name)
        if name in found:
            raise ValueError(f"{path}: two images are named {called}; rename one and save again")
        regions = image.get("regions", [])
        if isinstance(regions, dict):  # VIA 1
            regions = list(regions.values())
        if not isinstance(regions, list):
            raise ValueError(
                f"{path}, image {called}: regions is not a list; save the project again"
            )
        found[name] = []
        for number, region in enumerate(regions, start=1):
            where = f"{path}, image {called}, region {number}"
            if not isinstance(region, dict):
                raise ValueError(f"{where} is not an object; save the project again")
            found[name].append(
                via_region(
                    region.get("shape_attributes"), region.get("region_attributes"), number, where
                )
            )
    return found


def regions_of_csv(rows: list[list[str]], path: Path) -> dict[str, list[Region]]:
    """Read the cells of annotations that VIA exports as CSV; as `regions_of_project`."""
    columns = [cell.strip().lstrip("#") for cell in rows[0]] if rows else []
    needed = ("filename", "region_shape_attributes", "region_attributes")
    if any(name not in columns for name in needed):
        raise ValueError(
            f"{path} lacks the column {next(n for n in needed if n not in columns)}; "
            "in VIA use Annotation > Export Annotations (as csv)"
        )
    at = [columns.index(name) for name in needed]
    found: dict[str, list[Region]] = {}
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if len(row) <= max(at):
            raise ValueError(f"{path}, row {line} is cut short; export it from VIA again")
        name, shape, attributes = (row[k] for k in at)
        regions = found.setdefault(plain_path(name), [])
        where = f"{path}, image {shown(plain_path(name))}, region {len(regions) + 1}"
        try:
            parsed = json.loads(shape or "{}"), json.loads(attributes or "{}")
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{where}: row {line} is damaged ({error}); export it from VIA again"
            ) from error
        if parsed[0]:  # an image without regions has one row with an empty shape
            regions.append(via_region(*parsed, len(regions) + 1, where))
    return found


def read_csv(path: Path) -> list[list[str]]:
    """Read the cells of a CSV file that VIA wrote.

    Raises
    ------
    ValueError
        If it is no CSV.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not CSV ({error}); export it from VIA again") from error
    # VIA 3 writes remarks above, which are no CSV; the rows keep their numbers.
    remarks = max(text.find(CSV3_HEADER), 0)
    text = "\n" * text.count("\n", 0, remarks) + text[remarks:]
    usual = csv.field_size_limit(_LONGEST_FIELD)
    try:
        return list(csv.reader(io.StringIO(text), delimiter=_delimiter(text), strict=True))
    except csv.Error as error:
        raise ValueError(f"{path} is not CSV ({error}); export it from VIA again") from error
    finally:
        csv.field_size_limit(usual)


def _delimiter(text: str) -> str:
    # Spreadsheets of some countries put semicolons into what VIA wrote with commas.
    head = text.lstrip().split("\n", 1)[0]
    return ";" if head.count(";") > head.count(",") else ","


def via_region(shape: Any, attributes: Any, number: int, where: str) -> Region:
    """Make a Region of VIA's shape_attributes and region_attributes.

    Raises
    ------
    ValueError
        If they are damaged; the sentence begins with `where`.
    """
    if not isinstance(shape, dict) or not isinstance(shape.get("name"), str):
        raise ValueError(f"{where} has no shape; delete it in VIA and save again")
    if not isinstance(attributes, dict):
        attributes = {}
    kept = {str(key): _text(value) for key, value in attributes.items()}
    name = shape["name"]
    read = _SHAPES.get(name)
    if read is None and name != "polyline":
        problem = f"is {shown_shape(shown(name, 20))}, which has no area"
        return Region(number, name, attributes=kept, problem=problem)
    try:
        if read is None:
            return line_region(number, name, _points(shape), kept)
        return Region(number, name, attributes=kept, **read(shape))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{where}: the {name} is damaged ({reason}); draw it again in VIA"
        ) from error


def _text(value: Any) -> str:
    """Show an attribute; of VIA's check boxes the ticked ones."""
    if isinstance(value, dict):
        return ", ".join(str(key) for key, ticked in value.items() if ticked)
    return str(value)


def coordinate(value: Any) -> float:
    """Return a finite number; ValueError of anything else."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"'{shown(str(value))}' is no coordinate")
    return number


def _points(shape: dict[str, Any]) -> np.ndarray:
    xs, ys = shape["all_points_x"], shape["all_points_y"]
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
        raise ValueError("all_points_x and all_points_y are not lists of one length")
    points = np.array([[coordinate(y), coordinate(x)] for x, y in zip(xs, ys, strict=True)])
    return points.reshape(-1, 2)


def _polygon(shape: dict[str, Any]) -> dict[str, Any]:
    return {"rings": (open_ring(_points(shape)),)}


def _rectangle(shape: dict[str, Any]) -> dict[str, Any]:
    x, y, width, height = (coordinate(shape[key]) for key in ("x", "y", "width", "height"))
    corners = [(y, x), (y, x + width), (y + height, x + width), (y + height, x)]
    return {"rings": (np.array(corners),)}


def _ellipse(shape: dict[str, Any]) -> dict[str, Any]:
    x, y, rx, ry = (coordinate(shape[key]) for key in ("cx", "cy", "rx", "ry"))
    return {"ellipse": (y, x, ry, rx, coordinate(shape.get("theta", 0)))}


def _circle(shape: dict[str, Any]) -> dict[str, Any]:
    x, y, radius = (coordinate(shape[key]) for key in ("cx", "cy", "r"))
    return {"ellipse": (y, x, radius, radius, 0.0)}


_SHAPES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "polygon": _polygon,
    "rect": _rectangle,
    "ellipse": _ellipse,
    "circle": _circle,
}
