"""Star-convex polygons by the rules of StarDist's Fiji plugin: from grey values to candidates.

These rules (docs/numerics.md), not those of the Python package stardist, are the definition of
a segmentation here, so that Fiji and Python find the same particles.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CONSTANT = 1e-7
"""The plugin takes grey values whose percentiles are closer for constant."""

_FINE = 1e-4
"""Of float64 values that differ by less than this share, float32 would keep a few hundred steps."""

STEPS_PER_PIXEL = 100
"""The plugin keeps the vertices of a polygon as whole hundredths of a pixel."""


@dataclass(frozen=True, eq=False)
class Polygons:
    """Star-convex polygons, in order of falling probability.

    Points are (y, x) in pixels; a whole number is the centre of a pixel.

    Attributes
    ----------
    points
        (n, 2) float64 centres.
    dist
        (n, rays) float32 distances from centre to outline along each ray, pixels.
    prob
        (n,) float32 object probabilities.
    outlines
        (n, rays, 2) float64 vertices, rounded to hundredths of the network's pixels.

    Examples
    --------
    >>> from particlebridge.analysis import Polygons
    >>> square = Polygons.from_rays([[5, 5]], [[3, 3, 3, 3]], [0.9])
    >>> square.outlines.tolist()
    [[[5.0, 8.0], [8.0, 5.0], [5.0, 2.0], [2.0, 5.0]]]
    """

    points: NDArray[np.float64]
    dist: NDArray[np.float32]
    prob: NDArray[np.float32]
    outlines: NDArray[np.float64]

    @classmethod
    def from_rays(cls, points: ArrayLike, dist: ArrayLike, prob: ArrayLike) -> "Polygons":
        """Draw the outlines: vertex k lies at distance k towards the angle 2 pi k / rays.

        Parameters
        ----------
        points
            (n, 2) centres (y, x), pixels.
        dist
            (n, rays) distances, pixels. Ray 0 points along x, the next ones turn towards y.
        prob
            (n,) object probabilities.
        """
        points = np.asarray(points, np.float64).reshape(-1, 2)
        dist = np.asarray(dist, np.float32)
        angles = ray_angles(dist.shape[1])
        rays = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
        exact = points[:, None, :] + dist[..., None].astype(np.float64) * rays
        # Java's Math.round: a half goes up, also below zero.
        outlines = np.floor(STEPS_PER_PIXEL * exact + 0.5) / STEPS_PER_PIXEL
        return cls(points, dist, np.asarray(prob, np.float32), outlines)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: Any) -> "Polygons":
        """Return the polygons that a slice, mask or array of indices selects."""
        return Polygons(
            self.points[index], self.dist[index], self.prob[index], self.outlines[index]
        )


@dataclass(frozen=True, eq=False)
class Prediction:
    """What an engine says about one image of shape (H, W).

    Attributes
    ----------
    labels
        (H, W) int32; 0 is background, label k is polygon k - 1.
    prob
        (H, W) float32 object probability, 0 to 1; the network's grid is filled by nearest
        neighbour.
    dist
        (H, W) float32 mean of the rays' distances, pixels of the image; filled likewise.
    polygons
        The objects, in pixels of the image.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import Polygons, Prediction, paint
    >>> square = Polygons.from_rays([[2, 2]], [[2, 2, 2, 2]], [0.9])
    >>> flat = np.zeros((5, 5), np.float32)
    >>> prediction = Prediction(paint(square, (5, 5)), prob=flat, dist=flat, polygons=square)
    >>> int(prediction.labels.max()) == len(prediction.polygons)
    True
    """

    labels: NDArray[np.int32]
    prob: NDArray[np.float32]
    dist: NDArray[np.float32]
    polygons: Polygons


def ray_angles(rays: int) -> NDArray[np.float64]:
    """Return the angles of the rays.

    Parameters
    ----------
    rays
        How many, evenly spread over the circle.

    Returns
    -------
    (rays,) float64
        Radians, from x (0) towards y.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import ray_angles
    >>> np.rad2deg(ray_angles(4)).tolist()
    [0.0, 90.0, 180.0, 270.0]
    """
    return np.arange(rays, dtype=np.float64) * (2 * np.pi / rays)


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


def candidates(
    prob: NDArray[np.floating],
    dist: NDArray[np.floating],
    prob_thresh: float,
    border: int = 2,
    grid: tuple[int, int] = (1, 1),
    shape: tuple[int, int] | None = None,
) -> Polygons:
    """Collect the polygons of all pixels above the threshold, most probable first.

    Equal probabilities keep the plugin's order of visit: column by column, top to bottom.

    Parameters
    ----------
    prob
        (h, w) object probability at every grid point.
    dist
        (h, w, rays) distances there, pixels.
    prob_thresh
        A candidate's probability is above it; 0 to 1.
    border
        Candidates keep this many pixels away from each edge of the image.
    grid
        (y, x) pixels between grid points; grid point (i, j) is pixel (i * y, j * x).
    shape
        (H, W) of the image, which may be smaller than the grid covers; by default what the grid
        covers.

    Returns
    -------
    Polygons

    Raises
    ------
    ValueError
        If shapes disagree, the threshold is outside 0 to 1 or a candidate's distance is not
        finite.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import candidates
    >>> prob = np.zeros((9, 9), np.float32)
    >>> prob[4, 4], prob[4, 6] = 0.6, 0.9
    >>> found = candidates(prob, np.full((9, 9, 8), 2.0, np.float32), 0.5)
    >>> found.points.tolist()
    [[4.0, 6.0], [4.0, 4.0]]
    """
    if prob.ndim != 2 or dist.ndim != 3 or dist.shape[:2] != prob.shape:
        raise ValueError(f"prob (h, w) and dist (h, w, rays) disagree: {prob.shape}, {dist.shape}")
    if not 0 <= prob_thresh <= 1:
        raise ValueError(f"the probability threshold must lie within 0 to 1, not {prob_thresh:g}")
    height, width = shape or (prob.shape[0] * grid[0], prob.shape[1] * grid[1])
    # Transposed, row-major order is the plugin's: x outside, y inside.
    columns, rows = np.nonzero(prob.T.astype(np.float64) > prob_thresh)
    y, x = rows * grid[0], columns * grid[1]
    inside = (y >= border) & (x >= border) & (y < height - border) & (x < width - border)
    rows, columns = rows[inside], columns[inside]
    order = np.argsort(-prob[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    chosen = dist[rows, columns]
    if not np.isfinite(chosen).all():
        raise ValueError("the network's distances are not finite: its weights are broken")
    points = np.stack([rows * grid[0], columns * grid[1]], axis=-1)
    return Polygons.from_rays(points, chosen, prob[rows, columns])
