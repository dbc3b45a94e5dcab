"""From each view's stack of 2-D objects to one volume of bodies: the door to all methods."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from .._shared.parallel import in_pieces
from .._shared.views import VIEWS, View, from_view
from ..features.measured_volume import check_spacing
from ..material.solids import find_void
from ..material.void_evidence import WORDS
from .agreement import agreement_table
from .consensus import consensus
from .flow import flow_fusion
from .paper import paper_fusion

Method = Literal["consensus", "flow", "paper"]


@dataclass(frozen=True)
class ViewStack:
    """What the network said about one view, slice by slice, in the view's own order.

    Attributes
    ----------
    labels
        Integer labels, 0 background; xy (Z, Y, X), xz (Y, Z, X), yz (X, Z, Y). They may start
        again in every slice. An array or a memory map.
    prob
        Object probability, 0..1, same shape, by which method ``"consensus"`` weighs the first
        vote; None if there is none.
    dist
        Mean distance to the object's edge, pixels, same shape; needed by method ``"paper"``.

    Examples
    --------
    >>> from particlebridge.analysis import ViewStack, electrode, to_view
    >>> made = electrode((24, 48, 48), seed=1, radius=(5, 8))
    >>> ViewStack(to_view(made.labels, "xz")).labels.shape
    (48, 24, 48)
    """

    labels: np.ndarray
    prob: np.ndarray | None = None
    dist: np.ndarray | None = None


@dataclass(frozen=True)
class Fusion:
    """Fused bodies.

    Attributes
    ----------
    labels
        (Z, Y, X) int32 bodies, cracks included; 1..n, 0 background.
    solid
        (Z, Y, X) bool, material of the bodies; None without grey values.
    table
        One row per body, as `agreement_table` gives it; with grey values also ``Void``, which of
        `void_evidence.WORDS` says what is known of its void.
    void
        The same as numbers, one per label (`Solid.void`); None without grey values.
    doubted
        Views that method ``"consensus"`` counted a tenth, since they cut bodies between slices
        that lie far apart (`doubted_views`).
    """

    labels: np.ndarray
    solid: np.ndarray | None
    table: pd.DataFrame
    void: np.ndarray | None = None
    doubted: tuple[View, ...] = ()


def fuse(
    views: Mapping[str, ViewStack],
    volume: np.ndarray | None = None,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    method: Method = "consensus",
    *,
    min_diameter: float | None = None,
    min_iou: float = 0.3,
    max_gap: int = 3,
    downscale: float = 0.25,
    min_voxels: int = 2001,
) -> Fusion:
    """Fuse one to three views into one volume of bodies.

    Parameters
    ----------
    views
        One to three of ``"xy"``, ``"xz"``, ``"yz"``.
    volume
        (Z, Y, X) grey values. With them edges are refined and the void in each body is found.
    spacing
        Voxel size (z, y, x), um.
    method
        ``"consensus"``: the views' objects, linked and voted on (`analysis.consensus`).
        ``"paper"``, ``"flow"``: `paper_fusion` and `flow_fusion`, after Li et al., Science 376
        (2022) 517.
    min_diameter
        Bodies smaller than a ball of this diameter, um, are dropped; by default a sixth of the
        typical body's (consensus and flow).
    min_iou, max_gap
        How slices are linked (`link_slices`); consensus only.
    downscale, min_voxels
        The paper's scale and its smallest component at that scale; fit them to the particles.

    Returns
    -------
    Fusion

    Raises
    ------
    ValueError
        If there is no view, a name, shape or value is wrong, or the method lacks what it needs.

    Examples
    --------
    >>> from particlebridge.analysis import VIEWS, ViewStack, electrode, fuse, score, to_view
    >>> made = electrode((24, 48, 48), seed=1, radius=(5, 8))
    >>> views = {view: ViewStack(to_view(made.labels, view)) for view in VIEWS}
    >>> fused = fuse(views, made.volume, made.spacing)
    >>> fused.labels.shape, fused.labels.dtype
    ((24, 48, 48), dtype('int32'))
    >>> score(made.labels, fused.labels).f1[0.5] > 0.9
    True
    """
    spacing = check_spacing(spacing)
    if min_diameter is not None and not min_diameter >= 0:
        raise ValueError(f"min_diameter is a length, um, of 0 or more, not {min_diameter:g}.")
    stacks = _checked(views, volume)
    volume = None if volume is None else _checked_grey(volume)
    labels_of = {view: stack.labels for view, stack in stacks.items()}
    doubted: tuple[View, ...] = ()
    if method == "consensus":
        labels, doubted = consensus(
            labels_of,
            spacing,
            min_diameter,
            min_iou,
            max_gap,
            volume,
            {view: stack.prob for view, stack in stacks.items() if stack.prob is not None},
        )
    elif method == "flow":
        labels = flow_fusion(labels_of, spacing, min_diameter)
    elif method == "paper":
        labels = paper_fusion(
            {view: stack.dist for view, stack in stacks.items()}, downscale, min_voxels
        )
    else:
        raise ValueError(f"Views are fused by consensus, flow or paper, not by {method!r}.")
    table = agreement_table(labels, labels_of, spacing)
    if volume is None:
        return Fusion(labels, None, table, doubted=doubted)
    solid, void = find_void(volume, labels, spacing)
    table["Void"] = np.array(WORDS)[void[table["label"].to_numpy(int)]]
    return Fusion(labels, solid, table, void, doubted)


def _checked(views: Mapping[str, ViewStack], volume: np.ndarray | None) -> dict[View, ViewStack]:
    """Give the views in their fixed order, after checking that they show one volume."""
    unknown = [name for name in views if name not in VIEWS]
    if unknown:
        raise ValueError(f"A view is one of {', '.join(VIEWS)}, not {unknown[0]!r}.")
    if not views:
        raise ValueError("There is no view to fuse; give at least one of xy, xz, yz.")
    checked = {view: views[view] for view in VIEWS if view in views}
    shapes = {}
    for view, stack in checked.items():
        for name in ("labels", "prob", "dist"):
            array = getattr(stack, name)
            if array is None:
                continue
            if array.ndim != 3:
                raise ValueError(
                    f"The {name} of view {view} have {array.ndim} axes; "
                    "give a stack of slices with three."
                )
            shapes[f"{name} of view {view}"] = from_view(array, view).shape
    if volume is not None:
        shapes["volume"] = volume.shape
    first, shape = next(iter(shapes.items()))
    for name, other in shapes.items():
        if other != shape:
            raise ValueError(
                f"Shapes differ, as (Z, Y, X): {other} of the {name}, {shape} of the {first}; "
                "give stacks of one and the same volume, each in its view's order."
            )
    if 0 in shape:
        raise ValueError(f"A volume of shape {shape} has no voxels; there is nothing to fuse.")
    return checked


def _checked_grey(volume: np.ndarray) -> np.ndarray:
    """Give grey values with which all methods can calculate."""
    if volume.dtype == bool:
        return volume.view(np.uint8)
    if not np.can_cast(volume.dtype, np.float64):
        raise ValueError(f"Grey values are real numbers of up to 64 bits, not {volume.dtype}.")

    def finite(start: int, stop: int) -> bool:
        return bool(np.isfinite(volume[start:stop]).all())

    if volume.dtype.kind == "f" and not all(in_pieces(finite, volume.shape)):
        raise ValueError("A grey value is NaN or infinite; fill such voxels first.")
    return volume
