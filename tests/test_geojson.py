"""Polygons of QuPath and LabelMe."""

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


def test_labelme_shapes(tmp_path: Path) -> None:
    shapes = [
        {"label": "p", "shape_type": "polygon", "points": SQUARE},
        {"label": "r", "shape_type": "rectangle", "points": [[12, 12], [10, 10]]},
        {"label": "c", "shape_type": "circle", "points": [[11.5, 3.5], [13.5, 3.5]]},
        {"label": "l", "shape_type": "linestrip", "points": [[0, 0], [9, 9]]},
    ]
    found = read(tmp_path / "l.json", {"shapes": shapes, "imagePath": "a.png"})
    assert (found.labels[1:6, 2:7] == 1).all() and (found.labels[10:12, 10:12] == 2).all()
    assert found.table["area"].tolist() == [25, 4, 13]  # 13 lattice points within radius 2
    assert found.table["label"].tolist() == [1, 2, 3]
    assert found.table["label_"].tolist() == ["p", "r", "c"]
    assert "region 4 is a linestrip" in found.problems[0]


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
        {"shapes": 3},
        {"shapes": [3]},
        {"shapes": [{"points": 3}]},
        {"shapes": [{"shape_type": "circle", "points": [[1, 1]]}]},
        {"shapes": [{"shape_type": "rectangle", "points": SQUARE}]},
    ],
)
def test_wrong_files_are_one_sentence(tmp_path: Path, entries: Any) -> None:
    with pytest.raises(ValueError, match=r"x\.json") as caught:
        read(tmp_path / "x.json", entries)
    assert "\n" not in str(caught.value)
