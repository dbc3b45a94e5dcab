"""Regions drawn by hand, as outlines, turned into labels by the pixel-centre rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numba
import numpy as np
import pandas as pd
import pyclipper

# Clipper works on whole numbers: 1/1024 pixel.
_STEPS = 1024
_CROSSING_AREA = 0.05
_FARTHEST = 1e6
_MOST_VERTICES = 100_000
_COLUMNS = ["label", "region", "shape", "area", "position"]


@dataclass(frozen=True, eq=False)
class Region:
    """One region of an annotation file.

    Coordinates are pixels from the image's upper left corner; the first pixel's centre is at
    (0.5, 0.5).

    Attributes
    ----------
    number
        Place in its image's list in the file, counted from 1.
    shape
        The file's own word for it: "polygon", "ellipse", ...
    rings
        (n, 2) float64 closed polygons (y, x), inside by the even-odd rule over all of them.
    ellipse
        (centre y, centre x, semi-axis y, semi-axis x, angle in radians from x towards y), in
        place of rings.
    attributes
        What the file says about the region, such as its name and class.
    position
        Slice of a stack, counted from 1; 0: none.
    problem
        Why it has no area, if it has none.
    """

    number: int
    shape: str
    rings: tuple[np.ndarray, ...] = ()
    ellipse: tuple[float, float, float, float, float] | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    position: int = 0
    problem: str = ""


def rasterize(
    regions: Sequence[Region], shape: tuple[int, int], source: str
) -> tuple[np.ndarray, pd.DataFrame, list[str]]:
    """Paint regions into a label image.

    A pixel belongs to a region that holds its centre; a centre on an outline belongs to the
    region to its right (then below), so that neighbours with a common edge neither overlap nor
    leave a gap. Where regions overlap the smaller one keeps the pixels, and of two equally
    large ones the later: no particle is lost under a larger one, whatever the order of drawing.
    What reaches beyond the image is clipped.

    Parameters
    ----------
    regions
        Of one image.
    shape
        (H, W) of the image.
    source
        File and image, to begin the sentences about problems with.

    Returns
    -------
    labels : (H, W) int32
        Numbered 1, 2, ... in the order of the regions that have an area.
    table : DataFrame
        One row per label: label, region (its number), shape, area (pixels kept), position, and
        the attributes of the regions (with a trailing _ where they bear one of these names).
    problems : list of str
        One sentence for each region that is empty, hidden or crosses itself.
    """
    problems: dict[int, str] = {}
    masks: list[tuple[Region, tuple[slice, slice], np.ndarray]] = []
    for region in regions:
        problem = region.problem or _flaw(region)
        if problem:
            problems[region.number] = problem
            if region.problem or not _is_paintable(region):
                continue
        window, mask = _mask(region, shape)
        if mask.any():
            masks.append((region, window, mask))
        else:
            problems.setdefault(
                region.number, "holds no pixel's centre: it is too thin, or off the image"
            )
    painted = np.zeros(shape, np.int32)
    order = sorted(range(len(masks)), key=lambda k: (-int(masks[k][2].sum()), masks[k][0].number))
    for k in order:
        _, window, mask = masks[k]
        painted[window][mask] = k + 1
    kept = np.bincount(painted.ravel(), minlength=len(masks) + 1)
    numbers = np.zeros(len(masks) + 1, np.int32)
    rows: list[dict[str, object]] = []
    for k, (region, _, _) in enumerate(masks):
        if not kept[k + 1]:
            problems[region.number] = "is hidden under smaller regions"
            continue
        numbers[k + 1] = len(rows) + 1
        drawn = {f"{k}_" if k in _COLUMNS else k: v for k, v in region.attributes.items()}
        rows.append({
            "label": len(rows) + 1, "region": region.number, "shape": region.shape,
            "area": int(kept[k + 1]), "position": region.position, **drawn,
        })  # fmt: skip
    sentences = [f"{source}: region {n} {problems[n]}" for n in sorted(problems)]
    table = pd.DataFrame(rows) if rows else pd.DataFrame(columns=_COLUMNS)
    return numbers[painted], table, sentences


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
        y, x = ring.T
        shoelace = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
        # Loops count with their own sign, or twice, in the shoelace formula.
        if abs(enclosed / _STEPS**2 - shoelace) > _CROSSING_AREA + 1e-3 * np.sqrt(shoelace):
            return "crosses itself: draw it again"
    return ""


def _mask(region: Region, shape: tuple[int, int]) -> tuple[tuple[slice, slice], np.ndarray]:
    """Return the window of the image that the region reaches, and its pixels there."""
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
