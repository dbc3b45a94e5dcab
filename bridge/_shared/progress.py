"""What a person sees while work goes on: a bar on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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

console = Console(stderr=True, highlight=False, soft_wrap=True)


def notice(text: str) -> None:
    """Say one plain line on stderr (stdout is for results)."""
    console.print(text, markup=False)


@contextmanager
def progress(what: str, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Show how far a piece of work is.

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
    if console.is_terminal:
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
            print(f"{what}: {state['done']:g} of {total}", file=sys.stderr, flush=True)

    yield advance
