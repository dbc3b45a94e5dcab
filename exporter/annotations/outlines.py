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
    vertices, ends, owners = _trace(np.ascontiguousarray(labels, dtype=np.int64))
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    order = np.argsort(owners, kind="stable")
    bounds = np.flatnonzero(np.diff(owners[order])) + 1
    for group in np.split(order, bounds):
        if group.size:
            rings = [_simplify(vertices[starts[k] : ends[k]]) for k in group]
            yield int(owners[group[0]]), rings


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


@numba.njit(cache=True)
def _trace(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Walk along every border with the label on the right hand; record the sides' midpoints."""
    height, width = labels.shape
    # One bit per pixel: its upper side has been walked. Every closed border has such a side.
    seen = np.zeros((height, width), np.bool_)
    vertices = np.empty((4096, 2), np.float32)
    ends = [0 for _ in range(0)]
    owners = [0 for _ in range(0)]
    n = 0
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
                if n == len(vertices):
                    grown = np.empty((2 * n, 2), np.float32)
                    grown[:n] = vertices
                    vertices = grown
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
            ends.append(n)
            owners.append(label)
    return vertices[:n], np.array(ends, np.int64), np.array(owners, np.int64)


@numba.njit(cache=True)
def _simplify(ring: np.ndarray) -> np.ndarray:
    """Drop vertices of a closed ring (Douglas and Peucker), moving it by less than _TOLERANCE."""
    n = len(ring)
    closed = np.empty((n + 1, 2), np.float32)
    closed[:n] = ring
    closed[n] = ring[0]
    keep = np.zeros(n + 1, np.bool_)
    far = int(np.argmax((ring[:, 0] - ring[0, 0]) ** 2 + (ring[:, 1] - ring[0, 1]) ** 2))
    keep[0] = keep[far] = keep[n] = True
    stack = [(0, far), (far, n)]
    while len(stack) > 0:
        first, last = stack.pop()
        y0, x0 = closed[first]
        y1, x1 = closed[last]
        length2 = (y1 - y0) ** 2 + (x1 - x0) ** 2
        worst, at = 0.0, -1
        for k in range(first + 1, last):
            y, x = closed[k]
            along = (y - y0) * (y1 - y0) + (x - x0) * (x1 - x0)
            along = min(max(along / length2, 0.0), 1.0) if length2 > 0 else 0.0
            away = (y - y0 - along * (y1 - y0)) ** 2 + (x - x0 - along * (x1 - x0)) ** 2
            if away > worst:
                worst, at = away, k
        if worst > _TOLERANCE**2:
            keep[at] = True
            stack.append((first, at))
            stack.append((at, last))
    return closed[:n][keep[:n]]
