"""The verdict on a fusion, from its stacks: the same for blocks and for one piece."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from particlebridge.analysis._shared.views import VIEWS, View, sampled_slices
from particlebridge.analysis.fusion.verdict import (
    Evidence,
    Verdict,
    calibration_of,
    judge,
    linked_area,
)

from ..volumes.stored_arrays import AnyArray


def verdict_of(
    views: Mapping[View, Mapping[str, AnyArray]],
    bodies: AnyArray,
    table: pd.DataFrame,
    method: str,
    models: Mapping[View, str],
) -> Verdict | None:
    """Judge fused bodies by a few slices of each view.

    Parameters
    ----------
    views
        View -> its stacks, ``labels`` among them.
    bodies
        (Z, Y, X) fused labels.
    table
        As `agreement_table` gives it.
    method
        How they were fused.
    models
        View -> digest of the model that segmented it; "": not known.

    Returns
    -------
    Verdict or None
        None for one view, and for methods other than consensus: nothing is known of these.
    """
    if method != "consensus" or len(views) < 2:
        return None
    labels = {view: stacks["labels"] for view, stacks in views.items()}
    digests = {models.get(view, "") for view in views}
    calibrations = {digest: calibration_of(digest) for digest in sorted(digests)}
    return judge(evidence_of(labels, bodies, table), calibrations)


def models_of(claims: Mapping[str, Any]) -> dict[View, str]:
    """Give the digest of the model that segmented each view, from the claims of a run's record."""
    return {view: str(claims.get(f"views/{view}", {}).get("model", "")) for view in VIEWS}


def evidence_of(views: Mapping[View, AnyArray], bodies: AnyArray, table: pd.DataFrame) -> Evidence:
    """Gather what speaks for fused particles from a few slices of each view.

    Parameters
    ----------
    views
        View -> its 2-D labels, in its own order.
    bodies
        (Z, Y, X) fused labels.
    table
        As `agreement_table` gives it.
    """
    linked, every = 0, 0
    for view, objects in views.items():
        axis = VIEWS.index(view)
        for index in sampled_slices(bodies.shape[axis]):
            # Not by slabs: one plane of labels that may be larger than memory.
            box: list[Any] = [slice(None)] * 3
            box[axis] = index
            own = linked_area(np.asarray(objects[index]), np.asarray(bodies[tuple(box)]))
            linked, every = linked + own[0], every + own[1]
    agreement = 0.0
    if len(table):
        agreement = float(np.average(table["confidence"], weights=table["Volume"]))
    return Evidence(len(table), agreement, linked / max(1, every))
