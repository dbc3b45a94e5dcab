"""Fusing the views of a run folder into labels.tif, solid.tif and fusion.csv."""

import os
from pathlib import Path

import numpy as np
from particlebridge import analysis
from particlebridge.analysis import VIEWS, Fusion, ViewStack
from particlebridge.analysis.fusion import Method
from particlebridge.analysis.views import volume_spacing

from .field_of_view import field_of_view, fill_outside
from .tables import write_table
from .volumes import read_labels, read_volume
from .voxel_size import Spacing
from .writing import write_labels, write_mask


def fuse(
    folder: str | os.PathLike[str],
    *,
    volume: str | os.PathLike[str] | None = None,
    method: Method = "consensus",
    out: str | os.PathLike[str] | None = None,
) -> Path:
    """Fuse the views of a run folder into one label volume.

    Parameters
    ----------
    folder
        Holds ``views/*/labels.tif`` of one to three views; prob.tif and dist.tif beside them are
        used if there.
    volume
        Grey values: outlines are refined and voids found with them.
    method
        ``consensus``, ``flow`` or ``paper``.
    out
        Label file to write, by default ``folder/labels.tif``; solid.tif (if grey values are given)
        and fusion.csv go beside it.

    Returns
    -------
    Path
        The label file.

    Raises
    ------
    FileNotFoundError, ValueError
        If there are no views, or their shapes do not belong to one volume.
    """
    folder = Path(folder)
    target = Path(out) if out is not None else folder / "labels.tif"
    views, spacing = read_views(folder)
    grey = None
    if volume is not None:
        read = read_volume(volume)
        grey = fill_outside(read.data, field_of_view(read.data, read.source))
        if read.spacing_from != "unknown":
            spacing = read.spacing
    write_fusion(analysis.fuse(views, grey, spacing, method=method), target, spacing)
    return target


def read_views(folder: Path) -> tuple[dict[str, ViewStack], Spacing]:
    """Map the stacks of a run folder's views and read the volume's voxel size from them."""
    views: dict[str, ViewStack] = {}
    spacing: Spacing = (1.0, 1.0, 1.0)
    for view in VIEWS:
        stacks: dict[str, np.ndarray] = {}
        for name in ("labels", "prob", "dist"):
            file = folder / "views" / view / f"{name}.tif"
            if not file.exists():
                continue
            read = read_volume(file)
            stacks[name] = read_labels(file) if name == "labels" else read.data
            if name == "labels" and read.spacing_from != "unknown":
                spacing = volume_spacing(read.spacing, view)
        if "labels" in stacks:
            views[view] = ViewStack(stacks["labels"], stacks.get("prob"), stacks.get("dist"))
    if not views:
        raise FileNotFoundError(
            f"{folder / 'views'}: holds no labels.tif of a view; run 'particlebridge segment' first"
        )
    return views, spacing


def write_fusion(fusion: Fusion, target: Path, spacing: Spacing) -> None:
    """Write labels, the mask of material where known, and the table of confidence."""
    if fusion.solid is not None:
        write_mask(target.with_name("solid.tif"), fusion.solid, spacing)
    write_table(fusion.table, target.with_name("fusion.csv"))
    write_labels(target, fusion.labels, spacing)
