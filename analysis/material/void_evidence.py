"""Whether a body's grey values show its void, and what a mask of material says where they do not.

Void is found where a body is darker than its material should be. That says something only if its
material is one population of grey values, narrow beside the step to void: blurred, textured or
noisy bodies are dark in places without having lost anything.
"""

import numba
import numpy as np

from .modes import FEW, find_modes

FOUND, NONE, THIN, DIM, UNCLEAR = range(5)

WORDS = ("found", "none", "thin", "dim", "unclear")
"""What the table says of a body's void: it was found, or none is there; or it cannot be told,
since the body is too thin to show its own grey of material, no brighter than its surroundings, or
its material's grey values are too wide a population for void to stand out."""

MASK_VALUES = (255, 255, 64, 128, 192)
"""How a mask file marks the material of such bodies; 0 is void and background."""

_LOW, _STEP, _BINS = -1.5, 0.02, 150
_NARROW = 0.35
"""Widest material, standard deviation in units of the step to void: it hardly reaches
where void begins."""
_OFF = 0.25
"""Material lies no further than this from the grey that it was taken to have."""
_HIDDEN = 0.02
"""Damage that noise must not hide in a body that is said to have none."""


class Evidence:
    """What is missing in each body, counted block by block, in units of the step to void.

    Parameters
    ----------
    n
        Bodies, and one for the background.
    """

    def __init__(self, n: int) -> None:
        self._counts = np.zeros((n, _BINS), np.int32)

    def add(self, missing: np.ndarray, bodies: np.ndarray) -> None:
        """Count a block: what is missing, and labels, of the same shape."""
        _count(missing, np.ascontiguousarray(bodies, np.int32), self._counts)

    def judge(self, threshold: float, deep: np.ndarray, is_bright: np.ndarray) -> np.ndarray:
        """Tell of each body whether its void shows.

        Parameters
        ----------
        threshold
            Void is where more than this is missing.
        deep
            Voxels of each body below its surface, that show the grey of its material.
        is_bright
            Whether its material is brighter than its surroundings.

        Returns
        -------
        ndarray of uint8
            `FOUND`, `NONE`, `THIN`, `DIM` or `UNCLEAR`, one per label.
        """
        # In a wide population the mode is far away and found slowly.
        mode, near = find_modes(self._counts, _LOW, _STEP, 1, 60)
        spread = self._spread(mode)
        void, mirrored = self._beyond(threshold, mode)
        # Noise is as often too bright as too dark: void is what more is too dark.
        chance = mirrored + 3 * np.sqrt(mirrored)
        verdict = np.where(void > chance, FOUND, NONE)
        # Where noise alone looks like so much void, its absence does not show either.
        hidden = (verdict == NONE) & (mirrored > _HIDDEN * self._counts.sum(axis=1))
        unclear = hidden | (near < FEW) | (spread > _NARROW) | (np.abs(mode) > _OFF)
        verdict = np.where(unclear, UNCLEAR, verdict)
        verdict = np.where(deep < FEW, THIN, verdict)
        verdict = np.where(~is_bright, DIM, verdict)
        verdict[0] = NONE
        return verdict.astype(np.uint8)

    def _spread(self, mode: np.ndarray) -> np.ndarray:
        """Measure how wide the material is on its bright side, where there is no void."""
        bright = np.cumsum(self._counts, axis=1)
        row = np.arange(len(mode))
        below = np.floor((mode - _LOW) / _STEP).astype(int) - 1
        total = bright[row, np.clip(below, 0, _BINS - 1)]
        # Half of the bright side lies within 0.6745 standard deviations of the mode.
        middle = (bright < (total / 2)[:, None]).sum(axis=1)
        return 1.4826 * (mode - (_LOW + _STEP * (middle + 0.5)))

    def _beyond(self, threshold: float, mode: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Count what is void, and what lies as far on the mode's other side."""
        count = np.pad(np.cumsum(self._counts, axis=1), ((0, 0), (1, 0)))
        row = np.arange(len(mode))
        void = count[:, -1] - count[:, int(_bin(np.array(threshold)))]
        return void, count[row, _bin(2 * mode - threshold)]


def coded(solid: np.ndarray, labels: np.ndarray, void: np.ndarray) -> np.ndarray:
    """Make the mask of material that is written: it says too where void cannot be told.

    Parameters
    ----------
    solid
        (Z, Y, X) bool, material.
    labels
        (Z, Y, X) bodies.
    void
        What `Evidence.judge` gives.

    Returns
    -------
    ndarray of uint8
        0 for void and background, else one of `MASK_VALUES`.
    """
    values = np.array(MASK_VALUES, np.uint8)[void]
    judged = np.array(MASK_VALUES)[void] == 255
    mask = np.where(solid, np.uint8(255), np.uint8(0))
    if judged.all():
        return mask
    return np.where(judged[labels], mask, values[labels]).astype(np.uint8)


def told(void: np.ndarray) -> dict[str, int]:
    """Count the bodies of each verdict, by its word; void without the background's entry."""
    counts = np.bincount(void, minlength=len(WORDS))
    return {word: int(n) for word, n in zip(WORDS, counts, strict=True)}


def _bin(value: np.ndarray) -> np.ndarray:
    return np.clip(np.rint((value - _LOW) / _STEP), 0, _BINS).astype(int)


@numba.njit(cache=True, nogil=True)
def _count(missing: np.ndarray, bodies: np.ndarray, counts: np.ndarray) -> None:
    nz, ny, nx = bodies.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                own = bodies[z, y, x]
                if own:
                    at = int((missing[z, y, x] - _LOW) / _STEP)
                    counts[own, min(max(at, 0), _BINS - 1)] += 1
