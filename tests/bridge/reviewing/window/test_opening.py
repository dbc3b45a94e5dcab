"""The window opens where there is a screen and napari; elsewhere a sentence says what lacks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from particlebridge.bridge import ReviewSession, review
from particlebridge.bridge.cli.app import app
from particlebridge.bridge.reviewing.window import opening
from typer.testing import CliRunner
from window import display

HELPERS = Path(__file__).parents[3] / "helpers"


def test_without_napari_the_extra_is_named(monkeypatch, results: Path) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r'pip install "particlebridge\[review\]"'):
        review(results)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_without_a_display_one_sentence_says_so(monkeypatch, results: Path) -> None:
    pytest.importorskip("napari", reason="napari is an extra: particlebridge[review]")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    done = CliRunner().invoke(app, ["review", str(results)])
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "particlebridge: a window cannot be opened here: there is no display (DISPLAY is not set); "
        "run the review on a computer with a screen"
    ]
    monkeypatch.setenv("DISPLAY", ":4711")
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    with pytest.raises(RuntimeError, match=r"a window cannot be opened here: (?!Trace)"):
        review(results)  # what lacks first: the display, or on a bare machine a library of Qt's
    assert not (results / "corrections.jsonl").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is a display of Linux")
def test_a_person_reviews_in_the_real_window(results: Path, monkeypatch) -> None:
    pytest.importorskip("napari", reason="napari is an extra: particlebridge[review]")
    monkeypatch.setenv("DISPLAY", display())
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    if why := opening.why_no_window():
        pytest.skip(f"no window can be opened under Xvfb: {why}")
    path = os.pathsep.join([str(HELPERS), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", HELPERS / "review_window.py", results],
        env={
            **os.environ,
            "PYTHONPATH": path,
            "NAPARI_CONFIG": str(results.parent / "napari.yaml"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    acts = json.loads(done.stdout.splitlines()[-1])
    assert acts == ["accept", "unsure", "delete", "undo", "paint"]
    with ReviewSession.open(results) as again:
        assert set(again.table["review"]) == {"", "accepted", "corrected", "trimmed", "unsure"}
