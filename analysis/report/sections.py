"""The report's chapters: a question, an answer computed from the data, the figures behind it."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .._shared.wording import (
    by_state,
    fixed,
    in_state,
    listing,
    number,
    p_value,
    percent,
    plural,
    state_name,
)
from ..explanation.statistics import spearman
from ..features.columns import COLUMNS, PAPER_SUFFIX
from . import figures_particles
from .figures_slices import slices_plate, worst_plate
from .network_figure import darkest, network_plate, scene
from .section import Section, Tables
from .style import ball_diameter, unit_of

# With fewer particles a distribution is a list.
FEW = 10
# Above this share of doubtful particles nothing is more urgent than to look at them.
_MANY = 0.1
_NAMED = 3  # particles, on the first screen


def whole_particles(tables: Tables) -> Tables:
    """Leave out particles cut by the field of view."""
    return {s: t[~t["Border"].astype(bool)] if "Border" in t else t for s, t in tables.items()}


def count_section(
    tables: Tables,
    volume: ArrayLike | None,
    labels: ArrayLike | None,
    solid: ArrayLike | None,
    spacing: tuple[float, float, float],
    unit: str,
) -> Section:
    """Answer how many particles there are, and of which size."""
    answers, whole = [], whole_particles(tables)
    for state, table in tables.items():
        cut = len(table) - len(whole[state])
        words = f"{in_state(state, list(tables))}{plural(len(table), 'particle')} found"
        if cut:
            words += (
                f", {cut:,} of them cut by the field of view: measured and drawn in the "
                "network, but left out of everything else"
            )
        answers.append(f"{words}.")
    section = Section("count", "How many particles?", answers)
    counts = {s: plural(len(t), "particle") for s, t in tables.items()}
    section.summary["particles"] = f"{by_state(counts)} found{_sizes(whole)}."
    if volume is not None and labels is not None:
        section.plates.append(slices_plate(volume, labels, solid, spacing, unit))
    if have_enough(whole):
        section.plates.append(figures_particles.size_plate(whole))
    return section


def reliability_section(
    fusion: pd.DataFrame | None,
    volume: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    unit: str = "um",
) -> Section:
    """Answer how far the particles can be trusted, and show where least."""
    section = Section("reliability", "How reliable are they?")
    if fusion is None:
        section.answers = [
            "Not known: the particles were given to this run. It did not find them in three views "
            "whose agreement could be measured."
        ]
        return section
    if fusion.empty:
        section.answers = ["This run found no particle, so there is nothing to judge."]
        return section
    if "confidence" not in fusion or not fusion["confidence"].notna().any():
        section.answers = [
            "Not known: the agreement of the views with the particles was not recorded."
        ]
        return section
    confidence = fusion["confidence"].dropna()
    views = sum(name.startswith("agreement_") for name in fusion)
    said = {
        1: "Only one view was segmented, so there is no second opinion. Its agreement with",
        2: "The two views were segmented separately. Their agreement on",
    }.get(views, "The three views were segmented separately. Their agreement on")
    section.answers = [
        f"{said} a particle has a median of "
        f"{fixed(confidence.median())} (1: the same voxels), and reaches 0.5 for "
        f"{percent(float((confidence >= 0.5).mean()))} of the particles."
    ]
    section.summary["particles"] = (
        f"The views agree on a typical one by {fixed(confidence.median())} (1: the same voxels)."
    )
    if (confidence < 0.5).mean() >= _MANY:
        section.summary["next"] = doubtful_words(fusion)
    section.plates.append(figures_particles.confidence_plate(fusion))
    if volume is not None and labels is not None:
        shown = fusion[fusion["scan"] == fusion["scan"].iloc[0]] if "scan" in fusion else fusion
        of_label = np.full(int(shown["label"].max()) + 1, np.nan)
        of_label[shown["label"]] = shown["confidence"]
        worst = worst_plate(volume, labels, of_label, spacing, unit)
        section.plates += [] if worst is None else [worst]
    return section


def damage_section(tables: Tables) -> Section:
    """Answer how damaged the particles are."""
    known = {s: t.dropna(subset=["Damage"]) for s, t in whole_particles(tables).items()}
    section = Section("damage", "How damaged are they?")
    if not have_enough(known):
        section.answers = ["Too few particles have a known Damage."]
        return section
    answers = []
    for state, table in known.items():
        damage = table["Damage"]
        answers.append(
            f"{in_state(state, list(tables))}on average {percent(damage.mean())} of a particle "
            f"(cracks included) is void; {percent(float((damage < 0.02).mean()))} of the "
            f"particles are almost intact (below 2\u202f%), and "
            f"{percent(float((damage > 0.2).mean()))} have lost more than a fifth."
        )
        answers += _published_words(state, table, list(tables))
    section.answers = answers
    means, intervals = {}, {}
    for state, table in known.items():
        low, high = figures_particles.mean_interval(table["Damage"].to_numpy())
        means[state] = percent(table["Damage"].mean())
        intervals[state] = f"{fixed(100 * low, 1)} to {fixed(100 * high, 1)}\u202f%"
    section.summary["damage"] = (
        f"On average {by_state(means)} of a particle is void; 95\u202f% interval "
        f"{by_state(intervals)}."
    )
    section.plates.append(figures_particles.damage_plate(known))
    return section


def _published_words(state: str, table: pd.DataFrame, states: list[str]) -> list[str]:
    """Put Damage as published beside ours, and how far each follows the particles' size."""
    name = f"Damage{PAPER_SUFFIX}"
    both = table.dropna(subset=[name, "Volume"]) if name in table else table[:0]
    if len(both) < FEW:
        return []
    ours, published = (spearman(both["Volume"], both[column])[0] for column in ("Damage", name))
    return [
        f"{in_state(state, states)}as published, each particle closed inside its own bounding box "
        f"with a ball of 10 voxels, Damage is {percent(both[name].mean())} on average. It "
        f"correlates with Volume with ρ = {fixed(published)}, Damage as measured here with "
        f"ρ = {fixed(ours)}."
    ]


def place_section(tables: Tables, contacts: Tables) -> Section:
    """Answer where the damage is: along depth, and in the network."""
    whole = whole_particles(tables)
    known = {s: t.dropna(subset=["Damage", "Z"]) for s, t in whole.items()}
    section = Section("place", "Where is the damage?")
    if have_enough(known):
        section.answers = [_trend_words(s, t, list(tables)) for s, t in known.items()]
        trends = {s: _trend(t) for s, t in known.items()}
        section.summary["pattern"] = f"With depth Z, Damage {by_state(trends)}."
        section.plates.append(figures_particles.depth_plate(known))
    else:
        section.answers = ["Too few particles have a known Damage."]
    top = max(darkest(t) for t in tables.values())
    for state, table in tables.items():
        shown, touching = _first_volume(table, contacts.get(state))
        if shown[["X", "Y", "Z", "Volume"]].dropna().empty:
            continue
        plate = network_plate(shown, touching, top)
        if len(tables) > 1:
            plate = replace(
                plate,
                name=f"{plate.name}_{list(tables).index(state) + 1}",
                title=f"{plate.title}, {state_name(state)}",
            )
        if len(shown) < len(table):
            drawn = (
                f"This shows {shown['volume'].iloc[0]}, one of {table['volume'].nunique()} volumes"
            )
            plate = replace(plate, says=f"{drawn}: {plate.says}")
        section.plates.append(plate)
        section.networks[plate.name] = scene(shown, touching, top)
    angles = {"Yaw", "Pitch", "Elongation"}
    if have_enough(whole) and all(angles <= set(t.columns) for t in whole.values()):
        section.plates.append(figures_particles.orientation_plate(whole))
    return section


def glossary(tables: Tables) -> pd.DataFrame:
    """List what each column of the tables means."""
    table = next(iter(tables.values()))
    return pd.DataFrame(
        [
            {
                "column": n,
                "group": c.group,
                "unit": unit_of(n, *tables.values()),
                "definition": c.formula,
            }
            for n, c in COLUMNS.items()
            if n in table and c.group != "key"
        ]
    )


def worth_a_look(tables: Tables, fusion: pd.DataFrame | None) -> str:
    """Say which particles to look at where nothing else asks for it; "" if none."""
    words = "" if fusion is None else doubtful_words(fusion)
    known = pd.concat([t[t["Damage"] > 0] for t in whole_particles(tables).values()])
    if words or known.empty:
        return words
    worst = listing(_names(known.sort_values("Damage", ascending=False)))
    return f"Look at the most damaged particles, {worst}: is their void made of cracks?"


def doubtful_words(fusion: pd.DataFrame) -> str:
    """Name the particles on which the views agree least; "" if they agree well on all."""
    if "confidence" not in fusion:
        return ""
    doubtful = fusion[fusion["confidence"] < 0.5].sort_values("confidence")
    if doubtful.empty:
        return ""
    more = [f"{len(doubtful) - _NAMED} more"] if len(doubtful) > _NAMED else []
    names = listing([*_names(doubtful), *more])
    which = "particle" if len(doubtful) == 1 else "particles"
    return f"Look at {which} {names}, on which the views agree by less than 0.5."


def _names(rows: pd.DataFrame) -> list[str]:
    """Name the first particles by their labels, and by their volume if there are several."""
    volume = next((c for c in ("scan", "volume") if c in rows and rows[c].nunique() > 1), "")
    names = []
    for _, row in rows.head(_NAMED).iterrows():
        # Labels of pooled volumes were raised to be unique.
        label = f"{row['label'] - row.get('raised', 0):.0f}"
        names.append(f"{row[volume]} {label}" if volume else label)
    return names


def _sizes(whole: Tables) -> str:
    """Say how large the whole particles typically are; "" if there are none."""
    if any(t["Volume"].dropna().empty for t in whole.values()):
        return ""
    middle = {
        s: f"{number(float(ball_diameter(t['Volume'].median())))} {unit_of('DistNearest', t)}"
        for s, t in whole.items()
    }
    return f", with a median diameter of {by_state(middle)}"


def _trend_words(state: str, table: pd.DataFrame, states: list[str]) -> str:
    rho, p = spearman(table["Z"], table["Damage"])
    return (
        f"{in_state(state, states)}Damage {_trend(table)} with depth Z (ρ = {fixed(rho)}, "
        f"{p_value(p)})."
    )


def _trend(table: pd.DataFrame) -> str:
    """Say how Damage goes with depth."""
    rho, p = spearman(table["Z"], table["Damage"])
    if p >= 0.01 or abs(rho) < 0.1:
        return "has no clear trend"
    strength = "strongly" if abs(rho) > 0.5 else "clearly" if abs(rho) > 0.25 else "weakly"
    return f"{'grows' if rho > 0 else 'falls'} {strength}"


def _first_volume(
    table: pd.DataFrame, contacts: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Pick one volume of a pooled table: the coordinates of several would overlap."""
    if "volume" not in table or not len(table):
        return table, contacts
    first = table["volume"].iloc[0]
    if contacts is not None and "volume" in contacts:
        contacts = contacts[contacts["volume"] == first]
    return table[table["volume"] == first], contacts


def have_enough(tables: Tables) -> bool:
    """Tell whether each state has enough particles for a distribution."""
    return bool(tables) and all(len(t) >= FEW for t in tables.values())
