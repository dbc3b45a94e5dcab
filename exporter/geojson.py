"""Polygons from QuPath (GeoJSON) and LabelMe."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis.bad_files import reason, shown

from .rasterize import Region

_AREAS = ("Polygon", "MultiPolygon")


def regions_of_geojson(entries: Any, path: Path) -> list[Region]:
    """Read GeoJSON as QuPath exports it: features with polygons in pixels.

    Parameters
    ----------
    entries
        The parsed file: a FeatureCollection, a list of features, or one. Nothing is trusted.
    path
        Its name, for messages.

    Returns
    -------
    list of Region
        The class that QuPath gave becomes the attribute `class`. Geometries without area come
        with `Region.problem` set.

    Raises
    ------
    ValueError
        If it is no GeoJSON; the sentence names the region.
    """
    features = entries.get("features", [entries]) if isinstance(entries, dict) else entries
    if not isinstance(features, list):
        raise ValueError(f"{path}: features is not a list; export it from QuPath again")
    regions = []
    for number, feature in enumerate(features, start=1):
        where = f"{path}, region {number}"
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        if not isinstance(geometry, dict) or not isinstance(geometry.get("type"), str):
            raise ValueError(f"{where} is not a GeoJSON feature; export it from QuPath again")
        kind = geometry["type"]
        attributes = _attributes(feature.get("properties"))
        if kind not in _AREAS:
            problem = f"is a {shown(kind, 20)}, which has no area"
            regions.append(Region(number, kind.lower(), attributes=attributes, problem=problem))
            continue
        coordinates: Any = geometry.get("coordinates")
        parts: Any = [coordinates] if kind == "Polygon" else coordinates
        try:
            rings = tuple(_ring(points) for part in parts for points in part)
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise ValueError(f"{where}: its coordinates are damaged ({reason(error)})") from error
        regions.append(Region(number, kind.lower(), rings=rings, attributes=attributes))
    return regions


def regions_of_labelme(entries: dict[str, Any], path: Path) -> list[Region]:
    """Read LabelMe's JSON of one image: polygons, rectangles and circles.

    Parameters
    ----------
    entries
        The parsed file; nothing in it is trusted.
    path
        Its name, for messages.

    Returns
    -------
    list of Region
        LabelMe's label becomes the attribute `label`.

    Raises
    ------
    ValueError
        If it is no such file; the sentence names the region.
    """
    shapes = entries.get("shapes")
    if not isinstance(shapes, list):
        raise ValueError(f"{path}: shapes is not a list; save it in LabelMe again")
    regions = []
    for number, shape in enumerate(shapes, start=1):
        where = f"{path}, region {number}"
        if not isinstance(shape, dict):
            raise ValueError(f"{where} is not an object; save it in LabelMe again")
        kind = str(shape.get("shape_type", "polygon"))
        attributes = {"label": str(shape.get("label", ""))}
        try:
            ring = _ring(shape["points"])
            if kind == "circle":
                (y, x), edge = ring
                radius = math.hypot(*(edge - ring[0]))
                ellipse = (float(y), float(x), radius, radius, 0.0)
                regions.append(Region(number, kind, ellipse=ellipse, attributes=attributes))
                continue
            if kind == "rectangle":
                (top, left), (bottom, right) = ring
                ring = np.array([(top, left), (top, right), (bottom, right), (bottom, left)])
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise ValueError(f"{where}: its points are damaged ({reason(error)})") from error
        problem = (
            "" if kind in ("polygon", "rectangle") else f"is a {shown(kind, 20)}, not an outline"
        )
        regions.append(Region(number, kind, rings=(ring,), attributes=attributes, problem=problem))
    return regions


def _ring(points: Any) -> np.ndarray:
    """Return (n, 2) (y, x) of a list of [x, y], the repeated last vertex dropped."""
    ring = np.array([[float(point[1]), float(point[0])] for point in points]).reshape(-1, 2)
    if not np.isfinite(ring).all():
        raise ValueError("a coordinate is not finite")
    closed = len(ring) > 2 and np.array_equal(ring[0], ring[-1])
    return ring[:-1] if closed else ring


def _attributes(properties: Any) -> dict[str, str]:
    if not isinstance(properties, dict):
        return {}
    kind = properties.get("classification")
    attributes = {"class": str(kind.get("name", ""))} if isinstance(kind, dict) else {}
    if properties.get("name"):
        attributes["name"] = str(properties["name"])
    return attributes
