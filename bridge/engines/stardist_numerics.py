"""StarDist's own numerics: what predict_instances finds, as an alternative to the plugin's."""

import numpy as np
from numpy.typing import NDArray
from particlebridge.analysis import Polygons
from particlebridge.exporter import Network

from .tiling import MAX_PIXELS

_BORDER = 2
"""Grid points this close to the border of the padded image propose nothing."""


def predict_by_stardist(
    network: Network,
    image: NDArray[np.floating],
    percentiles: tuple[float, float],
    prob_thresh: float,
    nms_thresh: float,
    max_pixels: int = MAX_PIXELS,
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
    max_pixels
        Images of more pixels are cut into the tiles that StarDist chooses for them
        (``n_tiles=model._guess_n_tiles(image)``, as in its notebooks).

    Returns
    -------
    polygons : Polygons
        The objects in order of falling probability.
    prob, dist
        As `Network.predict`, cropped to the image.
    """
    from csbdeep.utils import normalize
    from stardist.nms import _ind_prob_thresh

    model = network.stardist
    assert model is not None
    shape = image.shape[:2]
    normalized = normalize(image, *percentiles)
    tiles = model._guess_n_tiles(normalized) if shape[0] * shape[1] > max_pixels else None
    # predict_instances(return_predict=True) would crop the maps before it looks for objects, and
    # so lose those near the lower and right border. Padded here by the same rule, StarDist has
    # nothing to crop.
    padding = [
        (0, -side % step) for side, step in zip(shape, model._axes_div_by("YX"), strict=True)
    ]
    padded = np.pad(normalized, padding + [(0, 0)] * (image.ndim - 2), mode="reflect")
    prob, dist = model.predict(
        padded, axes="YXC"[: image.ndim], n_tiles=tiles, show_tile_progress=False
    )[:2]
    points = np.argwhere(_ind_prob_thresh(prob, prob_thresh, b=_BORDER))
    points = points[(points * network.grid < shape).all(axis=1)]
    rows, columns = points.T
    _, found = model._instances_from_prediction(
        shape,
        prob[rows, columns],
        dist[rows, columns],
        points=points * network.grid,
        prob_thresh=prob_thresh,
        nms_thresh=nms_thresh,
        return_labels=False,
    )
    centres = np.asarray(found["points"]).reshape(-1, 2)
    order = np.argsort(-np.asarray(found["prob"]), kind="stable")
    rows, columns = (centres[order] // network.grid).astype(np.intp).T
    polygons = Polygons(
        points=centres[order].astype(np.float64),
        dist=dist[rows, columns],
        prob=np.asarray(found["prob"], np.float32)[order],
        outlines=np.asarray(found["coord"], np.float64)[order].swapaxes(1, 2),
    )
    height, width = (-(-side // step) for side, step in zip(shape, network.grid, strict=True))
    return polygons, prob[:height, :width], dist[:height, :width]
