"""How far fused particles can be trusted: their F1, predicted from how the views agree."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

Word = Literal["trust", "check", "do not use"]

TRUST, USE, NOISE = 0.8, 0.3, 0.1
"""From the first predicted F1 on particles are trusted; below the second they are not to be used;
below the third the views agree no better than in pure noise, and there is no particle."""


class Calibration(NamedTuple):
    """Constants of a logistic model of F1 at IoU 0.5, and its error on sets that it had not seen.

    `python -m benchmarks verdict` fits them.
    """

    intercept: float
    agreement: float
    linked: float
    error: float


SHIPPED = {"673b7b9489ca": Calibration(-7.15, 6.87, 3.85, 0.07)}
"""Of models by the beginning of their digest: `nmc`. Fitted on generated electrodes (contrast 0.2
to 1, more noise, blur, wrong diameters, wrong polarity), noise, and sets of other people."""
OTHERS = Calibration(-5.78, 6.87, 1.38, 0.18)
"""Of any other model: one that is foreign to the images may be wrong in all views alike."""


class Evidence(NamedTuple):
    """What speaks for the particles of a fusion.

    Attributes
    ----------
    particles : int
        How many there are.
    agreement : float
        Mean agreement of the views with a particle (its ``confidence``), weighted by volume, 0..1.
    linked : float
        Share of the area that the views' 2-D objects cover which ended in particles: an object
        counts if more than half of it lies in one particle.
    """

    particles: int
    agreement: float
    linked: float


class Verdict(NamedTuple):
    """What may be done with the particles.

    Attributes
    ----------
    word : str
        ``trust``, ``check`` or ``do not use``.
    f1 : float
        Predicted F1 at IoU 0.5.
    error : float
        Mean error of such predictions on sets that the model of them had not seen.
    sentence : str
        All of it in words: why, and what to do.
    noise : bool
        Whether what was fused is noise and should be dropped. Only said of the particles of a model
        with a calibration of its own.
    """

    word: Word
    f1: float
    error: float
    sentence: str
    noise: bool = False

    def as_record(self) -> dict[str, str | float]:
        """List it for run.json."""
        return dict(self._asdict())


def linked_area(objects: np.ndarray, bodies: np.ndarray) -> tuple[int, int]:
    """Count the pixels of a slice's 2-D objects that ended in particles, and of all of them.

    Parameters
    ----------
    objects, bodies
        (H, W) labels of one slice of a view, and of the fused particles there.
    """
    inside = objects > 0
    own, body = objects[inside].astype(np.int64), bodies[inside].astype(np.int64)
    if not own.size:
        return 0, 0
    pairs, shared = np.unique((own << 32) | body, return_counts=True)
    sizes = np.bincount(own)
    held = ((pairs & 0xFFFFFFFF) > 0) & (2 * shared > sizes[pairs >> 32])
    return int(sizes[(pairs >> 32)[held]].sum()), own.size


def judge(evidence: Evidence, models: Mapping[str, Calibration] | None = None) -> Verdict:
    """Predict the F1 of a fusion.

    Parameters
    ----------
    evidence
        Of it.
    models
        Name -> calibration of the models that segmented its views; none: unknown.
    """
    if not evidence.particles:
        return Verdict(
            "do not use", 0.0, 0.0, "do not use: no particle was found; try another --diameter or "
            "--model, or --invert if particles are darker than what is around them",
        )  # fmt: skip
    used = list((models or {"": OTHERS}).values())
    # Of several models the worst.
    f1, constants = min((predicted(evidence, c), c) for c in used)
    known = constants is not OTHERS
    if known and f1 < NOISE:
        return Verdict(
            "do not use", f1, constants.error, "do not use: no particle was found; what the views "
            f"outline fuses to {evidence.particles} bodies, but they agree on these as little as "
            f"in pure noise ({evidence.agreement:.2f} on average), so the bodies were dropped; try "
            "another --diameter, --smooth auto or another --model", True,
        )  # fmt: skip
    word: Word = "do not use" if f1 < USE else "trust" if f1 >= TRUST and known else "check"
    why = (
        f"the views agree on a particle by {evidence.agreement:.2f} on average, and "
        f"{evidence.linked:.0%} of what they outline ended in particles"
    )
    foreign = "" if known else "; the model is not the one that this was calibrated on"
    todo = {
        "trust": "",
        "check": "; look at the worst slices in the report before you use the numbers",
        "do not use": "; try another --diameter, --smooth auto or another --model, or train one on "
        "a few annotated slices",
    }[word]
    sentence = f"{word}: F1 is expected at {f1:.2f} (± {constants.error:.2f}); {why}{foreign}{todo}"
    return Verdict(word, f1, constants.error, sentence)


def predicted(evidence: Evidence, constants: Calibration) -> float:
    """Give the F1 at IoU 0.5 that a calibration expects."""
    z = constants.agreement * evidence.agreement + constants.linked * evidence.linked
    return round(float(1 / (1 + np.exp(-constants.intercept - z))), 3)


def calibration_of(digest: str) -> Calibration:
    """Give the constants for a model by its digest."""
    return next((c for start, c in SHIPPED.items() if digest.startswith(start)), OTHERS)
