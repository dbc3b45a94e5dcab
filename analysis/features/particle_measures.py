"""Everything measured inside one particle's crop, in one compiled call."""

import numpy as np
from numba import njit

from .closing import SLACK, close_and_fill, keep_connected, squared_distance
from .moments import second_moments
from .surfaces import projected_area

# What `describe` returns, in its order.
FIELDS = (
    ["body_voxels", "solid_voxels"]
    + [f"centroid_{a}" for a in "zyx"]
    + [f"solid_covariance_{a}{b}" for a in "zyx" for b in "zyx"]
    + [f"body_covariance_{a}{b}" for a in "zyx" for b in "zyx"]
    + ["grey_mean", "grey_std", "core_mean", "core_std"]
    + ["body_area", "body_area_smooth", "solid_area", "solid_area_smooth"]
    + ["ring_voxels", "contact_voxels"]
)
_FIELD_COUNT = len(FIELDS)

# The grey value that a void voxel of the paper's data holds: left out of its mean and std.
_MASKED_GREY = 0.0


@njit(nogil=True, cache=True)
def majority(mask):  # type: ignore[no-untyped-def]
    """3 x 3 x 3 median of a 0/1 mask whose outermost layer is 0."""
    depth, height, width = mask.shape
    along_x = np.zeros(mask.shape, np.uint8)
    for z in range(depth):
        for y in range(height):
            row, out = mask[z, y], along_x[z, y]
            for x in range(1, width - 1):
                out[x] = row[x - 1] + row[x] + row[x + 1]
    along_y = np.zeros(mask.shape, np.uint8)
    for z in range(depth):
        for y in range(1, height - 1):
            for x in range(width):
                along_y[z, y, x] = along_x[z, y - 1, x] + along_x[z, y, x] + along_x[z, y + 1, x]
    out_mask = np.zeros(mask.shape, np.uint8)
    for z in range(1, depth - 1):
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                votes = along_y[z - 1, y, x] + along_y[z, y, x] + along_y[z + 1, y, x]
                out_mask[z, y, x] = votes > 13
    return out_mask


@njit(nogil=True, cache=True)
def core(mask):  # type: ignore[no-untyped-def]
    """Erode a mask whose outermost layer is 0 by one voxel through its faces."""
    core = np.zeros(mask.shape, np.uint8)
    for z in range(1, mask.shape[0] - 1):
        for y in range(1, mask.shape[1] - 1):
            for x in range(1, mask.shape[2] - 1):
                core[z, y, x] = (
                    mask[z, y, x]
                    & mask[z - 1, y, x]
                    & mask[z + 1, y, x]
                    & mask[z, y - 1, x]
                    & mask[z, y + 1, x]
                    & mask[z, y, x - 1]
                    & mask[z, y, x + 1]
                )
    return core


@njit(nogil=True, cache=True)
def mean_and_std(grey, mask, skip_masked):  # type: ignore[no-untyped-def]
    """Mean and sample standard deviation of the grey values in a mask.

    `mask` has one more voxel on every side than `grey`. Values that are not finite are left out,
    and with `skip_masked` so are zeros. Differences are taken from the first value, so that a
    constant grey value has a deviation of exactly 0.
    """
    count, reference, total, squares = 0, 0.0, 0.0, 0.0
    for z in range(grey.shape[0]):
        for y in range(grey.shape[1]):
            for x in range(grey.shape[2]):
                value = grey[z, y, x]
                if mask[z + 1, y + 1, x + 1] and np.isfinite(value):
                    if skip_masked and value == _MASKED_GREY:
                        continue
                    if count == 0:
                        reference = value
                    count += 1
                    total += value - reference
                    squares += (value - reference) ** 2
    if count == 0:
        return np.nan, np.nan
    mean = reference + total / count
    if count == 1:
        return mean, np.nan
    return mean, np.sqrt(max(0.0, squares - total * total / count) / (count - 1))


@njit(nogil=True, cache=True)
def describe(  # type: ignore[no-untyped-def]
    near, label, solid, grey, closing, radius, ring, reach, spacing
):
    """Measure one particle.

    Parameters
    ----------
    near : int32 array (Z, Y, X)
        Labels around the particle: its bounding box and `reach` more voxels (at least one) on
        every side; -1 where there is nothing to see, beyond the volume or the field of view.
    label : int
        The particle.
    solid : uint8 array
        Material in the bounding box; of size 0 if all of the labelled voxels are solid.
    grey : float64 array
        Grey values in the bounding box; of size 0 if there are none.
    closing : bool
        The labelled voxels are the solid, and the body is its closing; otherwise they are the body.
    radius, ring : float
        Radii of the ball that closes and of the ring for Contact, um.
    reach : int64 array (3,)
        Voxels that `near` shows beyond the bounding box.
    spacing : float64 array (3,)
        Voxel size (z, y, x), um.

    Returns
    -------
    float64 array, in the order of `FIELDS`
        Centroids and covariances in voxels, from the centre of the bounding box's first voxel.
    """
    size = (
        near.shape[0] - 2 * reach[0],
        near.shape[1] - 2 * reach[1],
        near.shape[2] - 2 * reach[2],
    )
    # Masks have an empty layer around the bounding box.
    body = np.zeros((size[0] + 2, size[1] + 2, size[2] + 2), np.uint8)
    own = body[1:-1, 1:-1, 1:-1]
    box = near[
        reach[0] : reach[0] + size[0], reach[1] : reach[1] + size[1], reach[2] : reach[2] + size[2]
    ]
    for z in range(size[0]):
        for y in range(size[1]):
            for x in range(size[2]):
                own[z, y, x] = box[z, y, x] == label
    matter = body.copy()
    inner = matter[1:-1, 1:-1, 1:-1]
    if closing:
        body = close_and_fill(matter, radius, reach, spacing)
        own = body[1:-1, 1:-1, 1:-1]
    taken = 0
    for z in range(size[0]):
        for y in range(size[1]):
            for x in range(size[2]):
                if closing:
                    free = box[z, y, x] == 0 or box[z, y, x] == label
                    taken += own[z, y, x] and not free
                    own[z, y, x] &= free
                elif solid.size:
                    inner[z, y, x] &= solid[z, y, x] != 0

    if taken:
        # What another particle shuts off, its own hollow say, is not of this body.
        keep_connected(body, matter)

    row = np.full(_FIELD_COUNT, np.nan)
    body_voxels, body_centroid, body_covariance = second_moments(body)
    solid_voxels, centroid, covariance = second_moments(matter)
    if solid_voxels == 0:
        centroid = body_centroid
    row[0], row[1] = body_voxels, solid_voxels
    row[2:5] = centroid - 1
    row[5:14] = covariance.ravel()
    row[14:23] = body_covariance.ravel()
    if grey.size:
        row[23], row[24] = mean_and_std(grey, body, False)
        row[25], row[26] = mean_and_std(grey, core(matter), False)

    row[27] = projected_area(body, spacing)
    row[28] = projected_area(majority(body), spacing)
    row[29], row[30] = row[27], row[28]
    if solid_voxels != body_voxels:
        row[29] = projected_area(matter, spacing)
        row[30] = projected_area(majority(matter), spacing)

    around = squared_distance(body, near.shape, 1 - reach, reach, spacing)
    limit = ring * ring * (1 + 2 * SLACK)
    ring_voxels, contact = 0, 0
    for z in range(near.shape[0]):
        for y in range(near.shape[1]):
            for x in range(near.shape[2]):
                # Distance 0 is the body itself.
                if 0 < around[z, y, x] <= limit and near[z, y, x] >= 0:
                    ring_voxels += 1
                    contact += near[z, y, x] > 0 and near[z, y, x] != label
    row[31], row[32] = ring_voxels, contact
    return row
