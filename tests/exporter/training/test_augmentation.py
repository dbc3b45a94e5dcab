"""Patches change as they should, and labels with them."""

import numpy as np
import pytest
from particlebridge.exporter import Augmentation
from particlebridge.exporter.training.augmentation import OUTSIDE, crop, draw_patch
from particlebridge.exporter.training.patch_stream import PatchStream

NOTHING = {
    "flip": False, "warp": 0.0, "scale": 1.0, "elastic": 0.0, "gain": 1.0, "offset": 0.0,
    "shading": 0.0, "blur": 0.0, "noise": 0.0, "streaks": 0.0, "rings": 0.0, "share": 1.0,
}  # fmt: skip


def scene(size: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Draw one bright disk per label on black."""
    y, x = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.int32)
    for k, (cy, cx) in enumerate([(25, 30), (60, 20), (50, 70)], start=1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 < 12**2] = k
    return (labels > 0).astype(np.float32), labels


def test_geometry_moves_image_and_labels_together() -> None:
    image, labels = scene()
    change = Augmentation(**{**NOTHING, "flip": True, "warp": 1.0, "scale": 1.3, "elastic": 3.0})
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = draw_patch(image, labels, (64, 64), rng, change)
        assert x.shape == y.shape == (64, 64) and x.dtype == np.float32 and y.dtype == np.int32
        inside = y != OUTSIDE
        # Linear interpolation of a 0/1 image crosses 1/2 where the nearest label changes.
        assert ((x > 0.5) == (y > 0))[inside].mean() > 0.985


def test_scale_and_quarter_turns_keep_what_they_must() -> None:
    image, labels = scene()
    flips = Augmentation(**{**NOTHING, "flip": True})
    rng = np.random.default_rng(1)
    sizes = set()
    for _ in range(10):
        x, y = draw_patch(image, labels, (96, 96), rng, flips)
        np.testing.assert_array_equal(np.bincount(y.ravel()), np.bincount(labels.ravel()))
        np.testing.assert_array_equal(x > 0, y > 0)
    scaled = Augmentation(**{**NOTHING, "warp": 1.0, "scale": 1.5})
    for _ in range(40):
        sizes.add(int((draw_patch(image, labels, (96, 96), rng, scaled)[1] == 2).sum()))
    assert min(sizes) < 0.7 * (labels == 2).sum() and max(sizes) > 1.4 * (labels == 2).sum()


@pytest.mark.parametrize("kind", ["shading", "noise", "streaks", "rings", "offset"])
def test_each_artefact_has_its_strength_and_leaves_labels_alone(kind: str) -> None:
    image, labels = np.full((64, 64), 5, np.float32), np.ones((64, 64), np.int32)
    rng = np.random.default_rng(2)
    deviations = []
    for _ in range(60):
        x, y = draw_patch(image, labels, (64, 64), rng, Augmentation(**{**NOTHING, kind: 0.2}))
        np.testing.assert_array_equal(y, labels)
        deviations.append((x - 5).mean() if kind == "offset" else x.std())
    assert np.std(deviations) > 0.04 if kind == "offset" else 0.04 < np.mean(deviations) < 0.3
    assert np.max(np.abs(deviations)) < 0.6


def test_streaks_run_in_one_direction_and_rings_around_a_centre() -> None:
    image, labels = np.full((64, 64), 5, np.float32), np.ones((64, 64), np.int32)
    rng = np.random.default_rng(3)
    streaks = [
        draw_patch(image, labels, (64, 64), rng, Augmentation(**{**NOTHING, "streaks": 1.0}))[0]
        for _ in range(10)
    ]
    for x in streaks:
        spectrum = np.abs(np.fft.fft2(x - x.mean())) ** 2
        ky, kx = np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64), indexing="ij")
        # Energy lies along one line through the origin: a rank-one inertia tensor.
        tensor = (
            np.array([[(spectrum * a * b).sum() for a in (ky, kx)] for b in (ky, kx)])
            / spectrum.sum()
        )
        low, high = np.linalg.eigvalsh(tensor)
        assert high > 4 * low


def test_no_augmentation_is_a_plain_cut() -> None:
    image, labels = scene()
    x, y = draw_patch(image, labels, (32, 32), np.random.default_rng(4))
    places = [
        (r, c)
        for r in range(65)
        for c in range(65)
        if np.array_equal(labels[r : r + 32, c : c + 32], y)
    ]
    assert places and (y > 0).any()
    np.testing.assert_array_equal(x > 0, y > 0)


def test_an_image_smaller_than_the_patch_is_mirrored_and_not_annotated_beyond() -> None:
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    labels = np.ones((3, 4), np.int32)
    x, y = crop(image, labels, [-2, -1], (8, 7))
    np.testing.assert_array_equal(x, np.pad(image, ((2, 3), (1, 2)), mode="symmetric"))
    assert (y[2:5, 1:5] == 1).all() and (y == OUTSIDE).sum() == 56 - 12
    x, y = draw_patch(image, labels, (16, 16), np.random.default_rng(0), Augmentation())
    assert x.shape == (16, 16) and (y == 1).any() and (y == OUTSIDE).any()


def test_channels_and_volumes() -> None:
    image, labels = scene(48)
    colour = np.stack([image, 2 * image], axis=-1)
    x, y = draw_patch(colour, labels, (32, 32), np.random.default_rng(0), Augmentation())
    assert x.shape == (32, 32, 2) and y.shape == (32, 32)
    volume, truth = np.stack([image] * 20), np.stack([labels] * 20)
    x, y = draw_patch(volume, truth, (16, 32, 32), np.random.default_rng(0), Augmentation())
    assert x.shape == y.shape == (16, 32, 32)


def test_a_stream_can_be_entered_anywhere() -> None:
    image, labels = scene()
    pair = [image, image[:, ::-1].copy()], [labels, labels[:, ::-1].copy()]
    whole = PatchStream(*pair, (32, 32), seed=7, augmentation=Augmentation())
    xs, ys = whole.views()
    seen = []
    for _ in range(6):
        y = ys[0]
        seen.append((xs[0], y))
    late, late_labels = PatchStream(*pair, (32, 32), 7, Augmentation(), first=4).views()
    for k in (4, 5):
        np.testing.assert_array_equal(late_labels[0], seen[k][1])
        np.testing.assert_array_equal(late[0], seen[k][0])
    other = PatchStream(*pair, (32, 32), seed=8, augmentation=Augmentation())
    assert not np.array_equal(other.patch(0)[0], whole.patch(0)[0])


@pytest.mark.parametrize(("name", "value"), [("scale", 0.5), ("warp", 2.0), ("noise", -1.0)])
def test_impossible_strengths_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"augmentation {name} must lie within"):
        Augmentation(**{name: value})
