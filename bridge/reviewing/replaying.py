"""The log's acts done again on the labels of a run, as they are or as they were fused again."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd
from particlebridge.analysis._shared.parallel import thread_count
from particlebridge.analysis.correction.acts import Box, Edit, Redo, Undo
from particlebridge.analysis.correction.particles import Change, NoLongerFits
from particlebridge.analysis.correction.replay import LabelEditor
from particlebridge.analysis.features.particle_crops import find_particles, slab_depth

from .._shared.progress import notice
from ..volumes.stored_arrays import AnyArray
from .fused_files import FusedFiles
from .log import CorrectionLog, Line

_FEWEST = 4
"""Corrections of other labels of which fewer than one in so many fit are of another volume."""


@dataclass
class Replayed:
    """The acts of a log as they stand.

    Attributes
    ----------
    done
        Acts that are in force, whether each was made on these labels, and what it changed (None:
        it no longer fits).
    undone
        Acts that `redo` would do, the next last.
    misfits
        Lines that no longer fit, and why.
    carried
        How many acts were made on other labels and found their place.
    """

    done: list[tuple[Edit, bool, Change | None]] = field(default_factory=list)
    undone: list[tuple[Edit, bool]] = field(default_factory=list)
    misfits: list[tuple[Line, str]] = field(default_factory=list)
    carried: int = 0

    @property
    def in_force(self) -> list[Edit]:
        """The acts that changed something."""
        return [act for act, _, change in self.done if change is not None]

    @property
    def counts(self) -> dict[str, int]:
        """How many acts of each kind are in force."""
        return dict(Counter(act.name for act in self.in_force))

    @property
    def messages(self) -> list[str]:
        """What a person should know of it."""
        said = []
        if self.carried:
            said.append(
                f"the particles were fused again since {self.carried} corrections were made: they "
                "are carried over by place"
            )
        said += [
            f"line {line.number} of the corrections ({line.act.name}) no longer fits: {why}"
            for line, why in self.misfits
        ]
        return said


def in_force(lines: Iterable[Line]) -> tuple[list[Line], list[Line]]:
    """Sort out what was undone and redone.

    Returns
    -------
    done, undone
        Lines of acts that are in force, in order; and those that a redo would do, the next last.
    """
    done: list[Line] = []
    undone: list[Line] = []
    for line in lines:
        if isinstance(line.act, Undo):
            if done:
                undone.append(done.pop())
        elif isinstance(line.act, Redo):
            if undone:
                done.append(undone.pop())
        else:
            done.append(line)
            undone.clear()
    return done, undone


def replay(log: CorrectionLog, editor: LabelEditor, digest: str) -> Replayed:
    """Do the acts of a log that are in force.

    Parameters
    ----------
    log
        Read.
    editor
        Of the fused labels.
    digest
        Of the fused labels: acts on others are carried over by place.

    Raises
    ------
    ValueError
        If hardly an act of other labels fits: they are another volume's.
    """
    done, undone = in_force(log.lines)
    # Labels that were given once are never given again, also those of acts that were undone.
    for line in log.lines:
        if line.labels == digest:
            editor.highest = max(editor.highest, *getattr(line.act, "new", ()), 0)
    result = Replayed(undone=[(line.act, line.labels == digest) for line in undone])  # type: ignore[misc]
    others = 0
    for line in done:
        exact = line.labels == digest
        others += not exact
        change = None
        try:
            change = editor.do(line.act, exact)  # type: ignore[arg-type]
            result.carried += not exact
        except NoLongerFits as error:
            result.misfits.append((line, str(error)))
        result.done.append((line.act, exact, change))  # type: ignore[arg-type]
    if others and _FEWEST * result.carried < others:
        raise ValueError(
            f"{log.path}: holds corrections of other labels ({others} acts), of which only "
            f"{result.carried} fit the particles here, so they are of another volume; move the "
            "file away"
        )
    return result


def boxes_of(
    fused: FusedFiles, labels: AnyArray, fusion: pd.DataFrame, features: pd.DataFrame | None
) -> dict[int, Box]:
    """Tell the bounding box of each particle, from its tables where they are of these labels."""
    if features is not None:
        columns = ["z0", "y0", "x0", "z1", "y1", "x1"]
        # Tables of labels that were fused before have other volumes.
        same = len(features) == len(fusion) and set(columns) <= set(features)
        if same and features.set_index("label")["Volume"].sort_index().equals(
            fusion.set_index("label")["Volume"].sort_index()
        ):
            rows = features[columns].to_numpy(int).tolist()
            return {
                int(label): tuple(row) for label, row in zip(features["label"], rows, strict=True)
            }
    notice(f"{fused.labels}: its particles are not measured yet, so they are searched for")
    depth = slab_depth(labels.shape, None)
    found = find_particles(labels, depth, thread_count())
    return {
        int(label): (z0, y0, x0, z1, y1, x1)
        for label, (z0, z1, y0, y1, x0, x1) in zip(found.labels, found.boxes.tolist(), strict=True)
    }
