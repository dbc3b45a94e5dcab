"""The counting of the public MATLAB code getAllFeatures, for comparison with published tables.

It works in voxels and takes every voxel for a cube. Each particle is closed inside its own
bounding box (one voxel larger at the high ends), and what lies beyond counts as filled: an intact
ball of 30 voxels radius reads Damage 0.129, one of 70 voxels 0.041, so its Damage partly measures
size. The ball's radius is 10 voxels whatever their size. A surface is the number of perimeter
voxels, the median filter mirrors at the box's faces, and PDensity divides by the voxels that lie
10 um or more inside the volume. A closed body may overlap other particles.

One thing is not repeated: statistics over neighbours take one neighbour there, by a slip, and are
0 for every particle; here they are of six. And where a box ends with the volume the code stops
with an error; here its extra voxel is left out.

References
----------
Li et al., Science 376 (2022) 517; YijinLiu-Lab/ParticleNetworkDynamics, part 3.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from .closing import fill_holes, squared_distance
from .moments import second_moments
from .particle_measures import FIELDS, core, majority, mean_and_std
from .surfaces import perimeter_voxels

# MATLAB counts voxels from 1.
FIRST_INDEX = 1

# In voxels, and every voxel a cube.
SPACING = (1.0, 1.0, 1.0)

# Radius of the ball, voxels.
BALL = 10

_FIELD_COUNT = len(FIELDS)


@dataclass(frozen=True)
class Material:
    """Labels where there is material: the segmentation as the published code is given it.

    Attributes
    ----------
    labels, solid
        (Z, Y, X) bodies and mask of material; arrays that can be sliced.
    """

    labels: Any
    solid: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """(Z, Y, X)."""
        return tuple(self.labels.shape)

    @property
    def dtype(self) -> np.dtype:
        """Of the labels."""
        return np.dtype(self.labels.dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Read a part."""
        labels = np.asarray(self.labels[key])
        return np.where(np.asarray(self.solid[key]) != 0, labels, 0).astype(labels.dtype)


def matlab_round(values: np.ndarray) -> np.ndarray:
    """Round halves away from zero, as MATLAB does; numpy rounds them to even."""
    return np.sign(values) * np.floor(np.abs(values) + 0.5)


def cubes(
    boxes: np.ndarray, shape: tuple[int, ...], spacing: tuple[float, float, float], reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where PDensity counts, and by how many voxels it divides.

    Parameters
    ----------
    boxes
        (n, 6) z0, z1, y0, y1, x0, x1, half open.
    shape
        (Z, Y, X) of the volume.
    spacing
        Voxel size (z, y, x), um.
    reach
        How far beyond the box, um.

    Returns
    -------
    cubes : ndarray of int64 (n, 6)
    size : ndarray of int64 (n,)
        Voxels of each cube that lie `reach` or more inside the volume; 0 near its edge.
    """
    margin = matlab_round(np.minimum(reach / np.array(spacing), shape)).astype(np.int64)
    found = boxes.copy()
    found[:, ::2] = np.maximum(boxes[:, ::2] - margin, 0)
    found[:, 1::2] = np.minimum(boxes[:, 1::2] + 1 + margin, shape)
    inner = np.minimum(found[:, 1::2], shape - margin) - np.maximum(found[:, ::2], margin)
    return found, np.prod(np.maximum(inner, 0), axis=1)


@njit(nogil=True, cache=True)
def _closed(mask):  # type: ignore[no-untyped-def]
    """Close with the ball where what lies beyond the mask's edges counts as filled; fill holes.

    Returns the body with an empty layer around it.
    """
    reach = np.full(3, BALL, np.int64)
    one = np.ones(3)
    start = np.zeros(3, np.int64)
    near = squared_distance(mask, mask.shape, start, reach, one)
    outside = (near > BALL * BALL).astype(np.uint8)
    depth = squared_distance(outside, mask.shape, start, reach, one)
    body = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2, mask.shape[2] + 2), np.uint8)
    body[1:-1, 1:-1, 1:-1] = depth > BALL * BALL
    fill_holes(body)
    return body


@njit(nogil=True, cache=True)
def _mirrored_median(mask):  # type: ignore[no-untyped-def]
    """3 x 3 x 3 median of a mask with an empty outermost layer, mirrored at the layer within."""
    mirrored = mask.copy()
    mirrored[0] = mirrored[1]
    mirrored[-1] = mirrored[-2]
    mirrored[:, 0] = mirrored[:, 1]
    mirrored[:, -1] = mirrored[:, -2]
    mirrored[:, :, 0] = mirrored[:, :, 1]
    mirrored[:, :, -1] = mirrored[:, :, -2]
    return majority(mirrored)


@njit(nogil=True, cache=True)
def describe_as_published(near, label, grey, first, size):  # type: ignore[no-untyped-def]
    """Measure one particle.

    Parameters
    ----------
    near : int32 array (Z, Y, X)
        Labels of material in the bounding box and 11 more voxels on every side, as far as the
        volume reaches.
    label : int
        The particle.
    grey : float64 array
        Grey values of the same voxels; of size 0 if there are none.
    first, size : int64 arrays (3,)
        The bounding box's first voxel in `near`, and its size.

    Returns
    -------
    float64 array, in the order of `particle_measures.FIELDS`
        Centroids and covariances in voxels, from the centre of the bounding box's first voxel.
    """
    own = (near == label).astype(np.uint8)
    stop = np.minimum(first + size + 1, np.array(near.shape))
    cut = own[first[0] : stop[0], first[1] : stop[1], first[2] : stop[2]].copy()
    matter = np.zeros((cut.shape[0] + 2, cut.shape[1] + 2, cut.shape[2] + 2), np.uint8)
    matter[1:-1, 1:-1, 1:-1] = cut
    body = _closed(cut)

    row = np.full(_FIELD_COUNT, np.nan)
    body_voxels, _, body_covariance = second_moments(body)
    solid_voxels, centroid, covariance = second_moments(matter)
    row[0], row[1] = body_voxels, solid_voxels
    row[2:5] = centroid - 1
    row[5:14] = covariance.ravel()
    row[14:23] = body_covariance.ravel()
    if grey.size:
        values = grey[first[0] : stop[0], first[1] : stop[1], first[2] : stop[2]].copy()
        row[23], row[24] = mean_and_std(values, body, True)
        row[25], row[26] = mean_and_std(values, core(matter), False)
    row[27] = perimeter_voxels(body)
    row[28] = perimeter_voxels(_mirrored_median(body))
    row[29] = perimeter_voxels(matter)
    row[30] = perimeter_voxels(_mirrored_median(matter))

    # The ring is around a body closed in its surroundings: only the volume's edge is near.
    wide = _closed(own)[1:-1, 1:-1, 1:-1].copy()
    last = first + size
    if first[0] > BALL:
        wide[: first[0]] = 0
    if first[1] > BALL:
        wide[:, : first[1]] = 0
    if first[2] > BALL:
        wide[:, :, : first[2]] = 0
    if near.shape[0] - last[0] > BALL:
        wide[last[0] :] = 0
    if near.shape[1] - last[1] > BALL:
        wide[:, last[1] :] = 0
    if near.shape[2] - last[2] > BALL:
        wide[:, :, last[2] :] = 0
    reach = np.full(3, BALL, np.int64)
    around = squared_distance(wide, near.shape, np.zeros(3, np.int64), reach, np.ones(3))
    ring, contact = 0, 0
    for z in range(near.shape[0]):
        for y in range(near.shape[1]):
            for x in range(near.shape[2]):
                if 0 < around[z, y, x] <= BALL * BALL:
                    ring += 1
                    contact += near[z, y, x] > 0
    row[31], row[32] = ring, contact
    return row
