"""Columns of the particle table that say what void was found, and how rough its walls are."""

from typing import Any

import numpy as np
import pandas as pd

from ..material.void_evidence import FOUND, MASK_VALUES, NONE, WORDS

# Void cannot be known, for these reasons.
_UNKNOWN = ["no grey", *(w for w, v in zip(WORDS, MASK_VALUES, strict=True) if v != 255)]
# Walls of less than this share of the outer surface are the error of two areas.
_WALLS = 0.02


def tell_void(table: pd.DataFrame, marks: np.ndarray, has_source: bool) -> None:
    """Add the column Void to a table, and set to NaN what is not known where void is not.

    Parameters
    ----------
    table
        Of the physical recipe; changed in place.
    marks
        What the mask of material gives to all of a body whose void cannot be known; 0: nothing.
    has_source
        Whether there are grey values or a mask of material.
    """
    words = np.where(table["Damage"] > 0, WORDS[FOUND], WORDS[NONE]).astype(object)
    for word, value in zip(WORDS, MASK_VALUES, strict=True):
        if value != MASK_VALUES[FOUND]:
            words[marks == value] = word
    if not has_source:
        words[:] = "no grey"
    table.insert(int(np.flatnonzero(table.columns == "Damage")[0]) + 1, "Void", words)
    for name in ("Damage", "SurfaceInner", "RoughInner"):
        table[name] = table[name].where(~np.isin(words, _UNKNOWN))


def inner_surface(r: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Give the area of crack and pore walls, and the share of it that a median filter leaves.

    Both are differences of two areas, whose errors make them negative, or their ratio anything,
    where there is hardly a wall.

    Parameters
    ----------
    r
        Fields of `particle_measures.describe`.
    """
    outer = r["body_area"]
    whole = np.where(r["solid_voxels"] > 0, r["solid_area"], outer)
    inner = np.maximum(whole - outer, 0.0)
    smooth = np.maximum(r["solid_area_smooth"] - r["body_area_smooth"], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rough = np.where(inner > _WALLS * outer, smooth / inner, 1.0)
    return inner, rough
