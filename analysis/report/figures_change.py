"""What changed between states, drawn and said."""

import numpy as np
import pandas as pd
from scipy import stats

from .._shared.wording import capital, listing, number, p_value, state_name
from ..explanation.result import Explanation
from .style import DOUBLE, FAINT, INK, MUTED, STATE_COLOURS, Plate, axes_of, sheet, styled


@styled
def difference_plate(explanation: Explanation) -> Plate:
    """Draw the change of each importance between two states, absolute and as a share."""
    table = explanation.differences
    runs = explanation.runs.loc[explanation.runs["kind"] == "subset", "run"].nunique()
    reach = float(stats.t.ppf(0.975, runs - 1))
    steps = list(dict.fromkeys(zip(table["state_a"], table["state_b"], strict=True)))
    order = list(explanation.importance.groupby("feature")["mean"].mean().sort_values().index[::-1])
    figure = sheet(DOUBLE, (18 + 4.2 * len(order)) * len(steps))
    panels = axes_of(figure, len(steps), 2, sharey=True)
    for row, (a, b) in enumerate(steps):
        for axes, scale in zip(panels[2 * row : 2 * row + 2], ("absolute", "share"), strict=True):
            own = (
                table[(table["state_a"] == a) & (table["state_b"] == b) & (table["scale"] == scale)]
                .set_index("feature")
                .loc[order]
            )
            significant = own["p_particles"] < 0.05
            at = np.arange(len(order))
            mean = 100 * own["mean"]
            axes.barh(at, mean, 0.7, color=np.where(significant, STATE_COLOURS[1], FAINT))
            axes.errorbar(mean, at, xerr=100 * own["sd"], fmt="none", ecolor=INK, elinewidth=1.6)
            axes.errorbar(
                mean,
                at,
                xerr=100 * reach * own["error"],
                fmt="none",
                ecolor=MUTED,
                elinewidth=0.6,
                capsize=1.5,
            )
            axes.axvline(0, color=MUTED, lw=0.6)
            axes.set_yticks(at, order)
            axes.set_ylim(len(order) - 0.4, -0.6)
            axes.tick_params(axis="y", length=0)
            unit = "pp of Damage" if scale == "absolute" else "pp of all importance"
            axes.set_xlabel(f"{state_name(b)} − {state_name(a)} ({unit})")
            if row == 0:
                axes.set_title(
                    "mean |SHAP|" if scale == "absolute" else "share of the sum over features"
                )
    says = change_words(explanation)
    says.append(
        "Thick bars: standard deviation over the seeds. Thin: 95 % interval over the draw of "
        "particles, from the random subsets. Coloured: that interval's p-value, corrected for the "
        "number of features (Holm), is below 0.05."
    )
    return Plate("importance_difference", "What changed", capital(says), table, figure)


def change_words(explanation: Explanation) -> list[str]:
    """Say which importances changed between neighbouring states, and which may have."""
    keys = ["state_a", "state_b", "scale"]
    return [
        _step_words(own.set_index("feature"), *(str(k) for k in key))
        for key, own in explanation.differences.groupby(keys, sort=False)
    ]


def _step_words(own: pd.DataFrame, a: str, b: str, scale: str) -> str:
    what = "importance" if scale == "absolute" else "share of the importance"
    significant = own[own["p_particles"] < 0.05].sort_values("mean", key=np.abs, ascending=False)
    only_seeds = int(((own["p_seeds"] < 0.05) & (own["p_particles"] >= 0.05)).sum())
    doubt = (
        f" ({only_seeds} differ more than between seeds, but not more than between random "
        "subsets of particles)"
        if only_seeds
        else ""
    )
    if significant.empty:
        return (
            f"no feature's {what} changed significantly from {state_name(a)} to "
            f"{state_name(b)}{doubt}."
        )
    words = listing(
        f"{n} {'up' if r['mean'] > 0 else 'down'} by {number(abs(100 * r['mean']))} points "
        f"({p_value(r['p_particles'])})"
        for n, r in significant.head(5).iterrows()
    )
    return (
        f"from {state_name(a)} to {state_name(b)} the {what} changed significantly for "
        f"{words}{doubt}."
    )
