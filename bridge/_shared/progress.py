"""What is said while work goes on: to the logger, which the command line shows on stderr.

Library code logs to the logger ``particlebridge``, so that a caller can silence or keep it.
`show_log` is what the command line calls: lines and bars on stderr.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_SECONDS_BETWEEN_LINES = 10.0

console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
log = logging.getLogger("particlebridge")


class _OnConsole(logging.Handler):
    """Show records as plain lines on stderr (stdout is for results)."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            console.print(record.getMessage(), markup=False)
        except Exception:
            self.handleError(record)


def notice(text: str) -> None:
    """Log what was guessed, dropped, assumed or recomputed, as a warning."""
    log.warning("%s", text)


def inform(text: str) -> None:
    """Log what is being done."""
    log.info("%s", text)


def show_log() -> None:
    """Show the log and progress on stderr, as the command line does."""
    if not _is_shown():
        log.addHandler(_OnConsole())
    log.setLevel(logging.INFO)
    log.propagate = False  # a library that sets up the root logger would say all twice


def _is_shown() -> bool:
    return any(isinstance(handler, _OnConsole) for handler in log.handlers)


@contextmanager
def progress(what: str, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Tell how far a piece of work is: a bar on a terminal, lines in the log elsewhere.

    Parameters
    ----------
    what
        Its name, such as ``"xy slices"``.
    total
        How many pieces there are.
    done
        How many were finished by an earlier run.

    Yields
    ------
    callable
        Call it with the number of pieces finished since the last call.
    """
    if console.is_terminal and _is_shown() and log.isEnabledFor(logging.INFO):
        columns = (
            TextColumn("{task.description:<18}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(what, total=total, completed=done)
            yield lambda n: bar.advance(task, n)
        return
    state = {"done": done, "last": time.monotonic()}

    def advance(n: int) -> None:
        state["done"] += n
        now = time.monotonic()
        if state["done"] >= total or now - state["last"] >= _SECONDS_BETWEEN_LINES:
            state["last"] = now
            inform(f"{what}: {state['done']:g} of {total}")

    yield advance


@contextmanager
def progress_when_known(what: str) -> Iterator[Callable[[int, int], None]]:
    """As `progress`, for work that tells how much it is with the first piece.

    Yields
    ------
    callable
        Call it with the number of pieces finished so far and the number of all.
    """
    with ExitStack() as stack:
        state: dict[str, Callable[[int], None]] = {}

        def told(done: int, total: int) -> None:
            if not state:
                state["advance"] = stack.enter_context(progress(what, total, done - 1))
            state["advance"](1)

        yield told
