"""SHAP values with the features cut loose from each other (interventional).

Path-dependent SHAP fills in an unknown feature from the training rows that came the same way, so
correlated features lend each other importance. Here an unknown feature is that of a reference
particle, whatever the others are: what the model itself uses is credited, and nothing else
(Janzing et al., *Proc. Mach. Learn. Res.* 108 (2020), 2907-2916).
"""

import math

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from .shap_values import Paths, paths_of


def interventional_shap(
    forest: RandomForestRegressor, x: np.ndarray, references: np.ndarray
) -> tuple[np.ndarray, float]:
    """SHAP values of a forest's predictions against reference particles.

    Parameters
    ----------
    forest
        A fitted forest.
    x
        (rows, features) table to explain.
    references
        (references, features) rows that stand for "not known"; the cost grows with their number
        times that of `x`.

    Returns
    -------
    values : ndarray
        (rows, features) contributions, in the unit of the target.
    base : float
        The mean prediction of the references.
    """
    values, base = np.zeros(x.shape), 0.0
    for paths in paths_of(forest):
        own, other = paths.taken(x), paths.taken(references)
        base += float((other.all(axis=2) * paths.value).sum() / len(references))
        if paths.column.shape[1]:
            part = _of_leaves(paths, own, other)
            for k in range(paths.column.shape[1]):
                np.add.at(values.T, paths.column[:, k], part[..., k])
    return values, base


def _of_leaves(paths: Paths, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Give each feature's share in each leaf: (leaves, rows, length)."""
    length = paths.column.shape[1]
    row = own.transpose(1, 0, 2).astype(np.float32)
    reference = other.transpose(1, 2, 0).astype(np.float32)  # (leaves, length, references)
    ours = (row @ (1 - reference)).astype(np.intp)  # turns that only the row takes
    theirs = ((1 - row) @ reference).astype(np.intp)
    reached = (1 - row) @ (1 - reference) == 0
    # Of a product of `a` turns of ours and `b` of theirs each of ours gets (a-1)! b! / (a+b)!.
    weight = np.zeros((length + 1, length + 1))
    for a in range(1, length + 1):
        for b in range(length + 1 - a):
            weight[a, b] = math.factorial(a - 1) * math.factorial(b) / math.factorial(a + b)
    gain, loss = weight[ours, theirs] * reached, weight[theirs, ours] * reached
    swapped = reference.swapaxes(1, 2)
    part = row * (gain @ (1 - swapped)) - (1 - row) * (loss @ swapped)
    return np.asarray(part * (paths.value / swapped.shape[1])[:, None, None])
