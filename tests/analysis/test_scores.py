import numpy as np
import pytest
from particlebridge.analysis import score
from particlebridge.analysis._shared.overlaps import overlap_table


def blocks(*spans, length=40):
    labels = np.zeros((4, 4, length), np.int32)
    for number, (start, stop) in enumerate(spans, 1):
        labels[..., start:stop] = number
    return labels


def test_same_labels_under_other_names_agree_perfectly():
    truth = blocks((0, 10), (12, 20), (30, 39))
    renamed = np.array([0, 70000, 5, 12], np.int32)[truth]
    result = score(truth, renamed)
    assert result.f1 == {0.5: 1.0, 0.75: 1.0}
    assert result.panoptic_quality == 1.0
    assert (result.splits, result.merges, result.missed, result.false) == (0, 0, 0, 0)
    assert dict(zip(result.matches.truth, result.matches.label, strict=True)) == {
        1: 70000,
        2: 5,
        3: 12,
    }


def test_known_iou_counts_at_its_threshold_only():
    result = score(blocks((0, 10)), blocks((4, 10)), thresholds=(0.5, 0.6, 0.61))
    assert result.f1 == {0.5: 1.0, 0.6: 1.0, 0.61: 0.0}
    assert result.panoptic_quality == pytest.approx(0.6)
    assert result.matches.iou.tolist() == pytest.approx([0.6])


def test_split_merge_missed_and_false_are_told_apart():
    truth = blocks((0, 10), (10, 15), (15, 20), (25, 30))
    found = blocks((0, 5), (5, 10), (10, 20), (32, 36))
    result = score(truth, found)
    assert (result.splits, result.merges, result.missed, result.false) == (1, 1, 1, 1)
    assert result.lost.tolist() in ([2, 4], [3, 4])  # one of the two merged has the label
    assert result.new.tolist() in ([1, 4], [2, 4])
    assert result.n_truth == result.n_labels == 4


def test_half_covered_pairs_are_matched_one_to_one():
    # Both halves reach IoU 0.5 with the same object; only one may count.
    result = score(blocks((0, 10)), blocks((0, 5), (5, 10)))
    assert result.f1[0.5] == pytest.approx(2 / 3)
    assert result.splits == 1


def test_empty_volumes():
    empty, one = blocks(), blocks((3, 9))
    assert score(empty, empty).f1[0.5] == 1.0
    assert score(empty, empty).panoptic_quality == 1.0
    assert score(one, empty).f1[0.5] == 0.0 and score(one, empty).missed == 1
    assert score(empty, one).precision[0.5] == 0.0 and score(empty, one).false == 1


def test_against_a_dense_count():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 300, (20, 30, 40)).astype(np.uint16)
    second = (rng.integers(0, 50, (20, 30, 40)) * 3000).astype(np.int64)
    table = overlap_table(first, second)
    pairs, counts = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1, return_counts=True)
    assert np.array_equal(table.first, pairs[0])
    assert np.array_equal(table.second, pairs[1])
    assert np.array_equal(table.counts, counts)


@pytest.mark.parametrize(
    ("truth", "labels", "thresholds", "words"),
    [
        (np.zeros((2, 2), int), np.zeros((2, 3), int), (0.5,), "shapes"),
        (np.zeros((2, 2), int), np.zeros((2, 2)), (0.5,), "whole numbers"),
        (np.zeros((2, 2), int), -np.ones((2, 2), int), (0.5,), "negative"),
        (np.zeros((2, 2), int), np.full((2, 2), 2**40), (0.5,), "renumber"),
        (np.zeros((2, 2), int), np.zeros((2, 2), int), (1.5,), "threshold"),
    ],
)
def test_wrong_input_is_named(truth, labels, thresholds, words):
    with pytest.raises(ValueError, match=words):
        score(truth, labels, thresholds)
