"""Moments and shape tensors of a mask (compiled), and principal axes from them."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def second_moments(mask):  # type: ignore[no-untyped-def]
    """Voxel count, centroid and covariance of a mask, in voxels.

    Each voxel counts as a filled box, which adds 1/12 to the variances (as MATLAB's regionprops3
    does): a single voxel then has a size, not zero.

    Parameters
    ----------
    mask : uint8 array (Z, Y, X)
        Non-zero voxels are the set.

    Returns
    -------
    count : int
    centroid : float64 array (3,)
        (z, y, x), from the centre of the mask's first voxel; NaN for an empty mask.
    covariance : float64 array (3, 3)
        In (z, y, x) order; NaN for an empty mask.
    """
    count = 0
    # Whole numbers throughout: the same particle gives the same bits wherever it lies.
    first = np.zeros(3, np.int64)
    second = np.zeros((3, 3), np.int64)
    for z in range(mask.shape[0]):
        for y in range(mask.shape[1]):
            row = mask[z, y]
            n, sx, sxx = 0, 0, 0
            for x in range(row.shape[0]):
                if row[x]:
                    n += 1
                    sx += x
                    sxx += x * x
            count += n
            first[0] += n * z
            first[1] += n * y
            first[2] += sx
            second[0, 0] += n * z * z
            second[0, 1] += n * z * y
            second[0, 2] += sx * z
            second[1, 1] += n * y * y
            second[1, 2] += sx * y
            second[2, 2] += sxx
    centroid = np.full(3, np.nan)
    covariance = np.full((3, 3), np.nan)
    if count:
        for a in range(3):
            centroid[a] = first[a] / count
            for b in range(a, 3):
                central = second[a, b] / count - (first[a] / count) * (first[b] / count)
                covariance[a, b] = central + 1 / 12 if a == b else central
                covariance[b, a] = covariance[a, b]
    return count, centroid, covariance


def principal_axes(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths and directions of the ellipsoids with the given second moments.

    Parameters
    ----------
    covariance
        (..., 3, 3), axes in (z, y, x) order, um2.

    Returns
    -------
    lengths : ndarray (..., 3)
        Full axis lengths, longest first, um: ``2 sqrt(5 eigenvalue)``. NaN where the input is NaN.
    axes : ndarray (..., 3, 3)
        Unit vectors in **(x, y, z)** order as columns, in the same order as the lengths, with
        free sign.
    """
    tensor = np.asarray(covariance, float)[..., ::-1, ::-1]
    valid = np.isfinite(tensor).all(axis=(-2, -1))
    values, vectors = np.linalg.eigh(np.where(valid[..., None, None], tensor, np.eye(3)))
    # Stable, so that shapes without a longest axis keep the order x, y, z.
    order = np.argsort(-np.round(values / values.max(axis=-1, keepdims=True), 12), kind="stable")
    values = np.take_along_axis(values, order, axis=-1)
    vectors = np.take_along_axis(vectors, order[..., None, :], axis=-1)
    values = np.where(valid[..., None], np.maximum(values, 0), np.nan)
    vectors = np.where(valid[..., None, None], vectors, np.nan)
    return 2 * np.sqrt(5 * values), vectors
