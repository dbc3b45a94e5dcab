"""Thresholds are tuned on what the engine will do, checked with a network that is a formula."""

import numpy as np
from particlebridge.analysis import candidates, paint, suppress
from particlebridge.exporter.networks.record import Thresholds
from particlebridge.exporter.training.examples import Example
from particlebridge.exporter.training.threshold_tuning import evaluate, summarise, tune_thresholds

RADIUS, GRID = 9.0, (2, 2)
CENTRES = [(20, 20), (20, 52), (52, 20), (52, 52)]
GHOSTS = [(36, 80), (80, 36)]


class Formula:
    """Sees disks with probability up to 0.8 and two ghosts with 0.4."""

    grid, multiple = GRID, 64

    def predict(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y, x = np.mgrid[: image.shape[0] : 2, : image.shape[1] : 2].astype(np.float32)
        prob = np.zeros(y.shape, np.float32)
        for centres, height in ((CENTRES, 0.8), (GHOSTS, 0.4)):
            for cy, cx in centres:
                away = np.hypot(y - cy, x - cx)
                prob = np.maximum(prob, height * np.clip(1 - away / RADIUS, 0, 1))
        dist = np.full((*y.shape, 32), RADIUS, np.float32)
        return prob, dist


def example() -> Example:
    y, x = np.mgrid[:100, :100]
    labels = np.zeros((100, 100), np.int32)
    for k, (cy, cx) in enumerate(CENTRES, start=1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 < RADIUS**2] = k
    return Example("disks", labels.astype(np.float32), labels)


def test_the_threshold_lies_in_the_middle_between_ghosts_and_disks() -> None:
    thresholds = tune_thresholds(Formula(), [example()])  # type: ignore[arg-type]
    # Anything from 0.4 up to just below 0.8 is perfect.
    assert 0.5 < thresholds.prob < 0.7
    result = evaluate(Formula(), [example()], thresholds)  # type: ignore[arg-type]
    assert result.f1[0.75] == 1 and result.images["found"].tolist() == [4]
    low = evaluate(Formula(), [example()], Thresholds(0.2, 0.4))  # type: ignore[arg-type]
    assert low.f1[0.5] == 2 * 4 / (4 + 6)


def test_one_suppression_serves_all_thresholds() -> None:
    """The winners above a threshold are the first of the winners above a lower one."""
    rng = np.random.default_rng(0)
    prob = rng.random((40, 40)).astype(np.float32)
    dist = rng.uniform(3, 6, (40, 40, 16)).astype(np.float32)
    low = candidates(prob, dist, 0.3)
    winners = low[suppress(low, 0.4)]
    high = candidates(prob, dist, 0.8)
    expected = high[suppress(high, 0.4)]
    kept = winners[: int((winners.prob > 0.8).sum())]
    np.testing.assert_array_equal(kept.points, expected.points)
    np.testing.assert_array_equal(paint(kept, (40, 40)), paint(expected, (40, 40)))


def test_a_network_that_sees_nothing_gets_the_usual_thresholds() -> None:
    class Blind(Formula):
        def predict(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            prob, dist = super().predict(image)
            return 0 * prob, dist

    assert tune_thresholds(Blind(), [example()]) == Thresholds(0.5, 0.4)  # type: ignore[arg-type]


def test_what_nobody_annotated_is_neither_right_nor_wrong() -> None:
    partly = example()
    partly.labels[:, 70:] = -1
    partly.labels[70:, :] = -1
    result = evaluate(Formula(), [partly], Thresholds(0.2, 0.4))  # type: ignore[arg-type]
    assert result.f1[0.5] == 1  # the ghosts lie where nobody looked


def test_scores_are_pooled_over_images() -> None:
    one, four = example(), example()
    one.labels[one.labels > 1] = 0
    nothing = np.zeros((100, 100), np.int32)
    result = summarise([one, four], [nothing, four.labels], Thresholds())
    # 4 of 5 objects found, none false: F1 = 2 * 4 / (5 + 4).
    assert result.f1[0.5] == 2 * 4 / 9
    assert result.images["PQ"].tolist() == [0, 1]
