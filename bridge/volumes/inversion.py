"""Grey values turned over, so that dark particles are bright: what all stages expect."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from .reading import Volume
from .stored_arrays import AnyArray, StoredArray

INVERTED = "its grey values are inverted, as --invert asks: dark particles count as bright"


def inverted(values: np.ndarray) -> np.ndarray:
    """Turn grey values over: whole numbers within their type, others about 0; NaN stays."""
    return -values if values.dtype.kind == "f" else ~values


def with_bright_particles(volume: Volume[AnyArray], invert: bool) -> Volume[AnyArray]:
    """Give a volume as it is, or inverted as it is read.

    Parameters
    ----------
    volume
        As `open_volume` gives it.
    invert
        Whether its particles are darker than what is around them.
    """
    if not invert:
        return volume
    stored = volume.for_workers()
    opener = partial(_Inverted, stored)
    data = StoredArray(opener, stored.path, stored.chunks)
    note = f"{volume.source}: {INVERTED}"
    return replace(volume, data=data, stored=data, notes=(*volume.notes, note))


class _Inverted:
    """A stored array that is inverted as it is sliced."""

    def __init__(self, stored: StoredArray) -> None:
        self._stored = stored
        self.shape, self.dtype = stored.shape, stored.dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        return inverted(self._stored[key])
