"""What a part of the report is made of: a question, its answer, and the figures behind it."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from .style import Plate

Part = Literal["particles", "damage", "drivers", "pattern", "next"]
PARTS: dict[Part, str] = {
    "particles": "Particles",
    "damage": "Damage",
    "drivers": "What drives it",
    "pattern": "Where and when",
    "next": "Check next",
}
"""The rows of the first screen, each with its heading."""

Tables = dict[str, pd.DataFrame]


@dataclass
class Section:
    """One question of the report, folded until it is opened.

    Attributes
    ----------
    id, question, answers
        Anchor, heading, and the sentences under it, one for each state where there are several.
    plates
        Figures.
    notes
        What the reader should know: left-out particles, no forest.
    networks
        Name of a plate -> the scene shown in its place on a screen.
    tables
        Heading -> table to unfold.
    summary
        Row of the first screen -> one short sentence, of all states. Of several sections'
        sentences on a row all are shown, but of ``next`` only the first.
    """

    id: str
    question: str
    answers: list[str] = field(default_factory=list)
    plates: list[Plate] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: Tables = field(default_factory=dict)
    summary: dict[Part, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A row of the first screen.

    Attributes
    ----------
    heading, words
        Its name, and its sentences.
    section
        Anchor of the section that says more.
    """

    heading: str
    words: str
    section: str


def first_screen(sections: list[Section], otherwise: str = "") -> list[Row]:
    """Gather the rows of the first screen from the sections that have something to say.

    `otherwise` is what to check next if no section names anything.
    """
    rows = []
    for part, heading in PARTS.items():
        said = [(s.id, s.summary[part]) for s in sections if s.summary.get(part)]
        if part == "next":
            said = (said or [("damage", otherwise)] * bool(otherwise))[:1]
        if said:
            rows.append(Row(heading, " ".join(words for _, words in said), said[0][0]))
    return rows
