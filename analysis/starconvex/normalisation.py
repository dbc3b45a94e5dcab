"""Grey values as the network takes them, normalised and padded by the rules of Fiji's plugins."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CONSTANT = 1e-7
"""The plugin takes grey values whose percentiles are closer for constant."""

_FINE = 1e-4
"""Of float64 values that differ by less than this share, float32 would keep a few hundred steps."""


def normalize(
    image: ArrayLike, percentiles: tuple[float, float] = (1.0, 99.8)
) -> NDArray[np.float32]:
    """Scale grey values as CSBDeep's Fiji plugin does: the lower percentile to 0, the upper to 1.

    Percentiles are nearest ranks over all pixels (and channels) together; values below the
    lower one become 0, values above the upper one stay above 1. An image whose two percentiles
    are equal is only shifted. Where they are less than 1e-7 apart, which the plugin takes for
    equal, or values are too large for float32, `in_reach` comes first.

    Parameters
    ----------
    image
        (H, W) or (H, W, C), any real dtype.
    percentiles
        Lower and upper percentile, 0 to 100.

    Returns
    -------
    (H, W) or (H, W, C) float32

    Raises
    ------
    ValueError
        If the image is empty or holds NaN or infinity, or the percentiles are not rising within
        0 to 100.

    References
    ----------
    CSBDeep_fiji, PercentileNormalizer and HistogramPercentile: float32 throughout.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import normalize
    >>> normalize(np.array([[0, 5, 10]]), (0, 100)).round(3).tolist()
    [[0.0, 0.5, 1.0]]
    """
    low, high = percentiles
    if not 0 <= low < high <= 100:
        raise ValueError(f"percentiles must rise within 0 to 100, not {low:g}, {high:g}")
    values = in_reach(np.asarray(image), percentiles).astype(np.float32)
    if values.size == 0:
        raise ValueError(f"the image is empty: its shape is {values.shape}")
    if not np.isfinite(values).all():
        count = values.size - np.count_nonzero(np.isfinite(values))
        raise ValueError(f"the image holds {count} NaN or infinite values; mask or fill them first")
    ranks = [_nearest_rank(values.size, q) for q in (low, high)]
    ordered = np.partition(values, ranks, axis=None)
    bottom, top = ordered[ranks[0]], ordered[ranks[1]]
    spread = top - bottom
    factor = np.float32(1) if spread < _CONSTANT else np.float32(1) / spread
    values -= bottom
    values *= factor
    return np.maximum(values, 0, out=values)


def in_reach(image: NDArray[Any], percentiles: tuple[float, float] = (1.0, 99.8)) -> NDArray[Any]:
    """Bring grey values that the plugin's float32 arithmetic cannot tell apart, or hold, into it.

    Attenuation per nanometre and the like span less than 1e-7, which the plugin's normalisation
    takes for constant; float64 may hold numbers above 3.4e38, and small differences of large
    ones. A segmentation does not depend on the unit and the zero of its grey values, so these are
    shifted and multiplied by a power of two until their percentiles lie 1 to 2 apart.

    Parameters
    ----------
    image
        (H, W) or (H, W, C), any real dtype.
    percentiles
        Lower and upper percentile, 0 to 100.

    Returns
    -------
    ndarray
        The image itself where it needs nothing, as whole numbers never do; else float64.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import in_reach
    >>> grey = np.array([[3, 4], [5, 6]], np.uint16)
    >>> in_reach(grey) is grey
    True
    >>> tiny = in_reach(np.array([[1e-12, 2e-12], [3e-12, 4e-12]]))
    >>> 1 <= float(np.ptp(tiny)) <= 2
    True
    """
    if image.dtype.kind != "f" or image.size == 0 or not np.isfinite(image).all():
        return image
    values = image
    largest = max(abs(float(image.min())), abs(float(image.max())))
    if largest > float(np.finfo(np.float32).max):
        values = image * 2.0 ** -np.floor(np.log2(largest))
    ranks = [_nearest_rank(image.size, q) for q in percentiles]
    ordered = np.partition(values, ranks, axis=None)
    low, high = (float(ordered[rank]) for rank in ranks)
    alike = _FINE * abs(low) if values.dtype.itemsize > 4 else 0.0
    if 0 < high - low < max(_CONSTANT, alike):
        factor = 2.0 ** min(-np.floor(np.log2(high - low)), 1000.0)
        # A lone outlier may leave float32's range; all that counts lies far below.
        values = np.clip((values.astype(np.float64) - low) * factor, -1e30, 1e30)
    return values


def _nearest_rank(count: int, percentile: float) -> int:
    exact = np.float32(count - 1) * np.float32(percentile) / np.float32(100)
    return min(max(int(np.floor(float(exact) + 0.5)), 0), count - 1)


def pad_symmetric(image: NDArray[Any], multiple: int = 64) -> NDArray[Any]:
    """Mirror the bottom and right edges, edge pixel repeated, up to a multiple of `multiple`.

    Parameters
    ----------
    image
        (H, W) or (H, W, C).
    multiple
        What both sides of the result are whole multiples of, pixels.

    Returns
    -------
    ndarray
        The image with the mirrored rows and columns at its end, of the same type.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import pad_symmetric
    >>> pad_symmetric(np.array([[1, 2, 3]]), 4)[0].tolist()
    [1, 2, 3, 3]
    """
    widths = [(0, -size % multiple) for size in image.shape[:2]]
    widths += [(0, 0)] * (image.ndim - 2)
    return np.pad(image, widths, mode="symmetric")
