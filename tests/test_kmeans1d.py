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


@pytest.mark.parametrize(
    ("values", "k", "words"),
    [([], 2, "no values"), ([1.0, np.nan], 2, "NaN"), ([1.0], 0, "at least one")],
)
def test_wrong_input_is_named(values, k, words):
    with pytest.raises(ValueError, match=words):
        kmeans_1d(np.array(values), k)
