"""VGG Image Annotator: projects and exports in, projects out."""

import csv
import io
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis import atomic_path
from particlebridge.analysis.bad_files import shown

from .outlines import label_outlines
from .rasterize import Region

_LONGEST_FIELD = 16 << 20


def regions_of_project(entries: Mapping[str, Any], path: Path) -> dict[str, list[Region]]:
    """Read a VIA project, or the annotations exported from one as JSON.

    Parameters
    ----------
    entries
        The parsed file; nothing in it is trusted.
    path
        Its name, for messages.

    Returns
    -------
    dict
        Regions by image file name (without folders), images without regions included.

    Raises
    ------
    ValueError
        If it is no such project; the sentence names image and region.
    """
    images = entries.get("_via_img_metadata", entries)
    if not isinstance(images, dict):
        raise ValueError(f"{path}: _via_img_metadata is not an object; save the project again")
    found: dict[str, list[Region]] = {}
    for key, image in images.items():
        if not isinstance(image, dict) or not isinstance(image.get("filename"), str):
            raise ValueError(
                f"{path}: image '{shown(key)}' has no filename; save the project again"
            )
        name = _base_name(image["filename"])
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
                _region(
                    region.get("shape_attributes"), region.get("region_attributes"), number, where
                )
            )
    return found


def regions_of_csv(path: str | os.PathLike[str]) -> dict[str, list[Region]]:
    """Read the annotations that VIA exports as CSV.

    Parameters
    ----------
    path
        The file; nothing in it is trusted.

    Returns
    -------
    dict
        As `regions_of_project`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such export.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not CSV ({error}); export it from VIA again") from error
    usual = csv.field_size_limit(_LONGEST_FIELD)
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise ValueError(f"{path} is not CSV ({error}); export it from VIA again") from error
    finally:
        csv.field_size_limit(usual)
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
        regions = found.setdefault(_base_name(name), [])
        where = f"{path}, image {shown(_base_name(name))}, region {len(regions) + 1}"
        try:
            parsed = json.loads(shape or "{}"), json.loads(attributes or "{}")
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{where}: row {line} is damaged ({error}); export it from VIA again"
            ) from error
        if parsed[0]:  # an image without regions has one row with an empty shape
            regions.append(_region(*parsed, len(regions) + 1, where))
    return found


def write_via(labels_by_image: Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> int:
    """Write labels as a VIA project, to be corrected there and read back.

    Outlines run between the pixel centres, so an untouched project reads back as the same
    labels. VIA knows no holes and no regions of several parts: holes are left out, and every
    part becomes a region of its own; all carry the label's number as attribute `particle`.

    Parameters
    ----------
    labels_by_image
        Image path or name -> (H, W) integer labels, 0 background.
    path
        The .json file to write; it appears whole or not at all.

    Returns
    -------
    int
        How many regions were written.

    Raises
    ------
    ValueError
        If labels are no 2-D integer image, or two images bear one name.
    OSError
        If the file cannot be written.
    """
    images: dict[str, Any] = {}
    count = 0
    names: set[str] = set()
    for image, labels in labels_by_image.items():
        name = _base_name(os.fspath(image))
        if name in names:
            raise ValueError(f"two images are named {name}; VIA knows images by their name")
        names.add(name)
        regions = []
        for label, rings in label_outlines(labels):
            for ring in rings:
                if not _runs_clockwise(ring):
                    continue  # a hole
                outline = {
                    "name": "polygon",
                    "all_points_x": ring[:, 1].tolist(),
                    "all_points_y": ring[:, 0].tolist(),
                }
                regions.append(
                    {"shape_attributes": outline, "region_attributes": {"particle": str(label)}}
                )
        size = Path(image).stat().st_size if Path(image).is_file() else -1
        images[f"{name}{size}"] = {
            "filename": name, "size": size, "regions": regions, "file_attributes": {},
        }  # fmt: skip
        count += len(regions)
    attribute = {"type": "text", "description": "number of the particle", "default_value": ""}
    project = {
        "_via_settings": {"project": {"name": Path(path).stem}},
        "_via_img_metadata": images,
        "_via_attributes": {"region": {"particle": attribute}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(images),
    }
    with atomic_path(path) as beside:
        beside.write_text(json.dumps(project), encoding="utf-8")
    return count


def _runs_clockwise(ring: np.ndarray) -> bool:
    """Tell outer borders from holes: `label_outlines` keeps the label on the right hand."""
    y, x = ring.astype(np.float64).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) > 0


def _base_name(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1]


def _region(shape: Any, attributes: Any, number: int, where: str) -> Region:
    """Make a Region of VIA's shape_attributes and region_attributes."""
    if not isinstance(shape, dict) or not isinstance(shape.get("name"), str):
        raise ValueError(f"{where} has no shape; delete it in VIA and save again")
    if not isinstance(attributes, dict):
        attributes = {}
    kept = {str(key): _text(value) for key, value in attributes.items()}
    name = shape["name"]
    read = _SHAPES.get(name)
    if read is None:
        problem = f"is a {name[:20]}, which has no area"
        return Region(number, name, attributes=kept, problem=problem)
    try:
        return Region(number, name, attributes=kept, **read(shape))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{where}: the {name} is damaged ({reason}); draw it anew in VIA"
        ) from error


def _text(value: Any) -> str:
    """Show an attribute; of VIA's check boxes the ticked ones."""
    if isinstance(value, dict):
        return ", ".join(str(key) for key, ticked in value.items() if ticked)
    return str(value)


def _number(value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"'{shown(str(value))}' is no coordinate")
    return number


def _polygon(shape: dict[str, Any]) -> dict[str, Any]:
    xs, ys = shape["all_points_x"], shape["all_points_y"]
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
        raise ValueError("all_points_x and all_points_y are not lists of one length")
    ring = np.array([[_number(y), _number(x)] for x, y in zip(xs, ys, strict=True)])
    ring = ring.reshape(-1, 2)
    closed = len(ring) > 1 and np.array_equal(ring[0], ring[-1])
    return {"rings": (ring[:-1] if closed else ring,)}


def _rectangle(shape: dict[str, Any]) -> dict[str, Any]:
    x, y, width, height = (_number(shape[key]) for key in ("x", "y", "width", "height"))
    corners = [(y, x), (y, x + width), (y + height, x + width), (y + height, x)]
    return {"rings": (np.array(corners),)}


def _ellipse(shape: dict[str, Any]) -> dict[str, Any]:
    x, y, rx, ry = (_number(shape[key]) for key in ("cx", "cy", "rx", "ry"))
    return {"ellipse": (y, x, ry, rx, _number(shape.get("theta", 0)))}


def _circle(shape: dict[str, Any]) -> dict[str, Any]:
    x, y, radius = (_number(shape[key]) for key in ("cx", "cy", "r"))
    return {"ellipse": (y, x, radius, radius, 0.0)}


_SHAPES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "polygon": _polygon,
    "rect": _rectangle,
    "ellipse": _ellipse,
    "circle": _circle,
}
