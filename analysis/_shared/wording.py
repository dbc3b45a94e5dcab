"""Sentences made from numbers: the report claims nothing that was not computed."""

from collections.abc import Iterable, Mapping, Sequence


def number(value: float, digits: int = 2) -> str:
    """Write a number with so many significant figures and a true minus sign."""
    text = f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"
    return text.replace("-", "−") if float(text) else "0"


def fixed(value: float, decimals: int = 2) -> str:
    """Write a number with so many decimals and a true minus sign, never minus zero."""
    text = f"{value:.{decimals}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")


def percent(share: float) -> str:
    """Write a share as per cent with two significant figures."""
    return f"{number(100 * share)}\u202f%"


def p_value(p: float) -> str:
    """Write a p-value as papers do."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def listing(words: Iterable[str]) -> str:
    """Join words as a sentence does: a, b and c."""
    words = list(words)
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def ranges(numbers: Sequence[int]) -> str:
    """Write rising whole numbers, those in a row as one range: 3, 7 to 9."""
    every = set(numbers)
    ends = [n for n in numbers if n + 1 not in every]
    starts = [n for n in numbers if n - 1 not in every]
    parts = zip(starts, ends, strict=True)
    return ", ".join(f"{a} to {b}" if b > a else str(a) for a, b in parts)


def capital(sentences: Iterable[str]) -> str:
    """Join sentences, each beginning with a capital letter."""
    return " ".join(s[:1].upper() + s[1:] for s in sentences)


def plural(count: int, word: str) -> str:
    """Write a count with its noun."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def state_name(state: str) -> str:
    """Name a state in a legend: a bare number is a number of cycles."""
    return f"{state} cycles" if state.replace(".", "", 1).isdigit() else state


def in_state(state: str, states: Sequence[str]) -> str:
    """Open a sentence on one of several states; nothing when there is only one."""
    return f"{state_name(state)}: " if len(states) > 1 else ""


def by_state(words: Mapping[str, str]) -> str:
    """Say one thing of each state: 5 % (10 cycles) and 8 % (50 cycles); or of the only one."""
    if len(words) == 1:
        return next(iter(words.values()))
    return listing(f"{text} ({state_name(state)})" for state, text in words.items())
