"""Acts go to JSON and back; what is no act is refused before any memory is taken."""

import base64
import json
import zlib
from typing import Any

import numpy as np
import pytest
from particlebridge.analysis.correction import acts
from particlebridge.analysis.correction.act_records import act_of, as_record
from particlebridge.analysis.correction.acts import Reference

SHAPE = (8, 9, 10)
ONE = Reference(3, (2, 3, 4), 20, (1, 2, 3, 5, 6, 7))
TWO = Reference(5, (6, 7, 8), 1, (6, 7, 8, 7, 8, 9))
MASK = np.random.default_rng(0).random((4, 4, 4)) < 0.5
EVERY = [
    acts.Accept(ONE),
    acts.Unsure(ONE),
    acts.Delete(TWO),
    acts.Merge((ONE, TWO)),
    acts.Split(ONE, ((2, 3, 4), (4, 5, 6)), (9,)),
    acts.Split(ONE, ((2, 3, 4), (4, 5, 6)), (9,), ONE.box, (MASK,)),
    acts.Cut(ONE, (2.5, 3.0, 4.0), (0.0, -1.0, 1e-3), (9,)),
    acts.Paint(ONE, (), ONE.box, MASK, ~MASK),
    acts.Paint(None, (11,), ONE.box, MASK),
    acts.Undo(),
    acts.Redo(),
]


@pytest.mark.parametrize("act", EVERY, ids=lambda act: type(act).__name__)
def test_an_act_comes_back_as_it_was(act: acts.Act) -> None:
    text = json.dumps(as_record(act), allow_nan=False)
    back = act_of(json.loads(text), SHAPE)
    assert type(back) is type(act)
    assert json.dumps(as_record(back)) == text
    for name, value in vars(act).items():
        kept = getattr(back, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(kept, value)
        elif name != "parts":
            assert kept == value


def packed(bits: bytes) -> str:
    return base64.b64encode(zlib.compress(bits)).decode()


def paint(**changes: Any) -> dict[str, Any]:
    return {**as_record(EVERY[8]), **changes}


BOMB = packed(bytes(1 << 24))
CUT, SPLIT = as_record(EVERY[6]), as_record(EVERY[5])
BAD: list[tuple[dict[str, Any], str]] = [
    ({"act": "explode"}, "unknown"),
    ({}, "unknown"),
    ({"act": "accept"}, "must be an object"),
    ({"act": "merge", "particles": []}, "two or more"),
    (paint(add=BOMB), "one bit for each"),
    (paint(add=packed(bytes(7))), "one bit for each"),
    (paint(add="%%%"), "is no mask"),
    (paint(add=7), "is no mask"),
    (paint(box=[0, 0, 0, 99, 9, 9]), "outside the volume"),
    (paint(box=[3, 3, 3, 3, 4, 4]), "empty"),
    (paint(box=[0, 0, 0, 10**30, 9, 9]), "outside the volume"),
    (paint(box=None), "six whole numbers"),
    (paint(new=[2**31]), "not a whole number from 1"),
    (paint(new=[True]), "not a whole number"),
    (paint(new=[]), "list of 1 label"),
    (paint(add=None), "paints nothing"),
    ({**CUT, "normal": [0, 0, 0]}, "0 throughout"),
    ({**CUT, "normal": [0, float("nan"), 1]}, "finite"),
    ({**CUT, "point": [0, float("inf"), 1]}, "finite"),
    ({**CUT, "point": [1, 2]}, "three finite"),
    ({**CUT, "particle": {**CUT["particle"], "at": [0, 0, 10]}}, "outside the volume"),
    ({**CUT, "particle": {**CUT["particle"], "at": [0, 0, 1.5]}}, "whole numbers"),
    ({**CUT, "particle": {**CUT["particle"], "voxels": 10**9}}, "'voxels'"),
    ({**CUT, "particle": {**CUT["particle"], "label": 0}}, "not a whole number from 1"),
    ({**SPLIT, "seeds": [[1, 1, 1]]}, "two or more points"),
    ({**SPLIT, "new": [9, 9]}, "list of 1 label"),
    ({**SPLIT, "parts": []}, "one mask for each"),
]


@pytest.mark.parametrize("record, words", BAD, ids=range(len(BAD)))
def test_what_is_no_act_is_refused(record: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        act_of(record, SHAPE)


def test_a_box_larger_than_any_particle_is_refused_before_its_mask_is_unpacked() -> None:
    record = paint(box=[0, 0, 0, 2000, 2000, 2000])
    with pytest.raises(ValueError, match="more than a particle can"):
        act_of(record, (2000, 2000, 2000))
