"""Modes of many histograms at once."""

import numpy as np

FEW = 30
"""Fewest voxels that a mode is computed from."""

WINDOW = 0.25
"""A mode is the mean of the values within this much of itself."""


def find_modes(
    counts: np.ndarray, low: float, step: float, few: int, rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find the mode next to 0 of each histogram.

    Parameters
    ----------
    counts
        (n, bins) integers; the first bin begins at `low`, each is `step` wide.
    few
        With fewer values around it a mode stays where it is.
    rounds
        Steps from 0 on.

    Returns
    -------
    modes : ndarray of float64, shape (n,)
    near : ndarray of int64, shape (n,)
        Values within `WINDOW` of the last mode but one.
    """
    bins = counts.shape[1]
    centres = low + step * (np.arange(bins) + 0.5)
    # Sums over any window are differences of these, so that bodies need no loop.
    count = np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0)))
    total = np.pad(np.cumsum(counts * centres, axis=1), ((0, 0), (1, 0)))
    row, mode = np.arange(len(count)), np.zeros(len(count))
    near = np.zeros(len(count), np.int64)
    for _ in range(rounds):
        first, last = (
            np.clip(np.rint((mode + side - low) / step), 0, bins).astype(int)
            for side in (-WINDOW, WINDOW)
        )
        near = count[row, last] - count[row, first]
        here = (total[row, last] - total[row, first]) / np.maximum(near, 1)
        mode = np.where(near >= few, here, mode)
    return mode, near
