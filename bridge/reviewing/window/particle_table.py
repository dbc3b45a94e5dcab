"""The table of particles as a person goes through it."""

from typing import TYPE_CHECKING

import numpy as np
from particlebridge.analysis._shared.wording import plural

if TYPE_CHECKING:
    import pandas as pd
    from particlebridge.analysis.correction.acts import Point


class ParticleTable:
    """Particles, the least sure first.

    Parameters
    ----------
    rows
        `ReviewSession.table`.
    """

    def __init__(self, rows: "pd.DataFrame") -> None:
        self.rows = rows
        self._labels = rows["label"].to_numpy()
        self._is_open = (rows["review"] == "").to_numpy()

    def __contains__(self, label: int) -> bool:
        return bool((self._labels == label).any())

    @property
    def progress(self) -> str:
        """How far the review is, in words."""
        done = int((~self._is_open).sum())
        return f"{done:,} of {plural(len(self._labels), 'particle')} looked at"

    def position(self, label: int | None) -> int | None:
        """Give the row of a particle; None if it has none."""
        found = np.flatnonzero(self._labels == label)
        return int(found[0]) if len(found) else None

    def place(self, label: int) -> "Point | None":
        """Give the voxel in the middle of a particle; None if it was not measured."""
        z, y, x = self.rows.loc[self._labels == label, ["z", "y", "x"]].to_numpy(float)[0]
        return None if np.isnan([z, y, x]).any() else (int(z), int(y), int(x))

    def reasons(self, label: int | None) -> list[str]:
        """List why a particle is doubtful."""
        position = self.position(label)
        if position is None:
            return []
        return [r for r in str(self.rows["reasons"].iloc[position]).split("; ") if r]

    def before(self, label: int | None) -> int | None:
        """Give the label above a particle; None above the first."""
        position = self.position(label)
        return int(self._labels[position - 1]) if position else None

    def is_open(self, label: int) -> bool:
        """Tell whether a particle is there and nobody has looked at it."""
        return bool(self._is_open[self._labels == label].any())

    def following(self, label: int | None) -> list[int]:
        """List the particles that nobody has looked at, from the next one on, round the end."""
        position = self.position(label)
        start = 0 if position is None else position + 1
        order = np.roll(np.arange(len(self._labels)), -start)
        return [int(self._labels[i]) for i in order if self._is_open[i] and i != position]
