"""Is coupling between touching particles found, and none where there is none? 200 electrodes.

    python -m benchmarks synchrony [electrodes]

Electrodes are tables (`electrode_tables`): packed ellipsoids that break by the generator's rule.
For each case: how often Moran's I of Damage is called significant (p < 0.05) by permutations
anywhere, and that of what depth, size and Contact do not explain by permutations within classes of
depth and size; with the exact 95 % interval of the rate. Without coupling both should be 5 %, with
it high; drivers that neighbours share fool the first test. Electrodes 1 and 2, 3 and 4, ... are
compared as two states that do not differ: how often a difference has p < 0.05, and its interval
leaves out 0.
"""

import sys
from typing import Any

import pandas as pd
from particlebridge.analysis import find_synchrony
from particlebridge.analysis.phantom.tables import electrode_tables
from particlebridge.analysis.synchrony.result import BEYOND, GINI, MORAN, VARIATION
from scipy.stats import binomtest

CASES: dict[str, dict[str, Any]] = {
    "no driver, no coupling": {"drivers": ()},
    "depth and size, no coupling": {"drivers": ("depth", "size")},
    "depth, size, Contact, no coupling": {},
    "no driver, coupling 0.2": {"drivers": (), "coupling": 0.2},
    "no driver, coupling 0.4": {"drivers": (), "coupling": 0.4},
    "depth, size, Contact, coupling 0.2": {"coupling": 0.2},
    "depth, size, Contact, coupling 0.4": {"coupling": 0.4},
}


def counted(hits: int, of: int) -> str:
    """Write a count with the exact interval of its rate."""
    low, high = binomtest(hits, of).proportion_ci()
    return f"{hits} of {of} ({100 * low:.1f} to {100 * high:.1f} %)"


def main() -> None:
    """Print four lines for each case."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    electrodes = numbers[0] if numbers else 200
    for case, options in CASES.items():
        tests, differences, particles = [], [], []
        for first in range(0, electrodes, 2):
            made = {f"{s}": electrode_tables(seed=s, **options) for s in (first, first + 1)}
            found = find_synchrony(
                {s: t for s, (t, _) in made.items()}, {s: c for s, (_, c) in made.items()}
            )
            tests.append(found.numbers)
            differences.append(found.differences)
            particles += list(found.numbers.loc[found.numbers["quantity"] == GINI, "count"])
        p = pd.concat(tests).groupby("quantity")["p"]
        gaps = pd.concat(differences)
        print(f"{case} ({min(particles)} to {max(particles)} whole particles)")
        for quantity in (MORAN, BEYOND):
            print(
                f"    {quantity}: {counted(int((p.get_group(quantity) < 0.05).sum()), electrodes)}"
            )
        for quantity in (GINI, VARIATION, MORAN, BEYOND):
            own = gaps[gaps["quantity"] == quantity]
            outside = int(((own["low"] > 0) | (own["high"] < 0)).sum())
            print(
                f"    a difference in {quantity} where there is none: "
                f"{counted(int((own['p'] < 0.05).sum()), len(own))}, by interval {outside}",
                flush=True,
            )


if __name__ == "__main__":
    main()
