"""Labels that are a segmentation, not particles, are refused; particles in pieces are not."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from particlebridge.exporter.training.examples import Example, check_examples
from scipy import ndimage

SHARED = Path(__file__).parents[3] / "../shared/data"


def check(*labels: np.ndarray) -> list[str]:
    examples = [Example(f"{k}.tif", np.ones(each.shape), each) for k, each in enumerate(labels)]
    return check_examples(examples, labels[0].ndim)[1]


def squares(value: int = 1, gap: int = 5) -> np.ndarray:
    """Draw nine squares of 8 pixels, all of one number."""
    labels = np.zeros((60, 60), np.uint16)
    for k in range(9):
        y, x = 4 + (k // 3) * (8 + gap), 4 + (k % 3) * (8 + gap)
        labels[y : y + 8, x : x + 8] = value
    return labels


def disks() -> np.ndarray:
    """Draw nine disks that touch, all of one number."""
    y, x = np.mgrid[:60, :60]
    return ((y % 20 - 9.5) ** 2 + (x % 20 - 9.5) ** 2 < 10.2**2).astype(np.uint8)


def numbered() -> np.ndarray:
    return ndimage.label(squares())[0]


two = squares(255)
two[12:] = 0
two[:, 25:] = 0


@pytest.mark.parametrize(
    ("labels", "wrong"),
    [
        ([squares(255)], "a mask of 9 pieces that all have the same number"),
        ([two], "a mask of 2 pieces that all have the same number"),
        ([squares() + 1], "a mask of 10 pieces that have 2 numbers"),
        ([numbered() + 1], "no 0 for background"),
        ([np.where(squares() > 0, np.arange(60) % 2 + 1, 0)], "a mask of"),  # two classes
        ([disks()], "no single particle by its shape"),
        ([disks() * 255, disks() * 255], "no single particle by its shape"),
        ([squares(255, gap=0)], "the only label is 255"),
        ([np.ones((9, 9), int)], "covers the whole image"),
        ([numbered(), squares()], "1.tif: the labels are a mask of 9 pieces"),
        ([numbered() > 0], "a mask of 9 pieces"),
        ([two, two, two], "a mask of 2 pieces"),
        ([np.repeat(squares()[None], 4, axis=0)], "a mask of 9 pieces"),
    ],
)
def test_a_segmentation_is_refused(labels: list[np.ndarray], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong) as caught:
        check(*labels)
    assert ".tif" in str(caught.value) and "\n" not in str(caught.value)


def test_particles_in_pieces_and_without_background_are_not() -> None:
    split = numbered()
    split[7:9] = 0  # a scratch across three particles
    assert check(split) == []
    lone = two.copy()
    assert check(numbered(), lone) == []  # one particle in two pieces, among others
    grains = np.kron(np.arange(1, 17).reshape(4, 4), np.ones((9, 9), int))
    assert check(grains) == []
    specks = numbered()
    specks[50:58, 50:58] = np.kron([[1, 0], [0, 2]], np.array([[1, 0], [0, 0]] * 2).repeat(2, 1))
    assert check(specks) == []
    assert "taught as one" in check(squares(7, gap=0))[0]  # nobody can tell


def test_real_labels_are_taken() -> None:
    files = sorted((SHARED / "real/nuclei2d/labels").glob("*"))
    if not files:
        pytest.skip("no ../shared/data/real/nuclei2d")
    assert check(*[tifffile.imread(file) for file in files if file.suffix == ".tif"][:12]) == []
