"""The report's chapters: a question, an answer computed from the data, and the figures behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from . import figures_model, figures_particles, figures_trust
from .feature_table import COLUMNS
from .figures import Plate, capital, in_state, listing, percent, state_name, unit_of
from .figures_slices import slices_plate
from .network_figure import network_plate, scene

if TYPE_CHECKING:
    from .damage_model import Explanation

Tables = dict[str, pd.DataFrame]
# With fewer particles a distribution is a list.
FEW = 10


@dataclass
class Section:
    """One chapter of the report."""

    id: str
    question: str
    answer: str
    plates: list[Plate] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    networks: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    rows: pd.DataFrame | None = None


def whole_particles(tables: Tables) -> Tables:
    """Leave out particles cut by the field of view."""
    return {s: t[~t["Border"].astype(bool)] if "Border" in t else t for s, t in tables.items()}


def count_section(
    tables: Tables,
    volume: ArrayLike | None,
    labels: ArrayLike | None,
    solid: ArrayLike | None,
    spacing: tuple[float, float, float],
) -> Section:
    """How many particles are there?"""
    answers, whole = [], whole_particles(tables)
    for state, table in tables.items():
        cut = len(table) - len(whole[state])
        answers.append(
            f"{in_state(state, list(tables))}{len(table)} particles were found; "
            + (
                f"{cut} of them are cut by the field of view and left out of every distribution."
                if cut
                else "none of them is cut by the field of view."
            )
        )
    section = Section("count", "How many particles?", capital(answers))
    if volume is not None and labels is not None:
        section.plates.append(slices_plate(volume, labels, solid, spacing))
    if _many(whole):
        section.plates.append(figures_particles.size_plate(whole))
    return section


def sure_section(fusion: pd.DataFrame | None) -> Section:
    """How sure are we of the particles?"""
    section = Section("sure", "How sure are we of them?", "")
    if fusion is None or "confidence" not in fusion or fusion["confidence"].notna().sum() == 0:
        section.answer = (
            "The labels were given to this run, not made by it, so nothing is known of how far the "
            "three views agreed on them."
        )
        return section
    confidence = fusion["confidence"].dropna()
    section.answer = (
        f"The three views were segmented apart; they agree on a particle with a median confidence "
        f"of {confidence.median():.2f}, and {percent(float((confidence >= 0.5).mean()))} of the "
        "particles reach 0.5."
    )
    section.plates.append(figures_particles.confidence_plate(fusion))
    return section


def damage_section(tables: Tables) -> Section:
    """How damaged are they?"""
    known = {s: t.dropna(subset=["Damage"]) for s, t in whole_particles(tables).items()}
    section = Section("damage", "How damaged are they?", "")
    if not _many(known):
        section.answer = "Too few particles with a known Damage to say."
        return section
    answers = []
    for state, table in known.items():
        damage = table["Damage"]
        answers.append(
            f"{in_state(state, list(tables))}on average {percent(damage.mean())} of a particle is "
            f"void; {percent(float((damage < 0.02).mean()))} of the particles are all but intact "
            f"(below 2 %), {percent(float((damage > 0.2).mean()))} have lost more than a fifth."
        )
    section.answer = capital(answers)
    section.plates.append(figures_particles.damage_plate(known))
    return section


def place_section(tables: Tables, contacts: Tables) -> Section:
    """Where is the damage?"""
    whole = whole_particles(tables)
    known = {s: t.dropna(subset=["Damage", "Z"]) for s, t in whole.items()}
    section = Section("place", "Where is the damage?", "")
    if not _many(known):
        section.answer = "Too few particles with a known Damage to say."
        return section
    depth = figures_particles.depth_plate(known)
    section.answer = capital(
        depth.says.split(". Black:")[0].split(". black:")[0] + "." for _ in [0]
    )
    section.plates.append(depth)
    for state, table in tables.items():
        if not len(table.dropna(subset=["X", "Y", "Z"])):
            continue
        plate = network_plate(table, contacts.get(state))
        if len(tables) > 1:
            plate = Plate(
                f"{plate.name}_{_slug(state)}",
                f"{plate.title}, {state_name(state)}",
                plate.says,
                plate.data,
                plate.picture,
            )
        section.plates.append(plate)
        section.networks.append((plate.name, scene(table, contacts.get(state))))
    if {"Yaw", "Pitch", "Elongation"} <= set.intersection(*(set(t) for t in whole.values())):
        section.plates.append(figures_particles.orientation_plate(whole))
    return section


def why_section(tables: Tables, explanation: Explanation | None, reason: str) -> Section:
    """Why do particles break?"""
    section = Section("why", "Why?", "")
    if explanation is None:
        section.warnings.append(
            f"No forest was fitted: {reason}" if reason else "No forest was asked for."
        )
    else:
        section.plates += [
            figures_model.importance_plate(explanation),
            figures_model.beeswarm_plate(explanation),
            figures_model.dependence_plate(explanation),
        ]
        if "Z" in explanation.features:
            section.plates.append(figures_model.depth_importance_plate(explanation))
        section.plates += [
            figures_model.group_plate(explanation),
            figures_trust.correlation_plate(whole_particles(tables), explanation.features),
            figures_trust.interaction_plate(explanation),
        ]
        section.answer = capital(figures_model.driver_words(explanation))
        section.rows = _importance_rows(explanation)
    whole = whole_particles(tables)
    if _many(whole) and not figures_trust.consequences(whole).empty:
        section.plates.append(figures_trust.consequence_plate(whole))
    return section


def trust_section(explanation: Explanation) -> Section:
    """Does the explanation hold up?"""
    answers = []
    fit = explanation.fit.set_index(["state", "kind"])
    for state in explanation.states:
        real, control = fit.loc[(state, "seed")], fit.loc[(state, "shuffled")]
        verdict = (
            "The explanation stands on a model that predicts"
            if real["oob_r2"] >= 0.3
            else "The model predicts weakly: most of Damage is not explained by these features"
            if real["oob_r2"] > 3 * max(real["oob_r2_std"], control["oob_r2_std"])
            else "The model predicts nothing: do not read its importances"
        )
        answers.append(
            f"{in_state(state, explanation.states)}{verdict} (out-of-bag R² = {real['oob_r2']:.2f})."
        )
    worst = explanation.fit["additivity_error"].max()
    answers.append(
        f"The SHAP values of every particle add up to its prediction within {worst:.1g} in every forest."
    )
    section = Section("trust", "Does it hold up?", capital(answers))
    section.warnings += list(explanation.notes)
    section.plates += [
        figures_trust.fit_plate(explanation),
        figures_trust.stability_plate(explanation),
    ]
    return section


def change_section(tables: Tables, explanation: Explanation | None) -> Section:
    """What changed between the states?"""
    states = list(tables)
    damage = {s: t["Damage"].mean() for s, t in whole_particles(tables).items()}
    answers = [
        "Mean Damage is "
        + listing(f"{percent(damage[s])} in {state_name(s)}" for s in states)
        + "."
    ]
    section = Section("change", "What changed between the states?", "")
    if explanation is not None and len(explanation.states) > 1:
        plate = figures_trust.difference_plate(explanation)
        answers.append(plate.says.split(" Thick bars:")[0])
        section.plates.append(plate)
    section.answer = capital(answers)
    return section


def glossary(tables: Tables) -> pd.DataFrame:
    """List what each column of the tables means."""
    table = next(iter(tables.values()))
    return pd.DataFrame(
        [
            {"column": n, "group": c.group, "unit": unit_of(n, table), "definition": c.formula}
            for n, c in COLUMNS.items()
            if n in table and c.group != "key"
        ]
    )


def numbers(
    tables: Tables, fusion: pd.DataFrame | None, explanation: Explanation | None
) -> list[tuple[str, str]]:
    """Give the headline figures: (value, what it is)."""
    whole = whole_particles(tables)
    found = []
    for state, table in tables.items():
        name = f", {state_name(state)}" if len(tables) > 1 else ""
        found.append((f"{len(table):,}", f"particles{name}, {len(whole[state]):,} of them whole"))
    for state, table in whole.items():
        name = f", {state_name(state)}" if len(tables) > 1 else ""
        if table["Damage"].notna().any():
            found.append((percent(table["Damage"].mean()), f"mean Damage{name}"))
    if fusion is not None and "confidence" in fusion and fusion["confidence"].notna().any():
        found.append((f"{fusion['confidence'].median():.2f}", "median confidence, 0 to 1"))
    if explanation is not None:
        fit = explanation.fit[explanation.fit["kind"] == "seed"]
        for state, r2 in zip(fit["state"], fit["oob_r2"], strict=True):
            name = f", {state_name(state)}" if len(tables) > 1 else ""
            found.append((f"{r2:.2f}", f"out-of-bag R² of the forest{name}"))
    return found


def _importance_rows(explanation: Explanation) -> pd.DataFrame:
    table = explanation.importance
    rows = pd.DataFrame(
        {
            "state": [state_name(s) for s in table["state"]],
            "feature": table["feature"],
            "group": table["group"],
            "rank": table["rank"],
            "ranks over seeds": [
                f"{a}–{b}" for a, b in zip(table["rank_low"], table["rank_high"], strict=True)
            ],
            "importance (pp)": [
                f"{100 * m:.3f} ± {100 * s:.3f}"
                for m, s in zip(table["mean"], table["std"], strict=True)
            ],
            "share": [f"{100 * v:.1f} %" for v in table["share"]],
            "direction": [f"{v:+.2f}" for v in table["direction"]],
            "shuffled (pp)": [f"{100 * v:.3f}" for v in table["control"]],
            "fall of R²": [f"{v:.3f}" for v in table["permutation"]],
        }
    )
    return rows if len(explanation.states) > 1 else rows.drop(columns="state")


def _many(tables: Tables) -> bool:
    return bool(tables) and all(len(t) >= FEW for t in tables.values())


def _slug(state: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in state)[:40] or str(np.abs(hash(state)))
