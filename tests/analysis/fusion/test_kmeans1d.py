from itertools import combinations

import numpy as np
import pytest
from particlebridge.analysis import kmeans_1d
from sklearn.cluster import KMeans


def brute_force(values, k):
    values = np.sort(values)
    return min(
        sum(np.sum((part - part.mean()) ** 2) for part in np.split(values, cuts))
        for cuts in combinations(range(1, values.size), k - 1)
    )


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_optimal_against_all_partitions(k):
    rng = np.random.default_rng(k)
    for _ in range(20):
        values = rng.normal(size=12)
        found = kmeans_1d(values, k)
        assert found.inertia == pytest.approx(brute_force(values, k))
        cluster = np.digitize(values, found.thresholds)
        for i, centre in enumerate(found.centres):
            assert values[cluster == i].mean() == pytest.approx(centre)


def every_split(values, k):
    """Least inertia by the plain dynamic programme over all different values."""
    different, times = np.unique(values, return_counts=True)
    c, s, q = (np.append(0, np.cumsum(times * different**power)) for power in (0, 1, 2))
    i, j = np.triu_indices(c.size, 1)
    inside = np.full((c.size, c.size), np.inf)
    inside[i, j] = q[j] - q[i] - (s[j] - s[i]) ** 2 / (c[j] - c[i])
    cost = inside[0]
    for _ in range(k - 1):
        cost = (cost[:, None] + inside).min(axis=0)
    return cost[-1]


def lumps(rng):
    """Values of one of several kinds: alike, far apart, equal, skewed."""
    kind = rng.integers(6)
    if kind == 0:
        return rng.normal(size=900)
    if kind == 1:  # Nearly all alike, and a few far away.
        return np.concatenate([rng.normal(0, 1e-3, 800), rng.normal(1e3, 1, 5), [-4e3]])
    if kind == 2:  # Whole numbers, many of them equal.
        return rng.poisson(3, 900).astype(float)
    if kind == 3:  # Values that hardly differ, and many that are equal.
        return np.concatenate([rng.integers(0, 9, 400) + rng.random(400) * 1e-6, np.zeros(300)])
    if kind == 4:
        return np.exp(rng.normal(0, 3, 700))
    return rng.random(700) ** 0.2 * 7 - 3


@pytest.mark.parametrize("k", [2, 3, 5, 9])
def test_optimal_however_the_values_lie(k):
    rng = np.random.default_rng(k)
    for _ in range(24):
        values = rng.permutation(lumps(rng))
        found = kmeans_1d(values, k)
        # All sums start at the lowest value, in float64.
        rounding = 1e-12 * np.sum((values - values.min()) ** 2)
        assert found.inertia == pytest.approx(every_split(values, k), rel=1e-6, abs=rounding)
        nearest = np.abs(values[:, None] - found.centres).min(axis=1)
        assert found.inertia == pytest.approx(np.sum(nearest**2), rel=1e-6, abs=rounding)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_never_above_sklearn(dtype):
    rng = np.random.default_rng(0)
    values = np.concatenate([np.zeros(4000), rng.gamma(2, 20, 6000), rng.normal(400, 30, 5000)])
    values = np.maximum(values, 0).astype(dtype)
    ours = kmeans_1d(values, 5)
    theirs = KMeans(5, n_init=3, random_state=0).fit(values.reshape(-1, 1).astype(float))
    assert ours.inertia <= theirs.inertia_ * (1 + 1e-9)
    nearest = np.abs(values[:, None].astype(float) - ours.centres).argmin(axis=1)
    assert np.array_equal(np.digitize(values, ours.thresholds), nearest)


def test_fewer_values_than_clusters():
    found = kmeans_1d(np.array([1.0, 1.0, 4.0]), 5)
    assert found.centres.tolist() == [1.0, 4.0] and found.inertia == 0
    assert kmeans_1d(np.full(7, 3.0), 5).centres.tolist() == [3.0]
    found = kmeans_1d(np.array([0.0, 1e-9, 1e-4, 0.1, 1e3] * 3), 7)
    assert found.centres.tolist() == pytest.approx([0.0, 1e-9, 1e-4, 0.1, 1e3], rel=1e-12)


@pytest.mark.parametrize(
    ("values", "k", "words"),
    [
        ([], 2, "no values"),
        ([1.0, np.nan], 2, "NaN"),
        ([-1e300, 1e300], 2, "beyond"),
        ([1.0], 0, "at least one"),
    ],
)
def test_wrong_input_is_named(values, k, words):
    with pytest.raises(ValueError, match=words):
        kmeans_1d(np.array(values), k)
