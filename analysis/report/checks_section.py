"""The report's chapter for a referee: each conclusion, check by check, and what failing means."""

import textwrap

import numpy as np
import pandas as pd

from .._shared.wording import fixed, in_state, listing, percent, plural, state_name
from ..explanation.result import Explanation
from .section import Section
from .style import FAINT, INK, Plate, axes_of, records, sheet, styled

_MARKS = {"passed": ("✓", "#009e73"), "failed": ("✗", "#d55e00"), "unknown": ("?", "#b9bfc4")}


def checks_section(explanation: Explanation) -> Section:
    """Answer which checks each conclusion passes."""
    section = Section("checks", "What would have to be true for a conclusion to fail?")
    checks = explanation.checks
    for (state, conclusion, subject), own in checks.groupby(
        ["state", "conclusion", "subject"], sort=False
    ):
        failed = own[own["outcome"] == "failed"]
        known = int((own["outcome"] != "unknown").sum())
        words = (
            f"{_where(state, explanation)}{conclusion} {subject}: passes {known - len(failed)} of "
            f"{plural(known, 'check')}"
        )
        if len(failed):
            words += f"; fails {listing(failed['check'])}"
        section.answers.append(f"{words}.")
    section.answers += _spatial_words(explanation)
    section.plates.append(checks_plate(explanation))
    section.tables["Each check: what was seen, what failing it would mean"] = checks.rename(
        columns={"doubt": "if it fails"}
    ).assign(state=[_name(s) for s in checks["state"]])
    held = explanation.held_out
    section.tables["Three models on particles that they have not seen"] = pd.DataFrame(
        {
            "state": [state_name(s) for s in held["state"]],
            "model": held["model"],
            "held out": held["parts"],
            "R²": [fixed(v) for v in held["r2"]],
            "mean error (points)": [f"{100 * v:.2f}" for v in held["mae"]],
            "error of guessing": [f"{100 * v:.2f}" for v in held["guess_mae"]],
            "led by": held["leads"],
            "τ with the forest": [fixed(v) for v in held["tau"]],
        }
    )
    section.answers += [_shap_words(explanation, s) for s in explanation.states]
    section.tables["Where the two kinds of SHAP disagree"] = _disagreement(explanation)
    return section


@styled
def checks_plate(explanation: Explanation) -> Plate:
    """Draw conclusions against checks."""
    checks = explanation.checks
    rows = list(dict.fromkeys(zip(checks["state"], checks["conclusion"], strict=True)))
    names = list(dict.fromkeys(checks["check"]))
    figure = sheet(130, 16 + 9 * len(rows))
    (axes,) = axes_of(figure, 1, 1)
    titles = [""] * len(rows)
    for r in records(checks):
        y, x = rows.index((r["state"], r["conclusion"])), names.index(r["check"])
        mark, colour = _MARKS[r["outcome"]]
        axes.text(x, y, mark, ha="center", va="center", color=colour, fontsize=11, weight="bold")
        where = f", {_name(r['state'])}" if len(explanation.states) > 1 else ""
        titles[y] = textwrap.fill(f"{r['conclusion']}{where}: {r['subject']}", 34)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="left", color=INK)
    axes.set_yticks(range(len(rows)), titles)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for y in np.arange(len(rows)) + 0.5:
        axes.axhline(y, color=FAINT, lw=0.6)
    says = (
        "✓ passed, ✗ failed, ? unknown. shuffled, shadow: more than forests give to noise. "
        "interval: more than the next, whichever particles had been drawn. conditional: it tells "
        "something beyond what goes along with it. blocks: it leads in parts of the volume that "
        "the forest has not seen. linear, boosting: another model puts it first there. "
        "interventional: it leads when SHAP takes the features one by one."
    )
    return Plate("checks", "Each conclusion, check by check", says, checks, figure)


def _spatial_words(explanation: Explanation) -> list[str]:
    table = explanation.held_out.set_index(["state", "model", "parts"])["r2"]
    words = []
    for state in explanation.states:
        start = in_state(state, explanation.states)
        if (state, "forest", "blocks") not in table.index:
            words.append(
                f"{start}positions are not known, so nothing tells whether the forest predicts "
                "other parts of the volume as well."
            )
            continue
        bag, blocks = (float(table[state, "forest", p]) for p in ("out-of-bag", "blocks"))
        words.append(
            f"{start}in blocks of the volume held out whole the forest has R² = {fixed(blocks)}, "
            f"among particles left out at random {fixed(bag)}; the difference is owed to "
            "neighbours, and to fewer particles in training."
        )
    return words


def _shap_words(explanation: Explanation, state: str) -> str:
    own = explanation.importance[explanation.importance["state"] == state]
    first, other = (
        own.sort_values(rank)["feature"].iloc[0] for rank in ("sampled_rank", "interventional_rank")
    )
    start = in_state(state, explanation.states)
    if first == other:
        return (
            f"{start}interventional SHAP puts the same feature first, {first}, "
            f"with {percent(_shared(own))} of the features at most two ranks apart."
        )
    return (
        f"{start}path-dependent SHAP puts {first} first and interventional SHAP "
        f"{other}: they are correlated, and the order between them is a matter of method."
    )


def _shared(own: pd.DataFrame) -> float:
    return float(((own["sampled_rank"] - own["interventional_rank"]).abs() <= 2).mean())


def _disagreement(explanation: Explanation) -> pd.DataFrame:
    table = explanation.importance
    apart = table[(table["sampled_rank"] - table["interventional_rank"]).abs() > 2]
    return pd.DataFrame(
        {
            "state": [state_name(s) for s in apart["state"]],
            "feature": apart["feature"],
            "path-dependent rank": apart["sampled_rank"],
            "interventional rank": apart["interventional_rank"],
            "importance (points)": [f"{100 * v:.3f}" for v in apart["mean"]],
            "interventional (points)": [f"{100 * v:.3f}" for v in apart["interventional"]],
        }
    )


def _name(state: str) -> str:
    return " to ".join(state_name(s) for s in str(state).split(" to "))


def _where(state: str, explanation: Explanation) -> str:
    if state in explanation.states:
        return in_state(state, explanation.states)
    return f"from {_name(state)}, "
