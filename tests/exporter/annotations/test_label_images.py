"""Label images in every guise: colours, palettes, floats, masks of one bit."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from particlebridge.exporter import read_annotations
from PIL import Image

LABELS = np.kron(np.array([[1, 0, 2], [0, 3, 0]]), np.ones((6, 6), int)).astype(np.int32)
COLOURS = np.array([(0, 0, 0), (200, 20, 20), (20, 200, 20), (20, 20, 200)], np.uint8)


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == n)) for n in np.unique(labels[labels > 0])}


@pytest.mark.parametrize("kind", ["png", "tif", "palette", "three equal", "float", "alpha"])
def test_labels_in_every_guise(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("a.tif" if kind in ("tif", "float") else "a.png")
    grey = LABELS.astype(np.uint8)
    match kind:
        case "tif":
            tifffile.imwrite(path, COLOURS[LABELS], photometric="rgb")
        case "float":
            tifffile.imwrite(path, LABELS.astype(np.float32))
        case "palette":
            picture = Image.fromarray(grey, "P")
            picture.putpalette(COLOURS.ravel().tolist())
            picture.save(path)
        case "three equal":
            Image.fromarray(np.repeat(grey[..., None], 3, axis=-1)).save(path)
        case "alpha":
            opaque = np.full((*grey.shape, 1), 255, np.uint8)
            Image.fromarray(np.concatenate([COLOURS[LABELS], opaque], axis=-1)).save(path)
        case _:
            Image.fromarray(COLOURS[LABELS]).save(path)
    found = read_annotations(path, LABELS.shape)
    assert found.labels.dtype == np.int32 and found.labels.shape == LABELS.shape
    assert partition(found.labels) == partition(LABELS)
    coloured = kind in ("png", "tif", "alpha")
    assert [*map(str, found.problems)] == coloured * [
        f"{path}: its 3 colours were taken for the numbers of 3 particles."
    ]


def test_what_cannot_be_numbers_is_one_sentence(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(LABELS.astype(np.uint8)).save(tmp_path / "lossy.jpg")
    Image.fromarray(COLOURS[LABELS] + 30).save(tmp_path / "white.png")
    photo = rng.integers(0, 255, (*LABELS.shape, 3), dtype=np.uint8)
    photo[0, 0] = 0
    Image.fromarray(photo).save(tmp_path / "photo.png")
    tifffile.imwrite(tmp_path / "scaled.tif", LABELS / np.float32(255))
    tifffile.imwrite(tmp_path / "vast.tif", LABELS * np.float64(1e12))
    for name, wrong in (
        ("lossy.jpg", "JPEG changes the numbers"),
        ("white.png", "no black background"),
        ("photo.png", "blend into each other"),
        ("scaled.tif", "not whole numbers"),
        ("vast.tif", "number from 1 on"),
    ):
        with pytest.raises(ValueError, match=wrong) as caught:
            read_annotations(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="has shape"):
        tifffile.imwrite(tmp_path / "a.tif", LABELS)
        read_annotations(tmp_path / "a.tif", (24, 36))
