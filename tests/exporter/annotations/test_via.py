"""VGG Image Annotator projects and exports, in and out."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from particlebridge.exporter import read_annotations, write_via
from particlebridge.exporter.annotations.reading import read_drawings
from scipy import ndimage

REGIONS: list[dict[str, Any]] = [
    {"name": "rect", "x": 2, "y": 1, "width": 5, "height": 3},
    {"name": "circle", "cx": 20.5, "cy": 20.5, "r": 10},
    {"name": "ellipse", "cx": 10.5, "cy": 35.5, "rx": 8, "ry": 3, "theta": 0},
    {"name": "polygon", "all_points_x": [30, 36, 36, 30], "all_points_y": [2, 2, 6, 6]},
    {"name": "point", "cx": 3, "cy": 3},
]


def metadata() -> dict[str, Any]:
    attributes = {"class": "NMC", "cracked": {"yes": True, "maybe": False}}
    regions = [{"shape_attributes": s, "region_attributes": attributes} for s in REGIONS]
    return {
        "a.png123": {"filename": "a.png", "size": 123, "regions": regions, "file_attributes": {}},
        "b.png7": {"filename": "dir/b.png", "size": 7, "regions": {"0": regions[0]}},
    }


def write_json(path: Path, entries: Any) -> Path:
    path.write_text(json.dumps(entries))
    return path


def write_csv(path: Path) -> Path:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        columns = "filename file_size file_attributes region_count region_id"
        out.writerow([*columns.split(), "region_shape_attributes", "region_attributes"])
        for image in metadata().values():
            regions = image["regions"]
            regions = list(regions.values()) if isinstance(regions, dict) else regions
            for k, region in enumerate(regions):
                cells = [region["shape_attributes"], region["region_attributes"]]
                cells = [json.dumps(cell) for cell in cells]
                out.writerow([image["filename"], 0, "{}", len(regions), k, *cells])
        out.writerow(["empty.png", 0, "{}", 0, 0, "{}", "{}"])
    return path


@pytest.mark.parametrize("kind", ["project", "export", "csv"])
def test_every_shape_covers_its_known_pixels(tmp_path: Path, kind: str) -> None:
    if kind == "csv":
        path = write_csv(tmp_path / "via.csv")
    else:
        entries = metadata()
        if kind == "project":
            entries = {"_via_settings": {}, "_via_img_metadata": entries, "_via_attributes": {}}
        path = write_json(tmp_path / "via.json", entries)
    read = read_annotations(path, (50, 50), image="/scans/a.tif")
    expected = np.zeros((50, 50), np.int32)
    expected[1:4, 2:7] = 1
    y, x = np.mgrid[:50, :50] + 0.5
    expected[(y - 20.5) ** 2 + (x - 20.5) ** 2 <= 100] = 2
    expected[((x - 10.5) / 8) ** 2 + ((y - 35.5) / 3) ** 2 <= 1] = 3
    expected[2:6, 30:36] = 4
    np.testing.assert_array_equal(read.labels, expected)
    assert read.table["area"].tolist()[1] == 317  # Gauss' circle problem
    assert read.table["class"].tolist() == ["NMC"] * 4
    assert read.table["cracked"].tolist() == ["yes"] * 4
    assert read.problems == (f"{path}, image a.png: region 5 is a point, which has no area",)
    other = read_annotations(path, (50, 50), image="b.png")
    np.testing.assert_array_equal(other.labels, expected * (expected == 1))


def test_labels_come_back_exactly(tmp_path: Path) -> None:
    field = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(90, 120)), 4)
    labels = ndimage.label(ndimage.binary_fill_holes(field > 0.02))[0]
    assert write_via({"one.tif": labels, "two.tif": labels[::-1]}, tmp_path / "via.json") > 10
    for name, expected in (("one.tif", labels), ("two.tif", labels[::-1])):
        back = read_annotations(tmp_path / "via.json", labels.shape, image=name)
        np.testing.assert_array_equal(back.labels > 0, expected > 0)
        pairs = np.unique(np.stack([back.labels.ravel(), expected.ravel()]), axis=1)
        assert pairs.shape[1] == labels.max() + 1  # one to one


def test_a_project_opens_in_via(tmp_path: Path) -> None:
    image = tmp_path / "one.tif"
    image.write_bytes(b"12345")
    write_via({str(image): np.eye(3, dtype=int)}, tmp_path / "via.json")
    project = json.loads((tmp_path / "via.json").read_text())
    # VIA knows an image by its name and size in bytes, and refuses a project without these.
    assert project["_via_image_id_list"] == ["one.tif5"] == list(project["_via_img_metadata"])
    assert project.keys() >= {"_via_settings", "_via_attributes", "_via_data_format_version"}


@pytest.mark.parametrize(
    ("entries", "wrong"),
    [
        ([], "no annotations"),
        (5, "no annotations"),
        ({}, "no annotations"),
        ({"_via_img_metadata": 3}, "not an object"),
        ({"a": 3}, "no filename"),
        ({"a": {"filename": 3}}, "no filename"),
        ({"a": {"filename": "x.png", "regions": 3}}, "not a list"),
        ({"a": {"filename": "x.png", "regions": [3]}}, "region 1 is not an object"),
        ({"a": {"filename": "x.png", "regions": [{}]}}, "region 1 has no shape"),
        (
            {"a": {"filename": "y/x.png"}, "b": {"filename": "y\\x.png"}},
            "two images are named y/x.png",
        ),
    ]
    + [
        ({"a": {"filename": "x.png", "regions": [{"shape_attributes": shape}]}}, "damaged")
        for shape in (
            {"name": "circle", "cx": 1, "cy": 1},
            {"name": "circle", "cx": 1, "cy": 1, "r": "wide"},
            {"name": "rect", "x": [1], "y": 1, "width": 1, "height": 1},
            {"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, 2]},
            {"name": "polygon", "all_points_x": {"a": 1}, "all_points_y": 3},
            {"name": "polygon", "all_points_x": [1, None, 3], "all_points_y": [1, 2, 3]},
            {"name": "ellipse", "cx": 1e999, "cy": 1, "rx": 1, "ry": 1},
        )
    ],
)
def test_wrong_files_are_one_sentence(tmp_path: Path, entries: Any, wrong: str) -> None:
    path = write_json(tmp_path / "via.json", entries)
    with pytest.raises(ValueError, match=wrong) as caught:
        read_annotations(path, (9, 9))
    assert "via.json" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"a":' * 100_000, b"[1" + b"0" * 5000 + b"]",
     b'{"' + b"_via_img" * 2000 + b'": {"a.png9": {}}}',
     b'{"a": {"filename": "' + b"a.png" * 2000 + b'", "regions": 3}}'],
)  # fmt: skip
def test_damaged_json(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "via.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"via\.json") as caught:
        read_annotations(tmp_path / "via.json", (9, 9))
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "a,b\n1,2\n",
        "filename,region_shape_attributes,region_attributes\nx.png\n",
        "filename,region_shape_attributes,region_attributes\nx.png,{,{}\n",
        'filename,region_shape_attributes,region_attributes\nx.png,"{""a"": 1',
        "filename,region_shape_attributes,region_attributes\nx.png,[1],{}\n",
    ],
)
def test_damaged_csv(tmp_path: Path, content: str) -> None:
    (tmp_path / "via.csv").write_text(content)
    with pytest.raises(ValueError, match=r"via\.csv"):
        read_annotations(tmp_path / "via.csv", (9, 9))


def test_what_the_caller_must_say(tmp_path: Path) -> None:
    path = write_json(tmp_path / "via.json", metadata())
    with pytest.raises(ValueError, match="annotates 2 images"):
        read_annotations(path, (9, 9))
    with pytest.raises(ValueError, match=r"does not annotate c\.png"):
        read_annotations(path, (9, 9), image="c.png")
    with pytest.raises(ValueError, match="give its shape"):
        read_annotations(path, image="a.png")
    with pytest.raises(ValueError, match="not an annotation file"):
        read_drawings(tmp_path / "a.docx")
    with pytest.raises(ValueError, match="two images are named"):
        write_via({"a/x.tif": np.eye(3, dtype=int), "b/x.tif": np.eye(3, dtype=int)}, path)
