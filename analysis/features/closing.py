"""Closing with a ball, reach of a ball and hole filling on one particle's crop (compiled).

A ball is applied through the squared Euclidean distance, computed axis by axis as a running
minimum of ``distance + offset^2`` and cut off at the ball's radius: exact inside the ball for any
voxel size, and each inner loop runs along contiguous memory, so the compiler vectorises it.
"""

import numpy as np
from numba import njit

# Relative slack on "within the radius": 10 voxels of 0.07 um must count as within 0.7 um.
SLACK = 1e-5


def ball_reach(radius: float, spacing: tuple[float, float, float]) -> np.ndarray:
    """Voxels a ball reaches along each axis.

    Parameters
    ----------
    radius
        Ball radius, um.
    spacing
        Voxel size (z, y, x), um.

    Returns
    -------
    ndarray of int64, shape (3,)
        Whole voxels within `radius` of a voxel's centre.
    """
    return np.floor(radius / np.asarray(spacing, float) * (1 + SLACK)).astype(np.int64)


@njit(nogil=True, cache=True)
def _running_minimum(target, source, first, reach, step2):  # type: ignore[no-untyped-def]
    """Lower target[i] to source[first + i + k] + (k * step)^2 for every |k| <= reach."""
    rows = source.shape[0]
    for i in range(target.shape[0]):
        low = max(0, first + i - reach)
        high = min(rows - 1, first + i + reach)
        for j in range(low, high + 1):
            offset = j - first - i
            cost = np.float32(offset * offset * step2)
            line, out = source[j], target[i]
            for x in range(out.shape[0]):
                value = line[x] + cost
                out[x] = value if value < out[x] else out[x]


@njit(nogil=True, cache=True)
def squared_distance(source, shape, start, reach, spacing):  # type: ignore[no-untyped-def]
    """Squared distance to the nearest True voxel, exact within the reach, inf beyond.

    Parameters
    ----------
    source : uint8 array (Z, Y, X)
        Non-zero voxels are the set.
    shape : tuple of 3 ints
        Shape of the result.
    start : int64 array (3,)
        Index in `source` of the result's first voxel; may be negative.
    reach : int64 array (3,)
        Cut-off per axis in voxels.
    spacing : float64 array (3,)
        Voxel size (z, y, x).

    Returns
    -------
    float32 array of `shape`
    """
    infinity = np.float32(np.inf)
    depth, height = source.shape[0], source.shape[1]
    width = source.shape[2]
    flat = np.full((depth, height, shape[2]), infinity, np.float32)
    line = np.empty(width, np.float32)
    for z in range(depth):
        for y in range(height):
            row = source[z, y]
            found = False
            for x in range(width):
                inside = row[x] != 0
                found |= inside
                line[x] = np.float32(0) if inside else infinity
            if not found:
                continue
            out = flat[z, y]
            for k in range(-reach[2], reach[2] + 1):
                cost = np.float32(k * k * spacing[2] * spacing[2])
                shift = start[2] + k
                for x in range(max(0, -shift), min(shape[2], width - shift)):
                    value = line[x + shift] + cost
                    out[x] = value if value < out[x] else out[x]
    plane = np.full((depth, shape[1], shape[2]), infinity, np.float32)
    for z in range(depth):
        _running_minimum(plane[z], flat[z], start[1], reach[1], spacing[1] * spacing[1])
    result = np.full(shape, infinity, np.float32)
    rows = shape[1] * shape[2]
    _running_minimum(
        result.reshape(shape[0], rows),
        plane.reshape(depth, rows),
        start[0],
        reach[0],
        spacing[0] * spacing[0],
    )
    return result


@njit(nogil=True, cache=True)
def fill_holes(mask):  # type: ignore[no-untyped-def]
    """Set in place what the background outside cannot reach through voxel faces.

    Parameters
    ----------
    mask : uint8 array (Z, Y, X), C order, 0 or 1
        Its outermost layer of voxels must be 0.
    """
    flat = mask.reshape(mask.size)
    stack = np.empty(mask.size, np.int64)
    moves = np.array([1, mask.shape[2], mask.shape[1] * mask.shape[2]])
    flat[0] = 2
    stack[0] = 0
    _flood(flat, stack, 1, moves, 0)
    for i in range(flat.size):
        flat[i] = 0 if flat[i] == 2 else 1


@njit(nogil=True, cache=True)
def _flood(flat, stack, top, moves, value):  # type: ignore[no-untyped-def]
    """Set to 2 what is `value` and joined to the `top` voxels on the stack."""
    # Steps that wrap around a row or plane end land in the empty outermost layer: harmless.
    while top:
        top -= 1
        here = stack[top]
        for move in moves:
            for there in (here - move, here + move):
                if 0 <= there < flat.size and flat[there] == value:
                    flat[there] = 2
                    stack[top] = there
                    top += 1


@njit(nogil=True, cache=True)
def keep_connected(mask, seeds):  # type: ignore[no-untyped-def]
    """Clear in place what no path through voxel faces inside the mask joins to a seed.

    Parameters
    ----------
    mask, seeds : uint8 arrays (Z, Y, X), C order, 0 or 1
        Seeds lie in the mask; the outermost layer of voxels must be 0.
    """
    flat, start = mask.reshape(mask.size), seeds.reshape(mask.size)
    stack = np.empty(mask.size, np.int64)
    moves = np.array([1, mask.shape[2], mask.shape[1] * mask.shape[2]])
    top = 0
    for i in range(flat.size):
        if start[i]:
            flat[i] = 2
            stack[top] = i
            top += 1
    _flood(flat, stack, top, moves, 1)
    for i in range(flat.size):
        flat[i] = 1 if flat[i] == 2 else 0


@njit(nogil=True, cache=True)
def close_and_fill(mask, radius, reach, spacing):  # type: ignore[no-untyped-def]
    """Close a mask with a ball, as if its surroundings were empty for ever, and fill its holes.

    Parameters
    ----------
    mask : uint8 array (Z, Y, X), 0 or 1
        Its outermost layer of voxels must be 0.
    radius : float
        Ball radius, um.
    reach : int64 array (3,)
        `ball_reach` of that radius.
    spacing : float64 array (3,)
        Voxel size (z, y, x), um.

    Returns
    -------
    uint8 array of the same shape
    """
    limit = radius * radius * (1 + 2 * SLACK)
    grown = (
        mask.shape[0] + 2 * reach[0],
        mask.shape[1] + 2 * reach[1],
        mask.shape[2] + 2 * reach[2],
    )
    distance = squared_distance(mask, grown, -reach, reach, spacing)
    outside = np.empty(grown, np.uint8)
    for z in range(grown[0]):
        for y in range(grown[1]):
            for x in range(grown[2]):
                outside[z, y, x] = distance[z, y, x] > limit
    depth = squared_distance(outside, mask.shape, reach, reach, spacing)
    closed = np.empty(mask.shape, np.uint8)
    for z in range(mask.shape[0]):
        for y in range(mask.shape[1]):
            for x in range(mask.shape[2]):
                closed[z, y, x] = depth[z, y, x] > limit
    # The rim lies outside the bounding box, hence outside the closing, whatever the distances cut
    # off beyond `grown` say.
    closed[0], closed[-1] = 0, 0
    closed[:, 0], closed[:, -1] = 0, 0
    closed[:, :, 0], closed[:, :, -1] = 0, 0
    fill_holes(closed)
    return closed
