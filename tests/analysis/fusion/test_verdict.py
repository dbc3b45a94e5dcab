"""The verdict follows what the views agree on, and knows the models it was calibrated on."""

import numpy as np
import pytest
from particlebridge.analysis.fusion.verdict import (
    OTHERS,
    SHIPPED,
    Evidence,
    calibration_of,
    judge,
    linked_area,
)
from particlebridge.exporter import load_model


def test_an_object_ended_in_a_particle_if_most_of_it_lies_in_one() -> None:
    objects = np.zeros((4, 12), int)
    objects[:, :4], objects[:, 4:8], objects[:, 8:] = 1, 2, 3
    bodies = np.zeros((4, 12), int)
    bodies[:, :3] = 9  # three quarters of object 1
    bodies[:2, 4:8], bodies[2:, 4:8] = 5, 6  # halves of object 2
    assert linked_area(objects, bodies) == (16, 48)
    assert linked_area(np.zeros((4, 12), int), bodies) == (0, 0)


def test_agreement_decides_and_says_what_to_do() -> None:
    nmc = {"": next(iter(SHIPPED.values()))}
    good = judge(Evidence(140, 0.88, 0.99), nmc)
    assert good.word == "trust"
    assert good.sentence.startswith("trust: F1 is expected at 0.9")
    assert judge(Evidence(140, 0.6, 0.85), nmc).word == "check"
    bad = judge(Evidence(24, 0.38, 0.72), nmc)
    assert (bad.word, bad.noise) == ("do not use", False)
    assert "--diameter" in bad.sentence
    noise = judge(Evidence(270, 0.34, 0.55), nmc)
    assert (noise.word, noise.noise) == ("do not use", True)
    assert "fuses to 270 bodies" in noise.sentence
    # What a model that is not known makes of noise is not known either.
    assert not judge(Evidence(270, 0.34, 0.55)).noise
    assert judge(Evidence(0, 0.0, 0.0)).sentence.startswith("do not use: no particle")


def test_a_foreign_model_is_never_trusted_unseen() -> None:
    sure = judge(Evidence(140, 0.95, 1.0))
    assert sure.word == "check"
    assert "not the one that this was calibrated on" in sure.sentence
    # Of two models the worse one counts.
    mixed = judge(Evidence(140, 0.95, 1.0), {"a": calibration_of("unknown"), "b": OTHERS})
    assert mixed.f1 == sure.f1


def test_the_shipped_model_is_the_calibrated_one() -> None:
    assert calibration_of(load_model("nmc").digest) is not OTHERS


@pytest.mark.parametrize("constants", [*SHIPPED.values(), OTHERS])
def test_more_agreement_is_never_worse(constants) -> None:
    assert constants.agreement > 0
    assert constants.linked > 0
    assert 0 < constants.error < 0.3
