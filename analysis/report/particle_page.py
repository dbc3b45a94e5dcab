"""LABEL.html: one particle, seen closely."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup

from .._shared.wording import listing, number, percent, plural
from ..io.atomic import atomic_path
from .figures_particle import (
    Cutout,
    agreement_words,
    contributions,
    cuts_plate,
    features_plate,
    places,
    profile_plate,
    shap_plate,
)
from .html import rendered
from .sections import whole_particles
from .style import ball_diameter, unit_of


def write_particle(
    folder: Path,
    cutout: Cutout,
    *,
    table: pd.DataFrame,
    contacts: pd.DataFrame,
    fused: pd.Series | None,
    explained: pd.Series | None,
    cautions: Sequence[str],
    title: str,
    report: str,
    pages: Collection[int],
) -> Path:
    """Write the page of a particle, and its figures.

    Parameters
    ----------
    folder
        Where LABEL.html and figures/ go.
    cutout
        The voxels around it.
    table, contacts
        Of `measure` and `contacts`, of its volume.
    fused, explained
        Its row of fusion.csv and of shap.csv; None: it has none.
    cautions
        What the reader should know first.
    title, report
        The volume's name, and the link to its report.
    pages
        Labels whose pages a link may lead to.

    Returns
    -------
    Path
        The page.
    """
    label = cutout.label
    row = table.set_index("label").loc[label]
    whole = whole_particles({"all": table})["all"]
    found = places(row, whole)
    plates = [cuts_plate(cutout), profile_plate(cutout)]
    if len(found):
        plates.append(features_plate(label, found, whole))
    if explained is not None:
        plates.append(shap_plate(label, explained, row))
    touching = _touching(label, table, contacts, pages)
    page = rendered(
        "particle.html",
        plates,
        folder,
        plates=plates,
        label=label,
        title=title,
        report=report,
        cautions=cautions,
        answers=[
            _damage_words(row, found),
            _size_words(row, table, touching),
            agreement_words(fused),
            *([] if explained is None else [_shap_words(explained)]),
        ],
        contacts=touching,
    )
    target = folder / f"{label}.html"
    with atomic_path(target) as beside:
        beside.write_text(page, encoding="utf-8")
    return target


def _damage_words(row: pd.Series, found: pd.DataFrame) -> str:
    if pd.isna(row["Damage"]):
        why = f" (void: {row['Void']})" if isinstance(row.get("Void"), str) else ""
        return f"Its Damage is not known{why}."
    place = found.set_index("feature")["percentile"].get("Damage")
    more = "" if place is None else f", more than in {number(place)}\u202f% of the whole particles"
    return f"{percent(row['Damage'])} of it is void{more}."


def _size_words(row: pd.Series, table: pd.DataFrame, touching: pd.DataFrame | None) -> str:
    unit = unit_of("DistNearest", table)
    middle = listing(f"{name} {number(float(row[name]), 3)}" for name in ("X", "Y", "Z"))
    count = 0 if touching is None else len(touching)
    return (
        f"Its equivalent diameter is {number(float(ball_diameter(row['Volume'])), 3)} "
        f"{unit}, its middle lies at {middle} {unit}, and it touches {plural(count, 'particle')}."
    )


def _shap_words(explained: pd.Series) -> str:
    values = contributions(explained)
    told = listing(
        f"{name} ({'+' if v > 0 else ''}{number(100 * v)})" for name, v in values.head(3).items()
    )
    end = float(explained["base"]) + float(values.sum())
    return (
        f"The forest predicts a Damage of {percent(end)}; most of the way from the average comes "
        f"from {told} percentage points."
    )


def _touching(
    label: int, table: pd.DataFrame, contacts: pd.DataFrame, pages: Collection[int]
) -> pd.DataFrame | None:
    """List the particles that touch it, the largest contact first; None if there are none."""
    own = contacts[(contacts["source"] == label) | (contacts["target"] == label)]
    if own.empty:
        return None
    other = own["source"].where(own["target"] == label, own["target"]).astype(int)
    known = table.drop_duplicates("label").set_index("label")
    rows = []
    for number_, area in sorted(zip(other, own["area"], strict=True), key=lambda pair: -pair[1]):
        name = str(number_)
        if number_ in pages:
            name = Markup('<a href="{0}.html">{0}</a>').format(number_)
        damage = known["Damage"].get(number_, np.nan)
        size = ball_diameter(known["Volume"].get(number_, np.nan))
        rows.append(
            (
                name,
                number(float(area), 3),
                "not known" if pd.isna(damage) else percent(damage),
                "not known" if pd.isna(size) else number(float(size), 3),
            )
        )
    unit = unit_of("DistNearest", table)
    columns = ["particle", f"shared area ({unit}²)", "its Damage", f"its diameter ({unit})"]
    return pd.DataFrame(rows, columns=columns)
