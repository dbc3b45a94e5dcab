"""Measuring again where labels changed: those particles, and those that have them in reach."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .._shared.parallel import thread_count
from .columns import COLUMNS
from .contact_network import contacts
from .measured_volume import MeasuredVolume
from .neighbourhood import neighbour_columns
from .packing_density import packing_density
from .particle_crops import Particles, slab_depth
from .particle_rows import Setting, describe_all
from .reach import BALL, DENSITY_REACH
from .table import table_of
from .void_columns import tell_void

_FACE = 5
"""Voxels beyond a particle that the normals of the faces on its surface look at."""


def measure_again(
    table: pd.DataFrame,
    volume: Any,
    labels: Any,
    spacing: tuple[float, float, float],
    solid: Any,
    boxes: Mapping[int, Sequence[int]],
    changed: Sequence[Sequence[int]],
    *,
    field_of_view: Any = None,
    ball: float | None = None,
    density_reach: float | None = None,
) -> tuple[pd.DataFrame, int]:
    """Bring the table of `measure` up to date after labels or their mask changed in places.

    Parameters
    ----------
    table
        Of `measure`, physical recipe, before the change.
    volume, labels, spacing, solid, field_of_view, ball, density_reach
        As for `measure`, after the change; `solid` is a mask that `find_void` made.
    boxes
        Label -> bounding box (z0, y0, x0, z1, y1, x1) of every particle there is now.
    changed
        Boxes outside which nothing changed.

    Returns
    -------
    table : DataFrame
        What `measure` gives for all of it.
    again : int
        How many particles were looked at again, or had their PDensity counted again.

    Notes
    -----
    A particle is described by what lies in its bounding box and in the ring around it, PDensity by
    what lies further out, and its neighbours by the columns of the six nearest; the last are taken
    from the table again for all, since they cost nothing.
    """
    reach = BALL if ball is None else ball
    density = DENSITY_REACH if density_reach is None else density_reach
    arrays = MeasuredVolume(labels, solid, volume, field_of_view)
    is_float = volume is not None and np.issubdtype(volume.dtype, np.floating)
    setting = Setting(spacing, float(reach), False, is_float, coded=True)
    now = sorted(boxes)
    every = np.array([boxes[label] for label in now], np.int64).reshape(-1, 6)
    every = every[:, [0, 3, 1, 4, 2, 5]]
    places = np.array(changed, np.int64).reshape(-1, 6)[:, [0, 3, 1, 4, 2, 5]]
    shape = np.array(labels.shape)
    far = np.round(np.clip(density / np.array(spacing), 1, shape)).astype(np.int64)
    # Faces and rings look a voxel further than they reach.
    near = _meets(every, places, setting.margin + 1) | ~np.isin(now, table["label"])
    wide = near | _meets(every, places, far)
    depth, workers = slab_depth(labels.shape, None), thread_count()

    some = Particles(np.array(now, np.int32)[near], every[near])
    raw, border = describe_all(arrays, some, setting, depth, workers)
    shares = packing_density(arrays, is_float, every[wide], spacing, depth, workers, density)
    fresh = table_of(raw, some, border, shares[near[wide]], spacing, "physical")
    tell_void(fresh, raw[:, -1], True)
    fresh["Unit"] = table["Unit"].iloc[0] if len(table) else fresh["Unit"]

    kept = table[table["label"].isin(np.array(now)[~near])]
    found = pd.concat([kept, fresh[list(kept.columns)]] if len(kept) else [fresh])
    found = found.sort_values("label", kind="stable").reset_index(drop=True)
    found.loc[wide, "PDensity"] = shares
    columns = neighbour_columns(
        found[["Z", "Y", "X"]].to_numpy(float),
        found[["Yaw", "Pitch", "Roll"]].to_numpy(float),
        found,
        "physical",
    )
    order = [name for name in COLUMNS if name in found or name in columns]
    return found.assign(**columns)[order], int(wide.sum())


def contacts_again(
    table: pd.DataFrame,
    labels: Any,
    spacing: tuple[float, float, float],
    changed: Mapping[int, Sequence[int]],
    gone: Sequence[int] = (),
) -> pd.DataFrame:
    """Bring the table of `contacts` up to date after particles changed.

    Parameters
    ----------
    table
        Of `contacts`, before the change.
    labels, spacing
        As for `contacts`, after the change.
    changed
        Label -> bounding box (z0, y0, x0, z1, y1, x1) of each particle whose voxels changed, as it
        is now.
    gone
        Labels that are no more.

    Returns
    -------
    DataFrame
        What `contacts` gives for all of it: the contact of two particles depends on no others.
    """
    stale = {*changed, *gone}
    kept = table[~table["source"].isin(stale) & ~table["target"].isin(stale)]
    parts = [kept]
    done: set[int] = set()
    for label, box in changed.items():
        low = [max(0, int(v) - _FACE) for v in box[:3]]
        high = [int(v) + _FACE for v in box[3:]]
        window = np.asarray(labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])
        found = contacts(window, spacing)
        own = found[(found["source"] == label) | (found["target"] == label)]
        own = own[~own["source"].isin(done) & ~own["target"].isin(done)].copy()
        for name, first, size in zip("ZYX", low, spacing, strict=True):
            own[name] += first * size
        if len(kept):
            own["unit"] = kept["unit"].iloc[0]
        parts.append(own)
        done.add(label)
    whole = pd.concat([part for part in parts if len(part)] or parts[:1])
    return whole.sort_values(["source", "target"]).reset_index(drop=True)


def _meets(boxes: np.ndarray, places: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """Tell which boxes, so many voxels wider, meet any of some places."""
    met = np.zeros(len(boxes), bool)
    for place in places:
        low, high = boxes[:, ::2] - margin, boxes[:, 1::2] + margin
        met |= ((low < place[1::2]) & (high > place[::2])).all(axis=1)
    return met
