"""How well a label volume agrees with the truth: F1, panoptic quality, splits, merges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ._shared.assignment import sparse_assignment
from ._shared.overlaps import Overlaps, overlap_table


@dataclass(frozen=True)
class Score:
    """Agreement of labels with a truth.

    Attributes
    ----------
    n_truth, n_labels
        Number of objects on either side.
    f1
        F1 = 2 tp / (2 tp + fp + fn) by IoU threshold.
    precision, recall
        tp / (tp + fp) and tp / (tp + fn) by IoU threshold.
    panoptic_quality
        Sum of the matched IoU (matches above 0.5) over tp + fp / 2 + fn / 2.
    mean_iou
        Mean IoU of those matches; NaN without a match.
    splits
        Truth objects holding two or more labels, each lying mostly (> 1/2 of its own voxels) in
        it and each at least 5 % of its size.
    merges
        Labels holding two or more truth objects, with the same rule.
    missed
        Truth objects of which at most half the voxels carry any label.
    false
        Labels of which at most half the voxels lie on any truth object.
    matches
        One row for each matched pair at the lowest threshold: `truth`, `label`, `iou`.
    lost, new
        Numbers of the truth objects and of the labels that are in no such pair, in order.
    """

    n_truth: int
    n_labels: int
    f1: dict[float, float]
    precision: dict[float, float]
    recall: dict[float, float]
    panoptic_quality: float
    mean_iou: float
    splits: int
    merges: int
    missed: int
    false: int
    matches: pd.DataFrame
    lost: np.ndarray
    new: np.ndarray

    def as_row(self) -> dict[str, float]:
        """Flatten the numbers into one row of a table: ``{"F1@0.5": ..., "PQ": ..., ...}``."""
        return {
            **{f"F1@{threshold:g}": value for threshold, value in self.f1.items()},
            "PQ": self.panoptic_quality,
            "mean IoU": self.mean_iou,
            "truth": self.n_truth,
            "labels": self.n_labels,
            "splits": self.splits,
            "merges": self.merges,
            "missed": self.missed,
            "false": self.false,
        }


def score(
    truth: np.ndarray, labels: np.ndarray, thresholds: Sequence[float] = (0.5, 0.75)
) -> Score:
    """Compare labels with the truth, object by object.

    Parameters
    ----------
    truth, labels
        Integer arrays of one shape, 0 background.
    thresholds
        IoU above or at which an object counts as found, each in (0, 1]. Objects are matched one
        to one: as many pairs as reach the threshold, with the largest total IoU.

    Returns
    -------
    Score
        Two empty volumes agree perfectly (F1 and panoptic quality 1).

    Raises
    ------
    ValueError
        If the shapes differ or a threshold is outside (0, 1].

    Notes
    -----
    One linear pass over the voxels fills a sparse contingency table; all else works on that table.
    Panoptic quality: Kirillov et al., CVPR 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import score
    >>> truth = np.array([1, 1, 1, 0, 2, 2])
    >>> found = np.array([7, 7, 7, 0, 0, 9])
    >>> score(truth, found, [0.5, 0.75]).as_row()["F1@0.75"]
    0.5
    """
    for threshold in thresholds:
        if not 0 < threshold <= 1:
            raise ValueError(f"An IoU threshold lies above 0 and up to 1, not at {threshold:g}.")
    return score_overlaps(overlap_table(truth, labels), thresholds)


def score_overlaps(table: Overlaps, thresholds: Sequence[float] = (0.5, 0.75)) -> Score:
    """Do the work of `score` from the voxels that each pair of labels shares, truth first."""
    truth_ids, truth_sizes = _sizes(table.first, table.counts)
    label_ids, label_sizes = _sizes(table.second, table.counts)
    both = (table.first > 0) & (table.second > 0)
    pairs = Overlaps(table.first[both], table.second[both], table.counts[both])
    row = np.searchsorted(truth_ids, pairs.first)
    col = np.searchsorted(label_ids, pairs.second)
    iou = pairs.counts / (truth_sizes[row] + label_sizes[col] - pairs.counts)

    n_truth, n_labels = truth_ids.size, label_ids.size
    f1, precision, recall = {}, {}, {}
    for threshold in thresholds:
        found = _match(row, col, iou, threshold).size
        f1[threshold] = 2 * found / (n_truth + n_labels) if n_truth + n_labels else 1.0
        precision[threshold] = found / n_labels if n_labels else float(n_truth == 0)
        recall[threshold] = found / n_truth if n_truth else float(n_labels == 0)
    matched = iou[iou > 0.5]
    loosest = _match(row, col, iou, min(thresholds, default=0.5))
    return Score(
        n_truth=n_truth,
        n_labels=n_labels,
        f1=f1,
        precision=precision,
        recall=recall,
        panoptic_quality=(
            2 * float(matched.sum()) / (n_truth + n_labels) if n_truth + n_labels else 1.0
        ),
        mean_iou=float(matched.mean()) if matched.size else float("nan"),
        splits=_holders(pairs.counts, label_sizes[col], truth_sizes[row], row, n_truth),
        merges=_holders(pairs.counts, truth_sizes[row], label_sizes[col], col, n_labels),
        missed=_uncovered(row, pairs.counts, truth_sizes),
        false=_uncovered(col, pairs.counts, label_sizes),
        matches=pd.DataFrame(
            {
                "truth": truth_ids[row[loosest]],
                "label": label_ids[col[loosest]],
                "iou": iou[loosest],
            }
        ),
        lost=np.delete(truth_ids, row[loosest]),
        new=np.delete(label_ids, col[loosest]),
    )


def _sizes(ids: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum the voxels of every object, background left out."""
    unique, where = np.unique(ids[ids > 0], return_inverse=True)
    sizes = np.bincount(where, weights=counts[ids > 0], minlength=unique.size)
    return unique, sizes.astype(np.int64)


def _match(row: np.ndarray, col: np.ndarray, iou: np.ndarray, threshold: float) -> np.ndarray:
    """Give the pairs matched one to one at an IoU of at least `threshold`."""
    good = np.flatnonzero(iou >= threshold)
    rows, cols = sparse_assignment(row[good], col[good], -iou[good])
    width = col.max(initial=0) + 1
    return good[np.isin(row[good] * width + col[good], rows * width + cols)]


def _holders(
    shared: np.ndarray, part: np.ndarray, whole: np.ndarray, holder: np.ndarray, n: int
) -> int:
    """Count the holders with two or more parts that lie mostly in them."""
    inside = (2 * shared > part) & (shared >= 0.05 * whole)
    return int((np.bincount(holder[inside], minlength=n) >= 2).sum())


def _uncovered(index: np.ndarray, counts: np.ndarray, sizes: np.ndarray) -> int:
    """Count the objects that share at most half of their voxels with any object opposite."""
    covered = np.bincount(index, weights=counts, minlength=sizes.size)
    return int((2 * covered <= sizes).sum())
