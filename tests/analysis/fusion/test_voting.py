import numpy as np
import pytest
from particlebridge.analysis import VIEWS, to_view
from particlebridge.analysis.fusion.edges import add_grey_votes, settle
from particlebridge.analysis.fusion.voting import FULL, Ballot, count_votes, object_weights
from particlebridge.analysis.linking.objects import number_objects
from particlebridge.analysis.material.grey_levels import GreyLevels
from scipy import ndimage

SHAPE = (6, 7, 8)


def ballots(says):
    """Each view's labels, voted for under the names that they bear."""
    found = {}
    for view, labels in says.items():
        objects = number_objects(to_view(labels, view))
        names = np.zeros(objects.sizes.size, np.int32)
        names[objects.numbers.ravel()] = np.ascontiguousarray(to_view(labels, view)).ravel()
        found[view] = Ballot(objects, names, np.ones(names.size, np.float32))
    return found


def block(name=1, width=4):
    labels = np.zeros(SHAPE, np.int32)
    labels[1:5, 2:6, 2 : 2 + width] = name
    return labels


def test_one_mind():
    bodies, support = count_votes(ballots({view: block() for view in VIEWS}), 1)
    assert np.array_equal(bodies, block())
    assert np.array_equal(support, FULL * (block() > 0))


def test_two_outvote_one():
    says = {"xy": block(1), "xz": block(2), "yz": block(2)}
    bodies, _ = count_votes(ballots(says), 2)
    assert np.array_equal(bodies, block(2))


def test_a_tie_names_nobody():
    bodies, support = count_votes(ballots({"xy": block(1), "xz": block(2)}), 2)
    assert not bodies.any()
    assert (support[block() > 0] == FULL).all()


def test_who_missed_the_body_abstains_and_who_saw_it_elsewhere_is_against():
    says = {"xy": block(), "xz": block(), "yz": np.zeros(SHAPE, np.int32)}
    bodies, support = count_votes(ballots(says), 1)
    assert np.array_equal(bodies, block()) and (support[block() > 0] == FULL).all()
    says["yz"] = block()
    says["yz"][:, 2] = 0
    _, support = count_votes(ballots(says), 1)
    assert support[2, 2, 3] == 2 * FULL // 3 and support[2, 3, 3] == FULL


def test_of_two_who_differ_the_surer_one_wins():
    given = ballots({"xy": block(1), "xz": block(2)})
    for view, p in (("xy", 0.6), ("xz", 0.9)):
        prob = np.full(given[view].objects.numbers.shape, p, np.float32)
        weights = object_weights(given[view].objects, prob)
        assert weights[1:] == pytest.approx(1)
    # Within a view it is the objects' probability beside each other's that counts.
    both = np.zeros(SHAPE, np.int32)
    both[1:5, 2:6, 2:4], both[1:5, 2:6, 5:8] = 1, 3
    given = ballots({"xy": both, "xz": block(2, 2)})
    prob = np.where(both == 1, 0.9, 0.5).astype(np.float32)
    weights = object_weights(given["xy"].objects, prob)
    given["xy"] = given["xy"]._replace(weights=weights)
    usual = (0.9 * 2 + 0.5 * 3) / 5
    assert sorted(set(weights[1:].round(4))) == pytest.approx([0.5 / usual, 0.9 / usual], abs=1e-3)
    bodies, _ = count_votes(given, 3)
    assert (bodies[both == 1] == 1).all()
    assert (object_weights(given["xy"].objects, None) == 1).all()


def test_an_unnamed_object_is_for_a_body_but_not_for_which():
    given = ballots({view: block() for view in VIEWS})
    given["xy"].body_of[given["xy"].body_of == 1] = -1
    bodies, support = count_votes(given, 1)
    assert np.array_equal(bodies, block()) and (support[block() > 0] == FULL).all()


def test_a_lone_hole_and_a_lone_voxel_are_settled_by_their_neighbours():
    bodies = block()
    bodies[2, 4, 3] = 0
    bodies[0, 0, 7] = 1
    assert np.array_equal(settle(bodies, (FULL * (bodies > 0)).astype(np.uint8)), settle_of_block())


def settle_of_block():
    return settle(block(), (FULL * (block() > 0)).astype(np.uint8))


@pytest.mark.parametrize(("grey", "expected"), [(100.0, 1.0), (0.0, 0.0)])
def test_grey_decides_an_edge_on_which_the_views_are_divided(grey, expected):
    bodies = block()
    support = (FULL * (bodies > 0)).astype(np.uint8)
    support[1:5, 2:6, 5] = FULL // 2
    volume = np.where(bodies > 0, 100.0, 0.0).astype(np.float32)
    volume[1:5, 2:6, 5] = grey
    support = add_grey_votes(bodies, support, volume, GreyLevels(np.full(2, 100.0), np.zeros(2)))
    assert support[3, 4, 5] == round(FULL * (0.5 + expected) / 2)
    assert support[3, 4, 3] == FULL


def test_grey_that_noise_hides_weighs_less():
    bodies = block()
    support = (FULL * (bodies > 0)).astype(np.uint8)
    support[1:5, 2:6, 5] = FULL // 2
    volume = np.full(SHAPE, 100.0, np.float32)
    for noise, weight in ((50.0, 1), (100.0, 1 / 4), (200.0, 1 / 16)):
        levels = GreyLevels(np.full(2, 100.0), np.zeros(2), noise)
        found = add_grey_votes(bodies, support, volume, levels)
        assert found[3, 4, 5] == round(FULL * (0.5 + weight) / (1 + weight))


def divided(seed=0, shape=(9, 11, 13)):
    """Votes with plain regions and ragged edges."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 4, tuple(n // 3 + 1 for n in shape))
    bodies = np.kron(coarse, np.ones((3, 3, 3), int))[tuple(slice(n) for n in shape)]
    support = rng.choice(np.array([0, FULL // 3, FULL]), coarse.shape, p=[0.3, 0.2, 0.5])
    support = np.kron(support, np.ones((3, 3, 3), int))[tuple(slice(n) for n in shape)]
    return bodies.astype(np.int32), support.astype(np.uint8)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("centre", [2, 4])
def test_settled_as_by_definition(seed, centre):
    bodies, support = divided(seed)
    kernel = np.array([1, centre, 1])
    kernel = kernel[:, None, None] * kernel[:, None] * kernel

    def heard(votes):
        return ndimage.convolve(votes.astype(np.int64), kernel, mode="constant")

    for_each = np.stack([heard(support * (bodies == k)) for k in range(4)])
    best = for_each[1:].max(axis=0)
    named = heard(bodies > 0) > 0
    is_body = (2 * heard(support) > heard(np.full_like(support, FULL))) & named
    found = settle(bodies, support, centre)
    assert np.array_equal(found > 0, is_body)
    voices = np.take_along_axis(for_each, found[None].astype(np.int64), 0)[0]
    assert (voices[is_body] == best[is_body]).all()


@pytest.mark.parametrize("seed", range(5))
def test_grey_votes_at_edges_only(seed):
    bodies, support = divided(seed)
    volume = np.random.default_rng(seed).random(support.shape).astype(np.float32) * 100
    found = add_grey_votes(bodies, support, volume, GreyLevels(np.full(4, 80.0), np.full(4, 20.0)))
    inside = support > FULL // 2
    edge = ndimage.maximum_filter(inside, 3) & ~ndimage.minimum_filter(inside, 3)
    grey = np.clip((volume - 20) / 60 + 0.3 * inside, 0, 1)
    expected = np.where(edge, ((support + FULL * grey) / 2 + 0.5).astype(np.uint8), support)
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert np.array_equal(found[~edge], support[~edge])
