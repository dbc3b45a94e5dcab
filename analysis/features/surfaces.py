"""Surface area of a digitised body: voxel faces, each weighed by the surface's normal.

The faces between inside and outside overestimate an oblique surface by up to the square root of
three. Each face is therefore projected onto the local plane of the surface: the sum of
``face area * |cos(face normal, surface normal)|`` is the flux of the normal field, which equals the
area. Normals come from the gradient of the mask smoothed by a small binomial kernel, so that
cracks one voxel wide keep their two walls. Exact for planes if the normals are; balls of radius 8
voxels and more come out within 1 % (2 % with voxels twice as tall as wide).

References
----------
Lenoir, Malgouyres, Revenu, DGCI 1996, LNCS 1176, 101-112: normals of discrete surfaces.
Flin et al., IEEE Trans. Image Process. 14 (2005) 585-596: surface area from such normals.
"""

import numpy as np
from numba import njit

# Smooths each axis; enough to see the slope of a staircase, little enough to keep thin walls.
KERNEL = (1, 4, 6, 4, 1)
_K0, _K1, _K2 = KERNEL[:3]


@njit(nogil=True, cache=True)
def _spread_lines(target, source):  # type: ignore[no-untyped-def]
    """Add to target[i], ..., target[i + 4] the kernel times source[i]."""
    for i in range(source.shape[0]):
        line = source[i]
        for k in range(5):
            weight = np.uint16(_K2 if k == 2 else (_K1 if k % 2 else _K0))
            out = target[i + k]
            for x in range(line.shape[0]):
                out[x] += weight * line[x]


@njit(nogil=True, cache=True)
def smooth(mask):  # type: ignore[no-untyped-def]
    """Convolve a mask with the kernel along each axis.

    Parameters
    ----------
    mask : uint8 array (Z, Y, X), 0 or 1

    Returns
    -------
    uint16 array (Z + 4, Y + 4, X + 4)
        0 to 4096; two voxels more on every side.
    """
    depth, height, width = mask.shape
    along_x = np.zeros((depth, height, width + 4), np.uint16)
    for z in range(depth):
        for y in range(height):
            row, out = mask[z, y], along_x[z, y]
            for k in range(5):
                weight = np.uint16(_K2 if k == 2 else (_K1 if k % 2 else _K0))
                for x in range(width):
                    out[x + k] += weight * row[x]
    along_y = np.zeros((depth, height + 4, width + 4), np.uint16)
    for z in range(depth):
        _spread_lines(along_y[z], along_x[z])
    result = np.zeros((depth + 4, height + 4, width + 4), np.uint16)
    plane = (height + 4) * (width + 4)
    _spread_lines(result.reshape(depth + 4, plane), along_y.reshape(depth, plane))
    return result


@njit(nogil=True, cache=True)
def projected_area(mask, spacing):  # type: ignore[no-untyped-def]
    """Sum of the faces of a mask, each projected onto the local plane of the surface.

    Parameters
    ----------
    mask : uint8 array (Z, Y, X), 0 or 1
        Its outermost layer of voxels must be 0.
    spacing : float64 array (3,)
        Voxel size (z, y, x), um.

    Returns
    -------
    float
        um2.
    """
    field = smooth(mask)
    depth, height, width = mask.shape
    step_y = width + 4
    step_z = (height + 4) * step_y
    flat = field.reshape(field.size)
    steps = (step_z, step_y, 1)
    face = spacing[0] * spacing[1] * spacing[2] / spacing
    totals = np.zeros(3)
    slope = np.empty(3)
    for z in range(depth - 1):
        for y in range(height - 1):
            row, row_y, row_z = mask[z, y], mask[z, y + 1], mask[z + 1, y]
            for x in range(width - 1):
                here = row[x]
                if here == row_z[x] and here == row_y[x] and here == row[x + 1]:
                    continue
                p = (z + 2) * step_z + (y + 2) * step_y + x + 2
                for axis in range(3):
                    there = row_z[x] if axis == 0 else (row_y[x] if axis == 1 else row[x + 1])
                    if here == there:
                        continue
                    q = p + steps[axis]
                    length = 0.0
                    for a in range(3):
                        d = steps[a]
                        # Central differences at both voxels of the face.
                        rise = (
                            np.int64(flat[p + d])
                            - np.int64(flat[p - d])
                            + np.int64(flat[q + d])
                            - np.int64(flat[q - d])
                        )
                        slope[a] = rise / spacing[a]
                        length += slope[a] * slope[a]
                    if length == 0.0:
                        totals[axis] += 1.0
                        continue
                    outward = slope[axis] if there > here else -slope[axis]
                    totals[axis] += max(0.0, outward) / np.sqrt(length)
    return totals[0] * face[0] + totals[1] * face[1] + totals[2] * face[2]


@njit(nogil=True, cache=True)
def perimeter_voxels(mask):  # type: ignore[no-untyped-def]
    """Count the voxels of a mask with a face towards the outside, as MATLAB's bwperim does.

    Parameters
    ----------
    mask : uint8 array (Z, Y, X), 0 or 1
        Its outermost layer of voxels must be 0.

    Returns
    -------
    int
    """
    count = 0
    for z in range(1, mask.shape[0] - 1):
        for y in range(1, mask.shape[1] - 1):
            for x in range(1, mask.shape[2] - 1):
                if mask[z, y, x]:
                    inner = (
                        mask[z - 1, y, x]
                        & mask[z + 1, y, x]
                        & mask[z, y - 1, x]
                        & mask[z, y + 1, x]
                        & mask[z, y, x - 1]
                        & mask[z, y, x + 1]
                    )
                    count += 1 - inner
    return count
