"""What is said of void that was found, and of bodies whose void cannot be known."""

from collections.abc import Mapping

import fastremap
import numpy as np
from particlebridge import analysis
from particlebridge.analysis.material.void_evidence import coded, told

from .._shared.progress import inform, notice
from ..volumes.voxel_size import Spacing

_WHY = {
    "thin": "too thin to show the grey of their material",
    "dim": "no brighter than their surroundings",
    "unclear": "of grey values too wide or noisy for void to stand out",
}


def say_void(counts: Mapping[str, int]) -> None:
    """Say in how many bodies void was found, and of how many it cannot be known, and why.

    Parameters
    ----------
    counts
        Bodies by their words, as `analysis.void_evidence.told` gives them.
    """
    known = counts["found"] + counts["none"]
    reasons = [f"{counts[word]:,} {why}" for word, why in _WHY.items() if counts[word]]
    text = f"void found in {counts['found']:,} of {known:,} particles where it can be known"
    if reasons:
        text += f"; not known, so that Damage is NaN: {', '.join(reasons)}"
    if sum(counts.values()):
        (notice if reasons else inform)(text)


def found_mask(grey: np.ndarray, bodies: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Find the mask of material of bodies from their grey values, and say what was found.

    Parameters
    ----------
    grey
        (Z, Y, X), finite.
    bodies
        Labels of the same shape.
    spacing
        Voxel size (z, y, x), um.

    Returns
    -------
    ndarray of uint8
        As `analysis.void_evidence.coded` writes it.
    """
    # Levels are tables by label: numbered in a row, their memory follows the number of bodies.
    whole = fastremap.renumber(bodies.astype(np.int32))[0].astype(np.int32, copy=False)
    solid, void = analysis.find_void(grey, whole, spacing)
    present = np.unique(whole)
    say_void(told(void[present[present > 0]]))
    return coded(solid, whole, void)
