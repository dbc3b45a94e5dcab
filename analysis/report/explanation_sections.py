"""The report's chapters on causes: what Damage depends on, how reliable that is, what changed."""

import pandas as pd

from .._shared.wording import by_state, fixed, in_state, percent, state_name
from ..explanation.result import Explanation
from . import figures_change, figures_model, figures_shap, figures_trust
from .section import Section, Tables
from .sections import have_enough, whole_particles


def why_section(tables: Tables, explanation: Explanation | None, reason: str) -> Section:
    """Answer what Damage depends on."""
    section, whole = Section("why", "What drives the damage?"), whole_particles(tables)
    if explanation is None:
        section.answers = [f"No forest was fitted. {reason}".strip()]
        section.summary["drivers"] = section.answers[0]
    else:
        section.answers = figures_model.driver_words(explanation)
        section.summary["drivers"] = figures_model.leading_words(explanation)
        if any(figures_model.is_chance(explanation, state) for state in explanation.states):
            section.summary["next"] = (
                "Add volumes of the same state: with more particles a forest can tell causes from "
                "chance."
            )
        section.plates += [
            figures_model.importance_plate(explanation),
            figures_model.cluster_plate(explanation),
            figures_shap.beeswarm_plate(explanation),
            figures_shap.dependence_plate(explanation, whole),
        ]
        if "Z" in explanation.features and len(explanation.features) > 1:
            section.plates.append(figures_shap.depth_importance_plate(explanation, whole))
        section.plates += [
            figures_model.group_plate(explanation),
            figures_trust.correlation_plate(whole, explanation.features),
            figures_trust.interaction_plate(explanation),
        ]
        section.tables["All features in a table"] = _importance_rows(explanation)
    if have_enough(whole) and not figures_trust.consequences(whole).empty:
        section.plates.append(figures_trust.consequence_plate(whole))
    return section


def trust_section(explanation: Explanation) -> Section:
    """Answer whether the explanation is reliable."""
    answers = []
    for state in explanation.states:
        r2, spread = figures_model.fit_of(explanation, state)
        verdict = "the forest predicts weakly: most of Damage has causes not measured here"
        if figures_model.is_chance(explanation, state):
            verdict = "the forest may predict by chance: ignore its importances"
        elif r2 >= 0.3:
            verdict = "the forest predicts particles it has not seen"
        answers.append(
            f"{in_state(state, explanation.states)}{verdict} (out-of-bag R² = {fixed(r2)} ± "
            f"{fixed(spread)})."
        )
    worst = explanation.fit["additivity_error"].max()
    answers.append(
        "In every forest the SHAP values of each particle add up to its prediction (largest gap "
        f"{worst:.0e})."
    )
    section = Section(
        "trust", "Is the explanation reliable?", answers, notes=list(explanation.notes)
    )
    section.plates += [
        figures_trust.fit_plate(explanation),
        figures_trust.stability_plate(explanation),
    ]
    return section


def change_section(tables: Tables, explanation: Explanation | None) -> Section:
    """Answer what changed between the states."""
    damage = {s: t["Damage"].mean() for s, t in whole_particles(tables).items()}
    answers = [f"mean Damage is {by_state({s: percent(d) for s, d in damage.items()})}."]
    section = Section("change", "What changed between the states?")
    if explanation is not None and len(explanation.states) > 1:
        answers += figures_change.change_words(explanation)
        section.plates.append(figures_change.difference_plate(explanation))
    section.answers = answers
    return section


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
            "importance (points)": [
                f"{100 * m:.3f} ± {100 * s:.3f}"
                for m, s in zip(table["mean"], table["std"], strict=True)
            ],
            "share": [percent(v) for v in table["share"]],
            "direction": [fixed(v) for v in table["direction"]],
            "shuffled Damage (points)": [f"{100 * v:.3f}" for v in table["control"]],
            "above noise": ["yes" if v else "no" for v in table["above_shadow"]],
            "fall of R²": [fixed(v, 3) for v in table["permutation"]],
        }
    )
    return rows if len(explanation.states) > 1 else rows.drop(columns="state")
