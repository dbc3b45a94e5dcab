"""Fusion by flow: voxels that climb to the same peak of the views' averaged field are one body."""

from collections.abc import Mapping

import edt
import numba
import numpy as np
from scipy.ndimage import gaussian_filter

from .._shared.overlaps import as_labels
from .._shared.views import View, from_view, to_view, view_spacing
from .fragments import drop_fragments

# Two peaks are one fixed point if the way between them never falls below this share of the lower.
_SADDLE = 0.85


def flow_fusion(
    labels: Mapping[View, np.ndarray],
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    min_diameter: float | None = None,
) -> np.ndarray:
    """Fuse views by the averaged field of their 2-D objects.

    Parameters
    ----------
    labels
        Each view's 2-D labels in its own order.
    spacing
        Voxel size (z, y, x), um.
    min_diameter
        Smaller bodies are dropped (`drop_fragments`).

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)

    Notes
    -----
    Each 2-D object carries the distance to its edge, highest in its middle. The mean over the
    views, smoothed by one voxel, is a field whose peaks are the bodies' centres; every voxel that
    most views hold for an object climbs to its highest neighbour until it stands on a peak.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import flow_fusion
    >>> z, y, x = np.ogrid[-10:11, -10:11, -10:11]
    >>> ball = (z**2 + y**2 + x**2 <= 64).astype(np.int32)
    >>> bodies = flow_fusion({"xy": ball, "xz": ball, "yz": ball})
    >>> bodies.shape, int(bodies.max())
    ((21, 21, 21), 1)
    """
    shape = next(from_view(stack, view).shape for view, stack in labels.items())
    field, support = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    for view, stack in labels.items():
        height, width = view_spacing(spacing, view)[1:]
        out_field, out_support = (to_view(array, view) for array in (field, support))
        for index, plane in enumerate(stack):
            plane = as_labels(plane)
            out_field[index] += edt.edt(plane, anisotropy=(height, width), black_border=True)
            out_support[index] += plane > 0
    field /= len(labels)
    step = min(spacing)
    gaussian_filter(field, [step / s for s in spacing], output=field)
    field[2 * support.astype(np.int16) <= len(labels) - 1] = 0
    peak = _climb(field)
    _follow(peak)
    bodies = _join_peaks(field, peak, _SADDLE).reshape(shape)
    return drop_fragments(bodies, spacing, min_diameter)


@numba.njit(cache=True, nogil=True)
def _climb(field: np.ndarray) -> np.ndarray:
    """Flat index of each voxel's highest neighbour (itself on a peak); -1 where the field is 0."""
    nz, ny, nx = field.shape
    up = np.full(field.size, -1, np.int64)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                best = field[z, y, x]
                if best <= 0:
                    continue
                to = (z * ny + y) * nx + x
                here = to
                for zz in range(max(z - 1, 0), min(z + 2, nz)):
                    for yy in range(max(y - 1, 0), min(y + 2, ny)):
                        for xx in range(max(x - 1, 0), min(x + 2, nx)):
                            # On a plateau the lowest index is the peak, so that all reach it.
                            at = (zz * ny + yy) * nx + xx
                            f = field[zz, yy, xx]
                            if f > best or (f == best and at < to):
                                best, to = f, at
                up[here] = to
    return up


@numba.njit(cache=True, nogil=True)
def _follow(up: np.ndarray) -> None:
    """Replace every pointer by the peak at the end of its way, in place."""
    for start in range(up.size):
        if up[start] < 0:
            continue
        end = start
        while up[end] != end:
            end = up[end]
        at = start
        while up[at] != end:
            up[at], at = end, up[at]


@numba.njit(cache=True, nogil=True)
def _find(root: np.ndarray, i: int) -> int:
    while root[i] != i:
        root[i] = root[root[i]]
        i = root[i]
    return i


@numba.njit(cache=True, nogil=True)
def _saddles(field: np.ndarray, peak: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Height of every face between two peaks' basins, with the two peaks."""
    shape = field.shape
    flat = field.ravel()
    strides = (shape[1] * shape[2], shape[2], 1)
    count = 0
    for fill in range(2):
        if fill:
            first, second = np.empty(count, np.int64), np.empty(count, np.int64)
            height = np.empty(count, np.float32)
            count = 0
        for z in range(shape[0]):
            for y in range(shape[1]):
                for x in range(shape[2]):
                    i = z * strides[0] + y * strides[1] + x
                    if peak[i] < 0:
                        continue
                    for axis in range(3):
                        if (z, y, x)[axis] + 1 == shape[axis]:
                            continue
                        j = i + strides[axis]
                        if peak[j] < 0 or peak[j] == peak[i]:
                            continue
                        if fill:
                            first[count], second[count] = peak[i], peak[j]
                            height[count] = min(flat[i], flat[j])
                        count += 1
    return first, second, height


def _join_peaks(field: np.ndarray, peak: np.ndarray, share: float) -> np.ndarray:
    """Paint the peaks' basins 1, 2, ..., those that a high saddle joins alike."""
    first, second, height = _saddles(field, peak)
    peaks = np.flatnonzero(peak == np.arange(peak.size))
    root = _join(
        np.searchsorted(peaks, first),
        np.searchsorted(peaks, second),
        height,
        np.argsort(-height, kind="stable"),
        field.ravel()[peaks],
        share,
    )
    return _paint(peak, peaks, np.unique(root, return_inverse=True)[1].astype(np.int32) + 1)


@numba.njit(cache=True, nogil=True)
def _join(
    first: np.ndarray,
    second: np.ndarray,
    height: np.ndarray,
    order: np.ndarray,
    peak_height: np.ndarray,
    share: float,
) -> np.ndarray:
    root = np.arange(peak_height.size)
    for k in order:
        a, b = _find(root, first[k]), _find(root, second[k])
        if a == b:
            continue
        if peak_height[a] < peak_height[b]:
            a, b = b, a
        if height[k] >= share * peak_height[b]:
            root[b] = a
    for i in range(root.size):
        root[i] = _find(root, i)
    return root


@numba.njit(cache=True, nogil=True)
def _paint(peak: np.ndarray, peaks: np.ndarray, names: np.ndarray) -> np.ndarray:
    labels = np.zeros(peak.size, np.int32)
    for k in range(peaks.size):
        labels[peaks[k]] = names[k]
    for i in range(peak.size):
        if peak[i] >= 0:
            labels[i] = labels[peak[i]]
    return labels
