"""A person who puts right by the truth what is looked at: on a table of overlaps, and by acts."""

from collections import defaultdict
from typing import NamedTuple, Self

import numpy as np
from particlebridge.analysis._shared.assignment import sparse_assignment
from particlebridge.analysis._shared.overlaps import overlap_table
from particlebridge.analysis.correction.regions import Region
from particlebridge.bridge import ReviewSession
from scipy.ndimage import find_objects

# A particle and a body belong together if they share this much of the smaller one.
_MEETS = 0.1


class Seen(NamedTuple):
    """What one look shows: particles of the truth, and bodies that make way for them.

    Attributes
    ----------
    truths, bodies
        Numbers.
    kept
        Bodies that meet a particle outside this look, too, and only give up voxels.
    """

    truths: frozenset[int]
    bodies: frozenset[int]
    kept: frozenset[int]


class Person:
    """Bodies as they are corrected, known by the voxels that they share with the truth.

    Parameters
    ----------
    truth, labels
        (Z, Y, X) particles, and bodies that are to be corrected.
    """

    def __init__(self, truth: np.ndarray, labels: np.ndarray) -> None:
        table = overlap_table(truth, labels)
        self._truth = truth
        self._cells = {
            (a, b): k
            for a, b, k in zip(*(column.tolist() for column in table), strict=True)
            if a or b
        }
        self._machine = int(labels.max(initial=0))
        self._index()

    def copy(self) -> Self:
        """Give another one who goes on from here."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, _cells=dict(self._cells))
        return made

    def _index(self) -> None:
        self._truths: dict[int, int] = defaultdict(int)
        self._bodies: dict[int, int] = defaultdict(int)
        self._of_truth: dict[int, list[int]] = defaultdict(list)
        self._of_body: dict[int, list[int]] = defaultdict(list)
        for (a, b), k in self._cells.items():
            if a:
                self._truths[a] += k
            if b:
                self._bodies[b] += k
        for (a, b), k in self._cells.items():
            if a and b and k >= _MEETS * min(self._truths[a], self._bodies[b]):
                self._of_truth[a].append(b)
                self._of_body[b].append(a)

    def errors(self, threshold: float = 0.5) -> tuple[int, float]:
        """Count the particles missed and the bodies that are none, and give F1, at an IoU."""
        rows, cols, costs = [], [], []
        for (a, b), k in self._cells.items():
            iou = k / (self._truths[a] + self._bodies[b] - k) if a and b else 0.0
            if iou >= threshold:
                rows.append(a)
                cols.append(b)
                costs.append(-iou)
        arrays = np.array(rows, np.int64), np.array(cols, np.int64), np.array(costs)
        found = sparse_assignment(*arrays)[0].size
        every = len(self._truths) + len(self._bodies)
        return every - 2 * found, 2 * found / every if every else 1.0

    def seen(self, label: int, at: tuple[int, int, int]) -> Seen | None:
        """Tell what is seen at a body, or at a place without one (0); None: it is right already."""
        if label:
            if label not in self._bodies:
                return None
            truths, own = set(self._of_body[label]), {label}
        else:
            truths, own = {int(self._truth[at])} - {0}, set()
            if any(b > self._machine for a in truths for b in self._of_truth[a]):
                return None
        bodies = own.union(*(self._of_truth[a] for a in truths))
        kept = {b for b in bodies - own if set(self._of_body[b]) - truths}
        return Seen(frozenset(truths), frozenset(bodies), frozenset(kept))

    def put_right(self, seen: Seen) -> None:
        """Make each particle seen a body of its own."""
        names = {a: max(self._machine, *self._bodies, 0) + 1 + i for i, a in enumerate(seen.truths)}
        cells: dict[tuple[int, int], int] = defaultdict(int)
        for (a, b), k in self._cells.items():
            gone = b in seen.bodies and b not in seen.kept
            now = names.get(a, 0 if gone else b)
            if a or now:
                cells[a, now] += k
        self._cells = dict(cells)
        self._index()


def put_right_by_acts(review: ReviewSession, truth: np.ndarray, seen: Seen) -> None:
    """Do in a review what `Person.put_right` does: merge, paint, add and delete."""
    boxes = find_objects(truth)
    made: set[int] = set()
    for number in sorted(seen.truths):
        box = boxes[number - 1]
        own = truth[box] == number
        counts = np.bincount(review.labels[box][own])
        free = seen.bodies - seen.kept - made
        held = sorted((b for b in free if b < counts.size and counts[b]), key=lambda b: -counts[b])
        pieces = [b for b in held if 2 * counts[b] > _voxels(review, b)]
        if len(pieces) > 1:
            review.merge(pieces)
        corners = (*(s.start for s in box), *(s.stop for s in box))
        main = pieces[0] if pieces else None
        if main is None:
            made.add(review.add(Region(corners, own)))
            continue
        made.add(main)
        there = review.box(main)
        low = [min(a, b) for a, b in zip(there[:3], corners[:3], strict=True)]
        high = [max(a, b) for a, b in zip(there[3:], corners[3:], strict=True)]
        wide = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        add, now = truth[wide] == number, review.labels[wide]
        if ((now == main) != add).any():
            review.paint(main, (*low, *high), add=add, remove=(now == main) & ~add)
    for body in sorted((seen.bodies - seen.kept - made).intersection(review.table["label"])):
        review.delete(body)


def _voxels(review: ReviewSession, label: int) -> int:
    box = review.box(label)
    part = tuple(slice(a, b) for a, b in zip(box[:3], box[3:], strict=True))
    return int((review.labels[part] == label).sum())
