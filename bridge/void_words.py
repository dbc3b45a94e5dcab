"""What is said of void that was found, and of bodies whose void cannot be known."""

from collections.abc import Mapping

from .console import notice

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
    text = f"void found in {counts['found']:,} of {known:,} bodies where it can be told"
    if reasons:
        text += f"; not known, so that Damage is NaN: {', '.join(reasons)}"
    if sum(counts.values()):
        notice(text)
