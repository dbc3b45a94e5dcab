"""LabelMe's shapes."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from particlebridge.exporter import read_annotations
from PIL import Image

SQUARE = [[2, 1], [7, 1], [7, 6], [2, 6], [2, 1]]


def read(path: Path, entries: Any) -> Any:
    path.write_text(json.dumps(entries))
    return read_annotations(path, (15, 15))


def png(mask: np.ndarray) -> str:
    data = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(data, "png")
    return base64.b64encode(data.getvalue()).decode()


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


def test_rectangles_of_two_and_four_points_and_masks(tmp_path: Path) -> None:
    corners = [[10, 10], [12, 10], [12, 12], [10, 12]]
    mask = np.array([[1, 0, 1], [1, 1, 1]])
    turned = [[5, 8], [8, 11], [5, 14], [2, 11]]
    shapes = [
        {"label": "p", "points": SQUARE},
        {"label": "r", "shape_type": "rectangle", "points": corners},
        {"label": "o", "shape_type": "oriented_rectangle", "points": turned},
        {"label": "m", "shape_type": "mask", "points": [[12, 3], [14, 4]], "mask": png(mask)},
        {"label": "q", "shape_type": None, "points": [[0, 8], [2, 8], [2, 9], [0, 9]]},
    ]
    found = read(tmp_path / "l.json", {"version": "5.0", "shapes": shapes})
    expected = np.zeros((15, 15), np.int32)
    expected[1:6, 2:7] = 1
    expected[10:12, 10:12] = 2
    expected[3:5, 12:][mask > 0] = 4
    expected[8, :2] = 5
    np.testing.assert_array_equal(np.where(found.labels == 3, 0, found.labels), expected)
    assert found.table["area"].tolist() == [25, 4, 18, 5, 2] and found.problems == ()


def test_a_group_is_one_particle_as_in_labelme(tmp_path: Path) -> None:
    shapes = [
        {"label": "a", "group_id": 1, "points": SQUARE},
        {"label": "a", "group_id": 1, "points": [[9, 1], [11, 1], [11, 3], [9, 3]]},
        {"label": "b", "group_id": 1, "points": [[9, 5], [11, 5], [11, 7], [9, 7]]},
        {"label": "a", "group_id": None, "points": [[9, 9], [11, 9], [11, 11], [9, 11]]},
    ]
    assert read(tmp_path / "l.json", {"shapes": shapes}).table["area"].tolist() == [29, 4, 4]


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    entries = {"shapes": [], "imageHeight": 30, "imageWidth": 15}
    with pytest.raises(ValueError, match="15 x 30 pixels, and the image has 15 x 15"):
        read(tmp_path / "l.json", entries)
    assert not read(tmp_path / "l.json", entries | {"imageHeight": None}).labels.any()


VAST = png(np.zeros((9000, 9000)))
MASK = {"shape_type": "mask", "points": [[0, 0], [2, 1]]}


@pytest.mark.parametrize(
    "shapes",
    [
        3,
        [3],
        [{"points": 3}],
        [{"shape_type": "circle", "points": [[1, 1]]}],
        [{"shape_type": "rectangle", "points": SQUARE[:3]}],
        [MASK],
        [MASK | {"mask": "no PNG"}],
        [MASK | {"mask": png(np.ones((9, 9)))}],
        [MASK | {"mask": png(np.ones((2, 3)))[:60]}],
        [{"shape_type": "mask", "points": [[0, 0], [8999, 8999]], "mask": VAST}],
        [MASK | {"points": [[0, 0], [1e300, 1e300]], "mask": png(np.ones((2, 3)))}],
    ],
)
def test_wrong_files_are_one_sentence(tmp_path: Path, shapes: Any) -> None:
    with pytest.raises(ValueError, match=r"x\.json") as caught:
        read(tmp_path / "x.json", {"shapes": shapes})
    assert "\n" not in str(caught.value)
