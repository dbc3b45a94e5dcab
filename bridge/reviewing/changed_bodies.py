"""What corrections changed: which bodies, where, what is material in them, and how much it was."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import fastremap
import numpy as np
from particlebridge import analysis
from particlebridge.analysis import Score
from particlebridge.analysis._shared.overlaps import Overlaps, pair_counts
from particlebridge.analysis.correction.acts import Box, slices, wider_box
from particlebridge.analysis.correction.replay import LabelEditor
from particlebridge.analysis.material.void_evidence import WORDS, coded
from particlebridge.analysis.scores import score_overlaps

from .._shared.progress import progress
from ..runs.source import Source
from ..volumes.ome_zarr import CHUNK
from ..volumes.stored_arrays import AnyArray, filled
from .edited_labels import EditedLabels

_AROUND = 32
"""Voxels around a body that tell what its surroundings look like."""


@dataclass(frozen=True)
class Changes:
    """How corrected labels differ from the fused ones.

    Attributes
    ----------
    now
        Label -> bounding box of each particle whose voxels are not as they were fused.
    before
        The same of the particles that were there, with those that are gone.
    """

    now: Mapping[int, Box]
    before: Mapping[int, Box]

    @property
    def gone(self) -> list[int]:
        """Labels that are no more."""
        return sorted(set(self.before) - set(self.now))

    @property
    def places(self) -> list[Box]:
        """Boxes outside which nothing changed."""
        return [*self.before.values(), *self.now.values()]


def find_changes(labels: EditedLabels, editor: LabelEditor, boxes: Mapping[int, Box]) -> Changes:
    """Compare corrected labels with those that they were made of.

    Parameters
    ----------
    labels
        Corrected.
    editor
        Of these labels.
    boxes
        Label -> bounding box of every particle as it was fused.
    """
    differ: set[int] = set()
    for box, chunk in labels.changed():
        old = np.asarray(labels.base[box]).astype(np.int32)
        other = chunk != old
        differ.update(np.unique(chunk[other]).tolist(), np.unique(old[other]).tolist())
    differ.discard(0)
    now = {label: editor.known(label).box for label in sorted(differ) if label in editor.particles}
    return Changes(now, {label: boxes[label] for label in sorted(differ) if label in boxes})


def find_solid_again(
    source: Source, labels: EditedLabels, mask: AnyArray, changes: Changes
) -> tuple[EditedLabels, dict[int, str]]:
    """Find what is material in the bodies that changed; all others keep theirs.

    Parameters
    ----------
    source
        The volume, and what of it was seen.
    labels
        Corrected.
    mask
        Of the bodies as they were fused.
    changes
        What to look at.

    Returns
    -------
    mask : EditedLabels
        uint8, as `void_evidence.coded` writes it.
    void : dict
        Label -> what is known of its void, one of `void_evidence.WORDS`.
    """
    found = EditedLabels(mask, np.uint8)
    volume, seen = source.volume, source.seen
    for box in changes.places:
        part = found[slices(box)]
        part[labels[slices(box)] == 0] = 0
        found[slices(box)] = part
    void: dict[int, str] = {}
    with progress("bodies whose material is found again", len(changes.now)) as advance:
        for label, box in changes.now.items():
            wide = wider_box(box, (_AROUND,) * 3, labels.shape)
            bodies = labels[slices(wide)]
            known = None if seen.mask is None else np.asarray(seen.mask[slices(wide)])
            grey = filled(np.asarray(volume.data[slices(wide)]), seen.fill, known)
            # Levels are tables by label: numbered in a row, they follow the number of bodies.
            few, numbers = fastremap.renumber(bodies)
            few = few.astype(np.int32)
            solid, verdict = analysis.find_void(grey, few, volume.spacing)
            own = bodies == label
            part = found[slices(wide)]
            part[own] = coded(solid, few, verdict)[own]
            found[slices(wide)] = part
            void[label] = WORDS[int(verdict[int(numbers[label])])]
            advance(1)
    return found, void


def score_machine(
    labels: EditedLabels, particles: set[int], fused: set[int], changes: Changes
) -> Score:
    """Score the fused labels against the corrected ones, taken as the truth.

    Bodies that did not change agree with themselves, so only the voxels of the others are counted.

    Parameters
    ----------
    labels
        Corrected, over the fused ones.
    particles, fused
        All labels there are now, and were.
    changes
        Between the two.
    """
    stale = {*changes.now, *changes.before}
    counts: Counter[tuple[int, int]] = Counter()
    cells = {
        cell
        for box in changes.places
        for cell in product(*(range(box[a] // CHUNK, -(-box[a + 3] // CHUNK)) for a in range(3)))
    }
    for cell in sorted(cells):
        span = tuple(slice(c * CHUNK, (c + 1) * CHUNK) for c in cell)
        pairs = pair_counts(labels[span], np.asarray(labels.base[span]).astype(np.int32))
        for a, b, n in np.stack(pairs, axis=1).tolist():
            if a in stale or b in stale:
                counts[a, b] += n
    counts.update({(label, label): 1 for label in (particles & fused) - stale})
    rows = np.array([(a, b, n) for (a, b), n in sorted(counts.items())], np.int64).reshape(-1, 3)
    return score_overlaps(Overlaps(rows[:, 0], rows[:, 1], rows[:, 2]))
