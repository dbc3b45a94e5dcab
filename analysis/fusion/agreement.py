"""How far the views agree on each fused body: which ones to look at first."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from .._shared.views import View
from ..linking.objects import number_objects
from .body_graph import Spans, find_spans


class Backing(NamedTuple):
    """What one view's objects say of the bodies.

    Attributes
    ----------
    body : ndarray of int64, shape (n_objects + 1,)
        The body of which each object holds most, 0 for none.
    share : ndarray of float64, shape (n_objects + 1,)
        Share of the object's pixels in any body that lie in that one.
    agreement : ndarray of float64, shape (n_bodies + 1,)
        IoU of each body with those of the view's objects that lie mostly in it.
    lowest, highest : ndarray of int64, shape (n_bodies + 1,)
        First and last slice of those objects.
    """

    body: np.ndarray
    share: np.ndarray
    agreement: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray


def backing(spans: Spans, object_sizes: np.ndarray, body_sizes: np.ndarray) -> Backing:
    """Compare a view's 2-D objects with the bodies."""
    objects, bodies, shared, slices = spans
    n = object_sizes.size
    order = np.argsort(shared, kind="stable")
    body, most = np.zeros(n, np.int64), np.zeros(n)
    body[objects[order]], most[objects[order]] = bodies[order], shared[order]
    covered = np.bincount(objects, weights=shared, minlength=n)
    mostly = 2 * shared > object_sizes[objects]
    holder, held, whole = bodies[mostly], shared[mostly], object_sizes[objects[mostly]]
    inside = np.bincount(holder, weights=held, minlength=body_sizes.size)
    own = np.bincount(holder, weights=whole, minlength=body_sizes.size)
    lowest = np.full(body_sizes.size, np.iinfo(np.int64).max)
    highest = np.full(body_sizes.size, -1)
    np.minimum.at(lowest, holder, slices[mostly])
    np.maximum.at(highest, holder, slices[mostly])
    return Backing(
        body,
        most / np.maximum(covered, 1),
        inside / np.maximum(body_sizes + own - inside, 1),
        np.minimum(lowest, highest + 1),
        highest,
    )


def agreement_table(
    labels: np.ndarray, stacks: Mapping[View, np.ndarray], spacing: tuple[float, float, float]
) -> pd.DataFrame:
    """List the fused bodies with what each view says of them.

    Parameters
    ----------
    labels
        (Z, Y, X) int32 bodies.
    stacks
        Each view's 2-D labels in its own order.
    spacing
        Voxel size (z, y, x), um.

    Returns
    -------
    DataFrame
        Sorted by label: ``label``; ``Volume``, um3; ``confidence``, the mean of the agreements;
        for each view ``agreement_VIEW``: IoU of the body with those of the view's 2-D objects
        that lie mostly in it (1: the view sees it just so; low where it misses the body, cuts
        it off, or merges it with another).
    """
    sizes = np.bincount(labels.ravel(), minlength=1)
    names = 1 + np.flatnonzero(sizes[1:])
    agreements = {}
    for view, stack in stacks.items():
        objects = number_objects(stack)
        found = backing(find_spans(objects, labels, view), objects.sizes, sizes)
        agreements[f"agreement_{view}"] = found.agreement[names]
    return pd.DataFrame(
        {
            "label": names.astype(np.int32),
            "Volume": sizes[names] * float(np.prod(spacing)),
            "confidence": np.mean(list(agreements.values()), axis=0),
            **agreements,
        }
    )
