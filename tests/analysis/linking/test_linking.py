import tracemalloc
from itertools import permutations

import numpy as np
import pytest
from particlebridge.analysis import hungarian_link, link_slices, nearest_link, score, track_points
from particlebridge.analysis._shared.assignment import sparse_assignment
from scipy.ndimage import shift


def total(costs, missing):
    """What a choice of pairs is judged by: their number first, or what they save."""
    return (-len(costs), sum(costs)) if missing is None else (0, sum(c - missing for c in costs))


def brute_force(cost, missing):
    """Best choice of pairs by trying all of them; NaN is a pair that is not allowed."""
    n, m = cost.shape
    if n > m:
        return brute_force(cost.T, missing)
    best = (0, 0.0)
    for columns in permutations(range(m + n), n):
        chosen = [cost[i, j] for i, j in enumerate(columns) if j < m]
        chosen = [c for c in chosen if not np.isnan(c)]
        best = min(best, total(chosen, missing))
    return best


@pytest.mark.parametrize("missing", [None, 0.6])
@pytest.mark.parametrize("dense_cells", [1_000_000, 0])
def test_assignment_is_optimal(monkeypatch, missing, dense_cells):
    monkeypatch.setattr("particlebridge.analysis._shared.assignment._DENSE_CELLS", dense_cells)
    rng = np.random.default_rng(1)
    for _ in range(60):
        cost = rng.random(rng.integers(1, 5, 2))
        cost[rng.random(cost.shape) < rng.choice([0.0, 0.4, 0.7])] = np.nan
        rows, cols = np.nonzero(~np.isnan(cost))
        left, right = sparse_assignment(rows, cols, cost[rows, cols], missing)
        assert len(set(left)) == len(left) and len(set(right)) == len(right)
        found = total(list(cost[left, right]), missing)
        assert found == pytest.approx(brute_force(cost, missing))


def test_link_semantics():
    source = np.array([[0.0, 0], [10, 0], [50, 50]])
    target = np.array([[10.0, 1], [0, 2], [90, 90]])
    link = hungarian_link(source, target, max_distance=5)
    assert link.targets.tolist() == [1, 0, -1]
    assert link.distances[:2].tolist() == [2, 1] and np.isnan(link.distances[2])
    assert link.unassigned.tolist() == [2]
    assert link.cost == 5


def test_hungarian_is_never_dearer_than_nearest():
    # Nearest first takes 2 -> 3 and leaves 0 -> 7; the least squares are 9 + 25.
    source, target = np.array([[0.0], [2.0]]), np.array([[3.0], [7.0]])
    assert hungarian_link(source, target).cost == 34
    assert nearest_link(source, target).cost == 50


def test_same_links_as_laptrack():
    laptrack = pytest.importorskip("laptrack")
    rng = np.random.default_rng(4)
    for _ in range(5):
        source, target = rng.random((40, 2)) * 20, rng.random((45, 2)) * 20
        tracker = laptrack.LapTrack(
            cutoff=3.0**2, gap_closing_cutoff=False, track_start_cost=1e4, track_end_cost=1e4
        )
        edges = set(tracker.predict([source, target]).edges)
        link = hungarian_link(source, target, max_distance=3.0)
        assert np.sum(link.targets >= 0) == len(edges)
        pairs = np.array([(a, b) for (_, a), (_, b) in edges])
        theirs = np.sum((source[pairs[:, 0]] - target[pairs[:, 1]]) ** 2)
        assert link.cost == pytest.approx(theirs)


def test_thousands_of_points_cost_no_matrix():
    rng = np.random.default_rng(0)
    source = rng.random((20_000, 3)) * 200
    order = rng.permutation(len(source))
    link = hungarian_link(source, source[order] + 0.01, max_distance=2.0)
    assert np.array_equal(order[link.targets], np.arange(len(source)))


@pytest.mark.parametrize("method", ["hungarian", "nearest"])
@pytest.mark.parametrize(("max_gap", "n_tracks"), [(0, 4), (1, 3), (2, 2), (3, 2)])
def test_gaps_are_closed_up_to_their_length(method, max_gap, n_tracks):
    path = np.linspace(0, 9, 10)
    frames = []
    for i, x in enumerate(path):
        points = [[x, 0.0], [x, 40.0]]
        if i in (3, 6, 7):  # the second point is missing once and then twice
            points.pop()
        frames.append(np.array(points))
    tracks = track_points(frames, method, max_distance=3.5, max_gap=max_gap)
    assert len(tracks) == n_tracks
    seen = sorted((f, int(i)) for t in tracks for f, i in enumerate(t) if i >= 0)
    assert seen == [(f, i) for f, points in enumerate(frames) for i in range(len(points))]
    if max_gap >= 2:
        assert tracks[1].tolist() == [1, 1, 1, -1, 1, 1, -1, -1, 1, 1]


@pytest.mark.parametrize("max_distance", [1e10, np.inf])
def test_a_point_far_away_does_not_blur_the_others(max_distance):
    source, target = np.array([[0.0], [1.0], [1e9]]), np.array([[1.0], [0.0], [1e9]])
    for link in (hungarian_link, nearest_link):
        assert link(source, target, max_distance).targets.tolist() == [1, 0, 2]


def test_coincident_points_are_linked_at_no_distance_one_to_one():
    source, target = np.array([[0.0, 0]] * 3 + [[5, 5]]), np.array([[0.0, 0]] * 2 + [[5, 6]])
    for link in (hungarian_link, nearest_link):
        found = link(source, target, 0)
        assert sorted(found.targets) == [-1, -1, 0, 1] and found.targets[3] == -1
        assert found.unassigned.tolist() == [2] and found.cost == 0


@pytest.mark.parametrize("max_distance", [0.4, 1.5, np.inf])
def test_nearest_takes_the_closest_free_pair_next(max_distance):
    rng = np.random.default_rng(2)
    for n, m in ((9, 12), (12, 9), (1, 7), (0, 3)):
        source, target = rng.random((n, 2)) * 3, rng.random((m, 2)) * 3
        distance = np.linalg.norm(source[:, None] - target[None], axis=2)
        expected = np.full(n, -1)
        while distance.size and distance.min() <= max_distance:
            i, j = np.unravel_index(distance.argmin(), distance.shape)
            expected[i] = j
            distance[i], distance[:, j] = np.inf, np.inf
            if np.isinf(distance).all():
                break
        assert nearest_link(source, target, max_distance).targets.tolist() == expected.tolist()


def test_thousands_of_points_without_a_gate_fit_into_memory():
    rng = np.random.default_rng(0)
    source, target = rng.random((3000, 3)), rng.random((3000, 3))
    tracemalloc.start()
    best = hungarian_link(source, target)
    greedy = nearest_link(source, target)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (best.targets >= 0).all() and (greedy.targets >= 0).all() and best.cost < greedy.cost
    # One float64 for every pair, and not as much again.
    assert most < 1.5 * 8 * 3000**2


@pytest.mark.parametrize("link", [hungarian_link, nearest_link])
@pytest.mark.parametrize(
    ("source", "target", "max_distance", "words"),
    [
        (np.zeros((2, 2)), np.zeros((2, 3)), 1.0, "coordinates"),
        (np.full((2, 2), np.nan), np.zeros((2, 2)), 1.0, "NaN"),
        (np.full((2, 2), np.inf), np.zeros((2, 2)), np.inf, "infinite"),
        (np.zeros((2, 0)), np.zeros((2, 0)), 1.0, "shape"),
        (np.zeros((2, 2)), np.zeros((2, 2)), -1.0, "max_distance"),
        (np.zeros((2, 2)), np.zeros((2, 2)), np.nan, "max_distance"),
    ],
)
def test_wrong_points_are_named(link, source, target, max_distance, words):
    with pytest.raises(ValueError, match=words):
        link(source, target, max_distance)


def test_wrong_tracks_are_named():
    with pytest.raises(ValueError, match="magic"):
        track_points([np.zeros((1, 2))], method="magic")
    with pytest.raises(ValueError, match="max_gap"):
        track_points([np.zeros((1, 2))], max_gap=-1)
    with pytest.raises(ValueError, match="NaN"):
        track_points([np.full((1, 2), np.nan)])


@pytest.mark.parametrize("method", ["hungarian", "nearest"])
def test_frames_without_points(method):
    frames = [np.zeros((0, 2)), np.ones((1, 2)), [], np.ones((1, 2)), np.zeros((0, 2))]
    assert track_points(frames, method, 1.0).tolist() == [[-1, 0, -1, 0, -1]]
    assert track_points([], method).shape == (0, 0)


def ball(radius=12, shape=(30, 40, 40), centre=(15, 20, 20)):
    z, y, x = np.indices(shape)
    return (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= radius**2


def two_balls():
    truth = np.zeros((30, 60, 40), np.int32)
    truth[:, :40][ball()] = 1
    truth[:, 20:][ball(shape=(30, 40, 40), centre=(14, 26, 20))] = 2
    return truth


def test_slices_become_the_bodies_again():
    truth = two_balls()
    # Every slice numbers its objects differently.
    slices = np.stack([np.array([0, 1 + z % 3, 7 + z])[plane] for z, plane in enumerate(truth)])
    assert score(truth, link_slices(slices)).f1[0.75] == 1.0


@pytest.mark.parametrize("gap", [1, 2, 3])
def test_missing_slices_are_bridged_and_filled(gap):
    truth = two_balls()
    damaged = truth.copy()
    damaged[12 : 12 + gap][damaged[12 : 12 + gap] == 1] = 0
    result = score(truth, link_slices(damaged))
    assert result.n_labels == 2 and result.f1[0.75] == 1.0
    assert result.panoptic_quality > 0.98
    assert score(truth, link_slices(damaged, max_gap=0)).n_labels == 3


def test_a_cut_slice_is_healed():
    truth = two_balls()
    damaged = truth.copy()
    damaged[14, :, 20:][damaged[14, :, 20:] == 1] = 3
    result = score(truth, link_slices(damaged))
    assert result.n_labels == 2 and result.panoptic_quality > 0.99


def test_a_merged_slice_does_not_join_two_bodies():
    truth = two_balls()
    damaged = truth.copy()
    damaged[14][damaged[14] == 2] = 1
    linked = link_slices(damaged)
    assert score(truth, linked).f1[0.75] >= 0.8
    assert score(truth, linked).merges == 0


def test_no_link_across_a_split():
    # One body forks into two for good: nothing tells which branch is its continuation.
    labels = np.zeros((12, 20, 40), np.int32)
    labels[:6, 5:15, 5:35] = 1
    labels[6:, 5:15, 5:18] = 1
    labels[6:, 5:15, 22:35] = 2
    linked = link_slices(labels)
    assert np.unique(linked[linked > 0]).size == 3


def test_jittered_slices_still_link():
    rng = np.random.default_rng(3)
    truth = two_balls()
    moved = np.stack([shift(p, rng.integers(-1, 2, 2), order=0) for p in truth])
    assert score(truth, link_slices(moved)).f1[0.75] == 1.0


@pytest.mark.parametrize("shape", [(0, 5, 5), (4, 0, 5), (1, 5, 5), (4, 5, 5)])
def test_empty_stacks(shape):
    assert not link_slices(np.zeros(shape, np.uint16)).any()


def test_labels_beyond_sixteen_bits():
    truth = two_balls()
    assert score(truth, link_slices(truth.astype(np.int64) * 1_000_000)).f1[0.75] == 1.0
