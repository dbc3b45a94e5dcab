"""Rescaling images to a model's scale, and its results back; the kernel is in docs/numerics.md."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .polygons import Polygons, ray_angles


def resized_shape(shape: tuple[int, ...], scale: tuple[float, float]) -> tuple[int, int]:
    """Return the size of a rescaled image: rounded half up, at least 1.

    Parameters
    ----------
    shape
        (H, W) or (H, W, C) of the image, pixels.
    scale
        Factors (y, x).

    Returns
    -------
    (H, W)
        Pixels.

    Examples
    --------
    >>> from particlebridge.analysis import resized_shape
    >>> resized_shape((101, 200), (0.5, 0.5))
    (51, 100)
    """
    height, width = (max(1, int(np.floor(n * s + 0.5))) for n, s in zip(shape, scale, strict=False))
    return height, width


def resize(image: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resample an image with a triangle kernel, widened when shrinking so that nothing aliases.

    Parameters
    ----------
    image
        (H, W) or (H, W, C), any real dtype.
    shape
        (h, w) of the result.

    Returns
    -------
    (h, w) or (h, w, C) float32

    References
    ----------
    Pillow's Image.resize with BILINEAR on mode "F"; docs/numerics.md has the formula.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import resize
    >>> print(resize(np.array([[0, 0, 4, 4]]), (1, 2)).round(2))
    [[0.57 3.43]]
    """
    if image.ndim == 3:
        planes = [resize(image[..., c], shape) for c in range(image.shape[2])]
        return np.stack(planes, axis=-1)
    values = np.ascontiguousarray(image, dtype=np.float32)
    if values.shape == shape:
        return values
    picture = Image.fromarray(values).resize(shape[::-1], Image.Resampling.BILINEAR)
    return np.asarray(picture)


def fill_grid(
    values: NDArray[Any], grid: tuple[int, int], inner: tuple[int, int], shape: tuple[int, int]
) -> NDArray[Any]:
    """Spread values at grid points over an image by nearest neighbour.

    Parameters
    ----------
    values
        (h, w) at the grid points.
    grid
        (y, x) network pixels between grid points; each point fills the block that starts at it.
    inner
        (H', W') of the network's image, without its padding.
    shape
        (H, W) of the image that was rescaled to `inner`.

    Returns
    -------
    (H, W), dtype of `values`

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import fill_grid
    >>> fill_grid(np.array([[1, 2]]), grid=(2, 2), inner=(2, 4), shape=(2, 4)).tolist()
    [[1, 1, 2, 2], [1, 1, 2, 2]]
    """
    index = []
    for size, small, step in zip(shape, inner, grid, strict=True):
        centre = (np.arange(size) + 0.5) * (small / size)
        index.append(np.minimum(np.floor(centre).astype(np.intp), small - 1) // step)
    return values[np.ix_(*index)]


def ray_lengths(rays: int, scale: tuple[float, float]) -> NDArray[np.float64]:
    """Return how long one network pixel along each ray is in pixels of the image.

    Parameters
    ----------
    rays
        How many rays.
    scale
        (y, x): pixels of the network's image for each of the image.

    Returns
    -------
    (rays,) float64
        Pixels of the image, in the order of `ray_angles`.

    Examples
    --------
    >>> from particlebridge.analysis import ray_lengths
    >>> ray_lengths(4, (0.5, 1.0)).round(3).tolist()
    [1.0, 2.0, 1.0, 2.0]
    """
    angles = ray_angles(rays)
    return np.hypot(np.sin(angles) / scale[0], np.cos(angles) / scale[1])


def rescale_polygons(polygons: Polygons, scale: tuple[float, float]) -> Polygons:
    """Map polygons from the network's image back to the image it was rescaled from.

    Parameters
    ----------
    polygons
        In pixels of the network's image.
    scale
        (y, x) network pixels per pixel of the image: the ratio of the two shapes.

    Returns
    -------
    Polygons
        In pixels of the image; distances are lengths along the rays there.

    Examples
    --------
    >>> from particlebridge.analysis import Polygons, rescale_polygons
    >>> small = Polygons.from_rays([[10, 10]], [[4, 4, 4, 4]], [0.9])
    >>> rescale_polygons(small, (0.5, 0.5)).dist.tolist()
    [[8.0, 8.0, 8.0, 8.0]]
    """
    if scale == (1.0, 1.0):
        return polygons
    factor = np.asarray(scale, np.float64)
    lengths = ray_lengths(polygons.dist.shape[1], scale)
    return replace(
        polygons,
        points=(polygons.points + 0.5) / factor - 0.5,
        dist=(polygons.dist * lengths).astype(np.float32),
        outlines=(polygons.outlines + 0.5) / factor - 0.5,
    )
