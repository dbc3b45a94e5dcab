"""What is counted in each particle's crop, for all particles, in threads."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from . import paper_recipe
from .closing import ball_reach
from .measured_volume import OUTSIDE, MeasuredVolume, Slab
from .particle_crops import Particles, as_labels, crop, windows
from .particle_measures import FIELDS, describe
from .particle_visibility import hide_unseen
from .reach import ring_radius, seen_voxels, threads_for

_NO_SOLID = np.empty((0, 0, 0), np.uint8)
_NO_GREY = np.empty((0, 0, 0))


PieceMap = Callable[[Callable[[Any], tuple[np.ndarray, ...]], Iterable[Any]], Iterable[Any]]
"""Like the built-in `map`; functions, pieces and results can be sent to other processes."""


class Window(NamedTuple):
    """Slices `low` to `high` of the volume, and the particles that are measured in them."""

    low: int
    high: int
    labels: np.ndarray
    boxes: np.ndarray


@dataclass(frozen=True)
class Setting:
    """How particles are measured.

    Attributes
    ----------
    spacing
        Voxel size (z, y, x), um.
    ball
        Radius of the ball, um.
    paper
        The paper's way of counting.
    has_gaps
        Whether some grey values are not finite.
    coded
        Whether the mask of material says of which bodies void cannot be known.
    """

    spacing: tuple[float, float, float]
    ball: float
    paper: bool
    has_gaps: bool
    coded: bool = False

    @property
    def margin(self) -> np.ndarray:
        """Voxels to see beyond a particle's bounding box: the ring's reach, at least one."""
        if self.paper:
            return np.full(3, paper_recipe.BALL + 1, np.int64)
        return np.maximum(ball_reach(self.ring, self.spacing), 1)

    @property
    def ring(self) -> float:
        """Radius of the ring for Contact, um."""
        return ring_radius(self.spacing, self.ball)


def describe_all(
    arrays: MeasuredVolume,
    particles: Particles,
    setting: Setting,
    depth: int,
    workers: int,
    run: PieceMap = map,
) -> tuple[np.ndarray, np.ndarray]:
    """Measure every particle in its own crop.

    Parameters
    ----------
    arrays
        Where they lie.
    particles
        From `find_particles`.
    setting
        How to measure.
    depth
        Slices to read at a time.
    workers
        Threads.
    run
        What goes through the windows, as the built-in `map` does.

    Returns
    -------
    rows : ndarray (n, len(FIELDS) + 1)
        What `particle_measures.describe` returns, one row per particle, and the mark that the
        mask of material gives to all of a body whose void cannot be known (0: none).
    cut : ndarray of bool (n,)
        Whether the edge of the volume or of the field of view cuts or touches the particle.
    """
    rows = np.full((len(particles.labels), len(FIELDS) + 1), np.nan)
    cut = np.zeros(len(particles.labels), bool)
    margin, slices = int(setting.margin[0]), arrays.labels.shape[0]
    seen = list(windows(particles.boxes, margin, depth, slices))
    pieces = [
        Window(low, high, particles.labels[index], particles.boxes[index])
        for low, high, index in seen
    ]
    found = run(partial(_describe_window, arrays, setting, workers), pieces)
    for (_, _, index), (some, are_cut) in zip(seen, found, strict=True):
        rows[index], cut[index] = some, are_cut
    shape = np.array(arrays.labels.shape)
    cut |= (particles.boxes[:, ::2] == 0).any(axis=1)
    cut |= (particles.boxes[:, 1::2] == shape).any(axis=1)
    return rows, cut


def _describe_window(
    arrays: MeasuredVolume, setting: Setting, workers: int, window: Window
) -> tuple[np.ndarray, np.ndarray]:
    """Measure the particles of one window, read once."""
    slab = arrays.read(window.low, window.high, setting.has_gaps)

    def one(label: int, box: np.ndarray) -> tuple[np.ndarray, bool]:
        return _describe_one(slab, int(label), box, setting)

    sizes = window.boxes[:, 1::2] - window.boxes[:, ::2]
    largest = max((seen_voxels(size, setting.margin) for size in sizes), default=1.0)
    with ThreadPoolExecutor(threads_for(largest, workers)) as pool:
        found = list(pool.map(one, window.labels, window.boxes))
    return np.array([row for row, _ in found]), np.array([is_cut for _, is_cut in found])


def _describe_one(
    slab: Slab, label: int, box: np.ndarray, setting: Setting
) -> tuple[np.ndarray, bool]:
    margin = setting.margin
    here, beyond = crop(box, margin, slab.low, slab.labels.shape)
    if setting.paper:
        return np.append(_as_published(slab, label, box, here, beyond, margin), 0), False
    near = np.pad(as_labels(slab.labels[here]), beyond, constant_values=-1)
    cut = False
    unseen = slab.unseen(here)
    if unseen is not None:
        cut = hide_unseen(near, label, np.pad(unseen, beyond, constant_values=OUTSIDE))
    inside, _ = crop(box, np.zeros(3, np.int64), slab.low, slab.labels.shape)
    solid, grey = _NO_SOLID, _NO_GREY
    if slab.solid is not None:
        solid = np.ascontiguousarray(slab.solid[inside] != 0).view(np.uint8)
    if slab.grey is not None:
        grey = np.ascontiguousarray(slab.grey[inside], np.float64)
    closing = slab.solid is None and slab.grey is not None
    mark = 0
    if setting.coded and slab.solid is not None:
        # All of such a particle has its mark.
        own = slab.solid[inside][slab.labels[inside] == label]
        mark = int(own[0]) if own[0] not in (0, 255) and (own == own[0]).all() else 0
    row = describe(
        near,
        label,
        solid,
        grey,
        closing,
        setting.ball,
        setting.ring,
        margin,
        np.array(setting.spacing),
    )
    return np.append(row, mark), cut


def _as_published(
    slab: Slab,
    label: int,
    box: np.ndarray,
    here: tuple[slice, slice, slice],
    beyond: np.ndarray,
    margin: np.ndarray,
) -> np.ndarray:
    grey = _NO_GREY
    if slab.grey is not None:
        grey = np.ascontiguousarray(slab.grey[here], np.float64)
    return np.asarray(
        paper_recipe.describe_as_published(
            as_labels(slab.labels[here]), label, grey, margin - beyond[:, 0], box[1::2] - box[::2]
        )
    )
