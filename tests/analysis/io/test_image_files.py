"""Pictures and colours: sixteen bits stay sixteen, and colour that is none is left out."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from particlebridge.analysis.io.images import grey_of, read_picture
from particlebridge.bridge.segmenting.image_results import fitted
from particlebridge.bridge.volumes.images import read_image
from particlebridge.bridge.volumes.labels import read_labels
from particlebridge.exporter.training.pairing import gather_examples
from PIL import Image

GREY = np.arange(50 * 80, dtype=np.uint16).reshape(50, 80) * 16
LABELS = np.kron(np.array([[0, 300], [301, 0]], np.uint16), np.ones((20, 20), np.uint16))
ALPHA = np.full_like(GREY, 65535)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_of_16_bits_keeps_them(channels: int, tmp_path: Path) -> None:
    alpha = [ALPHA] if channels in (2, 4) else []
    planes = np.stack([GREY] * (channels - len(alpha)) + alpha, -1).squeeze()
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(planes))
    read = read_image(tmp_path / "a.png").data
    assert read.dtype == np.uint16
    assert np.array_equal(read, GREY if channels < 3 else np.stack([GREY] * 3, -1))
    assert np.array_equal(read if read.ndim == 2 else grey_of(read), GREY)


def test_labels_of_16_bits_with_alpha_stay_apart(tmp_path: Path) -> None:
    planes = np.stack([LABELS, np.full_like(LABELS, 65535)], -1)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(planes))
    assert np.array_equal(read_labels(tmp_path / "a.png"), LABELS)


def test_a_png_cut_short_is_one_sentence(tmp_path: Path) -> None:
    data = imagecodecs.png_encode(np.stack([GREY] * 3, -1))
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"a\.png: is damaged .*bytes declared"):
        read_picture(tmp_path / "a.png")


def test_a_piece_of_a_png_may_not_be_longer_than_the_file(tmp_path: Path) -> None:
    """Pillow would take 4 GB for it, and read on."""
    data = bytearray(imagecodecs.png_encode((GREY >> 8).astype(np.uint8)))
    at = data.index(b"IDAT") - 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.png: is damaged \(4,294,967,3\d\d bytes declared"):
        read_picture(tmp_path / "a.png")


def test_a_palette_is_grey_for_images_and_numbers_for_labels(tmp_path: Path) -> None:
    numbers = (LABELS - 299).clip(0, 2).astype(np.uint8) * (LABELS > 0)
    picture = Image.frombytes("P", numbers.shape[::-1], numbers.astype(np.uint8).tobytes())
    picture.putpalette([0, 0, 0, 200, 200, 200, 90, 90, 90])
    picture.save(tmp_path / "a.png")
    assert np.array_equal(read_labels(tmp_path / "a.png"), numbers)
    shown = np.array([0, 200, 90])[numbers]
    assert np.array_equal(read_image(tmp_path / "a.png").data, shown)
    examples, _ = gather_examples(str(tmp_path / "a.png"), str(tmp_path / "a.png"))
    assert np.array_equal(examples[0].image, shown)
    assert np.array_equal(examples[0].labels, numbers)


def test_one_bit_is_read(tmp_path: Path) -> None:
    Image.fromarray(LABELS > 0).save(tmp_path / "a.png")
    assert set(np.unique(read_image(tmp_path / "a.png").data)) == {0, 255}


def test_colour_that_is_none_fits_a_model_of_grey_values(tmp_path: Path) -> None:
    grey = (GREY >> 8).astype(np.uint8)
    Image.fromarray(grey).convert("RGBA").save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "planes.tif", np.stack([grey] * 3), photometric="rgb")
    for name in ("a.png", "planes.tif"):
        image = read_image(tmp_path / name)
        assert np.array_equal(fitted(image, 1).data, grey)
        assert fitted(image, 3).data.shape == (50, 80, 3)
    red = np.stack([grey, grey // 2, grey], -1)
    Image.fromarray(red).save(tmp_path / "red.png")
    assert fitted(read_image(tmp_path / "red.png"), 1).data.shape == (50, 80, 3)


def test_training_takes_grey_stored_in_colour_as_grey(tmp_path: Path) -> None:
    image, labels = tmp_path / "images", tmp_path / "labels"
    image.mkdir()
    labels.mkdir()
    grey = np.random.default_rng(0).integers(0, 255, LABELS.shape).astype(np.uint8)
    for name in "ab":
        Image.fromarray(grey).convert("RGB").save(image / f"{name}.png")
        tifffile.imwrite(labels / f"{name}.tif", LABELS)
    examples, notes = gather_examples(str(image / "*.png"), str(labels / "*.tif"))
    assert all(np.array_equal(example.image, grey) for example in examples)
    assert notes == ["2 images are stored in colour and hold none: taken as grey."]
    red = np.stack([grey, grey // 2, grey], -1)
    Image.fromarray(red).save(image / "b.png")
    examples, notes = gather_examples(str(image / "*.png"), str(labels / "*.tif"))
    assert {example.image.shape for example in examples} == {(*LABELS.shape, 3)}
    assert notes == []
