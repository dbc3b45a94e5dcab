"""Images and annotation files brought together; nothing is lost in silence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from particlebridge.exporter import write_rois
from particlebridge.exporter.training.examples import check_examples
from particlebridge.exporter.training.pairing import gather_examples
from PIL import Image

POWDER = Path(__file__).parents[3] / "../shared/data/real/powder_sem"
SQUARE = {"name": "polygon", "all_points_x": [2, 8, 8, 2], "all_points_y": [2, 2, 8, 8]}
TRACED = {"name": "polyline", "all_points_x": [10, 16, 16, 10], "all_points_y": [2, 2, 8, 8]}
POINT = {"name": "point", "cx": 3, "cy": 3}


def write_images(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        tifffile.imwrite(folder / name, np.zeros((20, 20), np.uint8))


def write_via(path: Path, **images: list[dict[str, Any]]) -> Path:
    entries = {
        name: {
            "filename": f"{name}.tif",
            "regions": [{"shape_attributes": s, "region_attributes": {}} for s in shapes],
        }
        for name, shapes in images.items()
    }
    path.write_text(json.dumps({"_via_img_metadata": entries}))
    return path


def test_polylines_of_many_images_are_closed_and_told_in_one_line(tmp_path: Path) -> None:
    names = [f"s{k}" for k in range(30)]
    write_images(tmp_path, *[f"{name}.tif" for name in names])
    path = write_via(tmp_path / "via.json", **{name: [SQUARE, TRACED] for name in names})
    examples, notes = gather_examples(str(tmp_path / "*.tif"), path)
    assert len(examples) == 30
    for example in examples:
        assert np.unique(example.labels, return_counts=True)[1].tolist() == [400 - 72, 36, 36]
    (note,) = notes
    assert note.startswith(
        "via.json: 30 of 60 regions: each is a polyline, taken as closed (s0.tif"
    )


def test_where_most_regions_would_be_lost_nothing_is_trained(tmp_path: Path) -> None:
    write_images(tmp_path, "a.tif", "b.tif")
    path = write_via(tmp_path / "via.json", a=[SQUARE, POINT, POINT], b=[POINT])
    with pytest.raises(ValueError, match=r"3 of 4 regions cannot be used") as caught:
        gather_examples(str(tmp_path / "*.tif"), path)
    assert "3 each is a point" in str(caught.value) and "image a.tif, region 2" in str(caught.value)
    # One such image among others is left out: it would be taught as background.
    path = write_via(tmp_path / "via.json", a=[SQUARE, TRACED, SQUARE | {"id": 1}], b=[POINT])
    examples, notes = gather_examples(str(tmp_path / "*.tif"), path)
    assert [example.name for example in examples] == ["a.tif"]
    assert "via.json: most regions of b.tif (1 of 1) cannot be used: left out" in notes[-1]


def test_several_projects_by_a_glob(tmp_path: Path) -> None:
    write_images(tmp_path, *[f"{name}.tif" for name in "abcde"])
    write_via(tmp_path / "one.json", a=[SQUARE], b=[TRACED], c=[])
    write_via(tmp_path / "two.json", c=[SQUARE], x=[SQUARE])
    coco = {
        "images": [{"id": 1, "file_name": "d.png", "width": 20, "height": 20}],
        "annotations": [{"image_id": 1, "segmentation": [[2, 2, 8, 2, 8, 8, 2, 8]]}],
    }
    (tmp_path / "three.json").write_text(json.dumps(coco))
    examples, notes = gather_examples(str(tmp_path / "*.tif"), str(tmp_path / "*.json"))
    assert [example.name for example in examples] == ["a.tif", "b.tif", "c.tif", "d.tif"]
    assert all(example.labels[3:7, 3:7].all() or example.name == "b.tif" for example in examples)
    assert notes[1:] == [
        "e.tif is not annotated in the 3 annotation files and was left out.",
        "two.json annotates 1 images that were not given: x.tif.",
    ]
    write_via(tmp_path / "four.json", a=[SQUARE])
    with pytest.raises(ValueError, match=r"a\.tif: more than one label file .*four\.json.*one"):
        gather_examples(str(tmp_path / "*.tif"), str(tmp_path / "*.json"))


def test_projects_and_files_of_single_images_together(tmp_path: Path) -> None:
    write_images(tmp_path, "a.tif", "b.tif", "c.tif", "d.tif")
    write_via(tmp_path / "p.json", a=[SQUARE])
    (tmp_path / "labels").mkdir()
    labels = np.zeros((20, 20), np.uint16)
    labels[5:9, 5:9] = 3
    write_rois(labels, tmp_path / "labels/b_rois.zip")
    tifffile.imwrite(tmp_path / "labels/c.tif", labels)
    tifffile.imwrite(tmp_path / "labels/unused.tif", labels)
    files = [tmp_path / "p.json", *sorted((tmp_path / "labels").iterdir())]
    images = sorted(tmp_path.glob("*.tif"))
    examples, notes = gather_examples(images, files)
    assert [example.name for example in examples] == ["a.tif", "b.tif", "c.tif"]
    assert notes == [
        "d.tif is not annotated in p.json and was left out.",
        "1 label files belong to no image given: unused.tif.",
    ]


@pytest.mark.parametrize(
    ("image", "label", "fits"),
    [
        ("img_1", "img_1_labels", True),
        ("img_1", "img_12_labels", False),
        ("img1", "img1labels", True),
        ("1", "labels1", True),
        ("1", "labels_21", False),
        ("d", "unused", False),
        ("a+b", "a+b_mask", True),
    ],
)
def test_a_label_file_bears_its_images_name(
    tmp_path: Path, image: str, label: str, fits: bool
) -> None:
    write_images(tmp_path, f"{image}.tif", "zzz.tif", f"l/{label}.tif", "l/zzz.tif")
    given = str(tmp_path / "*.tif"), str(tmp_path / "l/*.tif")
    if fits:
        assert len(gather_examples(*given)[0]) == 2
    else:
        with pytest.raises(ValueError, match="no label file has its name"):
            gather_examples(*given)


def test_a_pattern_that_takes_in_the_labels_too(tmp_path: Path) -> None:
    write_images(tmp_path, "a.tif", "b.tif", "a_labels.tif", "b_labels.tif")
    examples, notes = gather_examples(str(tmp_path / "*.tif"), str(tmp_path / "*_labels.tif"))
    assert [example.name for example in examples] == ["a.tif", "b.tif"]
    assert notes == ["2 of the images are label files as well, and were taken for labels only."]


def test_one_image_saved_twice_is_not_taught_twice(tmp_path: Path) -> None:
    write_images(tmp_path, "a.tif", "b.tif", "l/a.tif", "l/b.tif")
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png and .*a\.tif would both get"):
        gather_examples(str(tmp_path / "?.*"), str(tmp_path / "l/*.tif"))


def test_several_classes_are_named(tmp_path: Path) -> None:
    write_images(tmp_path, "a.tif")
    outline = [[2, 2, 8, 2, 8, 8, 2, 8]]
    coco = {
        "images": [{"id": 1, "file_name": "a.tif"}],
        "annotations": [
            {"image_id": 1, "category_id": k, "segmentation": [[v + 3 * n for v in outline[0]]]}
            for n, k in enumerate((1, 1, 1, 2))
        ],
        "categories": [{"id": 1, "name": "NMC"}, {"id": 2, "name": "scale bar"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    *_, note = gather_examples(tmp_path / "a.tif", tmp_path / "coco.json")[1]
    assert note == (
        "coco.json: its regions are of 2 classes (NMC 3, scale bar 1): all were taken for "
        "particles; delete those that are none."
    )


def test_folders_tell_images_of_one_name_apart(tmp_path: Path) -> None:
    write_images(tmp_path, "run1/a.tif", "run2/a.tif")
    entries = {
        str(k): {
            "filename": f"D:\\data\\run{k}\\a.png",
            "regions": [
                {"shape_attributes": SQUARE if k == 1 else TRACED, "region_attributes": {}}
            ],
        }
        for k in (1, 2)
    }
    (tmp_path / "via.json").write_text(json.dumps(entries))
    examples, _ = gather_examples(str(tmp_path / "*/a.tif"), tmp_path / "via.json")
    assert [bool(example.labels[3, 3]) for example in examples] == [True, False]
    assert examples[0].name != examples[1].name
    write_via(tmp_path / "via.json", a=[SQUARE])
    with pytest.raises(ValueError, match=r"would both get the annotations of a.tif"):
        gather_examples(str(tmp_path / "*/a.tif"), tmp_path / "via.json")


def test_labels_of_another_size_name_both_files(tmp_path: Path) -> None:
    write_images(tmp_path, "a.tif")
    tifffile.imwrite(tmp_path / "labels.tif", np.ones((10, 10), np.uint8))
    with pytest.raises(ValueError, match=r"labels\.tif has 10 x 10 pixels and a\.tif 20 x 20"):
        gather_examples(tmp_path / "a.tif", tmp_path / "labels.tif")


def test_the_powder_project_is_read_as_its_authors_saved_it() -> None:
    if not POWDER.is_dir():
        pytest.skip("no ../shared/data/real/powder_sem")
    examples, notes = gather_examples(
        str(POWDER / "*.png"), POWDER / "via_powder_particle_masks_training.json"
    )
    checked, left_out = check_examples(examples, 2)
    assert [int(each.labels.max()) for each in checked] == [219, 351, 259, 293]
    assert sum(int(each.labels.max()) for each in checked) == 1122 and left_out == []
    assert [note.split(": ", 1)[1] for note in notes] == [
        "region 257 crosses itself: draw it again"
    ]
