"""Moving 2-D objects by a pixel or so to where the bodies are."""

import numba
import numpy as np

from .._shared.parallel import in_pieces
from .._shared.views import View, to_view
from ..linking.objects import Objects2D


def align_objects(
    objects: Objects2D, body_of: np.ndarray, bodies: np.ndarray, view: View, reach: int
) -> None:
    """Shift each 2-D object to where it covers most of its body, in place.

    A view's slices are drawn one by one, so that an object may lie a pixel beside those of the
    next slice. The body, on which many slices of all views have voted, does not.

    Parameters
    ----------
    objects
        Its `numbers` are redrawn.
    body_of
        (n + 1,) body of each object; objects with none (<= 0) stay.
    bodies
        (Z, Y, X) int32 bodies.
    view
        The view of the objects.
    reach
        Longest shift along each axis, pixels.
    """
    n = objects.sizes.size
    boxes, shifts = np.empty((n, 4), np.int64), np.zeros((n, 2), np.int64)
    seen = to_view(bodies, view)

    def work(start: int, stop: int) -> None:
        for k in range(start, stop):
            body = np.ascontiguousarray(seen[k])
            _align_plane(objects.numbers[k], body, body_of, reach, boxes, shifts)

    in_pieces(work, seen.shape)


@numba.njit(cache=True, nogil=True)
def _align_plane(
    plane: np.ndarray,
    body: np.ndarray,
    body_of: np.ndarray,
    reach: int,
    boxes: np.ndarray,
    shifts: np.ndarray,
) -> None:
    height, width = plane.shape
    first, last = np.int64(2**62), np.int64(-1)
    for y in range(height):
        for x in range(width):
            if plane[y, x]:
                first, last = min(first, plane[y, x]), max(last, plane[y, x])
    if last < 0:
        return
    for k in range(first, last + 1):
        boxes[k, 0], boxes[k, 1], boxes[k, 2], boxes[k, 3] = height, -1, width, -1
    for y in range(height):
        for x in range(width):
            k = plane[y, x]
            if k:
                boxes[k, 0], boxes[k, 1] = min(boxes[k, 0], y), max(boxes[k, 1], y)
                boxes[k, 2], boxes[k, 3] = min(boxes[k, 2], x), max(boxes[k, 3], x)
    moved = False
    for k in range(first, last + 1):
        shifts[k, 0] = shifts[k, 1] = 0
        if body_of[k] <= 0:
            continue
        most = -1
        # The shortest shift wins among those that cover as much.
        for length in range(2 * reach + 1):
            for dy in range(-min(length, reach), min(length, reach) + 1):
                for side in range(2):
                    dx = (length - abs(dy)) * (2 * side - 1)
                    if abs(dx) > reach or (dx == 0 and side):
                        continue
                    covered, name = 0, body_of[k]
                    for y in range(max(boxes[k, 0], -dy), min(boxes[k, 1] + 1, height - dy)):
                        for x in range(max(boxes[k, 2], -dx), min(boxes[k, 3] + 1, width - dx)):
                            covered += (plane[y, x] == k) & (body[y + dy, x + dx] == name)
                    if covered > most:
                        most = covered
                        shifts[k, 0], shifts[k, 1] = dy, dx
        moved |= shifts[k, 0] != 0 or shifts[k, 1] != 0
    if not moved:
        return
    old = plane.copy()
    plane[:] = 0
    for y in range(height):
        for x in range(width):
            k = old[y, x]
            if k == 0:
                continue
            yy, xx = y + shifts[k, 0], x + shifts[k, 1]
            # Where two objects come to lie on one pixel, the body under it decides.
            if not (0 <= yy < height and 0 <= xx < width):
                continue
            if plane[yy, xx] == 0 or body[yy, xx] == body_of[k]:
                plane[yy, xx] = k
