"""Greedy suppression of overlapping polygons, equal to the Fiji plugin's and fast.

The plugin compares every pair by Clipper's intersection of whole-number polygons. Here a grid of
cells finds the pairs whose bounding boxes meet, an exact area in floating point settles nearly
all of them, and Clipper is asked only where its rounding could tip the balance.
"""

import numba
import numpy as np
import pyclipper
from numpy.typing import NDArray

from .polygons import STEPS_PER_PIXEL, Polygons

_CELL_STEPS = 64 * STEPS_PER_PIXEL
# Clipper rounds each corner of an intersection to whole steps, so its area is off by less than one
# step along the outlines (0.034 at worst in thousands of pairs); within that Clipper decides.
_ROUNDING_STEPS = 1.0
_MIN_RADIUS_STEPS = 10.0
_AREA_EPSILON = 1e-10


def suppress(polygons: Polygons, nms_thresh: float) -> NDArray[np.intp]:
    """Pick the polygons that no more probable winner covers.

    In order of falling probability each polygon not yet suppressed wins, and suppresses every
    later one with intersection / smaller of the two areas above `nms_thresh`.

    Parameters
    ----------
    polygons
        Candidates in order of falling probability, outlines in the network's pixels.
    nms_thresh
        0 to 1; the higher, the more overlap is tolerated.

    Returns
    -------
    (k,) intp
        Indices of the winners, rising.

    Raises
    ------
    ValueError
        If the threshold is outside 0 to 1.

    References
    ----------
    stardist-imagej, class Candidates; Angus Johnson's Clipper with non-zero fill.

    Examples
    --------
    >>> from particlebridge.analysis import Polygons, suppress
    >>> rays = [[4.0] * 16] * 3
    >>> polygons = Polygons.from_rays([[10, 10], [10, 11], [30, 30]], rays, [0.9, 0.8, 0.7])
    >>> suppress(polygons, 0.4).tolist()
    [0, 2]
    """
    if not 0 <= nms_thresh <= 1:
        raise ValueError(f"the overlap threshold must lie within 0 to 1, not {nms_thresh:g}")
    steps = np.rint(polygons.outlines * STEPS_PER_PIXEL)
    count = len(steps)
    if count < 2:
        return np.arange(count)
    y, x = np.ascontiguousarray(steps[..., 0]), np.ascontiguousarray(steps[..., 1])
    areas = _signed_areas(y, x)
    shapes = _Shapes(y, x, areas, _star_shaped(polygons, y, x))
    alive = np.ones(count, np.bool_)
    doubtful = np.empty(count, np.intp)
    for winner in range(count):
        if not alive[winner]:
            continue
        n_doubtful = _suppress_by(winner, nms_thresh, *shapes.arrays, alive, doubtful)
        for other in doubtful[:n_doubtful]:
            shared = intersection_area(steps[winner], steps[other])
            smaller = min(areas[winner] + _AREA_EPSILON, areas[other] + _AREA_EPSILON)
            alive[other] = not shared / smaller > nms_thresh
    return np.flatnonzero(alive)


def intersection_area(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Return Clipper's signed area of the intersection of two polygons, in square steps.

    Parameters
    ----------
    a, b
        (n, 2) vertices (y, x), whole numbers.
    """
    clipper = pyclipper.Pyclipper()
    try:
        clipper.AddPath(a[:, ::-1].astype(np.int64).tolist(), pyclipper.PT_CLIP, True)
        clipper.AddPath(b[:, ::-1].astype(np.int64).tolist(), pyclipper.PT_SUBJECT, True)
    except pyclipper.ClipperException:  # a polygon of no extent
        return 0.0
    parts = clipper.Execute(pyclipper.CT_INTERSECTION, pyclipper.PFT_NONZERO, pyclipper.PFT_NONZERO)
    return float(sum(pyclipper.Area(part) for part in parts))


class _Shapes:
    """The candidates' outlines, bounding boxes and cells as arrays for `_suppress_by`."""

    def __init__(
        self,
        y: NDArray[np.float64],
        x: NDArray[np.float64],
        areas: NDArray[np.float64],
        simple: NDArray[np.bool_],
    ) -> None:
        boxes = np.stack([y.min(1), y.max(1), x.min(1), x.max(1)], axis=-1)
        extent = np.median(np.maximum(boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]))
        size = max(float(extent), _CELL_STEPS)
        cell_y = np.floor((boxes[:, 0] + boxes[:, 1]) / (2 * size))
        cell_x = np.floor((boxes[:, 2] + boxes[:, 3]) / (2 * size))
        members = np.lexsort((cell_x, cell_y))
        cell_y, cell_x = cell_y[members], cell_x[members]
        fresh = (np.diff(cell_y) != 0) | (np.diff(cell_x) != 0)
        starts = np.concatenate([[0], np.flatnonzero(fresh) + 1, [len(members)]])
        sorted_boxes = boxes[members]
        reach = np.empty((len(starts) - 1, 4))
        for side, outermost in enumerate((np.minimum, np.maximum) * 2):
            reach[:, side] = outermost.reduceat(sorted_boxes[:, side], starts[:-1])
        lengths = np.hypot(y - np.roll(y, -1, 1), x - np.roll(x, -1, 1)).sum(1)
        self.arrays = (y, x, areas, lengths, simple, boxes, members, starts, reach)


def _signed_areas(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    return (x * np.roll(y, -1, 1) - np.roll(x, -1, 1) * y).sum(1) / 2


def _star_shaped(
    polygons: Polygons, y: NDArray[np.float64], x: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell which outlines, as rounded, still run once around their centre without a fold."""
    dy = y - STEPS_PER_PIXEL * polygons.points[:, :1]
    dx = x - STEPS_PER_PIXEL * polygons.points[:, 1:]
    turns = dx * np.roll(dy, -1, 1) - np.roll(dx, -1, 1) * dy
    away = polygons.dist.min(1) * STEPS_PER_PIXEL >= _MIN_RADIUS_STEPS
    return away & (turns >= 0).all(1) & (polygons.dist.shape[1] >= 4)


@numba.njit(cache=True)
def _suppress_by(  # type: ignore[no-untyped-def]
    winner, thresh, y, x, areas, lengths, simple, boxes, members, starts, reach, alive, doubtful
):
    """Suppress what `winner` surely covers; list what only Clipper can settle, return how many."""
    n_doubtful = 0
    top, bottom, left, right = boxes[winner]
    for cell in range(len(starts) - 1):
        far = reach[cell]
        if far[0] >= bottom or far[1] <= top or far[2] >= right or far[3] <= left:
            continue
        for place in range(starts[cell], starts[cell + 1]):
            other = members[place]
            if other <= winner or not alive[other]:
                continue
            box = boxes[other]
            high = min(bottom, box[1]) - max(top, box[0])
            wide = min(right, box[3]) - max(left, box[2])
            if high <= 0 or wide <= 0:
                continue
            if not (simple[winner] and simple[other]):
                doubtful[n_doubtful] = other
                n_doubtful += 1
                continue
            limit = thresh * min(areas[winner], areas[other])
            doubt = _ROUNDING_STEPS * (lengths[winner] + lengths[other])
            if high * wide < limit - doubt:
                continue
            shared = _intersection_area(y[winner], x[winner], y[other], x[other])
            if shared > limit + doubt:
                alive[other] = False
            elif shared > limit - doubt:
                doubtful[n_doubtful] = other
                n_doubtful += 1
    return n_doubtful


@numba.njit(cache=True)
def _intersection_area(ay, ax, by, bx):  # type: ignore[no-untyped-def]
    """Integrate over x the lower of every edge of a and every edge of b, signed by direction.

    A simple polygon is the signed sum of the strips between its edges and a base line, so an
    intersection is the signed sum over pairs of edges of the lower strip's area.
    """
    base = min(ay.min(), by.min())
    total = 0.0
    n = len(ax)
    m = len(bx)
    low, high = bx.min(), bx.max()
    for i in range(n):
        i2 = i + 1 if i + 1 < n else 0
        a1, a2 = ax[i], ax[i2]
        if a1 == a2 or max(a1, a2) <= low or min(a1, a2) >= high:
            continue
        slope_a = (ay[i2] - ay[i]) / (a2 - a1)
        for j in range(m):
            j2 = j + 1 if j + 1 < m else 0
            b1, b2 = bx[j], bx[j2]
            start = max(min(a1, a2), min(b1, b2))
            stop = min(max(a1, a2), max(b1, b2))
            if start >= stop:
                continue
            slope_b = (by[j2] - by[j]) / (b2 - b1)
            p1 = ay[i] - base + slope_a * (start - a1)
            p2 = ay[i] - base + slope_a * (stop - a1)
            q1 = by[j] - base + slope_b * (start - b1)
            q2 = by[j] - base + slope_b * (stop - b1)
            d1, d2 = p1 - q1, p2 - q2
            if d1 * d2 >= 0:
                mean = (p1 + p2) / 2 if d1 + d2 <= 0 else (q1 + q2) / 2
            else:  # the edges cross
                t = d1 / (d1 - d2)
                cross = p1 + t * (p2 - p1)
                mean = (t * (min(p1, q1) + cross) + (1 - t) * (cross + min(p2, q2))) / 2
            part = mean * (stop - start)
            total += part if (a1 < a2) == (b1 < b2) else -part
    return total
