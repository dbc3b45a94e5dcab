"""Thresholds tuned on the numerics a model will run with, and its scores on held-out images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from particlebridge.analysis import Score, candidates, pad_symmetric, paint, score, suppress

from ..networks.record import Thresholds
from .examples import Example

if TYPE_CHECKING:
    from ..networks.network import Network

IOU_LEVELS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
_TUNED_FOR = (0.5, 0.6, 0.7, 0.8)
_NMS = (0.3, 0.4, 0.5)
_PROB = np.round(np.arange(0.1, 0.951, 0.025), 3)
# An untrained network proposes objects everywhere; more candidates than this say nothing.
_MAX_CANDIDATES = 20_000


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model on held-out images.

    Attributes
    ----------
    thresholds
        Used.
    f1
        Pooled F1 over all images by IoU (`IOU_LEVELS`).
    images
        One row per image: name, truth, labels, F1@0.5, F1@0.75, PQ.
    labels
        int32 labels found in each image.
    """

    thresholds: Thresholds
    f1: dict[float, float]
    images: pd.DataFrame
    labels: list[np.ndarray]


def tune_thresholds(network: "Network", examples: Sequence[Example]) -> Thresholds:
    """Choose the thresholds that find the held-out objects best, by the plugin's numerics.

    The measure is F1 pooled over all images, averaged over IoU 0.5, 0.6, 0.7 and 0.8. Many
    probability thresholds are usually as good as each other; the middle of the best ones is
    taken, which is the safest for other images.

    Parameters
    ----------
    network
        The trained model.
    examples
        Held-out images, normalised.

    Returns
    -------
    Thresholds
    """
    predictions = [_forward(network, example) for example in examples]
    # A network that proposes objects everywhere is not asked below this.
    lowest = max(_lowest(prob) for prob, _ in predictions)
    best = 0.0, Thresholds()
    for nms in _NMS:
        found = np.zeros((len(_PROB), len(_TUNED_FOR)))
        objects = np.zeros(len(_PROB))
        for (prob, dist), example in zip(predictions, examples, strict=True):
            shape = example.labels.shape
            polygons = candidates(prob, dist, lowest, grid=network.grid, shape=shape)
            # Greedy suppression never looks back: the winners above a higher threshold are the
            # first ones of the winners above a lower one.
            winners = polygons[suppress(polygons, nms)]
            for k, threshold in enumerate(_PROB):
                kept = winners[: int(np.count_nonzero(winners.prob > threshold))]
                result = _score(example, paint(kept, shape), _TUNED_FOR)
                objects[k] += result.n_truth + result.n_labels
                found[k] += [
                    result.f1[iou] * (result.n_truth + result.n_labels) for iou in _TUNED_FOR
                ]
        means = (found / np.maximum(objects, 1)[:, None]).mean(axis=1) * (lowest <= _PROB)
        top = float(means.max())
        if top > best[0]:
            first = int(np.argmax(means))
            last = first
            while last + 1 < len(means) and means[last + 1] >= top - 0.002:
                last += 1
            while first > 0 and means[first - 1] >= top - 0.002:
                first -= 1
            best = top, Thresholds(float(_PROB[(first + last) // 2]), nms)
    return best[1]


def evaluate(network: "Network", examples: Sequence[Example], thresholds: Thresholds) -> Evaluation:
    """Score a 2-D model on held-out images with the plugin's numerics."""
    found = []
    for example in examples:
        prob, dist = _forward(network, example)
        shape = example.labels.shape
        polygons = candidates(
            prob, dist, max(thresholds.prob, _lowest(prob)), grid=network.grid, shape=shape
        )
        found.append(paint(polygons[suppress(polygons, thresholds.nms)], shape))
    return summarise(examples, found, thresholds)


def summarise(
    examples: Sequence[Example], found: list[np.ndarray], thresholds: Thresholds
) -> Evaluation:
    """Score labels found in held-out images or volumes."""
    scores = [_score(e, labels, IOU_LEVELS) for e, labels in zip(examples, found, strict=True)]
    objects = sum(s.n_truth + s.n_labels for s in scores)
    f1 = {
        iou: sum(s.f1[iou] * (s.n_truth + s.n_labels) for s in scores) / max(objects, 1)
        for iou in IOU_LEVELS
    }
    rows = [
        {
            "image": e.name,
            "truth": s.n_truth,
            "found": s.n_labels,
            "F1@0.5": s.f1[0.5],
            "F1@0.75": s.f1[0.75],
            "PQ": s.panoptic_quality,
        }
        for e, s in zip(examples, scores, strict=True)
    ]
    return Evaluation(thresholds, f1, pd.DataFrame(rows), found)


def _forward(network: "Network", example: Example) -> tuple[np.ndarray, np.ndarray]:
    padded = pad_symmetric(example.image, network.multiple)
    prob, dist = network.predict(padded)
    height, width = (
        -(-size // step) for size, step in zip(example.labels.shape, network.grid, strict=True)
    )
    return prob[:height, :width], dist[:height, :width]


def _lowest(prob: np.ndarray) -> float:
    """Return the lowest probability threshold that leaves a bearable number of candidates."""
    if prob.size <= _MAX_CANDIDATES:
        return float(_PROB[0])
    cap = float(np.partition(prob, -_MAX_CANDIDATES, axis=None)[-_MAX_CANDIDATES])
    return min(max(cap, float(_PROB[0])), 1.0)


def _score(example: Example, labels: np.ndarray, levels: tuple[float, ...]) -> Score:
    """Score where somebody annotated; what is found elsewhere is neither right nor wrong."""
    truth = np.maximum(example.labels, 0)
    if (example.labels < 0).any():
        labels = np.where(example.labels < 0, 0, labels)
    return score(truth, labels, levels)
