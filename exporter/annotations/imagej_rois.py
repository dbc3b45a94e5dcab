"""ImageJ's regions of interest: RoiSet.zip and .roi files, out and in."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from particlebridge.analysis.io.errors import shown
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, ImagejRoi

from ..safe_zip import opened, write_zip
from .outlines import label_outlines
from .regions import Region, line_region, open_ring, shown_shape

_OUTLINED = (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED)
_LINES = (ROI_TYPE.POLYLINE, ROI_TYPE.FREELINE)
_MOST_REGION_BYTES = 16 << 20
_MOST_REGIONS = 1_000_000


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

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.exporter import read_annotations, write_rois
    >>> labels = np.zeros((8, 8), np.int32)
    >>> labels[1:4, 1:4], labels[5:7, 2:6] = 1, 2
    >>> write_rois(labels, "rois.zip")
    2
    >>> bool((read_annotations("rois.zip", (8, 8)).labels == labels).all())
    True
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
    members: dict[str, bytes] = {}
    for position, plane in zip(positions, stack, strict=True):
        prefix = f"{position:04d}-" if position else ""
        for label, rings in label_outlines(plane):
            roi = _region(rings)
            roi.name = f"{prefix}{label:0{width}d}"
            roi.position = position
            members[f"{roi.name}.roi"] = roi.tobytes()
    write_zip(path, members)
    return len(members)


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


def read_rois(path: str | os.PathLike[str]) -> list[Region]:
    """Read a .roi file or a RoiSet.zip.

    Parameters
    ----------
    path
        The file; nothing in it is trusted.

    Returns
    -------
    list of Region
        In the order of the file. Points, straight lines, angles and text have no area and come
        with `Region.problem` set; open lines around something are closed.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such file, or is damaged or unsafe.
    """
    path = Path(path)
    if path.suffix.lower() == ".roi":
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file; save it in ImageJ by File > Save As")
        if path.stat().st_size > _MOST_REGION_BYTES:
            raise ValueError(f"{path} is {path.stat().st_size:,} bytes long, no single region")
        return [_read_region(path.read_bytes(), 1, path.stem, path)]
    regions: list[Region] = []
    with opened(path, _MOST_REGIONS) as archive:
        for info in archive.infolist():
            if not info.filename.lower().endswith(".roi") or _is_mac_leftover(info.filename):
                continue
            if info.file_size > _MOST_REGION_BYTES:
                raise ValueError(
                    f"{path} is unsafe: {info.filename} unpacks to {info.file_size:,} bytes"
                )
            name = Path(info.filename).stem
            regions.append(_read_region(archive.read(info), len(regions) + 1, name, path))
        others = [n for n in archive.namelist() if n.lower().endswith((".json", ".geojson"))]
    if not regions and others:
        raise ValueError(f"{path} holds no .roi files but {shown(others[0])}; unpack it, give that")
    if not regions:
        raise ValueError(
            f"{path} holds no .roi files; save regions by More > Save in ImageJ's ROI Manager"
        )
    return regions


def _is_mac_leftover(name: str) -> bool:
    """Tell files beside the files, which macOS packs along: they bear the same suffix."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or parts[-1].startswith("._")


def _read_region(data: bytes, number: int, name: str, path: Path) -> Region:
    try:
        roi = ImagejRoi.frombytes(data)
        rings, ellipse, problem = _geometry(roi)
        position = max(roi.position or roi.z_position or roi.t_position, 0)
        attributes = {"name": roi.name or name}
        if roi.roitype in _LINES and not (roi.composite or problem):
            kind = roi.roitype.name.lower()
            return line_region(number, kind, rings[0], attributes, position)
    except Exception as error:  # roifile raises of any kind on damaged bytes
        raise ValueError(
            f"{path}: region {number} ({name}) is damaged ({error}); save the regions again"
        ) from error
    return Region(
        number=number,
        shape=roi.roitype.name.lower() if not roi.composite else "composite",
        rings=rings,
        ellipse=ellipse,
        attributes=attributes,
        position=position,
        problem=problem,
    )


def _geometry(
    roi: ImagejRoi,
) -> tuple[tuple[np.ndarray, ...], tuple[float, float, float, float, float] | None, str]:
    """Return rings or ellipse, or the problem."""
    if roi.composite:
        rings = roi.coordinates(multi=True)
        return tuple(_yx(ring) for ring in rings), None, ""
    if roi.subtype == ROI_SUBTYPE.TEXT:
        return (), None, "is a text, which has no area"
    if roi.roitype in _LINES:
        return (np.asarray(roi.coordinates(), np.float64)[:, ::-1],), None, ""
    if roi.roitype in _OUTLINED:
        return (_yx(np.asarray(roi.coordinates())),), None, ""
    if roi.roitype in (ROI_TYPE.RECT, ROI_TYPE.OVAL):
        x, y, width, height = (
            (roi.xd, roi.yd, roi.widthd, roi.heightd)
            if roi.subpixelrect
            else (roi.left, roi.top, roi.right - roi.left, roi.bottom - roi.top)
        )
        if roi.roitype == ROI_TYPE.OVAL:
            return (), (y + height / 2, x + width / 2, height / 2, width / 2, 0.0), ""
        corners = [(y, x), (y, x + width), (y + height, x + width), (y + height, x)]
        return (np.array(corners, np.float64),), None, ""
    return (), None, f"is {shown_shape(roi.roitype.name.lower())}, which has no area"


def _yx(points: np.ndarray) -> np.ndarray:
    ring = np.asarray(points, np.float64)[:, ::-1]
    return open_ring(ring)
