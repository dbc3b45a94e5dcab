"""What library code says: it logs; only the command line shows it."""

import io
import logging
import subprocess
import sys

import pytest
from particlebridge.bridge._shared import progress as module
from particlebridge.bridge._shared.progress import (
    inform,
    notice,
    progress,
    progress_when_known,
)
from rich.console import Console

_SAY = (
    "from particlebridge.bridge._shared.progress import inform, notice, progress\n"
    "inform('fusing the views'); notice('50% of :art: [bold]a[/] %s is guessed')\n"
    "with progress('slices', 2) as advance: advance(2)\n"
)


def _stderr(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_who_configured_nothing_sees_warnings_only() -> None:
    assert _stderr(_SAY) == ["50% of :art: [bold]a[/] %s is guessed"]


def test_a_caller_silences_the_library() -> None:
    silent = "import logging; logging.getLogger('particlebridge').setLevel(logging.ERROR)\n"
    assert _stderr(silent + _SAY) == []


def test_the_command_line_shows_all_once_even_where_the_root_logger_has_handlers() -> None:
    shown = "from particlebridge.bridge._shared.progress import show_log; show_log(); show_log()\n"
    root = "import logging; logging.basicConfig(level='INFO')\n"
    expected = ["fusing the views", "50% of :art: [bold]a[/] %s is guessed", "slices: 2 of 2"]
    assert _stderr(root + shown + _SAY) == expected


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    text = io.StringIO()
    monkeypatch.setattr(module, "console", Console(file=text, force_terminal=True, width=100))
    return text


def test_a_terminal_has_a_bar_only_where_the_log_is_shown(terminal: io.StringIO) -> None:
    with progress("slices", 2) as advance:
        advance(2)
    assert "━" in terminal.getvalue()


def test_a_terminal_of_a_library_user_has_no_bar(
    terminal: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("particlebridge")
    log.handlers.clear()
    log.propagate = True
    with caplog.at_level("INFO", logger="particlebridge"):
        inform("done")
        notice("guessed")
        with progress("slices", 2) as advance:
            advance(2)
    assert terminal.getvalue() == ""
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("INFO", "done"),
        ("WARNING", "guessed"),
        ("INFO", "slices: 2 of 2"),
    ]


def test_work_whose_amount_is_told_with_its_first_piece(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "particlebridge"), progress_when_known("forests") as told:
        for done in (1, 2, 3):
            told(done, 3)
    assert caplog.messages == ["forests: 3 of 3"]
    with progress_when_known("forests"):
        pass  # there was nothing to do
