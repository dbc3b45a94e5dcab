"""The report's section that sets a ranking and group shares beside the published ones."""

import pandas as pd

from .._shared.wording import fixed, in_state, listing, p_value, percent
from ..explanation.published import ALWAYS_ZERO, LEADING, SHARES, agreement, beside
from ..explanation.result import Explanation
from .section import Section


def published_section(explanation: Explanation, published: pd.DataFrame | None) -> Section | None:
    """Answer whether the published result is found again.

    None where the regressors are not the published ones and no published ranking was given.
    """
    if published is None and "Sphericity" not in explanation.features:
        return None
    section = Section("published", "Is it as published?")
    for state in explanation.states:
        own = explanation.importance[explanation.importance["state"] == state]
        shares = own.groupby("group")["share"].sum()
        held = listing(f"{percent(float(shares.get(g, 0.0)))} for {g}" for g in SHARES)
        section.answers.append(
            f"{in_state(state, explanation.states)}{listing(own['feature'].head(3))} lead; the "
            f"share of the importance is {held}."
        )
    section.answers.append(
        "As published, after 10 cycles "
        f"{listing(LEADING['10'])} lead, after 50 {listing(LEADING['50'])}; "
        + " and ".join(
            f"the share of {group} goes from {percent(was['10'])} to {percent(was['50'])}"
            for group, was in SHARES.items()
        )
        + "."
    )
    if published is not None:
        for row in agreement(explanation, published).itertuples():
            section.answers.append(
                f"{in_state(row.state, explanation.states)}Kendall's tau with the ranking after "
                f"{row.published} cycles in the file given is {fixed(row.tau)} "
                f"({p_value(row.p)}, {row.features} features)."
            )
        section.tables["Ranks here and as published"] = beside(explanation, published)
    section.notes = [
        f"In the public code {listing(ALWAYS_ZERO)} are 0 for every particle, for it takes one "
        "neighbour instead of six: tables made by it cannot show what is published of them. "
        "Importances follow the damage measure, the features and the particles, so a ranking that "
        "differs does not show which of the two is wrong."
    ]
    return section
