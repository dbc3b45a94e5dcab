import numpy as np
import pytest
from particlebridge.analysis.material.grey_levels import grey_levels


def scene():
    """Two balls of radius 9 in a dark background, one twice as bright as the other."""
    grid = np.stack(np.indices((30, 30, 60)), -1)
    labels = np.zeros((30, 30, 60), np.int32)
    for label, x in ((1, 15), (2, 44)):
        labels[((grid - (15, 15, x)) ** 2).sum(-1) <= 81] = label
    rng = np.random.default_rng(0)
    grey = np.array([200.0, 1000.0, 2000.0])[labels] + rng.normal(0, 20, labels.shape)
    return grey.astype(np.float32), labels


def test_each_body_has_its_own_level():
    grey, labels = scene()
    levels = grey_levels(grey, labels)
    assert levels.solid[1:] == pytest.approx([1000, 2000], abs=15)
    assert levels.void == pytest.approx([200, 200, 200], abs=15)


def test_cracks_do_not_darken_the_material():
    grey, labels = scene()
    grey[13:17][labels[13:17] == 1] = 200
    assert grey_levels(grey, labels).solid[1] == pytest.approx(1000, abs=15)


def test_surroundings_are_those_of_each_body():
    grey, labels = scene()
    grey[..., 30:][labels[..., 30:] == 0] += 300
    assert grey_levels(grey, labels).void[1:] == pytest.approx([200, 500], abs=15)


def test_too_small_a_body_takes_the_level_of_all():
    grey, labels = scene()
    labels[1:4, 1:4, 28:31] = 3
    levels = grey_levels(grey, labels)
    assert levels.solid[3] == levels.solid[0]


def test_noise_is_that_of_material_and_surroundings():
    grey, labels = scene()
    # That one ball is twice as bright as the other is no noise.
    assert grey_levels(grey, labels).noise == pytest.approx(20, rel=0.2)


def test_integers_and_slabs_give_the_same(monkeypatch):
    grey, labels = scene()
    expected = grey_levels(grey.round(), labels)
    slabs = "particlebridge.analysis.material.grey_levels.slabs"
    monkeypatch.setattr(slabs, lambda shape: [slice(z, z + 7) for z in range(0, shape[0], 7)])
    found = grey_levels(grey.round().astype(np.uint16), labels)
    assert np.array_equal(found.solid, expected.solid)
    assert np.array_equal(found.void, expected.void)


def test_no_bodies():
    grey, labels = scene()
    levels = grey_levels(grey, np.zeros_like(labels))
    assert levels.solid.size == levels.void.size == 1
