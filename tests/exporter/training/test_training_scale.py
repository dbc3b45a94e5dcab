"""Images of one training at one scale."""

import numpy as np
import pytest
from particlebridge.exporter.training.examples import Example
from particlebridge.exporter.training.scale import labelled_diameter, rescale_examples


def packed(diameter: float, count: int = 9, name: str = "a.tif", source: str = "") -> Example:
    """Draw disks in a row."""
    side = int(diameter * 1.4) + 2
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    disk = (y**2 + x**2 < diameter**2 / 4).astype(np.int32)
    labels = np.concatenate([disk * (k + 1) for k in range(count)], axis=1)
    return Example(name, (labels > 0).astype(np.float32), labels, source)


def diameters(examples: list[Example]) -> list[float]:
    return [labelled_diameter([example.labels]) for example in examples]


def test_images_of_like_particles_keep_their_relation() -> None:
    examples = [packed(20, name="a.tif"), packed(30, name="b.tif")]
    rescaled, (note,) = rescale_examples(examples, 45)
    # Area of 30 px outweighs that of 20.
    assert "rescaled by 1.49: the model is trained at 45" in note
    assert [example.scale for example in rescaled] == pytest.approx([1.5, 1.5], rel=0.02)
    assert diameters(rescaled) == pytest.approx([30, 45], rel=0.03)
    assert rescale_examples(examples, None) == (examples, [])


def test_images_of_several_magnifications_are_rescaled_one_by_one() -> None:
    sizes = [10, 18, 26, 58]
    examples = [packed(size, name=f"{size}.tif") for size in sizes]
    rescaled, (note,) = rescale_examples(examples, 24)
    assert diameters(rescaled) == pytest.approx([24] * 4, rel=0.06)
    assert [example.scale for example in rescaled] == pytest.approx(
        [24 / size for size in sizes], rel=0.05
    )
    assert "from 10" in note and "(10.tif)" in note and "(58.tif)" in note
    assert all(set(np.unique(e.labels)) == set(range(10)) for e in rescaled)
    # From nothing the network learns them as they are, and this is said.
    same, (note,) = rescale_examples(examples, None)
    assert same == examples and "each is used at its own scale" in note and "(58.tif)" in note


def test_slices_of_a_stack_share_their_factor_and_few_particles_decide_nothing() -> None:
    stack = [packed(d, 3, f"s, slice {d}", "s.tif") for d in (12, 20, 20)]
    examples = [*stack, packed(50, name="b.tif"), packed(4, 2, "few.tif")]
    rescaled, notes = rescale_examples(examples, 30)
    assert len({example.scale for example in rescaled[:3]}) == 1
    assert diameters([rescaled[3]]) == pytest.approx([30], rel=0.05)
    assert "such as few.tif" in notes[1]
    assert rescaled[4].scale == pytest.approx(30 / np.sqrt(20 * 50), rel=0.05)


def test_an_image_that_would_grow_beyond_all_measure_is_named() -> None:
    dust = packed(2, 5, "dust.tif")
    wide = Example("dust.tif", np.zeros((4000, 4000), np.float32), np.zeros((4000, 4000), np.int32))
    wide.labels[: dust.labels.shape[0], : dust.labels.shape[1]] = dust.labels
    with pytest.raises(ValueError, match=r"dust\.tif: its particles are so small"):
        rescale_examples([wide, packed(60, name="b.tif")], 60)


def test_volumes_are_left_alone() -> None:
    volume = Example("v.tif", np.zeros((4, 9, 9)), np.ones((4, 9, 9), np.int32))
    assert rescale_examples([volume], None) == ([volume], [])
    with pytest.raises(ValueError, match="volumes are not rescaled"):
        rescale_examples([volume], 30)
