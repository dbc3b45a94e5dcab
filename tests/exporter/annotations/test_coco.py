"""COCO files: polygons, parts, run lengths, crowds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from particlebridge.exporter import read_annotations
from particlebridge.exporter.annotations.coco import decoded

SQUARE = [1, 2, 5, 2, 5, 7, 1, 7]


def coco(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": 7, "file_name": "run\\a.png", "width": 12, "height": 9},
            {"id": "8", "file_name": "b.png", "width": -1, "height": 0},
        ],
        "annotations": [{"image_id": 7, "category_id": 2, **each} for each in annotations],
        "categories": [{"id": 2, "name": "NMC"}],
    } | more


def read(path: Path, entries: Any, shape: tuple[int, ...] = (9, 12), image: str = "a.png") -> Any:
    path.write_text(json.dumps(entries))
    return read_annotations(path, shape, image=image)


def encoded(counts: list[int]) -> str:
    """Write run lengths as pycocotools does: five bits a character, differences from the 4th on."""
    text = ""
    for k, count in enumerate(counts):
        value, more = count - (counts[k - 2] if k > 2 else 0), True
        while more:
            low, value = value & 31, value >> 5
            more = value != (-1 if low & 16 else 0)
            text += chr(48 + (low | (32 if more else 0)))
    return text


def runs(mask: np.ndarray) -> list[int]:
    """Count by turns what is outside and inside, down the columns."""
    counts, inside = [0], False
    for pixel in mask.T.ravel():
        if pixel != inside:
            counts.append(0)
            inside = bool(pixel)
        counts[-1] += 1
    return counts


def test_polygons_parts_and_run_lengths(tmp_path: Path) -> None:
    mask = np.zeros((9, 12), bool)
    mask[3:8, 6:10] = True
    mask[4, 7] = False
    written = {"size": [9, 12], "counts": encoded(runs(mask))}
    plain = {"size": [9, 12], "counts": runs(np.roll(mask, 2, axis=1) & False)}
    found = read(
        tmp_path / "coco.json",
        coco(
            {"segmentation": [SQUARE]},
            {"segmentation": [[10, 0, 12, 0, 12, 2, 10, 2], [11, 1, 12, 1, 12, 3, 11, 3]]},
            {"segmentation": written},
            {"segmentation": plain},
            {"segmentation": [], "bbox": [0, 0, 3, 3]},
        ),
    )
    expected = np.zeros((9, 12), np.int32)
    expected[2:7, 1:5] = 1
    # Parts are united where they overlap, not taken for holes of each other.
    expected[:2, 10:] = expected[1:3, 11:] = 2
    expected[mask] = 3
    np.testing.assert_array_equal(found.labels, expected)
    assert found.table["class"].tolist() == ["NMC"] * 3
    assert [problem.split(": ", 1)[1] for problem in found.problems] == [
        "region 4 holds no pixel's centre: it is too thin, or off the image",
        "region 5 has a bounding box or a point only, no outline",
    ]
    # Of an image without size the run lengths tell it; VIA writes a flat list.
    stray = {"image_id": 8, "segmentation": SQUARE}
    other = read(tmp_path / "coco.json", coco(stray, {"image_id": 9}), image="B.PNG")
    np.testing.assert_array_equal(other.labels, expected * (expected == 1))
    assert "1 of 2 annotations belong to images that the file does not list" in other.problems[0]


def test_a_crowd_counts_as_not_annotated(tmp_path: Path) -> None:
    whole = {"size": [9, 12], "counts": [0, 108]}
    found = read(
        tmp_path / "coco.json",
        coco({"segmentation": [SQUARE]}, {"segmentation": whole, "iscrowd": 1}),
    )
    expected = np.full((9, 12), -1)
    expected[2:7, 1:5] = 1
    np.testing.assert_array_equal(found.labels, expected)
    assert "region 2 is a crowd" in found.problems[0]


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"drawn on an image of 12 x 9 pixels, .* has 24 x 18"):
        read(tmp_path / "coco.json", coco({"segmentation": [SQUARE]}), (18, 24))


@pytest.mark.parametrize(
    ("entries", "wrong"),
    [
        (coco(images=3), "not a list"),
        (coco(images=[{"id": 1}]), "image 1 has no file_name"),
        (coco(images=[{"id": 1, "file_name": n} for n in ("a.png", "b.png")]), "have the same id"),
        (coco(images=[{"id": k, "file_name": "a.png"} for k in (1, 2)]), "two images are named"),
        (coco(annotations=[4]), "no object"),
        (coco({"segmentation": [[1, 2, 3]]}), "make no points"),
        (coco({"segmentation": [[1, 2, 3, "x"]]}), "damaged"),
        (coco({"segmentation": {"size": [9, 12], "counts": [3, 4]}}), "runs of 7 pixels"),
        (coco({"segmentation": {"size": [9, 12], "counts": [-3, 111]}}), "impossible length"),
        (coco({"segmentation": {"size": [9, 12], "counts": "P"}}), "cut short"),
        (coco({"segmentation": {"size": [9, 12], "counts": "\u00e9"}}), "no run length"),
        (coco({"segmentation": {"size": [10**9, 10**9], "counts": [10**18]}}), "a size of"),
        (coco({"segmentation": {"size": [12, 9], "counts": [108]}}), "are of 9 x 12 pixels"),
        (coco({"segments_info": []}), "panoptic"),
        ([{"image_id": 1, "segmentation": [SQUARE]}], "COCO results"),
        ([{"id": 1, "data": {}, "annotations": []}], "export COCO"),
    ],
)
def test_wrong_files_are_one_sentence(tmp_path: Path, entries: Any, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong) as caught:
        read(tmp_path / "x.json", entries)
    assert "x.json" in str(caught.value) and "\n" not in str(caught.value)


@settings(deadline=None)
@given(st.lists(st.integers(0, 1 << 31), min_size=1, max_size=40))
def test_compressed_run_lengths_come_back(counts: list[int]) -> None:
    assert decoded(encoded(counts)) == counts


def test_compressed_run_lengths_of_pycocotools() -> None:
    mask = np.zeros((9, 12), np.uint8)
    mask[3:8, 6:10] = 1
    mask[4, 7] = 0
    # What pycocotools 2.0 writes for this mask.
    assert decoded("i154LM23200?") == runs(mask)
