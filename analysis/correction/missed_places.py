"""Places where a particle may be missed: 2-D objects that ended in no body, grouped in 3-D."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from .._shared.views import View
from .view_evidence import LostObjects

# Two objects show one particle if their centres are no farther apart than this share of the
# smaller one's diameter.
_NEAR = 0.35


class MissedPlaces(NamedTuple):
    """Groups of 2-D objects that lie in no body, one row each.

    Attributes
    ----------
    places : ndarray of int64, shape (n, 3)
        A voxel (z, y, x) of the largest object.
    volumes : ndarray of float64, shape (n,)
        What the view that shows most of it shows, um3.
    views : list of tuple of str
        The views that show it.
    grey : ndarray of float64, shape (n,)
        Mean grey value, weighted by volume; NaN where none is known.
    on_face : ndarray of bool, shape (n,)
        The largest object is a section by the volume's face, in the view that looks at it.
    """

    places: np.ndarray
    volumes: np.ndarray
    views: list[tuple[View, ...]]
    grey: np.ndarray
    on_face: np.ndarray


def missed_places(
    lost: Mapping[View, LostObjects], spacing: tuple[float, float, float]
) -> MissedPlaces:
    """Group the objects of all views that may show one particle.

    Parameters
    ----------
    lost
        View -> its objects that lie in no body.
    spacing
        Voxel size (z, y, x), um.
    """
    names = list(lost)
    of_view = np.repeat(np.arange(len(names)), [own.volumes.size for own in lost.values()])
    every = LostObjects(*(np.concatenate(column) for column in zip(*lost.values(), strict=True)))
    group = _groups(every.places * np.array(spacing), every.diameters, max(spacing))
    n = int(group.max(initial=-1)) + 1
    shown = np.zeros((n, len(names)))
    np.add.at(shown, (group, of_view), every.volumes)
    order = np.lexsort((every.volumes, group))
    largest = order[np.searchsorted(group[order], np.arange(n), side="right") - 1]
    grey = np.bincount(group, every.volumes * every.grey, n) / shown.sum(1)
    return MissedPlaces(
        every.places[largest],
        shown.max(1, initial=0),
        [tuple(v for v, has in zip(names, row, strict=True) if has) for row in shown > 0],
        grey,
        every.on_face[largest],
    )


def _groups(points: np.ndarray, diameters: np.ndarray, side: float) -> np.ndarray:
    if not points.size:
        return np.zeros(0, np.int64)
    # Neighbouring slices, however far apart they are, may show one particle.
    reach = np.maximum(_NEAR * diameters, 1.01 * side)
    pairs = cKDTree(points).query_pairs(reach.max(), output_type="ndarray")
    apart = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    first, second = pairs[apart <= reach[pairs].min(1)].T
    graph = coo_matrix((np.ones(first.size, bool), (first, second)), (len(points),) * 2)
    return connected_components(graph, directed=False)[1]
