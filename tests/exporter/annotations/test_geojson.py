"""Polygons of QuPath."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from particlebridge.exporter import read_annotations

SQUARE = [[2, 1], [7, 1], [7, 6], [2, 6], [2, 1]]
HOLE = [[3, 2], [6, 2], [6, 5], [3, 5], [3, 2]]
FAR = [[10, 10], [12, 10], [12, 12], [10, 12], [10, 10]]


def feature(kind: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def read(path: Path, entries: Any) -> Any:
    path.write_text(json.dumps(entries))
    return read_annotations(path, (15, 15))


def test_qupath_polygons_with_holes_and_parts(tmp_path: Path) -> None:
    features = [
        feature("Polygon", [SQUARE, HOLE], classification={"name": "NMC"}, name="a"),
        feature("MultiPolygon", [[FAR], [[[0, 13], [1, 13], [1, 15], [0, 15]]]]),
        feature("Point", [3, 3]),
    ]
    found = read(tmp_path / "q.geojson", {"type": "FeatureCollection", "features": features})
    expected = np.zeros((15, 15), np.int32)
    expected[1:6, 2:7] = 1
    expected[2:5, 3:6] = 0
    expected[10:12, 10:12] = expected[13:, :1] = 2
    np.testing.assert_array_equal(found.labels, expected)
    assert found.table["class"][0] == "NMC"
    assert found.problems[0].endswith("region 3 is a Point, which has no area")
    alone = read(tmp_path / "list.json", features[:1])
    np.testing.assert_array_equal(alone.labels, expected * (expected == 1))


def test_bare_geometries_are_read(tmp_path: Path) -> None:
    expected = np.zeros((15, 15), np.int32)
    expected[1:6, 2:7] = 1
    square = {"type": "Polygon", "coordinates": [SQUARE]}
    far = {"type": "Polygon", "coordinates": [FAR]}
    for entries in (square, [square], {"type": "GeometryCollection", "geometries": [square]}):
        np.testing.assert_array_equal(read(tmp_path / "g.geojson", entries).labels, expected)
    expected[10:12, 10:12] = 1
    both = {
        "type": "Feature",
        "geometry": {"type": "GeometryCollection", "geometries": [square, far]},
    }
    np.testing.assert_array_equal(read(tmp_path / "g.geojson", both).labels, expected)
    nowhere = {"type": "Feature", "geometry": None, "properties": {}}
    found = read(tmp_path / "g.geojson", [nowhere, feature("LineString", SQUARE[:4])])
    assert found.labels.max() == 1 and found.problems[0].endswith("region 1 has no geometry")
    assert found.problems[1].endswith("region 2 is a linestring, taken as closed")


def square(first: int, last: int) -> list[list[list[int]]]:
    return [[[first, first], [last, first], [last, last], [first, last], [first, first]]]


OBJECTS = {
    "0.4": lambda kind: {"properties": {"objectType": kind}},
    "0.3": lambda kind: {"properties": {"object_type": kind}},
    "0.2": lambda kind: {"id": f"Path{kind.title()}Object", "properties": {}},
}


@pytest.mark.parametrize("version", OBJECTS)
def test_an_annotation_around_detections_is_their_frame(tmp_path: Path, version: str) -> None:
    kinds = [("annotation", 1, 12), ("detection", 2, 5), ("detection", 6, 9), ("annotation", 9, 11)]
    features = [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": square(a, b)}}
        | OBJECTS[version](kind)
        for kind, a, b in kinds
    ]
    found = read(tmp_path / "q.geojson", {"type": "FeatureCollection", "features": features})
    # An annotation without detections in it is a particle that somebody drew.
    expected = np.full((15, 15), -1)
    expected[1:12, 1:12] = 0
    expected[2:5, 2:5], expected[6:9, 6:9], expected[9:11, 9:11] = 1, 2, 3
    np.testing.assert_array_equal(found.labels, expected)
    assert found.table["region"].tolist() == [2, 3, 4]
    assert len(found.problems) == 1 and "region 1 frames particles" in found.problems[0]
    assert "nothing counts as annotated" in found.problems[0]


def test_classes_that_qupath_reserves(tmp_path: Path) -> None:
    features = [
        feature("Polygon", square(0, 10), classification={"name": "Region*"}),
        feature("Polygon", square(1, 4), classification={"names": ["NMC", "cracked"]}),
        feature("Polygon", square(6, 9), classification={"name": "Ignore*"}),
    ]
    found = read(tmp_path / "q.geojson", features)
    expected = np.full((15, 15), -1)
    expected[:10, :10] = 0
    expected[1:4, 1:4] = 1
    expected[6:9, 6:9] = -1
    np.testing.assert_array_equal(found.labels, expected)
    assert found.table["class"].tolist() == ["NMC: cracked"] and len(found.problems) == 2


def test_planes_are_slices(tmp_path: Path) -> None:
    features = [feature("Polygon", square(2, 5), objectType="annotation") for _ in range(3)]
    for z, each in zip((3, 5), features, strict=False):
        each["geometry"]["plane"] = {"c": -1, "z": z, "t": 0}
    path = tmp_path / "q.geojson"
    path.write_text(json.dumps(features))
    # QuPath leaves out the plane of the first slice.
    stack = read_annotations(path, (8, 15, 15)).labels
    assert [z for z, plane in enumerate(stack) if plane.any()] == [0, 3, 5]
    with pytest.raises(ValueError, match=r"lie on 3 slices \(1 to 6\) and the image has one"):
        read_annotations(path, (15, 15))
    with pytest.raises(ValueError, match="region 2 lies on slice 6 and the stack has 4"):
        read_annotations(path, (4, 15, 15))
    path.write_text(json.dumps(features[2:]))
    assert read_annotations(path, (15, 15)).labels.max() == 1


@pytest.mark.parametrize(
    "entries",
    [
        {"type": "FeatureCollection", "features": 3},
        [3],
        [{"type": "Feature"}],
        [feature("Polygon", None)],
        [feature("Polygon", [[[1]]])],
        [feature("Polygon", [[["a", "b"]]])],
        [feature("Polygon", [[[1e999, 1], [2, 2], [3, 1]]])],
        [feature("MultiPolygon", 7)],
    ],
)
def test_wrong_files_are_one_sentence(tmp_path: Path, entries: Any) -> None:
    with pytest.raises(ValueError, match=r"x\.json") as caught:
        read(tmp_path / "x.json", entries)
    assert "\n" not in str(caught.value)
