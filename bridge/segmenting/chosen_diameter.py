"""The particle diameter that a run takes, and how that is told."""

from dataclasses import dataclass
from typing import Any

_FAR = 2.0
"""An estimate this many times the model's record, or a part of it, is a warning."""


@dataclass(frozen=True)
class Choice:
    """The diameter that a run takes, and why.

    Attributes
    ----------
    diameter
        What is taken: the estimate, or the model's record, which keeps images at their own scale.
    record
        The typical diameter of the model's training images, pixels.
    estimate
        What the network confirmed of these images; None: no size.
    probability
        Mean probability of the outlines (weighted by area) at the record and at the estimate.
    """

    diameter: float
    record: float
    estimate: float | None
    probability: tuple[float, float]

    def told(self, unit: str) -> str:
        """Say what is taken, and why, in one line."""
        if self.estimate is None:
            return (
                "warning: no particle diameter is confirmed; the images keep their own scale, as "
                f"if particles were {self.record:.3g} {unit} wide, as in the model's training "
                "(--diameter sets it)"
            )
        warning = ""
        if not 1 / _FAR < self.estimate / self.record < _FAR:
            warning = "warning: estimate and model disagree more than twofold; "
        at_record, at_estimate = self.probability
        both = (
            f"the estimate is {self.estimate:.3g} {unit}, the model was trained at "
            f"{self.record:.3g}; mean probability of the outlines {at_estimate:.2f} and "
            f"{at_record:.2f}"
        )
        if self.diameter == self.estimate:
            return (
                f"{warning}typical particle diameter: about {self.diameter:.3g} {unit} ({both}; "
                "--diameter sets it)"
            )
        return (
            f"{warning}images keep their own scale, particles taken for {self.diameter:.3g} {unit} "
            f"wide ({both}; --diameter sets it)"
        )

    def as_record(self) -> dict[str, Any]:
        """List it for run.json."""
        return {
            "diameter": self.diameter,
            "recorded_by_model": self.record,
            "estimate": self.estimate,
            "probability_at_record": self.probability[0],
            "probability_at_estimate": self.probability[1],
        }
