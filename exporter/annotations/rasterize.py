"""Regions drawn by hand turned into labels, by the pixel-centre rule."""

from collections.abc import Sequence

import numba
import numpy as np
import pandas as pd
import pyclipper

from .regions import Bitmap, Region, Remark, signed_area

# Clipper works on whole numbers: 1/1024 pixel.
_STEPS = 1024
_CROSSING_AREA = 0.05
_FARTHEST = 1e6
_MOST_VERTICES = 100_000
_EMPTY = "holds no pixel's centre: it is too thin, or off the image"
_FRAMED = 5
_FRAME = "holds five or more others whole: delete it if it is only the frame around them"
_COLUMNS = ["label", "region", "shape", "area", "position"]

_Window = tuple[slice, slice]


def rasterize(
    regions: Sequence[Region], shape: tuple[int, int], image: str = ""
) -> tuple[np.ndarray, pd.DataFrame, list[Remark]]:
    """Paint regions into a label image.

    A pixel belongs to a region that holds its centre; a centre on an outline belongs to the
    region to its right (then below), so that neighbours with a common edge neither overlap nor
    leave a gap. Where regions overlap the smaller one keeps the pixels, and of two equally
    large ones the later: no particle is lost under a larger one, whatever the order of drawing.
    Regions of one group are one particle. What reaches beyond the image is clipped.

    Parameters
    ----------
    regions
        Of one image; those that are no particles (`Region.role`) are painted all the same.
    shape
        (H, W) of the image.
    image
        Its name, for the remarks.

    Returns
    -------
    labels : (H, W) int32
        Numbered 1, 2, ... in the order of the regions that have an area.
    table : DataFrame
        One row per label: label, region (its number), shape, area (pixels kept), position, and
        the attributes of the regions (with a trailing _ where they bear one of these names).
    remarks : list of Remark
        On each region that is empty, hidden or crosses itself, or of which something was
        assumed, by number.
    """
    remarks: list[Remark] = []

    def remark(region: Region, text: str, *, lost: bool) -> None:
        remarks.append(Remark(image, region.number, text, lost))

    pieces: dict[str, list[tuple[Region, _Window, np.ndarray]]] = {}
    for place, region in enumerate(regions):
        if region.remark:
            remark(region, region.remark, lost=False)
        problem = region.problem or _flaw(region)
        if region.problem or not _is_paintable(region):
            remark(region, problem, lost=True)
            continue
        window, mask = _mask(region, shape)
        found = bool(mask.any())
        if problem or not found:
            remark(region, problem or _EMPTY, lost=not found)
        if found:
            key = f"group {region.group}" if region.group else f"region {place}"
            pieces.setdefault(key, []).append((region, window, mask))
    masks = [_joined(parts) for parts in pieces.values()]
    painted = np.zeros(shape, np.int32)
    order = sorted(range(len(masks)), key=lambda k: (-int(masks[k][2].sum()), masks[k][0].number))
    for k in order:
        _, window, mask = masks[k]
        painted[window][mask] = k + 1
    kept = np.bincount(painted.ravel(), minlength=len(masks) + 1)
    numbers = np.zeros(len(masks) + 1, np.int32)
    rows: list[dict[str, object]] = []
    for k, (region, window, mask) in enumerate(masks):
        if not kept[k + 1]:
            remark(region, "is hidden under smaller regions", lost=True)
            continue
        others, areas = np.unique(painted[window][mask], return_counts=True)
        if np.count_nonzero(areas[others != k + 1] == kept[others[others != k + 1]]) >= _FRAMED:
            remark(region, _FRAME, lost=False)
        numbers[k + 1] = len(rows) + 1
        drawn = {f"{k}_" if k in _COLUMNS else k: v for k, v in region.attributes.items()}
        rows.append({
            "label": len(rows) + 1, "region": region.number, "shape": region.shape,
            "area": int(kept[k + 1]), "position": region.position, **drawn,
        })  # fmt: skip
    table = pd.DataFrame(rows) if rows else pd.DataFrame(columns=_COLUMNS)
    return numbers[painted], table, sorted(remarks, key=lambda each: each.region)


def paint(regions: Sequence[Region], shape: tuple[int, int]) -> np.ndarray:
    """Return the (H, W) bool pixels that any of the regions covers."""
    covered = np.zeros(shape, np.bool_)
    for region in regions:
        if not region.problem and _is_paintable(region):
            window, mask = _mask(region, shape)
            covered[window] |= mask
    return covered


def _joined(parts: list[tuple[Region, _Window, np.ndarray]]) -> tuple[Region, _Window, np.ndarray]:
    """Unite the parts of one particle."""
    if len(parts) == 1:
        return parts[0]
    window = tuple(
        slice(min(w[axis].start for _, w, _ in parts), max(w[axis].stop for _, w, _ in parts))
        for axis in (0, 1)
    )
    joined = np.zeros([each.stop - each.start for each in window], np.bool_)
    for _, own, mask in parts:
        inner = tuple(
            slice(mine.start - whole.start, mine.stop - whole.start)
            for mine, whole in zip(own, window, strict=True)
        )
        joined[inner] |= mask
    return parts[0][0], (window[0], window[1]), joined


def _is_paintable(region: Region) -> bool:
    if region.ellipse is not None:
        return all(np.isfinite(region.ellipse)) and max(map(abs, region.ellipse)) <= _FARTHEST
    return all(
        len(ring) <= _MOST_VERTICES
        and np.isfinite(ring).all()
        and np.abs(ring).max(initial=0) <= _FARTHEST
        for ring in region.rings
    )


def _flaw(region: Region) -> str:
    """Say what is wrong with an outline, if anything is."""
    if not _is_paintable(region):
        return f"has impossible coordinates or more than {_MOST_VERTICES:,} vertices"
    for ring in region.rings:
        if len(ring) < 3:
            return "has fewer than three vertices"
        path = [tuple(point) for point in np.rint(ring * _STEPS).astype(np.int64).tolist()]
        try:
            parts = pyclipper.SimplifyPolygon(path, pyclipper.PFT_EVENODD)
        except pyclipper.ClipperException:
            continue  # too small for Clipper; rasterising tells whether it holds a pixel
        enclosed = abs(sum(pyclipper.Area(part) for part in parts))
        shoelace = abs(signed_area(ring))
        # Loops count with their own sign, or twice, in the shoelace formula.
        if abs(enclosed / _STEPS**2 - shoelace) > _CROSSING_AREA + 1e-3 * np.sqrt(shoelace):
            return "crosses itself: draw it again"
    return ""


def _mask(region: Region, shape: tuple[int, int]) -> tuple[_Window, np.ndarray]:
    """Return the window of the image that the region reaches, and its pixels there."""
    if region.bitmap is not None:
        return _unpacked(region.bitmap, shape)
    if region.ellipse is not None:
        cy, cx, ry, rx, angle = region.ellipse
        reach = max(abs(ry), abs(rx))
        low, high = np.array([cy - reach, cx - reach]), np.array([cy + reach, cx + reach])
    elif any(len(ring) for ring in region.rings):
        points = np.concatenate(region.rings)
        low, high = points.min(axis=0), points.max(axis=0)
    else:
        low = high = np.zeros(2)
    first = np.clip(np.floor(low), 0, shape).astype(int)
    last = np.clip(np.ceil(high), first, shape).astype(int)
    window = slice(first[0], last[0]), slice(first[1], last[1])
    mask = np.zeros((last[0] - first[0], last[1] - first[1]), np.bool_)
    if mask.size == 0:
        return window, mask
    if region.ellipse is None:
        for ring in region.rings:
            mask ^= _fill(np.ascontiguousarray(ring, np.float64), *first, *mask.shape)
        return window, mask
    if ry > 0 and rx > 0:
        y = np.arange(first[0], last[0])[:, None] + 0.5 - cy
        x = np.arange(first[1], last[1])[None, :] + 0.5 - cx
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        mask = (along / rx) ** 2 + (across / ry) ** 2 <= 1
    return window, mask


def _unpacked(bitmap: Bitmap, shape: tuple[int, int]) -> tuple[_Window, np.ndarray]:
    """Unpack the columns of a bitmap that lie within the image, and no others."""
    ends = np.cumsum(bitmap.runs)
    inside = np.flatnonzero(bitmap.runs[1::2]) * 2 + 1
    first, last = ends[inside] - bitmap.runs[inside], ends[inside]
    height = bitmap.height
    rows = np.clip([bitmap.top, bitmap.top + height], 0, shape[0])
    columns = np.clip([bitmap.left, bitmap.left + bitmap.width], 0, shape[1])
    if inside.size:
        # Of most particles a bitmap of the whole image holds few columns.
        reach = bitmap.left + np.array([first[0] // height, (last[-1] - 1) // height + 1])
        columns = np.clip(reach, *columns)
    begin, end = (columns - bitmap.left) * height
    steps = np.zeros(end - begin + 1, np.int8)
    np.add.at(steps, np.clip(first, begin, end) - begin, 1)
    np.add.at(steps, np.clip(last, begin, end) - begin, -1)
    mask = np.cumsum(steps[:-1], dtype=np.int8).astype(np.bool_).reshape(-1, height).T
    window = slice(rows[0], rows[1]), slice(columns[0], columns[1])
    return window, mask[rows[0] - bitmap.top : rows[1] - bitmap.top]


@numba.njit(cache=True)
def _fill(ring: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """Fill a polygon by the even-odd rule: every edge flips the pixels to its right."""
    mask = np.zeros((height, width), np.bool_)
    n = len(ring)
    for k in range(n):
        y0, x0 = ring[k]
        y1, x1 = ring[(k + 1) % n]
        if y0 == y1:
            continue
        # Always from above, so that two regions see their common edge at the very same place.
        if y0 > y1:
            y0, x0, y1, x1 = y1, x1, y0, x0
        first = max(top, int(np.ceil(y0 - 0.5)))
        for row in range(first, min(top + height, int(np.ceil(y1 - 0.5)))):
            cut = x0 + (row + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
            for column in range(max(left, int(np.ceil(cut - 0.5))), left + width):
                mask[row - top, column - left] = not mask[row - top, column - left]
    return mask
