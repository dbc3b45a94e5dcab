"""Smoothing before the network: one Gaussian, the same however a volume is read."""

from collections import OrderedDict
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np
from particlebridge.analysis._shared.views import View

from .stored_arrays import AnyArray, SliceStack
from .voxel_size import Spacing

_TRUNCATE = 4.0
"""Standard deviations at which the Gaussian ends, as in scipy.ndimage."""

_PIXEL_WRONG = 0.3
"""Noise over step above which more than one pixel in twenty lies beyond the middle of the step."""

_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_MAD_TO_DEVIATION = 1 / 0.6745
_CLASSES = 2.0
"""Pixels over which grey values are averaged to tell particles from ground."""


@dataclass(frozen=True)
class Noise:
    """How noisy slices are.

    Attributes
    ----------
    deviation
        Standard deviation of what differs from pixel to pixel, grey values: the larger one of
        particles and ground, since one of them is often clipped.
    step
        Difference between the mean grey values of particles and ground.
    """

    deviation: float
    step: float

    @property
    def ratio(self) -> float:
        """The noise over the step; 0 if there is no step."""
        return self.deviation / self.step if self.step > 0 else 0.0

    @property
    def sigma(self) -> float:
        """The Gaussian that ``--smooth auto`` takes: one pixel, or none."""
        return 1.0 if self.ratio > _PIXEL_WRONG else 0.0


def measure_noise(slices: list[np.ndarray]) -> Noise:
    """Measure the noise of slices against the step between particles and ground.

    Parameters
    ----------
    slices
        (H, W) or (H, W, C) grey values, finite.

    Returns
    -------
    Noise

    References
    ----------
    Immerkaer, Comput. Vis. Image Underst. 64 (1996) 300: a mask that leaves out the image's own
    structure; the median in place of the mean leaves out its edges.
    """
    from scipy import ndimage
    from skimage.filters import threshold_otsu

    greys = [one.astype(np.float64) for one in slices]
    greys = [one.mean(axis=2) if one.ndim == 3 else one for one in greys]
    smooth = [ndimage.gaussian_filter(one, _CLASSES) for one in greys]
    rough = [
        np.abs(ndimage.convolve(one, _LAPLACIAN)) / np.linalg.norm(_LAPLACIAN) for one in greys
    ]
    grey, level, residue = (
        np.concatenate([one.ravel() for one in many]) for many in (greys, smooth, rough)
    )
    if level.min() == level.max():
        return Noise(0.0, 0.0)
    bright = level > threshold_otsu(level)
    deviations = [np.median(residue[part]) * _MAD_TO_DEVIATION for part in (bright, ~bright)]
    step = grey[bright].mean() - grey[~bright].mean()
    return Noise(float(max(deviations)), float(step))


def smoothed(image: np.ndarray, sigma: tuple[float, float]) -> np.ndarray:
    """Blur an image by a Gaussian of (y, x) pixels; channels apart.

    Returns
    -------
    ndarray
        float32; the image itself where both are 0.
    """
    if not any(sigma):
        return image
    from scipy.ndimage import gaussian_filter

    every = (*sigma, 0.0)[: image.ndim]
    return gaussian_filter(image.astype(np.float32), every, truncate=_TRUNCATE)


class SmoothedStack(SliceStack):
    """The slices of one view of a smoothed volume, each computed as it is asked for.

    What a slice shows depends on the voxels around it alone, not on which slices are read.

    Parameters
    ----------
    volume, view, fill, mask
        As `SliceStack`; what was not seen is filled before.
    sigma
        Standard deviation of the Gaussian along Z, Y and X, voxels.
    """

    def __init__(
        self,
        volume: AnyArray,
        view: View,
        fill: float | None,
        mask: AnyArray | None,
        sigma: tuple[float, float, float],
    ) -> None:
        super().__init__(volume, view, fill, mask)
        across = sigma[self._axis]
        y, x = (side for axis, side in enumerate(sigma) if axis != self._axis)
        self._sigma = y, x
        reach = int(_TRUNCATE * across + 0.5)
        weights = [exp(-0.5 * (k / across) ** 2) if k else 1.0 for k in range(-reach, reach + 1)]
        self._weights = [weight / sum(weights) for weight in weights]
        self._held: OrderedDict[int, np.ndarray] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_held": OrderedDict()}

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        reach = len(self._weights) // 2
        total = np.zeros(self.shape[1:], np.float64)
        for weight, k in zip(self._weights, range(index - reach, index + reach + 1), strict=True):
            total += weight * self._plane(_mirrored(k, len(self)))
        return smoothed(total, self._sigma)

    def _plane(self, index: int) -> np.ndarray:
        """Give a slice blurred in no direction; neighbours share the reading."""
        if index not in self._held:
            self._held[index] = super().__getitem__(index)
            if len(self._held) > len(self._weights):
                self._held.popitem(last=False)
        return self._held[index]


def view_stack(
    volume: AnyArray,
    view: View,
    fill: float | None,
    mask: AnyArray | None,
    sigma: float,
    spacing: Spacing,
) -> SliceStack:
    """Give the slices of a view, smoothed by `sigma` smallest sides of a voxel; 0: as they are."""
    if not sigma:
        return SliceStack(volume, view, fill, mask)
    z, y, x = (sigma * min(spacing) / side for side in spacing)
    return SmoothedStack(volume, view, fill, mask, (z, y, x))


def _mirrored(index: int, size: int) -> int:
    """Fold an index beyond the ends back, the outermost slice repeated."""
    index %= 2 * size
    return index if index < size else 2 * size - 1 - index
