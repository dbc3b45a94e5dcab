"""Label images from star-convex polygons."""

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon

from .polygons import Polygons


def paint(polygons: Polygons, shape: tuple[int, int]) -> NDArray[np.int32]:
    """Paint polygons into a label image, the first on top.

    A pixel belongs to a polygon that holds its centre. Polygon k becomes label k + 1; where
    polygons overlap the earlier, more probable one wins, as in StarDist's Fiji plugin.

    Parameters
    ----------
    polygons
        The objects, in pixels of the image.
    shape
        (H, W) of the image.

    Returns
    -------
    (H, W) int32

    Examples
    --------
    >>> from particlebridge.analysis import Polygons, paint
    >>> square = Polygons.from_rays([[2, 2]], [[2, 2, 2, 2]], [0.9])
    >>> paint(square, (5, 5)).tolist()[2]
    [1, 1, 1, 1, 1]
    """
    labels = np.zeros(shape, np.int32)
    for index in range(len(polygons) - 1, -1, -1):
        outline = polygons.outlines[index]
        labels[polygon(outline[:, 0], outline[:, 1], shape)] = index + 1
    return labels
