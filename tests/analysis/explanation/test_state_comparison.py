"""Statistics of repeated runs against numbers worked out by hand or by simulation."""

import numpy as np
import pytest
from particlebridge.analysis.explanation.feature_sets import feature_clusters, rank_correlation
from particlebridge.analysis.explanation.statistics import (
    difference_p,
    holm,
    paired_p,
    rank_agreement,
    resampled_error,
)
from scipy import stats


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.04 times 3, 2, 1 = 0.03, 0.04, 0.04; NaN counts as 1.
    np.testing.assert_allclose(holm(np.array([0.04, 0.01, 0.02])), [0.04, 0.03, 0.04])
    np.testing.assert_allclose(holm(np.array([np.nan, 0.3])), [1.0, 0.6])


def test_paired_p_is_scipys_with_holm():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(10, 4)), rng.normal(0.5, 1, size=(10, 4))
    np.testing.assert_allclose(paired_p(a, b), holm(stats.ttest_rel(b, a).pvalue))
    assert paired_p(a, a).tolist() == [1.0] * 4


def test_error_from_subsets_is_the_error_of_the_whole_samples_mean():
    """For a mean the delete-d jackknife must give sd / sqrt(n)."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=800)
    subsets = np.array([[rng.permutation(values)[:500].mean()] for _ in range(2000)])
    expected = values.std(ddof=1) / np.sqrt(800)
    assert resampled_error(subsets, 500, 800)[0] == pytest.approx(expected, rel=0.05)


def test_difference_p_keeps_its_level():
    """No difference, known errors from ten runs: below 0.05 in about one of twenty trials."""
    rng = np.random.default_rng(2)
    p = []
    for _ in range(1000):
        runs = rng.normal(size=(10, 1))
        gap, error = rng.normal(size=1), runs.std(axis=0, ddof=1)
        p.append(difference_p(gap, error, 10)[0])
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.07


def test_rank_agreement_of_equal_and_opposite_orders():
    order = np.array([3.0, 2.0, 1.0])
    assert rank_agreement(np.array([order, order, order[::-1]])).tolist() == [1, -1, -1]
    assert rank_agreement(order[None]).size == 0


def test_clusters_join_what_is_correlated_and_nothing_else():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 300))
    table = np.column_stack([a, b, np.exp(a), -(a**3), np.ones(300)])
    assert list(feature_clusters([table], list("abcde")).values()) == [[0, 2, 3], [1], [4]]
    rho = rank_correlation(table)
    assert rho[0, 2] == pytest.approx(1) and rho[0, 3] == pytest.approx(-1)
    assert rho[0, 1] == pytest.approx(stats.spearmanr(a, b).statistic)
    assert rho[0, 4] == 0 and rho[4, 4] == 1
    assert feature_clusters([table[:, :1]], ["a"]) == {"a": [0]}
