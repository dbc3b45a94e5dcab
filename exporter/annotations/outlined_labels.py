"""Labels of an image as outlines for other programs: GeoJSON for QuPath, COCO for the rest."""

import os
from collections.abc import Iterator

import numpy as np
from particlebridge.analysis.io.atomic import write_json
from skimage.measure import points_in_poly

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
    for label, starts, ends in _runs(labels):
        left, right = int(starts[0] // height), int((ends[-1] - 1) // height) + 1
        top, bottom = int((starts % height).min()), int(((ends - 1) % height).max()) + 1
        instances.append(
            {
                "id": label,
                "image_id": 1,
                "category_id": 1,
                "iscrowd": 0,
                "area": int((ends - starts).sum()),
                "bbox": [left, top, right - left, bottom - top],
                "segmentation": {
                    "size": [height, width],
                    "counts": _run_lengths(starts, ends, labels.size),
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


def _runs(labels: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Give each label, in rising order, with where its runs start and end.

    Pixels are counted down the columns, as COCO does; no run goes on into the next column.
    """
    height = len(labels)
    down = labels.T.ravel()
    is_start = np.ones(down.size, bool)
    is_start[1:] = down[1:] != down[:-1]
    is_start[::height] = True
    starts = np.flatnonzero(is_start)
    ends = np.append(starts[1:], down.size)
    of_particles = np.flatnonzero(down[starts])
    starts, ends = starts[of_particles], ends[of_particles]
    order = np.argsort(down[starts], kind="stable")
    owners = down[starts[order]]
    for group in np.split(order, np.flatnonzero(np.diff(owners)) + 1):
        if group.size:
            yield int(down[starts[group[0]]]), starts[group], ends[group]


def _run_lengths(starts: np.ndarray, ends: np.ndarray, size: int) -> list[int]:
    """Count down the columns of the whole image: background, particle, background, ..."""
    apart = starts[1:] > ends[:-1]
    starts, ends = starts[np.append(True, apart)], ends[np.append(apart, True)]
    bounds = np.concatenate([[0], np.column_stack([starts, ends]).ravel(), [size]])
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
