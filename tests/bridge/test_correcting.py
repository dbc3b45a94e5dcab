"""Corrections of one volume or of several reach the report, and what cannot be applied is said."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fused_run import corrected, fused_run, generated, reported
from particlebridge.bridge import ReviewSession, apply_corrections
from particlebridge.bridge.correcting import _run_above

MADE = generated()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs with one report."""
    top = tmp_path_factory.mktemp("both")
    fused_run(top, MADE, name="a")
    shutil.copytree(top / "a", top / "b")
    reported(top, {"a": "10", "b": "50"})
    return top


def test_without_corrections_nothing_is_made(both: Path, tmp_path: Path) -> None:
    for folder in (both, both / "a"):
        with pytest.raises(FileNotFoundError, match="there are no corrections to apply"):
            apply_corrections(folder)
    with pytest.raises(FileNotFoundError, match=r"has no run\.json"):
        apply_corrections(tmp_path / "nothing")
    alone = shutil.copytree(both / "a", tmp_path / "alone")
    with pytest.raises(ValueError, match="its run is not finished"):
        apply_corrections(alone)


def test_of_several_volumes_those_with_corrections_are_corrected(
    both: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One volume's folder: its report is that of all.
    assert _run_above(both / "a")[0].path == both
    log = both / "b" / "corrections.jsonl"
    log.write_text('{"act":"undo"}\n')
    with pytest.raises(ValueError, match="line 1 cannot be used"):
        apply_corrections(both)
    log.unlink()
    labels = corrected(both / "b")
    with ReviewSession.open(both / "b"), pytest.raises(RuntimeError, match="is using this folder"):
        apply_corrections(both)
    monkeypatch.chdir(both.parent)
    page = apply_corrections(Path(both.name) / "b")
    assert page == both / "report.html"
    assert not (both / "a" / "fused").exists()
    table = pd.read_csv(both / "features.csv")
    assert set(table.loc[table["volume"] == "b", "label"]) == set(np.unique(labels)) - {0}
    text = page.read_text("utf-8")
    for words in ("What was corrected by hand?", "1 merged", "upper bound"):
        assert words in text
    record = json.loads((both / "b" / "run.json").read_text("utf-8"))
    assert record["stages"]["corrections"]["acts"]["merge"] == 1
