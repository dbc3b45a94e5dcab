"""Labels as GeoJSON and COCO, read back by ours and by pycocotools."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from particlebridge.exporter import read_annotations, write_coco, write_geojson
from pycocotools.coco import COCO
from scipy import ndimage

LABELS = hnp.arrays(
    np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)
)


def rings_in_rings(dtype: type = np.int32) -> np.ndarray:
    """A particle with a hole, in the hole another with a hole, and a part of the first in that."""
    labels = np.zeros((40, 50), dtype)
    for inset, label in enumerate((7, 0, 300, 0, 7)):
        labels[2 + 3 * inset : 38 - 3 * inset, 5 + 3 * inset : 45 - 3 * inset] = label
    return labels


def masks_of_coco(path: Path) -> tuple[dict[int, np.ndarray], COCO]:
    coco = COCO(path)
    instances = coco.loadAnns(coco.getAnnIds())
    return {one["id"]: coco.annToMask(one).astype(bool) for one in instances}, coco


def test_geojson_nests_holes_and_parts(tmp_path: Path) -> None:
    assert write_geojson(rings_in_rings(), tmp_path / "o.geojson") == 2
    content = json.loads((tmp_path / "o.geojson").read_text())
    first, second = content["features"]
    assert first["properties"] == {"objectType": "detection", "name": "7"}
    assert [len(part) for part in first["geometry"]["coordinates"]] == [2, 1]
    assert (second["geometry"]["type"], len(second["geometry"]["coordinates"])) == ("Polygon", 2)
    for ring in second["geometry"]["coordinates"]:
        assert ring[0] == ring[-1] and len(ring) >= 4


@settings(deadline=None, max_examples=60)
@given(LABELS)
def test_geojson_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, labels) -> None:
    path = tmp_path_factory.mktemp("geo") / "o.geojson"
    written = write_geojson(labels, path)
    assert written == len(np.unique(labels[labels > 0]))
    if not written:
        return
    back = read_annotations(path, labels.shape)
    names = [0, *map(int, back.table["name"])]
    np.testing.assert_array_equal(np.asarray(names)[back.labels], labels)


@settings(deadline=None, max_examples=60)
@given(LABELS)
def test_pycocotools_reads_the_masks(tmp_path_factory: pytest.TempPathFactory, labels) -> None:
    path = tmp_path_factory.mktemp("coco") / "c.json"
    write_coco(labels, path, "a.tif")
    masks, coco = masks_of_coco(path)
    assert sorted(masks) == sorted(np.unique(labels[labels > 0]).tolist())
    for label, mask in masks.items():
        np.testing.assert_array_equal(mask, labels == label)
        (one,) = coco.loadAnns([label])
        rows, columns = np.nonzero(mask)
        left, top = int(columns.min()), int(rows.min())
        size = [int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1]
        assert one["bbox"] == [left, top, *size] and one["area"] == int(mask.sum())


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.uint32])
def test_our_reader_reads_both(tmp_path: Path, dtype: type) -> None:
    field = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(120, 150)), 3)
    labels = ndimage.label(field > 0.02)[0].astype(dtype)
    write_coco(labels, tmp_path / "c.json", "a.tif")
    write_geojson(labels, tmp_path / "o.geojson")
    for name in ("c.json", "o.geojson"):
        back = read_annotations(tmp_path / name, labels.shape)
        np.testing.assert_array_equal(back.labels, labels)


def test_nothing_gives_a_file_of_nothing(tmp_path: Path) -> None:
    nothing = np.zeros((4, 5), np.int32)
    assert write_coco(nothing, tmp_path / "c.json", "a.tif") == 0
    assert write_geojson(nothing, tmp_path / "o.geojson") == 0
    assert masks_of_coco(tmp_path / "c.json")[0] == {}
    assert json.loads((tmp_path / "o.geojson").read_text())["features"] == []


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (np.zeros((2, 3, 4), np.int32), "labels must be a 2-D integer image, not 3-D int32"),
        (np.zeros((3, 4)), "labels must be a 2-D integer image, not 2-D float64"),
        (np.full((3, 4), -1), "labels must not be negative"),
    ],
)
def test_what_is_no_label_image_is_refused(tmp_path: Path, labels: np.ndarray, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        write_coco(labels, tmp_path / "c.json", "a.tif")
    with pytest.raises(ValueError, match=why):
        write_geojson(labels, tmp_path / "o.geojson")
    assert not list(tmp_path.iterdir())
