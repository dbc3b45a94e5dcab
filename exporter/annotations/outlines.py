"""Outlines of labels: few vertices, between the pixel centres, that rasterise back exactly."""

from collections.abc import Iterator

import numba
import numpy as np

# A traced outline joins the midpoints of pixel sides, so it passes every pixel centre at a
# distance of at least sqrt(1/8) = 0.3535. Vertices may be dropped as long as the outline moves
# less than that: no centre changes sides.
_TOLERANCE = 0.35


def label_outlines(labels: np.ndarray) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Trace every label of an image.

    Parameters
    ----------
    labels
        (H, W) integers, 0 is background.

    Yields
    ------
    label : int
        In rising order.
    rings : list of ndarray
        (n, 2) float32 closed polygons (y, x), the first vertex not repeated, in pixels from the
        image's upper left corner (the first pixel's centre is at 0.5, 0.5). Outer borders of
        the label's 4-connected parts and the borders of its holes; a pixel belongs to the label
        if the even-odd rule over all its rings puts its centre inside.

    Raises
    ------
    ValueError
        If `labels` is not a 2-D integer array, or holds negative numbers.
    """
    labels = checked_labels(labels)
    labels = np.ascontiguousarray(labels, dtype=np.int64)
    vertices, rings = np.empty((0, 2), np.float32), np.empty((0, 2), np.int64)
    sides, borders = _trace(labels, vertices, rings)
    vertices, rings = np.empty((sides, 2), np.float32), np.empty((borders, 2), np.int64)
    _trace(labels, vertices, rings)
    ends, owners = rings.T
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    order = np.argsort(owners, kind="stable")
    bounds = np.flatnonzero(np.diff(owners[order])) + 1
    for group in np.split(order, bounds):
        if group.size:
            outlines = [_simplify(vertices[starts[k] : ends[k]]) for k in group]
            yield int(owners[group[0]]), outlines


def checked_labels(labels: np.ndarray) -> np.ndarray:
    """Return labels as an array; ValueError if they are no 2-D integers, or negative."""
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be a 2-D integer image, not {labels.ndim}-D {labels.dtype}; "
            "give one slice at a time"
        )
    if labels.size and labels.min() < 0:
        raise ValueError("labels must not be negative; 0 is background")
    return labels


# Numba takes ten times as long to compile lists and array expressions as loops over given arrays.


@numba.njit(cache=True)
def _trace(labels: np.ndarray, vertices: np.ndarray, rings: np.ndarray) -> tuple[int, int]:
    """Walk along every border with the label on the right hand; count sides and borders.

    As far as there is room, the sides' midpoints are written to `vertices`, and for each border
    where it ends there and whose it is to `rings`.
    """
    height, width = labels.shape
    # One bit per pixel: its upper side has been walked. Every closed border has such a side.
    seen = np.zeros((height, width), np.bool_)
    n = borders = 0
    for row in range(height):
        for column in range(width):
            label = labels[row, column]
            if label == 0 or seen[row, column]:
                continue
            if row > 0 and labels[row - 1, column] == label:
                continue
            y, x, dy, dx = row, column, 0, 1
            while True:
                if dx == 1:
                    if seen[y, x]:
                        break
                    seen[y, x] = True
                if n < len(vertices):
                    vertices[n, 0] = y + 0.5 * dy
                    vertices[n, 1] = x + 0.5 * dx
                n += 1
                y += dy
                x += dx
                # Pixels beyond the corner: to the right and to the left of the way ahead.
                ry, rx = y + (dy + dx - 1) // 2, x + (dx - dy - 1) // 2
                ly, lx = y + (dy - dx - 1) // 2, x + (dx + dy - 1) // 2
                right = 0 <= ry < height and 0 <= rx < width and labels[ry, rx] == label
                left = 0 <= ly < height and 0 <= lx < width and labels[ly, lx] == label
                if not right:
                    dy, dx = dx, -dy
                elif left:
                    dy, dx = -dx, dy
            if borders < len(rings):
                rings[borders, 0] = n
                rings[borders, 1] = label
            borders += 1
    return n, borders


def _simplify(ring: np.ndarray) -> np.ndarray:
    """Drop vertices of a closed ring (Douglas and Peucker), moving it by less than _TOLERANCE."""
    n = len(ring)
    far = int(np.argmax(((ring - ring[0]) ** 2).sum(axis=1)))
    keep, parts = np.zeros(n, np.bool_), np.empty((n + 2, 2), np.int64)
    keep[0] = keep[far] = True
    parts[0], parts[1] = (0, far), (far, n)
    _keep_far(ring, parts, keep)
    return ring[keep]


@numba.njit(cache=True)
def _keep_far(ring: np.ndarray, parts: np.ndarray, keep: np.ndarray) -> None:
    """Mark the vertices from which the chords of the parts, in halves, would be too far."""
    n, left = len(ring), 2
    while left > 0:
        left -= 1
        first, last = parts[left, 0], parts[left, 1]
        y0, x0 = ring[first, 0], ring[first, 1]
        y1, x1 = ring[last % n, 0], ring[last % n, 1]
        length2 = (y1 - y0) ** 2 + (x1 - x0) ** 2
        worst, at = 0.0, -1
        for k in range(first + 1, last):
            y, x = ring[k, 0], ring[k, 1]
            along = (y - y0) * (y1 - y0) + (x - x0) * (x1 - x0)
            along = min(max(along / length2, 0.0), 1.0) if length2 > 0 else 0.0
            away = (y - y0 - along * (y1 - y0)) ** 2 + (x - x0 - along * (x1 - x0)) ** 2
            if away > worst:
                worst, at = away, k
        if worst > _TOLERANCE**2:
            keep[at] = True
            parts[left, 0], parts[left, 1] = first, at
            parts[left + 1, 0], parts[left + 1, 1] = at, last
            left += 2
