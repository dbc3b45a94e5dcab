"""StarDist's own numerics: what predict_instances finds, as an alternative to the plugin's."""

import numpy as np
from numpy.typing import NDArray
from particlebridge.analysis import Polygons
from particlebridge.exporter import Network


def predict_by_stardist(
    network: Network,
    image: NDArray[np.floating],
    percentiles: tuple[float, float],
    prob_thresh: float,
    nms_thresh: float,
) -> tuple[Polygons, NDArray[np.float32], NDArray[np.float32]]:
    """Segment an image as StarDist2D.predict_instances after csbdeep's normalize.

    Parameters
    ----------
    network
        One whose `stardist` is known.
    image
        (H, W) or (H, W, C) grey values, finite.
    percentiles
        Lower and upper percentile, linearly interpolated.
    prob_thresh, nms_thresh
        As StarDist takes them.

    Returns
    -------
    polygons : Polygons
        The objects in order of falling probability.
    prob, dist
        As `Network.predict`, cropped to the image.
    """
    from csbdeep.utils import normalize

    assert network.stardist is not None
    (_, found), (prob, dist) = network.stardist.predict_instances(
        normalize(image, *percentiles),
        axes="YXC"[: image.ndim],
        prob_thresh=prob_thresh,
        nms_thresh=nms_thresh,
        return_labels=False,
        return_predict=True,
        show_tile_progress=False,
    )[:2]
    points = np.asarray(found["points"], np.float64).reshape(-1, 2)
    order = np.argsort(-np.asarray(found["prob"]), kind="stable")
    rows, columns = (points[order] / network.grid).astype(np.intp).T
    polygons = Polygons(
        points=points[order],
        dist=dist[rows, columns],
        prob=np.asarray(found["prob"], np.float32)[order],
        outlines=np.asarray(found["coord"], np.float64)[order].swapaxes(1, 2),
    )
    return polygons, prob, dist
