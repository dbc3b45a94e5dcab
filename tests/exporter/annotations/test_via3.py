"""VIA 3: the same drawings as in VIA 2, stored as numbers."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from particlebridge.exporter import read_annotations

SHAPES = [
    [2, 2, 1, 5, 3],
    [3, 20.5, 20.5, 10],
    [4, 10.5, 35.5, 8, 3],
    [7, 30, 2, 36, 2, 36, 6, 30, 6],
    [1, 3, 3],
    [6, 40, 2, 46, 2, 46, 6, 40, 6],
    [5, 0, 0, 9, 9],
    [8, 42, 10, 40, 11, 44, 12, 41, 14],
    [9, 45.5, 35.5, 40.5, 40.5, 35.5, 35.5],
]


def project(shapes: list[Any] = SHAPES) -> dict[str, Any]:
    metadata = {
        f"1_{k}": {"vid": "1", "flg": 0, "z": [], "xy": xy, "av": {"1": "0"}}
        for k, xy in enumerate(shapes)
    }
    return {
        "project": {"pid": "x", "data_format_version": "3.1.1"},
        "config": {},
        "attribute": {"1": {"aname": "kind", "options": {"0": "NMC", "1": "crack"}}},
        "file": {
            "1": {"fid": "1", "fname": "a.png", "type": 2, "loc": 1, "src": ""},
            "2": {"fid": "2", "fname": "b.png", "type": 2, "loc": 1, "src": ""},
        },
        "view": {"1": {"fid_list": ["1"]}, "2": {"fid_list": ["2"]}},
        "metadata": metadata | {"2_c": {"vid": "2", "z": [], "xy": [], "av": {"1": "1"}}},
    }


def write_csv(path: Path) -> None:
    with path.open("w", newline="") as file:
        file.write('# Exported using VGG Image Annotator\n# SHAPE_ID = {"POINT":1,"RECT":2}\n')
        file.write(
            "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,"
            "metadata\n"
        )
        rows = csv.writer(file)
        for key, each in project()["metadata"].items():
            name = "a.png" if each["vid"] == "1" else "b.png"
            cells = [json.dumps(c) for c in ([name], 0, each["z"], each["xy"], each["av"])]
            rows.writerow([key, *cells])


@pytest.mark.parametrize("kind", ["project", "csv"])
def test_every_shape_covers_its_known_pixels(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("via.csv" if kind == "csv" else "via.json")
    write_csv(path) if kind == "csv" else path.write_text(json.dumps(project()))
    read = read_annotations(path, (50, 50), image="a.png")
    expected = np.zeros((50, 50), np.int32)
    expected[1:4, 2:7] = 1
    y, x = np.mgrid[:50, :50] + 0.5
    expected[(y - 20.5) ** 2 + (x - 20.5) ** 2 <= 100] = 2
    expected[((x - 10.5) / 8) ** 2 + ((y - 35.5) / 3) ** 2 <= 1] = 3
    expected[2:6, 30:36] = 4
    expected[2:6, 40:46] = 5
    expected[10:14, 40:44] = 6
    expected[(y - 35.5) ** 2 + (x - 40.5) ** 2 <= 25] = 7
    np.testing.assert_array_equal(read.labels, expected)
    assert sorted(problem.split(": ", 1)[1] for problem in read.problems) == [
        "region 5 is a point, which has no area",
        "region 6 is a polyline, taken as closed",
        "region 7 is a line, which has no area",
    ]
    if kind == "project":
        assert read.table["kind"].tolist() == ["NMC"] * 7
    assert not read_annotations(path, (50, 50), image="b.png").labels.any()


def broken(**changes: Any) -> dict[str, Any]:
    return project() | changes


@pytest.mark.parametrize(
    ("entries", "wrong"),
    [
        (broken(file=3), "no object"),
        (broken(view={"1": {"fid_list": []}}), "shows no file"),
        (broken(view={"1": {"fid_list": ["1", "2"]}}), "side by side"),
        (broken(file={"1": {}}), "has no fname"),
        (broken(view={"1": {"fid_list": ["1"]}, "2": {"fid_list": ["1"]}}), "two images"),
        (broken(metadata={"k": {"vid": "9", "xy": []}}), "belongs to no image"),
        (project([3]), "has no coordinates"),
        (project([[2, 1, 2]]), "instead of 4"),
        (project([[7, 1, 2, 3]]), "make no points"),
        (project([[9, 0, 0, 1, 1, 2, 2]]), "lie on a line"),
        (project([[3, 1, 1, None]]), "no coordinate"),
    ],
)
def test_wrong_files_are_one_sentence(tmp_path: Path, entries: Any, wrong: str) -> None:
    (tmp_path / "via.json").write_text(json.dumps(entries))
    with pytest.raises(ValueError, match=wrong) as caught:
        read_annotations(tmp_path / "via.json", (9, 9), image="a.png")
    assert "via.json" in str(caught.value) and "\n" not in str(caught.value)


def test_a_moment_of_a_video_is_no_image(tmp_path: Path) -> None:
    entries = project([[2, 1, 1, 3, 3], [2, 1, 1, 3, 3]])
    entries["metadata"]["1_0"]["z"] = [1.5]
    (tmp_path / "via.json").write_text(json.dumps(entries))
    read = read_annotations(tmp_path / "via.json", (9, 9), image="a.png")
    assert read.labels.max() == 1 and "region 1 belongs to a moment of a video" in read.problems[0]
