"""Pairing, checking and splitting what a training learns from."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from particlebridge.analysis import typical_diameter
from particlebridge.analysis.io.pixels import read_pixels
from particlebridge.exporter.training.augmentation import draw_patch
from particlebridge.exporter.training.examples import (
    Example,
    check_examples,
    fill_holes,
    split_examples,
)
from particlebridge.exporter.training.pairing import gather_examples
from particlebridge.exporter.training.scale import labelled_diameter, rescale_examples
from particlebridge.exporter.training.validation_patches import validation_patches


def disk(size: int, radius: float) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return (y**2 + x**2 < radius**2).astype(np.int32)


def row_of_disks(count: int) -> np.ndarray:
    return np.concatenate([disk(24, 9) * (k + 1) for k in range(count)], axis=1)


def example(labels: np.ndarray, name: str = "a.tif") -> Example:
    return Example(name, (labels > 0).astype(np.float32), labels)


@pytest.mark.parametrize(
    ("image", "labels", "wrong"),
    [
        (np.ones((4, 5)), np.ones((5, 4), int), "same height and width"),
        (np.ones((4, 5)), np.full((4, 5), 0.5), "whole numbers"),
        (np.ones(4), np.ones(4, int), "1 axes"),
        (np.ones((4, 5)), np.zeros((4, 5), int), "no object is annotated"),
        (row_of_disks(5), (row_of_disks(5) > 0) * 255, "a mask of 5 pieces"),
    ],
)
def test_unsuitable_data_is_named(image: np.ndarray, labels: np.ndarray, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        check_examples([Example("a.tif", image, labels)], 2)


def test_stacks_are_cut_into_annotated_slices() -> None:
    labels = np.zeros((5, 24, 72), np.uint16)
    labels[[1, 4]] = row_of_disks(3)
    found, notes = check_examples([Example("s.tif", labels.astype(np.uint8), labels)], 2)
    assert [each.name for each in found] == ["s.tif, slice 2", "s.tif, slice 5"]
    assert found[0].labels.dtype == np.int32
    assert notes == ["3 images or slices without any annotated particle were left out."]
    with pytest.raises(ValueError, match="channels"):
        colour = np.ones((24, 72, 3))
        check_examples([Example("c", colour, labels[1]), Example("g", labels[1], labels[1])], 2)


def test_labels_may_bear_any_number() -> None:
    labels = row_of_disks(3).astype(np.int64)
    labels[labels == 2] = 4_000_000_000
    labels[0, :] = -7
    (found,), _ = check_examples([Example("a.tif", np.ones(labels.shape), labels)], 2)
    assert found.labels.dtype == np.int32
    assert np.unique(found.labels).tolist() == [-1, 0, 1, 2, 3]
    np.testing.assert_array_equal(found.labels == 3, labels == 4_000_000_000)


def test_one_diameter_for_training_and_for_segmenting() -> None:
    labels = [row_of_disks(3), np.concatenate([row_of_disks(2), -row_of_disks(1)], axis=1)]
    assert labelled_diameter(labels) == pytest.approx(18, abs=0.3)
    # Caps of particles cut off-centre hardly count, however many they are.
    caps = np.kron(np.arange(1, 37).reshape(6, 6), np.pad(np.ones((2, 2), int), 2))
    assert labelled_diameter([row_of_disks(3), caps]) == pytest.approx(18, abs=0.3)
    areas = np.concatenate([np.bincount(image.ravel())[1:] for image in (labels[0], caps)])
    assert labelled_diameter([labels[0], caps]) == typical_diameter(areas)
    ball = np.zeros((24, 24, 24), np.int32)
    z, y, x = np.mgrid[:24, :24, :24] - 11.5
    ball[z**2 + y**2 + x**2 < 81] = 1
    assert labelled_diameter([ball]) == pytest.approx(18, abs=0.2)


def test_rescaling_brings_the_typical_particle_to_the_wanted_size() -> None:
    whole = [example(row_of_disks(4))]
    rescaled, notes = rescale_examples(whole, 27)
    assert rescaled[0].labels.shape == rescaled[0].image.shape == (36, 144)
    assert labelled_diameter([rescaled[0].labels]) == pytest.approx(27, abs=0.5)
    assert np.unique(rescaled[0].labels).tolist() == [0, 1, 2, 3, 4]
    assert "rescaled by 1.5" in notes[0]
    assert rescale_examples(whole, None) == (whole, [])
    assert rescale_examples(whole, 18.05)[1] == []  # as good as the same


def test_the_split_is_the_published_one() -> None:
    examples = [example(row_of_disks(2), f"{k}") for k in range(20)]
    split = split_examples(examples, 0.15, 42, (1, 99.8))
    order = np.random.RandomState(42).permutation(20)
    assert [e.name for e in split.validation] == [str(k) for k in order[-3:]]
    assert [e.name for e in split.train] == [str(k) for k in order[:-3]]
    assert split.unseen == []
    assert split.train[0].image.dtype == np.float32 and split.train[0].image.max() == 1


def test_of_twelve_images_the_notebook_holds_out_the_fourth_and_the_seventh() -> None:
    examples = [example(row_of_disks(2), f"img_{k:02d}") for k in range(12)]
    split = split_examples(examples, 0.15, 42, (1, 99.8))
    assert sorted(e.name for e in split.validation) == ["img_03", "img_06"]
    # Images that nothing looks at come out of those to learn from, never out of the two.
    apart = split_examples(examples, 0.15, 42, (1, 99.8), unseen=0.1)
    assert [e.name for e in apart.validation] == [e.name for e in split.validation]
    names = [e.name for e in (*apart.train, *apart.validation, *apart.unseen)]
    assert len(apart.unseen) == 1 and sorted(names) == [e.name for e in examples]


def test_holes_are_filled_but_not_what_is_another_particle_or_unannotated() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[2:12, 2:12], labels[4:6, 4:6], labels[8:10, 8:10], labels[4:6, 8:10] = 1, 0, 2, -1
    (filled,), notes = fill_holes([example(labels)])
    assert (filled.labels[4:6, 4:6] == 1).all()
    assert (filled.labels[8:10, 8:10] == 2).all() and (filled.labels[4:6, 8:10] == -1).all()
    assert notes == ["Holes inside particles were filled in 1 images: an outline has none."]
    assert fill_holes([example(row_of_disks(3))])[1] == []


def test_few_images_are_all_learned_from_or_held_out() -> None:
    examples = [example(row_of_disks(2), f"{k}") for k in range(2)]
    split = split_examples(examples, 0.15, 42, (1, 99.8), unseen=0.6)
    assert (len(split.train), len(split.validation), len(split.unseen)) == (1, 1, 0)


def test_one_image_gives_up_its_end_or_says_that_it_cannot() -> None:
    split = split_examples([example(row_of_disks(12))], 0.15, 42, (1, 99.8))
    (left,), (right,) = split.train, split.validation
    assert left.labels.shape[1] + right.labels.shape[1] == 12 * 24
    # The held-out end is as narrow as holds two whole particles.
    assert len(np.unique(right.labels)) >= 3 and right.labels.shape[1] <= 0.25 * 12 * 24
    assert "Only one image" in split.notes[0]
    split = split_examples([example(row_of_disks(2))], 0.15, 42, (1, 99.8))
    assert split.train == split.validation and "not a test" in split.notes[0]


def test_validation_patches_cover_the_image() -> None:
    labels = row_of_disks(5)  # 24 x 120
    images, truth = validation_patches([example(labels)], (32, 32), 0)
    assert len(images) == 4 and all(
        x.shape == y.shape == (32, 32) for x, y in zip(images, truth, strict=True)
    )
    assert set(np.unique(np.stack(truth))) == {-1, 0, 1, 2, 3, 4, 5}
    many = [example(row_of_disks(20)) for _ in range(10)]
    assert len(validation_patches(many, (16, 16), 0)[0]) == 64


def test_files_are_paired_by_name(tmp_path: Path) -> None:
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for k in (1, 2, 10):
        tifffile.imwrite(tmp_path / f"images/img_{k}.tif", np.full((9, 9), k, np.uint8))
        tifffile.imwrite(tmp_path / f"labels/img_{k}_labels.tif", np.full((9, 9), k, np.uint16))
    found, notes = gather_examples(str(tmp_path / "images/*"), str(tmp_path / "labels/*.tif"))
    assert [int(e.image[0, 0]) for e in found] == [int(e.labels[0, 0]) for e in found] == [1, 10, 2]
    assert notes == []
    (tmp_path / "labels/img_1_labels.tif").unlink()
    with pytest.raises(ValueError, match=r"img_1\.tif: no label file"):
        gather_examples(str(tmp_path / "images/*"), str(tmp_path / "labels/*.tif"))
    with pytest.raises(FileNotFoundError, match="no labels there"):
        gather_examples(str(tmp_path / "images/*"), str(tmp_path / "nothing/*.tif"))


def test_damaged_images_are_one_sentence(tmp_path: Path) -> None:
    for name in ("a.tif", "a.png"):
        (tmp_path / name).write_bytes(b"II*\0 this is no image")
        with pytest.raises(ValueError, match="cannot be read as"):
            read_pixels(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_pixels(tmp_path / "none.tif")


def test_every_patch_shows_what_somebody_annotated() -> None:
    labels = np.full((64, 64), -1, np.int32)
    labels[3:9, 50:56] = 1
    one = example(labels)
    _, truth = validation_patches([one], (16, 16), 0)
    assert [(part > 0).sum() for part in truth] == [36]
    for seed in range(20):
        _, part = draw_patch(one.image, labels, (16, 16), np.random.default_rng(seed), None, 0.0)
        assert (part > 0).any()
