"""The table of particles, and of places where one may be missed, as a person goes through it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from particlebridge.analysis._shared.wording import plural

if TYPE_CHECKING:
    from particlebridge.analysis.correction.acts import Point

    from ..session import ReviewSession


class ParticleTable:
    """Particles, and places where one may be missed, the most doubtful first.

    Parameters
    ----------
    session
        Of which they are, as they are now.
    judged
        Label of a place -> what a person said of it.

    Attributes
    ----------
    rows : DataFrame
        As `ReviewSession.table`. The labels of places are -1, -2, ...; a place in which a person
        has made a particle is left out.
    """

    def __init__(self, session: "ReviewSession", judged: Mapping[int, str]) -> None:
        particles, places = session.table, session.missed
        if len(places):
            places = places.assign(label=-1 - np.arange(len(places)), confidence=np.nan)
            places["review"] = [judged.get(label, "") for label in places["label"]]
            every = pd.concat([particles, places[~_are_filled(session, particles, places)]])
            particles = every.sort_values(
                "doubt", ascending=False, kind="stable", ignore_index=True
            )
        self.rows = particles
        self._labels = self.rows["label"].to_numpy()
        self._is_open = self.rows["review"].isin(["", "trimmed"]).to_numpy()

    def __contains__(self, label: int) -> bool:
        return bool((self._labels == label).any())

    @property
    def progress(self) -> str:
        """How far the review is, in words."""
        said = []
        for own, what in ((self._labels > 0, "particle"), (self._labels < 0, "place")):
            if own.any() or what == "particle":
                done = int((own & ~self._is_open).sum())
                said.append(f"{done:,} of {plural(int(own.sum()), what)}")
        return f"{' and '.join(said)} looked at"

    def position(self, label: int | None) -> int | None:
        """Give the row of a label; None if it has none."""
        found = np.flatnonzero(self._labels == label)
        return int(found[0]) if len(found) else None

    def place(self, label: int) -> "Point | None":
        """Give the voxel in the middle of a row; None if it was not measured."""
        z, y, x = self.rows.loc[self._labels == label, ["z", "y", "x"]].to_numpy(float)[0]
        return None if np.isnan([z, y, x]).any() else (int(z), int(y), int(x))

    def reasons(self, label: int | None) -> list[str]:
        """List why a row is doubtful."""
        position = self.position(label)
        if position is None:
            return []
        return [r for r in str(self.rows["reasons"].iloc[position]).split("; ") if r]

    def before(self, label: int | None) -> int | None:
        """Give the label above a row; None above the first."""
        position = self.position(label)
        return int(self._labels[position - 1]) if position else None

    def is_open(self, label: int) -> bool:
        """Tell whether a row is there and nobody has looked at it."""
        return bool(self._is_open[self._labels == label].any())

    def following(self, label: int | None) -> list[int]:
        """List the rows that nobody has looked at, from the next one on, round the end."""
        position = self.position(label)
        start = 0 if position is None else position + 1
        order = np.roll(np.arange(len(self._labels)), -start)
        return [int(self._labels[i]) for i in order if self._is_open[i] and i != position]


def _are_filled(
    session: "ReviewSession", particles: pd.DataFrame, places: pd.DataFrame
) -> np.ndarray:
    """Tell in which places a particle lies that a person has made or changed."""
    points = places[["z", "y", "x"]].to_numpy(int)
    filled = np.zeros(len(points), bool)
    # A look into the labels of a large volume is slow: only where one can lie.
    for label in particles.loc[particles["confidence"].isna(), "label"]:
        box = session.box(int(label))
        near = (points >= box[:3]).all(axis=1) & (points < box[3:]).all(axis=1)
        for i in np.flatnonzero(near & ~filled):
            filled[i] = session.labels[tuple(points[i])] == label
    return filled
