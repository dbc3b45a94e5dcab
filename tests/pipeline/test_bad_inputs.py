"""Every bad input of docs/bad_input.md gets the one sentence that stands there."""

from pathlib import Path

import pytest
from bad_inputs import CASES, TABLE, Bad, row, said


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.what.replace(" ", "-"))
def test_one_sentence_that_names_the_file(bad: Bad, tmp_path: Path) -> None:
    code, text = said(bad, tmp_path)
    assert code == 1, text
    assert text.startswith("particlebridge: ")
    assert "\n" not in text
    assert len(text) < 400
    assert (bad.named or Path(bad.file).name) in text or "out" in text
    assert row(bad, text) in TABLE.read_text("utf-8")


def test_no_case_stands_there_twice() -> None:
    assert len({bad.what for bad in CASES}) == len(CASES)
