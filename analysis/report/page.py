"""report.html: one file, readable offline, on a phone and on paper, with the figures beside it."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import ArrayLike

from ..explanation.readable_rows import split_states, without_repeats
from ..explanation.result import Explanation
from ..features.columns import LengthUnit
from ..io.atomic import atomic_path
from ..synchrony.result import Synchrony
from . import explanation_sections as causes
from . import sections as chapters
from .checks_section import checks_section
from .correction_section import correction_section
from .figures_groups import groups_section
from .figures_overview import overview_plates
from .html import rendered
from .published_section import published_section
from .section import first_screen
from .style import FORMATS
from .synchrony_section import synchrony_section


def write_report(
    out: str | os.PathLike[str],
    *,
    features: pd.DataFrame | Mapping[str, pd.DataFrame],
    explanation: Explanation | None = None,
    reason: str = "",
    cautions: Sequence[str] = (),
    verdicts: Sequence[str] = (),
    volume: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    solid: ArrayLike | None = None,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    unit: LengthUnit = "um",
    contacts: pd.DataFrame | Mapping[str, pd.DataFrame] | None = None,
    fusion: pd.DataFrame | None = None,
    synchrony: Synchrony | None = None,
    published: pd.DataFrame | None = None,
    settings: Mapping[str, Any] | None = None,
    corrections: Mapping[str, Mapping[str, Any]] | None = None,
    title: str = "Particles and their damage",
) -> Path:
    """Write report.html and the figures of a run.

    Parameters
    ----------
    out
        The run's folder; made if missing. A report in it is replaced, with its figures.
    features
        The table of `measure`, parted by its column ``state`` if it has several, or state ->
        table. Copies of a row are counted once, and a caution says so. If a column ``group`` names
        several (samples, cells, batches), the states are compared within each, too.
    explanation
        What `explain` found, of the same states; None: no forest.
    reason
        Why there is no forest, as a sentence.
    cautions
        What makes numbers of this report wrong, as sentences; shown on its first page.
    verdicts
        How far the particles can be trusted, as sentences; its first lines.
    volume, labels, solid
        (Z, Y, X) grey values, bodies, and material voxels; any array that slices like numpy's.
        Only a few slices are read. None: no slices in the report.
    spacing, unit
        Voxel size (z, y, x) of the volume, and its unit; ``voxel``: the size is not known. The
        tables name the unit of their own lengths.
    contacts
        source, target (labels) and area, as `contacts` gives them, or state -> table.
    fusion
        The table of `fuse`: label and confidence.
    synchrony
        What `find_synchrony` found, of the same states; None: no section on it.
    published
        feature, and importances after ``10`` and ``50`` cycles, to set the ranking beside.
    settings
        What is needed to repeat the run (run.json).
    corrections
        Volume -> what run.json notes of its corrections by hand; empty: there are none.
    title
        Heading, e.g. the volume's name.

    Returns
    -------
    Path
        report.html.

    Raises
    ------
    ValueError
        If there is no table, or a table lacks label, X, Y, Z, Volume or Damage.
    OSError
        If the folder cannot be written.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from particlebridge.analysis import electrode, measure, write_report
    >>> made = electrode((24, 48, 48), seed=1, radius=(5, 8))
    >>> table = measure(made.volume, made.labels, made.spacing, solid=made.solid)
    >>> report = write_report("results", features=table, reason="There are too few particles.")
    >>> report.name
    'report.html'
    """
    tables = split_states(features) if isinstance(features, pd.DataFrame) else _by_state(features)
    if not tables:
        raise ValueError("No table of particles to report on: give features.")
    for state, table in tables.items():
        missing = {"label", "X", "Y", "Z", "Volume", "Damage"} - set(table.columns)
        if missing:
            raise ValueError(
                f"The table of particles{'' if state == 'all' else f' of state {state}'} lacks "
                f"{', '.join(sorted(missing))}: give the features.csv that measure writes."
            )
    tables, repeats = without_repeats(tables)
    cautions = [*cautions, *repeats]
    folder = Path(out)
    found = [
        chapters.count_section(tables, volume, labels, solid, spacing, unit),
        chapters.reliability_section(fusion, volume, labels, spacing, unit),
        *([correction_section(corrections)] if corrections else []),
        chapters.damage_section(tables),
        chapters.place_section(tables, _by_state(contacts, list(tables))),
        *([] if synchrony is None else [synchrony_section(synchrony)]),
        causes.why_section(tables, explanation, reason),
    ]
    if explanation is not None:
        found.append(causes.trust_section(explanation))
        found.append(checks_section(explanation))
    if len(tables) > 1:
        found.append(causes.change_section(tables, explanation))
    as_published = None if explanation is None else published_section(explanation, published)
    if as_published is not None:
        found.append(as_published)
    groups = groups_section(tables, explanation)
    if groups is not None:
        found.append(groups)
    overview = overview_plates(tables, explanation, volume, labels, solid, spacing, unit)
    plates = [*overview, *(plate for section in found for plate in section.plates)]
    page = rendered(
        "report.html",
        plates,
        folder,
        title=title,
        cautions=cautions,
        verdicts=verdicts,
        rows=first_screen(found, chapters.worth_a_look(tables, fusion)),
        overview=overview,
        sections=found,
        glossary=chapters.glossary(tables),
        settings=_flat(settings or {}),
    )
    report = folder / "report.html"
    for name in _figures_of(report) - {plate.name for plate in plates}:
        for suffix in FORMATS:
            (folder / "figures" / f"{name}.{suffix}").unlink(missing_ok=True)
    with atomic_path(report) as beside:
        beside.write_text(page, encoding="utf-8")
    return report


def _figures_of(report: Path) -> set[str]:
    """Name the figures of an earlier report, which are its own: figures/ may hold others."""
    if not report.is_file():
        return set()
    page = report.read_text("utf-8", errors="replace")
    return set(re.findall(r'href="figures/([\w-]+)\.pdf"', page))


def _by_state(
    tables: pd.DataFrame | Mapping[str, pd.DataFrame] | None, states: list[str] | None = None
) -> dict[str, pd.DataFrame]:
    if tables is None:
        return {}
    if isinstance(tables, pd.DataFrame):
        return {states[0] if states else "all": tables}
    return {str(state): table for state, table in tables.items()}


def _flat(settings: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """List nested settings as (dotted name, text)."""
    rows = []
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{before}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            rows.append((f"{before}{name}", text))
    return rows
