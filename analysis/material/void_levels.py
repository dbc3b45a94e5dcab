"""Each body's own grey of material and of void, read from a first guess at what it lacks."""

import numba
import numpy as np

from .grey_levels import GreyLevels
from .modes import FEW, find_modes

_LOW, _STEP, _BINS = -1.0, 0.02, 150
# So much is missing in a void and all around it where the void is wide enough to show its level.
_WIDE = 0.6
# A body's own level of void counts as its wide void's voxels, the usual one as so many.
_USUAL = 20


class LevelCounts:
    """What is missing deep inside each body, counted block by block.

    Parameters
    ----------
    n
        Bodies, and one for the background.
    """

    def __init__(self, n: int) -> None:
        self._deep = np.zeros((n, _BINS), np.int32)
        self._void = np.zeros((n, 2))

    def add(self, missing: np.ndarray, bodies: np.ndarray, inner: tuple[slice, ...]) -> None:
        """Count the voxels of a block.

        Parameters
        ----------
        missing, bodies
            (z, Y, X) what is missing, in units of the step from solid to void, and labels, with a
            margin.
        inner
            The block itself in them.
        """
        _count(
            missing,
            np.ascontiguousarray(bodies, np.int32),
            np.array([[axis.start, axis.stop] for axis in inner]),
            self._deep,
            self._void,
        )

    @property
    def deep(self) -> np.ndarray:
        """How many voxels of each body were counted deep inside it."""
        return np.asarray(self._deep.sum(axis=1))

    def refine(self, levels: GreyLevels) -> tuple[GreyLevels, np.ndarray]:
        """Give each body its own levels, from those by which `missing` was found.

        Returns
        -------
        levels : GreyLevels
        is_bright : ndarray of bool
            Which bodies are brighter than their void; the others' levels are left as they were.
        """
        height = levels.solid - levels.void
        solid = levels.solid - find_modes(self._deep, _LOW, _STEP, FEW, 6)[0] * height
        void = levels.solid - self._hollow() * height
        solid[0], void[0] = levels.solid[0], levels.void[0]
        good = (height > 0) & (solid > void)
        refined = GreyLevels(np.where(good, solid, levels.solid), np.where(good, void, levels.void))
        return refined, good

    def _hollow(self) -> np.ndarray:
        """Average what is missing in each body's wide voids, drawn towards what is usual."""
        n, total = self._void.T
        mean = total / np.maximum(n, 1)
        own = mean[n > 10]
        usual = float(np.median(own)) if len(own) > 3 else 1.0
        return (total + _USUAL * usual) / (n + _USUAL)


@numba.njit(cache=True, nogil=True)
def _count(
    missing: np.ndarray, bodies: np.ndarray, inner: np.ndarray, deep: np.ndarray, void: np.ndarray
) -> None:
    """Count what is missing two voxels and more below the surface, and in wide voids there."""
    nz, ny, nx = bodies.shape
    for z in range(max(inner[0, 0], 2), min(inner[0, 1], nz - 2)):
        for y in range(max(inner[1, 0], 2), min(inner[1, 1], ny - 2)):
            for x in range(max(inner[2, 0], 2), min(inner[2, 1], nx - 2)):
                own = bodies[z, y, x]
                if own == 0 or not (
                    bodies[z - 2, y, x] == own
                    and bodies[z + 2, y, x] == own
                    and bodies[z, y - 2, x] == own
                    and bodies[z, y + 2, x] == own
                    and bodies[z, y, x - 2] == own
                    and bodies[z, y, x + 2] == own
                ):
                    continue
                here = missing[z, y, x]
                at = int((here - _LOW) / _STEP)
                deep[own, min(max(at, 0), _BINS - 1)] += 1
                if here > _WIDE and (
                    missing[z - 1, y, x] > _WIDE
                    and missing[z + 1, y, x] > _WIDE
                    and missing[z, y - 1, x] > _WIDE
                    and missing[z, y + 1, x] > _WIDE
                    and missing[z, y, x - 1] > _WIDE
                    and missing[z, y, x + 1] > _WIDE
                ):
                    void[own, 0] += 1
                    void[own, 1] += here
