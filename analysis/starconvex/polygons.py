"""Star-convex polygons by the rules of StarDist's Fiji plugin: from the network to candidates.

These rules (docs/numerics.md), not those of the Python package stardist, are the definition of
a segmentation here, so that Fiji and Python find the same particles.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
