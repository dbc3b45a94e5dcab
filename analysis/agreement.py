"""How far the views agree on each fused body: which ones to look at first."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from .linking import number_objects
from .overlaps import overlap_table
from .views import View, from_view


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
    sizes = np.bincount(labels.ravel())
    names = np.flatnonzero(sizes)[1:] if sizes.size and sizes[0] else np.flatnonzero(sizes)
    names = names[names > 0]
    table = pd.DataFrame({"label": names.astype(np.int32)})
    table["Volume"] = sizes[names] * float(np.prod(spacing))
    columns = []
    for view, stack in stacks.items():
        objects = number_objects(stack)
        shared = overlap_table(from_view(objects.numbers, view), labels)
        mostly = (shared.first > 0) & (shared.second > 0)
        mostly &= 2 * shared.counts > objects.sizes[shared.first]
        body = shared.second[mostly]
        inside = np.bincount(body, weights=shared.counts[mostly], minlength=sizes.size)
        own = np.bincount(body, weights=objects.sizes[shared.first[mostly]], minlength=sizes.size)
        union = sizes + own - inside
        columns.append((f"agreement_{view}", inside[names] / union[names]))
    table.insert(2, "confidence", np.mean([values for _, values in columns], axis=0))
    for name, values in columns:
        table[name] = values
    return table
