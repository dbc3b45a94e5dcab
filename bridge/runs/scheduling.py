"""Who does the pieces of a run: what that can be, and this process."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

PROGRESS = "particlebridge"
"""Topic of the events by which a worker tells how much of a piece is done."""


@dataclass(frozen=True)
class FailedTask:
    """A piece that could not be done, and why."""

    name: str
    reason: str


class Runner(Protocol):
    """Does pieces of work that do not depend on each other."""

    remote: bool

    def run(
        self,
        function: Callable[[Any], Any],
        pieces: Mapping[str, Any],
        advance: Callable[[int], None] = lambda _: None,
    ) -> Iterator[tuple[str, Any]]:
        """Do each piece.

        Parameters
        ----------
        function
            Called with a piece; of a module, so that it can be sent, as what it takes and gives.
        pieces
            What to do, by name.
        advance
            Called with what the function gives to `report_progress`.

        Yields
        ------
        name : str
        result
            What the function returned, or a `FailedTask`; in any order.
        """
        ...


class InProcess:
    """Does one piece after the other, here; an error ends the run at once."""

    remote = False

    def run(
        self,
        function: Callable[[Any], Any],
        pieces: Mapping[str, Any],
        advance: Callable[[int], None] = lambda _: None,
    ) -> Iterator[tuple[str, Any]]:
        """Do each piece; see `Runner.run`."""
        for name, piece in pieces.items():
            before, _here.advance = _here.advance, advance
            try:
                result = function(piece)
            finally:
                _here.advance = before
            yield name, result


class _Here(threading.local):
    """Who listens to the piece that this thread does: runs may go on side by side."""

    advance: Callable[[int], None] | None = None


_here = _Here()


def report_progress(amount: int) -> None:
    """Tell whoever started this piece that so much of it is done."""
    if _here.advance is not None:
        _here.advance(amount)
        return
    from distributed import get_worker

    try:
        get_worker().log_event(PROGRESS, amount)
    except ValueError:  # no worker: the function was called by hand
        return
