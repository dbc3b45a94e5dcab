"""Labelled volumes as training images: slices of their views, and a slab held out with a gap."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from particlebridge.analysis import VIEWS, to_view, typical_diameter
from particlebridge.analysis._shared.views import View, view_axes, view_spacing

from .examples import Example, check_examples

_HELD_OUT = (0.2, 0.25, 0.3, 0.4)
"""Shares of the longest side that are tried for the slab held out."""

_FEWEST = 2
"""Particles that each part must hold."""

_MOST_SLICES = 64
"""Slices of one view to learn from; neighbours show nearly the same."""

_MOST_HELD_OUT = 12


@dataclass(frozen=True, eq=False)
class VolumeSlices:
    """Slices of labelled volumes.

    Attributes
    ----------
    train, held_out
        2-D examples, their pixels not yet square; no particle is in both.
    notes
        What counts as not annotated, and how the two were parted.
    """

    train: list[Example]
    held_out: list[Example]
    notes: list[str]


@dataclass(frozen=True, eq=False)
class _Block:
    """A part of a labelled volume.

    Attributes
    ----------
    name
        Of the volume.
    image, labels
        (Z, Y, X).
    places
        Index in the volume of each plane along each axis.
    """

    name: str
    image: np.ndarray
    labels: np.ndarray
    places: tuple[np.ndarray, np.ndarray, np.ndarray]

    def cut(self, axis: int, part: slice | np.ndarray) -> "_Block":
        """Keep some planes along an axis."""
        where = (slice(None),) * axis + (part,)
        z, y, x = (kept[part] if k == axis else kept for k, kept in enumerate(self.places))
        return _Block(self.name, self.image[where], self.labels[where], (z, y, x))


def volume_slices(
    volumes: Sequence[Example], views: Sequence[View], spacing: tuple[float, float, float]
) -> VolumeSlices:
    """Cut labelled volumes into the slices that segmenting their views looks at.

    A slice of view xy without any label counts as not annotated. The other views show a volume
    only where annotated slices follow each other over at least one typical diameter. Of each
    volume the far end of its longest side is held out; between the two parts lies a gap of one
    typical diameter that serves neither, so that no slice has a neighbour in the other part.

    Parameters
    ----------
    volumes
        (Z, Y, X) grey values and labels, as a user gave them.
    views
        Out of ``xy``, ``xz``, ``yz``.
    spacing
        Voxel size (z, y, x) in any unit: only the ratios count.

    Returns
    -------
    VolumeSlices

    Raises
    ------
    ValueError
        If a view is unknown or repeated, the voxel size is not positive, there is nothing to
        learn from, or as `check_examples`.
    """
    if not views or set(views) - set(VIEWS) or len(set(views)) < len(views):
        raise ValueError(f"views must be out of {', '.join(VIEWS)}, not {', '.join(views)}")
    if len(spacing) != 3 or not all(side > 0 for side in spacing):
        raise ValueError(f"a voxel has three sides above 0, not {spacing}")
    made = VolumeSlices([], [], [])
    for given in volumes:
        diameter = _section_diameter(given, spacing)
        for block, seen in _annotated(given, views, spacing, diameter, made.notes):
            # Slices that lie apart are parted within their plane.
            axes = (0, 1, 2) if np.ptp(block.places[0]) < len(block.places[0]) else (1, 2)
            first, last = _parted(block, axes, spacing, diameter, made.notes)
            made.train.extend(_slices(first, seen, spacing, _MOST_SLICES))
            made.held_out.extend(_slices(last, seen, spacing, _MOST_HELD_OUT))
    if not made.train or not made.held_out:
        names = ", ".join(given.name for given in volumes)
        raise ValueError(
            f"{names}: no slice of view {', '.join(views)} can be trained on; annotate slices of "
            "view xy, or neighbouring slices over a whole particle for the other views"
        )
    for what, some in (("to learn from", made.train), ("held out", made.held_out)):
        counts = (f"{sum(f', view {v}, ' in one.name for one in some)} {v}" for v in views)
        made.notes.append(f"Slices {what}: {', '.join(counts)}.")
    return made


def _section_diameter(given: Example, spacing: tuple[float, float, float]) -> float:
    """Give the typical diameter of the labelled sections of view xy, in the unit of `spacing`."""
    labels = np.asarray(given.labels)
    if labels.ndim != 3 or np.shape(given.image) != labels.shape:
        raise ValueError(
            f"{given.name}: a volume and its labels have three axes and one shape, not "
            f"{np.shape(given.image)} and {labels.shape}"
        )
    sections = [np.unique(plane[plane > 0], return_counts=True)[1] for plane in labels]
    if not sum(some.size for some in sections):
        raise ValueError(f"{given.name}: no object is annotated in it; draw some to train on")
    return typical_diameter(np.concatenate(sections) * spacing[1] * spacing[2])


def _annotated(
    given: Example,
    views: Sequence[View],
    spacing: tuple[float, float, float],
    diameter: float,
    notes: list[str],
) -> list[tuple[_Block, Sequence[View]]]:
    """Give the annotated blocks of a volume, each with the views that it can be seen from."""
    labels = np.asarray(given.labels)
    z, y, x = (np.arange(n) for n in labels.shape)
    whole = _Block(given.name, np.asarray(given.image), labels, (z, y, x))
    marked = np.flatnonzero((labels > 0).any(axis=(1, 2)))
    if marked.size < len(labels):
        notes.append(
            f"{given.name}: {len(labels) - marked.size:,} of {len(labels):,} slices hold no label "
            "and count as not annotated."
        )
    blocks: list[tuple[_Block, Sequence[View]]] = []
    alone: list[int] = []
    for run in np.split(marked, np.flatnonzero(np.diff(marked) > 1) + 1):
        if run.size * spacing[0] < diameter:
            alone += run.tolist()
            continue
        block = whole.cut(0, slice(int(run[0]), int(run[-1]) + 1))
        (checked,), said = check_examples([Example(given.name, block.image, block.labels)], 3)
        notes += said
        blocks.append((replace(block, labels=checked.labels), views))
    if alone and set(views) != {"xy"}:
        notes.append(
            f"{given.name}: {len(alone):,} annotated slices have too few annotated neighbours to "
            "show whole particles from the side: used for view xy alone."
        )
    if alone and "xy" in views:
        block = whole.cut(0, np.array(alone))
        flat, said = check_examples([Example(given.name, block.image, block.labels)], 2)
        notes += said
        blocks.append((replace(block, labels=np.stack([one.labels for one in flat])), ("xy",)))
    return blocks


def _parted(
    block: _Block,
    axes: Sequence[int],
    spacing: tuple[float, float, float],
    diameter: float,
    notes: list[str],
) -> tuple[_Block, _Block]:
    """Part a block across the longest of some axes, with a gap of one typical diameter."""
    shape = block.labels.shape
    axis = max(axes, key=lambda k: shape[k] * spacing[k])
    gap = int(np.ceil(diameter / spacing[axis]))
    for share in _HELD_OUT:
        stop = round(shape[axis] * (1 - share)) - gap
        # A thinner slab shows slivers of particles from the side.
        if stop < gap or shape[axis] - stop - gap < gap:
            continue
        here, there = block.cut(axis, slice(stop)), block.cut(axis, slice(stop + gap, None))
        if axes == (0, 1, 2):
            # A particle larger than the gap may reach into both parts: it is judged in neither.
            # (Numbers of slices that lie apart start again in each.)
            learned = np.unique(here.labels[here.labels > 0])
            judged = np.where(np.isin(there.labels, learned), -1, there.labels)
            there = replace(there, labels=judged)
        if min(_count(here.labels), _count(there.labels)) >= _FEWEST:
            notes.append(
                f"{block.name}: its last {shape[axis] - stop - gap:,} of {shape[axis]:,} voxels "
                f"along the {'ZYX'[axis]} axis were held out, after a gap of {gap:,} that serves "
                "neither part."
            )
            return here, there
    notes.append(
        f"{block.name}: too small, or too few particles, to hold some out behind a gap of one "
        f"typical diameter ({gap:,} voxels): all of it served for training and validation alike, "
        "so the scores below are not a test."
    )
    return block, block


def _count(labels: np.ndarray) -> int:
    return np.unique(labels[labels > 0]).size


def _slices(
    block: _Block, views: Sequence[View], spacing: tuple[float, float, float], most: int
) -> list[Example]:
    """Cut evenly spaced slices with labels out of a block, at most so many of each view."""
    finest = min(spacing)
    made = []
    for view in views:
        _, height, width = view_spacing(spacing, view)
        image, labels = to_view(block.image, view), to_view(block.labels, view)
        marked = np.flatnonzero((labels > 0).any(axis=(1, 2)))
        chosen = np.linspace(0, marked.size - 1, min(most, marked.size)).round().astype(int)
        number = block.places[view_axes(view)[0]]
        made += [
            Example(
                f"{block.name}, view {view}, slice {number[k] + 1}",
                image[k],
                labels[k],
                source=block.name,
                pixel_size=(height / finest, width / finest),
            )
            for k in marked[chosen].tolist()
        ]
    return made
