"""What `find_synchrony` gives."""

from dataclasses import dataclass

import pandas as pd

GINI, VARIATION = "Gini coefficient", "coefficient of variation"
MORAN, ASSORTATIVITY = "Moran's I", "assortativity"
BEYOND = "Moran's I beyond the drivers"
REACH, REACH_BEYOND = "reach", "reach beyond the drivers"
LOCAL = "local spread along depth"


@dataclass(frozen=True)
class Synchrony:
    """How evenly damage is spread, and how far particles that touch share it, as tidy tables.

    Attributes
    ----------
    states
        Names of the states, in the order given.
    numbers : DataFrame
        state, quantity, unit, value, low and high (95 % interval), expected (mean over
        permutations), p (two-sided, by permutations), count (of particles or pairs). Quantities:

        - Gini coefficient, coefficient of variation: of Damage. 0: all the same.
        - Moran's I, assortativity: correlation of the Damage of particles that touch.
        - Moran's I beyond the drivers: the same of what depth, size and Contact do not explain.
        - reach, reach beyond the drivers: the number of contacts, or the distance, up to which
          the correlation lies above what chance gives at every step.
        - local spread along depth: Spearman's rho of depth and the standard deviation of Damage
          among a particle and those that touch it.
    differences : DataFrame
        state_a, state_b, quantity, value (b - a), low and high, p and p_holm (over all rows).
    correlogram : DataFrame
        state, scale (``contacts``, or the unit of length), at (contacts, or mean distance), pairs,
        semivariance, correlation, low and high (what 95 % of permutations give), and
        beyond, beyond_low, beyond_high (of what the drivers do not explain).
    depths : DataFrame
        state, depth (mean Z of a tenth to a fifth of the particles), particles, Damage (mean),
        local_spread and local_variation (mean standard deviation, and that over the mean).
    notes
        What was left out, and why, as sentences.
    """

    states: tuple[str, ...]
    numbers: pd.DataFrame
    differences: pd.DataFrame
    correlogram: pd.DataFrame
    depths: pd.DataFrame
    notes: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """Give numbers and differences as one table, as synchrony.csv holds them.

        Returns
        -------
        DataFrame
            The columns of both; ``to`` is the other state of a difference.
        """
        differences = self.differences.rename(columns={"state_a": "state", "state_b": "to"})
        columns = [
            *("state", "to", "quantity", "unit", "value", "low", "high"),
            *("expected", "p", "p_holm", "count"),
        ]
        joined = pd.concat([self.numbers, differences], ignore_index=True)
        return joined.reindex(columns=columns)
