"""GeoJSON, as QuPath exports it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis.io.errors import reason, shown

from .regions import Region, line_region, open_ring, shown_shape, xy_points

_AREAS = ("Polygon", "MultiPolygon")
_GEOMETRIES = (
    *_AREAS, "Point", "MultiPoint", "LineString", "MultiLineString", "GeometryCollection",
)  # fmt: skip
_DETECTED = ("detection", "cell", "tile", "pathdetectionobject", "pathcellobject", "pathtileobject")
_ANNOTATED = ("annotation", "pathannotationobject")
_FRAMES = ("tmacore", "tma_core", "tmacoreobject", "root", "pathrootobject")
_FRAME = "frames particles and is none itself"
_IGNORED = "is of a class that QuPath ignores: its pixels count as not annotated"
_DEEPEST = 20


def regions_of_geojson(entries: Any, path: Path) -> list[Region]:
    """Read features or bare geometries with polygons in pixels.

    Parameters
    ----------
    entries
        The parsed file: a FeatureCollection, a list of features or geometries, or one. Nothing
        is trusted.
    path
        Its name, for messages.

    Returns
    -------
    list of Region
        The class that QuPath gave becomes the attribute `class`, its plane z the slice z + 1. An
        annotation with detections in it is their frame; QuPath's class ``Region*`` makes one
        too, and ``Ignore*`` a place where nothing is annotated.

    Raises
    ------
    ValueError
        If it is no GeoJSON; the sentence names the region.
    """
    features = entries.get("features", [entries]) if isinstance(entries, dict) else entries
    if not isinstance(features, list):
        raise ValueError(f"{path}: features is not a list; export it from QuPath again")
    regions, types = [], []
    planes = any(_plane(feature) for feature in features) or any(map(_type, features))
    for number, feature in enumerate(features, start=1):
        region = _region(feature, number, f"{path}, region {number}")
        # QuPath leaves out the plane of what lies on the first slice.
        position = _plane(feature) or int(planes)
        regions.append(replace(region, position=position))
        types.append(_type(feature))
    return _with_frames(regions, types)


def _region(feature: Any, number: int, where: str) -> Region:
    geometry = _geometry(feature)
    if geometry is None:
        if isinstance(feature, dict) and feature.get("type") == "Feature" and "geometry" in feature:
            return Region(number, "none", problem="has no geometry")
        raise ValueError(
            f"{where} is neither a GeoJSON feature nor a geometry; export GeoJSON from QuPath, or "
            "COCO from other programs"
        )
    kind = geometry["type"]
    attributes = _attributes(feature.get("properties"))
    try:
        rings = tuple(
            open_ring(xy_points(points)) for part in _polygons(geometry) for points in part
        )
        if kind == "LineString":
            points = xy_points(geometry["coordinates"])
            return line_region(number, kind.lower(), points, attributes)
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise ValueError(f"{where}: its coordinates are damaged ({reason(error)})") from error
    if not rings:
        problem = f"is {shown_shape(shown(kind, 20))}, which has no area"
        return Region(number, kind.lower(), attributes=attributes, problem=problem)
    name = attributes.get("class", "").lower()
    if name.startswith("ignore"):
        return Region(
            number, kind.lower(), rings=rings, attributes=attributes, role="crowd", remark=_IGNORED
        )
    return Region(
        number,
        kind.lower(),
        rings=rings,
        attributes=attributes,
        role="frame" if name == "region*" else "particle",
    )


def _geometry(feature: Any) -> dict[str, Any] | None:
    """Return the geometry of a feature, or what is one itself."""
    if not isinstance(feature, dict):
        return None
    geometry = feature if feature.get("type") in _GEOMETRIES else feature.get("geometry")
    known = isinstance(geometry, dict) and isinstance(geometry.get("type"), str)
    return geometry if known else None


def _polygons(geometry: Any, depth: int = 0) -> Iterator[Any]:
    """Walk the polygons, lists of rings, of a geometry and of those collected in it."""
    kind = geometry["type"]
    if kind == "Polygon":
        yield geometry["coordinates"]
    elif kind == "MultiPolygon":
        yield from geometry["coordinates"]
    elif kind == "GeometryCollection":
        if depth > _DEEPEST:
            raise ValueError("geometries nested too deep")
        for each in geometry["geometries"]:
            yield from _polygons(each, depth + 1)


def _with_frames(regions: Sequence[Region], types: Sequence[str]) -> list[Region]:
    """Tell annotations around detections, and cores, from particles."""
    detected = [
        (region.position, *_middle(region.rings))
        for region, kind in zip(regions, types, strict=True)
        if kind in _DETECTED and any(len(ring) for ring in region.rings)
    ]
    middles = np.array(detected, np.float64).reshape(-1, 3)
    told = []
    for region, kind in zip(regions, types, strict=True):
        frame = region.role == "frame" or kind in _FRAMES
        if not frame and kind in _ANNOTATED and region.role == "particle":
            here = middles[middles[:, 0] == region.position, 1:]
            frame = _holds_any(region.rings, here)
        told.append(replace(region, role="frame", remark=_FRAME) if frame else region)
    return told


def _middle(rings: Sequence[np.ndarray]) -> tuple[float, float]:
    points = np.concatenate(rings)
    y, x = points.min(axis=0) / 2 + points.max(axis=0) / 2
    return float(y), float(x)


def _holds_any(rings: Sequence[np.ndarray], points: np.ndarray) -> bool:
    """Tell by the even-odd rule whether any of (n, 2) points lies within the rings."""
    if not len(points) or not any(len(ring) for ring in rings):
        return False
    corners = np.concatenate(rings)
    near = ((points >= corners.min(axis=0)) & (points <= corners.max(axis=0))).all(axis=1)
    for y, x in points[near]:
        inside = False
        for ring in rings:
            y0, x0 = ring.T
            y1, x1 = np.roll(ring, -1, axis=0).T
            rows = (y0 > y) != (y1 > y)
            cut = x0[rows] + (y - y0[rows]) * ((x1 - x0)[rows] / (y1 - y0)[rows])
            inside ^= bool(np.count_nonzero(cut > x) % 2)
        if inside:
            return True
    return False


def _plane(feature: Any) -> int:
    """Return the slice, from 1, of QuPath's plane; 0 without one."""
    geometry = _geometry(feature)
    plane = geometry.get("plane") if geometry else None
    if not isinstance(plane, Mapping):
        return 0
    z, t = (value if isinstance(value, int) else 0 for value in (plane.get("z"), plane.get("t")))
    return max(z or t, 0) + 1


def _type(feature: Any) -> str:
    """Return QuPath's type of an object in small letters; its versions store it apart."""
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict):
        properties = {}
    named = properties.get("objectType") or properties.get("object_type") or properties.get("type")
    if not isinstance(named, str):
        named = feature.get("id") if isinstance(feature, dict) else None
    kind = named.lower() if isinstance(named, str) else ""
    return kind if kind in (*_DETECTED, *_ANNOTATED, *_FRAMES) else ""


def _attributes(properties: Any) -> dict[str, str]:
    if not isinstance(properties, dict):
        return {}
    kind = properties.get("classification")
    attributes = {}
    if isinstance(kind, dict):
        names = kind.get("names")  # of a class with subclasses
        several = ": ".join(map(str, names)) if isinstance(names, list) else ""
        attributes["class"] = str(kind.get("name") or several)
    if properties.get("name"):
        attributes["name"] = str(properties["name"])
    return attributes
