"""ImageJ's regions of interest: RoiSet.zip and .roi files, out and in."""

import os
import zipfile
from collections.abc import Sequence

import numpy as np
from particlebridge.analysis import atomic_path
from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi

from .outlines import label_outlines


def write_rois(
    labels: np.ndarray, path: str | os.PathLike[str], *, positions: Sequence[int] | None = None
) -> int:
    """Write labels as a RoiSet.zip that ImageJ's ROI Manager opens.

    Every label becomes one region: a subpixel polygon between the pixel centres, or a composite
    region if the label has holes or several parts. By the pixel-centre rule, which is ImageJ's,
    each region covers exactly the label's pixels. Regions stand in rising order of label and
    bear its number as their name (``0007``; in a stack ``0012-0007``: slice, label).

    Parameters
    ----------
    labels
        (H, W) or a stack (N, H, W), integers, 0 is background.
    path
        The zip file to write; it appears whole or not at all.
    positions
        The stack position of each slice, counted from 1. By default 1 .. N for a stack, and
        none for one image, so that its regions show on any slice.

    Returns
    -------
    int
        How many regions were written.

    Raises
    ------
    ValueError
        If `labels` is no integer image or stack, or `positions` has another length than it.
    OSError
        If the file cannot be written.
    """
    labels = np.asarray(labels)
    if labels.ndim not in (2, 3):
        raise ValueError(f"labels for {path} must be (H, W) or (N, H, W), not {labels.ndim}-D")
    stack = labels if labels.ndim == 3 else labels[np.newaxis]
    if positions is None:
        positions = range(1, len(stack) + 1) if labels.ndim == 3 else [0]
    if len(positions) != len(stack):
        raise ValueError(f"{len(positions)} positions for {len(stack)} slices going to {path}")
    width = len(str(int(stack.max(initial=0))))
    width = max(width, 4)
    count = 0
    with atomic_path(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for position, plane in zip(positions, stack, strict=True):
            prefix = f"{position:04d}-" if position else ""
            for label, rings in label_outlines(plane):
                roi = _region(rings)
                roi.name = f"{prefix}{label:0{width}d}"
                roi.position = position
                # A fixed date: the same labels give the same bytes.
                archive.writestr(
                    zipfile.ZipInfo(f"{roi.name}.roi", (1980, 1, 1, 0, 0, 0)),
                    roi.tobytes(),
                    compress_type=zipfile.ZIP_DEFLATED,
                )
                count += 1
    return count


def _region(rings: list[np.ndarray]) -> ImagejRoi:
    """Make a polygon of one ring, a composite of several; rings are (n, 2) float32 (y, x)."""
    xy = np.concatenate(rings)[:, ::-1]
    left, top = np.floor(xy.min(axis=0)).astype(int)
    right, bottom = np.ceil(xy.max(axis=0)).astype(int)
    roi = ImagejRoi(left=int(left), top=int(top), right=int(right), bottom=int(bottom))
    if len(rings) == 1:
        roi.roitype = ROI_TYPE.POLYGON
        roi.options = ROI_OPTIONS.SUB_PIXEL_RESOLUTION
        roi.n_coordinates = len(xy)
        roi.subpixel_coordinates = xy
        roi.integer_coordinates = np.round(xy).astype(np.int32) - (left, top)
    else:
        # A path of move-to (0), line-to (1) and close (4) steps in image coordinates.
        path: list[float] = []
        for ring in rings:
            for step, (y, x) in enumerate(ring.tolist()):
                path += [min(step, 1), x, y]
            path.append(4)
        roi.roitype = ROI_TYPE.RECT
        roi.multi_coordinates = np.array(path, np.float32)
        roi.shape_roi_size = len(path)
    return roi
