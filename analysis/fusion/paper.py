"""Fusion as published: the views' distance maps summed, clustered, cut into components."""

from collections.abc import Mapping

import cc3d
import fastremap
import numpy as np
from skimage.transform import resize_local_mean

from .._shared.views import View, from_view
from .kmeans1d import kmeans_1d

# As published; the darkest is background.
_CLUSTERS = 5


def paper_fusion(
    dist: Mapping[View, np.ndarray | None], downscale: float = 0.25, min_voxels: int = 2001
) -> np.ndarray:
    """Fuse views by the method of Li et al., Science 376 (2022).

    Parameters
    ----------
    dist
        Each view's mean ray distance, pixels, in the view's own order.
    downscale
        Scale at which the summed maps are clustered; the published 0.25 is meant for particles
        of 100 voxels and more.
    min_voxels
        Components with fewer voxels at that scale are dropped. The public code keeps what has
        more than 2,000.

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)

    Raises
    ------
    ValueError
        If a view has no distance map or the scale is not in (0, 1].

    Notes
    -----
    k-means with five clusters on the summed value, all but the darkest foreground, 26-connected
    components, nearest-neighbour back to full size. The clusters are the exact optimum
    (`kmeans_1d`) where the public code starts at random.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.analysis import paper_fusion
    >>> z, y, x = np.ogrid[-10:11, -10:11, -10:11]
    >>> depth = np.maximum(8 - np.sqrt(z**2 + y**2 + x**2), 0)
    >>> bodies = paper_fusion({"xy": depth, "xz": depth, "yz": depth}, downscale=1, min_voxels=100)
    >>> bodies.shape, int(bodies.max())
    ((21, 21, 21), 1)
    """
    if not 0 < downscale <= 1:
        raise ValueError(f"The paper's scale lies above 0 and up to 1, not at {downscale:g}.")
    total = None
    for view, stack in dist.items():
        if stack is None:
            raise ValueError(
                f"Method paper sums distance maps, and view {view} has none; "
                "segment again to write dist.tif, or use method consensus."
            )
        volume = from_view(stack, view)
        if total is None:
            total = np.zeros(volume.shape, np.float32)
        total += volume
    if total is None:
        raise ValueError("There is no view to fuse.")
    full: tuple[int, ...] = total.shape
    if downscale < 1:
        small = tuple(max(1, round(n * downscale)) for n in full)
        total = resize_local_mean(total, small, preserve_range=True).astype(np.float32)
    clusters = kmeans_1d(total, _CLUSTERS)
    if not clusters.thresholds.size:
        return np.zeros(full, np.int32)
    # As bool, cc3d holds too few numbers for lone voxels in a slice or two.
    bright = (total >= clusters.thresholds[0]).view(np.uint8)
    components = cc3d.connected_components(bright, connectivity=26)
    components = cc3d.dust(components, threshold=min_voxels, connectivity=26)
    components, _ = fastremap.renumber(components, preserve_zero=True)
    nearest = [
        np.minimum(((np.arange(n) + 0.5) * m / n).astype(np.intp), m - 1)
        for n, m in zip(full, components.shape, strict=True)
    ]
    return components.astype(np.int32)[np.ix_(*nearest)]
