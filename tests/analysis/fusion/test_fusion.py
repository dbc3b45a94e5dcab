"""One set of facts that every method must meet, and what consensus must fix beyond them."""

import edt
import numpy as np
import pytest
from damaged_views import Damage, cut_between_slices, damaged_views
from particlebridge.analysis import VIEWS, ViewStack, from_view, fuse, link_slices, score, to_view
from particlebridge.analysis.fusion.consensus import _bright

METHODS = ["consensus", "flow", "paper"]
# The paper's scale and size are meant for particles of 100 voxels and more.
SCALES = {"downscale": 1.0, "min_voxels": 50}


def balls(shape=(40, 48, 56), gap=3, radius=7):
    """Balls on a grid, `gap` voxels apart; -1 makes them touch."""
    step = 2 * radius + gap
    grid = np.stack(np.indices(shape), -1)
    labels = np.zeros(shape, np.int32)
    for z in range(radius + 1, shape[0] - radius, step):
        for y in range(radius + 1, shape[1] - radius, step):
            for x in range(radius + 1, shape[2] - radius, step):
                labels[((grid - (z, y, x)) ** 2).sum(-1) <= radius**2] = labels.max() + 1
    return labels


def stacks(truth, **kinds):
    """Perfect views of a truth, each slice with numbers of its own."""
    views = damaged_views(truth, Damage(drop=0, cut=0, merge=0, jitter=0), **kinds)
    return {view: ViewStack(labels, dist=distances(labels)) for view, labels in views.items()}


def distances(labels):
    return np.stack([edt.edt(p, black_border=True) for p in labels]).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_perfect_views_give_the_truth_back(method):
    truth = balls()
    fusion = fuse(stacks(truth), method=method, **SCALES)
    result = score(truth, fusion.labels)
    assert fusion.labels.dtype == np.int32
    assert result.f1[0.5] == 1.0 and result.n_labels == truth.max()
    assert fusion.solid is None
    assert fusion.table.label.tolist() == list(range(1, truth.max() + 1))


@pytest.mark.parametrize("method", ["consensus", "flow"])
def test_touching_bodies_stay_apart(method):
    truth = balls(gap=-1)
    assert score(truth, fuse(stacks(truth), method=method).labels).f1[0.5] == 1.0


@pytest.mark.parametrize("method", METHODS)
def test_nothing_there(method):
    empty = {v: ViewStack(np.zeros((6, 6, 6), np.uint16), dist=np.zeros((6, 6, 6))) for v in VIEWS}
    fusion = fuse(empty, np.ones((6, 6, 6)), method=method)
    assert not fusion.labels.any() and not fusion.solid.any() and fusion.table.empty


@pytest.mark.parametrize("method", ["consensus", "flow"])
@pytest.mark.parametrize("views", [("xy",), ("yz",), ("xy", "xz"), ("xz", "yz")])
def test_fewer_views(method, views):
    truth = balls()
    given = {view: stack for view, stack in stacks(truth).items() if view in views}
    fusion = fuse(given, method=method)
    assert score(truth, fusion.labels).f1[0.5] == 1.0
    assert [c for c in fusion.table if c.startswith("agreement")] == [
        f"agreement_{view}" for view in views
    ]


def test_an_empty_view_does_not_hide_what_two_others_see():
    truth = balls()
    given = stacks(truth)
    given["xz"] = ViewStack(np.zeros_like(given["xz"].labels))
    fusion = fuse(given)
    assert score(truth, fusion.labels).f1[0.75] == 1.0
    assert (fusion.table.agreement_xz == 0).all() and (fusion.table.agreement_xy > 0.95).all()


def test_one_particle_through_every_slice():
    truth = np.zeros((30, 30, 30), np.int32)
    truth[:, 5:25, 8:22] = 1
    result = score(truth, fuse(stacks(truth)).labels)
    assert result.n_labels == 1 and result.panoptic_quality > 0.95


def test_labels_above_sixteen_bits():
    truth = balls()
    given = {v: ViewStack(s.labels.astype(np.int64) * 70_001) for v, s in stacks(truth).items()}
    assert score(truth, fuse(given).labels).f1[0.75] == 1.0


@pytest.mark.parametrize("method", ["consensus", "flow"])
@pytest.mark.parametrize("kind", [">u2", ">i8", "u1"])
def test_the_type_of_the_labels_changes_nothing(method, kind):
    truth = balls()
    given = stacks(truth)
    other = {v: ViewStack(np.asfortranarray(s.labels.astype(kind))) for v, s in given.items()}
    expected = fuse(given, method=method).labels
    assert expected.any() and np.array_equal(fuse(other, method=method).labels, expected)


@pytest.mark.parametrize("kind", ["?", "u1", ">u2", "i8", "f2", ">f8"])
def test_the_type_of_the_grey_values_changes_nothing(kind):
    truth = balls()
    volume = truth > 0
    expected = fuse(stacks(truth), volume.astype(np.float32))
    found = fuse(stacks(truth), volume.astype(kind))
    assert np.array_equal(found.labels, expected.labels)
    assert np.array_equal(found.solid, expected.solid)


def test_an_object_that_the_network_gives_no_chance_is_still_there():
    truth = balls()
    given = stacks(truth)
    for view, stack in given.items():
        prob = np.where(to_view(truth, view) == 1, 0.0, 0.7)
        given[view] = ViewStack(stack.labels, prob)
    assert score(truth, fuse(given).labels).f1[0.75] == 1.0


def test_memory_maps_are_as_good_as_arrays(tmp_path):
    truth = balls()
    given = stacks(truth)
    expected = fuse(given).labels
    for view, stack in given.items():
        np.save(tmp_path / f"{view}.npy", stack.labels)
        given[view] = ViewStack(np.load(tmp_path / f"{view}.npy", mmap_mode="r"))
    assert np.array_equal(fuse(given).labels, expected)


@pytest.fixture(scope="module")
def damaged():
    truth = balls(gap=-1, shape=(56, 56, 56), radius=8)
    return truth, damaged_views(truth, seed=5)


def test_consensus_mends_what_no_single_view_can(damaged):
    truth, views = damaged
    fused = score(truth, fuse({v: ViewStack(s) for v, s in views.items()}).labels)
    assert fused.f1[0.5] == 1.0 and fused.f1[0.75] == 1.0
    assert fused.panoptic_quality > 0.93
    for view, stack in views.items():
        linked = np.ascontiguousarray(from_view(link_slices(stack), view))
        assert score(truth, linked).f1[0.5] < 0.8


@pytest.mark.parametrize("fault", ["split", "merge", "miss"])
def test_two_views_outvote_one_that_is_always_wrong(fault):
    truth = balls(gap=-1)
    views = {view: to_view(truth, view).copy() for view in VIEWS}
    wrong = views["xy"]
    if fault == "split":
        middle = np.array([0] + [np.nonzero(truth == k)[2].mean() for k in range(1, 25)])
        wrong += truth.max() * ((np.arange(56) > middle[wrong]) & (wrong > 0)).astype(np.int32)
    elif fault == "merge":
        wrong[wrong > 0] = (wrong[wrong > 0] + 1) // 2
    else:
        wrong[np.isin(wrong, [1, 3])] = 0
    result = score(truth, fuse({v: ViewStack(s) for v, s in views.items()}).labels)
    assert result.f1[0.75] == 1.0 and result.n_labels == truth.max()


def test_views_that_cut_bodies_between_distant_slices_count_little():
    truth, views = cut_between_slices()
    stacks = {view: ViewStack(stack) for view, stack in views.items()}
    distant = fuse(stacks, spacing=(9, 1, 1))
    assert distant.doubted == ("xz", "yz")
    assert score(truth, distant.labels).f1[0.75] == 1.0
    # With cubes as voxels two views outvote one, as ever.
    near = fuse(stacks)
    assert near.doubted == () and near.labels.max() == 48


def test_what_one_view_alone_sees_is_not_believed():
    truth = balls()
    views = {view: to_view(truth, view).copy() for view in VIEWS}
    views["xz"][:, :4, :4] = 900
    assert score(truth, fuse({v: ViewStack(s) for v, s in views.items()}).labels).false == 0


def test_the_darker_ones_of_unequal_bodies_are_bright():
    bodies = np.repeat(np.arange(10), 50).reshape(10, 5, 10)
    grey = np.array([0, 100, 100, 100, 100, 50, 50, 50, 40, 20])[bodies]
    believed = np.arange(10) % 9 > 0
    bright = _bright(grey, bodies, believed)
    assert bright.tolist() == [False] + 8 * [True] + [False]


@pytest.mark.parametrize(("grey", "believed"), [(300.0, False), (900.0, True)])
def test_what_the_views_hardly_agree_on_must_be_as_bright_as_a_body(grey, believed):
    truth = balls()
    ghost = np.zeros_like(truth)
    ghost[14:26, 17:31, 26:30] = 900  # between the balls
    views = {}
    for view, share in (("xy", 1.0), ("xz", 0.4), ("yz", 0.0)):
        stack = to_view(np.where(truth == 0, ghost, 0) + truth, view).copy()
        rng = np.random.default_rng(0)
        for plane in stack:
            if rng.random() >= share:
                plane[plane == 900] = 0
        views[view] = ViewStack(stack)
    volume = np.where(truth > 0, 1000.0, 100.0).astype(np.float32)
    volume[(ghost > 0) & (truth == 0)] = grey
    result = score(truth, fuse(views, volume).labels)
    assert result.recall[0.5] == 1.0
    assert result.n_labels == truth.max() + believed and result.false == believed


@pytest.mark.parametrize(("spacing", "believed"), [((1, 1, 1), False), ((1, 3, 3), True)])
def test_how_thin_a_slice_of_a_body_is_at_a_face_is_physical(spacing, believed):
    truth = balls()
    volume = np.where(truth > 0, 1000.0, 100.0).astype(np.float32)
    views = {view: to_view(truth, view).copy() for view in VIEWS}
    views["xy"][:3, :5, :5], volume[:3, :5, :5] = 900, 1000.0
    labels = fuse({v: ViewStack(s) for v, s in views.items()}, volume, spacing).labels
    assert labels[1, 2, 2].astype(bool) == believed
    assert labels.max() == truth.max() + believed


def test_one_particle_of_a_few_voxels():
    truth = np.zeros((20, 20, 20), np.int32)
    truth[8:11, 9:12, 7:10] = 5
    result = score(truth, fuse(stacks(truth)).labels)
    assert result.f1[0.5] == 1.0 and result.n_labels == 1


def test_doubtful_bodies_have_low_confidence():
    truth = balls()
    views = {view: to_view(truth, view).copy() for view in VIEWS}
    views["xy"][views["xy"] == 2] = 0
    views["xz"][10:16][views["xz"][10:16] == 2] = 0
    fusion = fuse({v: ViewStack(s) for v, s in views.items()})
    matches = score(truth, fusion.labels).matches.set_index("truth").label
    table = fusion.table.set_index("label")
    assert table.confidence.idxmin() == matches[2]
    assert table.agreement_xy[matches[2]] == 0
    assert table.Volume.sum() == np.count_nonzero(fusion.labels)


def test_min_diameter_is_physical():
    truth = balls(radius=5, gap=4)
    given = stacks(truth)
    small, large = (fuse(given, spacing=(0.1,) * 3, min_diameter=d) for d in (0.9, 1.1))
    assert small.labels.max() == truth.max() and large.labels.max() == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(views={}), "no view"),
        (dict(views={"zz": ViewStack(np.zeros((3, 3, 3), int))}), "zz"),
        (dict(method="magic"), "magic"),
        (dict(method="paper"), "distance"),
        (dict(volume=np.zeros((2, 2, 2))), "one and the same volume"),
        (
            dict(
                views={
                    "xy": ViewStack(np.zeros((3, 4, 5), int)),
                    "xz": ViewStack(np.zeros((3, 4, 5), int)),
                }
            ),
            "one and the same volume",
        ),
        (dict(views={"xy": ViewStack(np.zeros((4, 5), int))}), "three"),
        (dict(views={"xy": ViewStack(np.zeros((0, 4, 5), int))}), "no voxels"),
        (dict(volume=np.full((4, 4, 4), np.nan)), "NaN or infinite"),
        (dict(volume=np.zeros((4, 4, 4), complex)), "complex128"),
        (dict(spacing=(0, 1, 1)), "above 0"),
        (dict(spacing=(1, 1)), "three numbers"),
        (dict(min_diameter=np.nan), "min_diameter"),
        (dict(min_iou=np.nan), "min_iou"),
        (dict(max_gap=-1), "max_gap"),
        (
            dict(
                views={
                    "xy": ViewStack(np.ones((2, 4, 4), int), np.full((2, 4, 4), np.nan)),
                    "xz": ViewStack(np.ones((4, 2, 4), int)),
                }
            ),
            "probabilities",
        ),
        (dict(views={"xy": ViewStack(np.zeros((3, 4, 5)))}), "whole numbers"),
    ],
)
def test_wrong_input_is_named(change, words):
    views = {view: ViewStack(np.zeros((4, 4, 4), np.int32)) for view in VIEWS}
    with pytest.raises(ValueError, match=words):
        fuse(**{"views": views, **change})
