"""The generator against geometry, its own counts and its own rule."""

import numpy as np
import pytest
from particlebridge.analysis import contacts as contacts_of
from particlebridge.analysis import electrode, training_slices, typical_diameter
from particlebridge.analysis.phantom.damage import damage_rule, shared_chance
from particlebridge.analysis.phantom.tables import electrode_tables
from scipy import ndimage
from scipy.stats import spearmanr

SHAPE = (72, 112, 112)


@pytest.fixture(scope="module")
def made():
    return electrode(SHAPE, seed=3, radius=(5, 16))


def test_shapes_and_types(made):
    assert made.volume.shape == made.labels.shape == made.void.shape == SHAPE
    assert made.volume.dtype == np.uint16
    assert made.labels.dtype == np.int32
    assert made.spacing == (0.25, 0.25, 0.25)


def test_solid_and_void_make_the_bodies(made):
    assert not (made.solid & made.void).any()
    np.testing.assert_array_equal(made.solid | made.void, made.labels > 0)


def test_truth_damage_is_the_counted_void_share(made):
    body = np.bincount(made.labels.ravel())[1:]
    hollow = np.bincount(made.labels[made.void], minlength=len(body) + 1)[1:]
    np.testing.assert_allclose(made.truth["Damage"], hollow / body)
    np.testing.assert_array_equal(made.truth["label"], np.arange(1, len(body) + 1))


def test_truth_centroids_are_the_labels_centroids(made):
    centres = ndimage.center_of_mass(made.labels > 0, made.labels, made.truth["label"])
    np.testing.assert_allclose(made.truth[["Z", "Y", "X"]], np.array(centres) * 0.25)


def test_whole_particles_lose_what_the_rule_asks(made):
    whole = made.truth[made.truth["Whole"]]
    assert len(whole) > 30
    assert (whole["Damage"] - whole["Target"]).abs().mean() < 0.015


def test_whole_means_inside_volume_and_view(made):
    rim = np.ones(SHAPE, bool)
    rim[1:-1, 1:-1, 1:-1] = False
    outside = ndimage.binary_dilation(~made.field_of_view[0])
    cut = np.union1d(np.unique(made.labels[rim]), np.unique(made.labels[:, outside]))
    whole = made.truth.loc[made.truth["Whole"], "label"]
    assert not np.isin(whole, cut).any()
    assert np.isin(np.setdiff1d(made.truth["label"], whole), cut).all()


def test_whole_particles_have_the_volume_of_their_radius(made):
    """Bumps and contacts take and give a little; a fifth of the volume at most, typically less."""
    body = np.bincount(made.labels.ravel())[1:] * 0.25**3
    ratio = (body / made.truth["Volume"])[made.truth["Whole"]]
    assert ratio.median() == pytest.approx(1, abs=0.06)
    assert ratio.between(0.75, 1.2).mean() > 0.95


@pytest.mark.parametrize("packing", [0.4, 0.5, 0.55])
def test_packing_is_reached(packing):
    made = electrode((64, 96, 96), seed=5, radius=(4, 12), packing=packing, band=0.1)
    layer = slice(6, -6)
    share = (made.labels[layer] > 0)[made.field_of_view[layer]].mean()
    assert share == pytest.approx(packing, abs=0.04)


def test_radii_spread_over_a_factor_of_three_to_four():
    radius = electrode((96, 128, 128), seed=9, radius=(4, 14)).truth["Radius"]
    assert 3 <= radius.max() / radius.min() <= 3.5


def test_many_particles_touch(made):
    assert (made.truth.loc[made.truth["Whole"], "Contact"] > 0.02).mean() > 0.8


def test_particles_are_not_quite_round(made):
    """Ratio of principal axes of the whole bodies: near 1, some oblong, none a ball."""
    ratios = []
    for label in made.truth.loc[made.truth["Whole"], "label"]:
        moments = np.linalg.eigvalsh(np.cov(np.argwhere(made.labels == label).T))
        ratios.append(np.sqrt(moments[2] / moments[0]))
    assert 1.1 < np.median(ratios) < 1.6
    assert max(ratios) > 1.5
    assert min(ratios) > 1.01


def test_labels_are_connected(made):
    for label in made.truth["label"]:
        _, pieces = ndimage.label(made.labels == label)
        assert pieces == 1


def test_same_seed_same_electrode(made):
    again = electrode(SHAPE, seed=3, radius=(5, 16))
    np.testing.assert_array_equal(again.volume, made.volume)
    np.testing.assert_array_equal(again.labels, made.labels)
    other = electrode(SHAPE, seed=4, radius=(5, 16))
    assert (other.labels != made.labels).mean() > 0.2


def test_contrast_scales_the_grey_difference_and_not_the_noise(made):
    weak = electrode(SHAPE, seed=3, radius=(5, 16), contrast=0.35)
    np.testing.assert_array_equal(weak.labels, made.labels)
    inside = ndimage.binary_erosion(made.solid, iterations=3)
    around = ndimage.binary_erosion((made.labels == 0) & made.field_of_view, iterations=3)
    around[:8] = around[-8:] = False

    def step(volume: np.ndarray) -> float:
        return float(volume[inside].mean() - volume[around].mean())

    assert step(weak.volume) == pytest.approx(0.35 * step(made.volume), rel=0.05)
    bands = made.field_of_view[0]
    assert weak.volume[1, bands].std() > 0.7 * made.volume[1, bands].std()


def test_outside_the_view_is_one_grey(made):
    assert np.unique(made.volume[~made.field_of_view]).size == 1
    assert not made.labels[~made.field_of_view].any()


def test_cracks_are_dark(made):
    deep = ndimage.binary_erosion(made.void, iterations=1)
    inside = ndimage.binary_erosion(made.solid, iterations=2)
    assert deep.sum() > 100
    assert made.volume[deep].mean() < made.volume[inside].mean() - 6000


def test_rule_signs():
    rng = np.random.default_rng(0)
    n = 4000
    depth, size, contact = rng.random((3, n))
    for cycles in (10, 50):
        damage = damage_rule(depth, size, contact * 0.4, cycles, rng)
        assert spearmanr(depth, damage).statistic < -0.3
        assert spearmanr(size, damage).statistic > 0.3
        assert spearmanr(contact, damage).statistic > 0.2


def test_damage_grows_with_cycles():
    rng = np.random.default_rng(0)
    drivers = rng.random((3, 500))
    means = [damage_rule(*drivers, cycles, rng).mean() for cycles in (10, 20, 50)]
    assert means[0] < means[1] < means[2]


def test_the_rule_explains_most_of_the_damage(made):
    """A straight fit on the true drivers of a whole electrode leaves about a quarter to chance."""
    whole = made.truth[made.truth["Whole"]]
    drivers = np.c_[whole["Z"], np.log(whole["Volume"]), whole["Contact"], np.ones(len(whole))]
    fit, *_ = np.linalg.lstsq(drivers, whole["Target"], rcond=None)
    rest = np.var(whole["Target"] - drivers @ fit) / np.var(whole["Target"])
    assert 0.1 < rest < 0.4
    assert fit[0] < 0 < fit[1]
    assert fit[2] > 0


def test_the_typical_section_is_as_wide_as_asked():
    slices = training_slices(40, (256, 256), seed=11, diameter=30, scale=(1, 1))
    areas = np.concatenate([np.bincount(np.maximum(labels, 0).ravel())[1:] for _, labels in slices])
    assert typical_diameter(areas) == pytest.approx(30, rel=0.06)


def test_training_slices():
    slices = training_slices(4, (128, 160), seed=1, diameter=40)
    again = training_slices(4, (128, 160), seed=1, diameter=40)
    assert len(slices) == 4
    for (image, labels), (image2, labels2) in zip(slices, again, strict=True):
        assert image.shape == labels.shape == (128, 160)
        assert image.dtype == np.uint16
        assert labels.dtype == np.int32
        assert labels.max() >= 1
        np.testing.assert_array_equal(image, image2)
        np.testing.assert_array_equal(labels, labels2)
        for label in range(1, labels.max() + 1):
            assert ndimage.label(labels == label)[1] <= 1


def test_coupling_shares_chance_and_keeps_its_spread():
    rng = np.random.default_rng(0)
    chance = rng.normal(0, 0.1, 4000)
    pairs = np.column_stack([np.arange(0, 4000, 2), np.arange(1, 4000, 2)])
    shared = shared_chance(chance, pairs, 0.5)
    assert shared.std() == pytest.approx(chance.std())
    # Of two that only touch each other the autoregression gives 2 c / (1 + c^2).
    assert np.corrcoef(shared[::2], shared[1::2])[0, 1] == pytest.approx(0.8, abs=0.03)
    np.testing.assert_allclose(shared_chance(chance, pairs, 0.0), chance)


def test_coupled_electrode_breaks_neighbours_alike(made):
    coupled = electrode(SHAPE, seed=3, radius=(5, 16), coupling=0.95)
    np.testing.assert_array_equal(coupled.labels, made.labels)
    pairs = contacts_of(made.labels, made.spacing)[["source", "target"]].to_numpy() - 1
    pairs = pairs[made.truth["Whole"].to_numpy()[pairs].all(axis=1)]

    def alike(truth):
        drivers = [truth["Z"], np.log(truth["Radius"]), np.minimum(truth["Contact"], 0.35)]
        design = np.column_stack([np.ones(len(truth)), *drivers])
        rule = design @ np.linalg.lstsq(design, truth["Target"], rcond=None)[0]
        left = (truth["Target"] - rule).to_numpy()
        return np.corrcoef(left[pairs].T)[0, 1]

    assert abs(alike(made.truth)) < 0.2
    assert alike(coupled.truth) > 0.4


def test_tables_of_an_electrode_without_voxels():
    particles, touching = electrode_tables((80, 160, 160), seed=2)
    share = particles["Volume"].sum() / (0.25**3 * 80 * 160 * 160)
    assert share == pytest.approx(0.5, abs=0.05)
    places = particles.set_index("label")[["X", "Y", "Z"]].to_numpy()
    radii = np.cbrt(particles["Volume"].to_numpy() * 3 / 4 / np.pi)
    i, j = touching.to_numpy().T - 1
    # Semi-axes are up to 1.8 radii, and bumps reach 3 % farther.
    assert (np.linalg.norm(places[i] - places[j], axis=1) < 1.9 * (radii[i] + radii[j])).all()
    assert (touching["source"] < touching["target"]).all()
    assert not touching.duplicated().any()
    alone = electrode_tables((80, 160, 160), seed=2, drivers=())[0]
    np.testing.assert_array_equal(alone["Volume"], particles["Volume"])
    assert spearmanr(particles["Z"], particles["Damage"]).statistic < -0.3
    assert abs(spearmanr(alone["Z"], alone["Damage"]).statistic) < 0.2
