"""Units of length as microscopes, Fiji and people write them, in micrometres."""

import math
import unicodedata

_PREFIXES = {
    ("", ""): 1e6,
    ("kilo", "k"): 1e9,
    ("hecto", "h"): 1e8,
    ("deca", "da"): 1e7,
    ("deci", "d"): 1e5,
    ("centi", "c"): 1e4,
    ("milli", "m"): 1e3,
    ("micro", "\u03bc"): 1.0,
    ("nano", "n"): 1e-3,
    ("pico", "p"): 1e-6,
    ("femto", "f"): 1e-9,
}
_OTHERS = {
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "\u00e5": 1e-4,
    "angstrom": 1e-4,
    "angstroms": 1e-4,
    "\u00e5ngstr\u00f6m": 1e-4,
    "\u00e5ngstr\u00f6ms": 1e-4,
    "inch": 25400.0,
    "inches": 25400.0,
    "in": 25400.0,
    '"': 25400.0,
    "mil": 25.4,
    "thou": 25.4,
    "pt": 25400.0 / 72,
    "ft": 304800.0,
    "foot": 304800.0,
    "feet": 304800.0,
}
_UM = {
    **{
        long + word: factor
        for (long, _), factor in _PREFIXES.items()
        for word in ("meter", "metre", "meters", "metres")
    },
    **{short + "m": factor for (_, short), factor in _PREFIXES.items()},
    **_OTHERS,
}
_PIXEL = ("pixel", "pixels", "px", "pix", "voxel", "voxels", "vx")
_NO_LENGTH = ("", *_PIXEL, "none", "null", "slice", "slices", "reference frame", "referenceframe",
              "arbitrary", "a.u.", "au")  # fmt: skip


def to_micrometres(value: float, unit: str) -> float | None:
    """Convert a length; None where the unit is no length (pixels, say) or the value no size."""
    factor = _UM.get(_plain(unit))
    size = value * factor if factor else math.nan
    return size if math.isfinite(size) and size > 0 else None


def is_strange(unit: str) -> bool:
    """Tell whether a unit is neither a known length nor a word for pixels: it must be named."""
    return _plain(unit) not in _UM and _plain(unit) not in _NO_LENGTH


def is_pixel(unit: str) -> bool:
    """Tell whether a unit is a word for pixels: its numbers tell only the ratio of the sides."""
    return _plain(unit) in _PIXEL


def _plain(unit: str) -> str:
    """Write a unit in small letters, with one sign for micro and one for angstrom."""
    text = unit.replace("\\u00b5", "\u00b5").replace("\\u00B5", "\u00b5")
    # UTF-8 that was read as Latin-1.
    text = text.replace("\u00c2\u00b5", "\u00b5").replace("\u00ce\u00bc", "\u00b5")
    return unicodedata.normalize("NFKC", text).strip(" \t\r\n\0.").lower()
