"""Labels of an image as outlines for other programs: GeoJSON for QuPath, COCO for the rest."""

import os

import numpy as np
from particlebridge.analysis.io.atomic import write_json
from skimage.measure import points_in_poly, regionprops

from .outlines import checked_labels, label_outlines
from .regions import signed_area


def write_geojson(labels: np.ndarray, path: str | os.PathLike[str]) -> int:
    """Write labels as GeoJSON, one detection each, which QuPath opens by dropping the file on it.

    Parameters
    ----------
    labels
        (H, W) integers, 0 is background.
    path
        The file to write; it appears whole or not at all.

    Returns
    -------
    int
        How many detections were written, in rising order of label, named by it. Coordinates are
        pixels from the upper left corner of the image. Holes and separate parts are kept: the
        outlines cover the centres of exactly the label's pixels.

    Raises
    ------
    ValueError
        If `labels` is no 2-D integer image.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.exporter import read_annotations, write_geojson
    >>> labels = np.zeros((8, 8), np.int32)
    >>> labels[1:4, 1:4], labels[5:7, 2:6] = 1, 2
    >>> write_geojson(labels, "objects.geojson")
    2
    >>> bool((read_annotations("objects.geojson", (8, 8)).labels == labels).all())
    True

    References
    ----------
    RFC 7946; QuPath's own properties: https://qupath.readthedocs.io, "Exporting annotations".
    """
    features = []
    for label, rings in label_outlines(labels):
        parts = [[_closed(ring) for ring in part] for part in _parts(rings)]
        one = len(parts) == 1
        features.append(
            {
                "type": "Feature",
                "geometry": {
                    "type": "Polygon" if one else "MultiPolygon",
                    "coordinates": parts[0] if one else parts,
                },
                "properties": {"objectType": "detection", "name": str(label)},
            }
        )
    write_json(path, {"type": "FeatureCollection", "features": features}, indent=None)
    return len(features)


def write_coco(labels: np.ndarray, path: str | os.PathLike[str], image: str) -> int:
    """Write labels as the instances of a COCO file of one image.

    Parameters
    ----------
    labels
        (H, W) integers, 0 is background.
    path
        The file to write; it appears whole or not at all.
    image
        File name of the image that the labels belong to.

    Returns
    -------
    int
        How many instances were written. The id of an instance is its label; its segmentation is
        run lengths, which keep holes and separate parts exactly, as COCO's polygons do not.

    Raises
    ------
    ValueError
        If `labels` is no 2-D integer image, or holds negative numbers.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from particlebridge.exporter import write_coco
    >>> labels = np.zeros((8, 8), np.int32)
    >>> labels[1:4, 1:4], labels[5:7, 2:6] = 1, 2
    >>> write_coco(labels, "coco.json", "sample.tif")
    2

    References
    ----------
    Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; cocodataset.org.
    """
    labels = checked_labels(labels)
    height, width = labels.shape
    instances = []
    for region in regionprops(labels):
        top, left, bottom, right = region.bbox
        instances.append(
            {
                "id": int(region.label),
                "image_id": 1,
                "category_id": 1,
                "iscrowd": 0,
                "area": int(region.num_pixels),
                "bbox": [left, top, right - left, bottom - top],
                "segmentation": {
                    "size": [height, width],
                    "counts": _run_lengths(region.image, top, left, height, width),
                },
            }
        )
    content = {
        "images": [{"id": 1, "file_name": image, "height": height, "width": width}],
        "categories": [{"id": 1, "name": "particle"}],
        "annotations": instances,
    }
    write_json(path, content, indent=None)
    return len(instances)


def _run_lengths(mask: np.ndarray, top: int, left: int, height: int, width: int) -> list[int]:
    """Count down the columns of the whole image: background, particle, background, ..."""
    columns, rows = np.nonzero(mask.T)
    places = (columns + left) * height + rows + top
    breaks = np.flatnonzero(np.diff(places) > 1)
    starts = places[np.concatenate([[0], breaks + 1])]
    ends = places[np.concatenate([breaks, [len(places) - 1]])] + 1
    bounds = np.concatenate([[0], np.column_stack([starts, ends]).ravel(), [height * width]])
    counts: list[int] = np.diff(bounds).tolist()
    return counts if counts[-1] else counts[:-1]


def _parts(rings: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Give each outer border with the holes in it; those have the opposite sense of rotation."""
    areas = [signed_area(ring) for ring in rings]
    outer = [ring for ring, area in zip(rings, areas, strict=True) if area > 0]
    sizes = [area for area in areas if area > 0]
    parts = [[ring] for ring in outer]
    for ring, area in zip(rings, areas, strict=True):
        if area > 0:
            continue
        around = [k for k, one in enumerate(outer) if points_in_poly(ring[:1], one)[0]]
        owner = min(around or range(len(outer)), key=lambda k: sizes[k])
        parts[owner].append(ring)
    return parts


def _closed(ring: np.ndarray) -> list[list[float]]:
    """Give (x, y), the first vertex repeated, as GeoJSON wants it."""
    points: list[list[float]] = ring[:, ::-1].tolist()
    return [*points, points[0]]
