"""What one Fiji does of a call: its slices, the results as they come, its deaths survived."""

import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from particlebridge.analysis import Prediction

from .java_log import what_java_said
from .parts import read_part
from .session import FijiSession

_SLICE_SECONDS = 900.0
_DEATHS_IN_A_ROW = 3
_POLL = 0.05
_AT = re.compile(r"\[particlebridge\] slice (\d+) of ")
_FAILED = re.compile(r"\[particlebridge\] slice (\d+) failed: (.*)")


class Share:
    """Some slices of one call, segmented by one Fiji in a thread of its own.

    Parameters
    ----------
    session
        The Fiji; started when needed.
    said
        Where the session's log goes, line by line.
    ask
        Lets the session segment these slices; returns when Fiji says that it is done.
    out
        Folder in whose ``.parts/`` finished slices appear.
    positions
        The slices.
    """

    def __init__(
        self,
        session: FijiSession,
        said: list[str],
        ask: Callable[[Sequence[int]], None],
        out: Path,
        positions: Sequence[int],
    ) -> None:
        self._session, self._said, self._ask, self._out = session, said, ask, out
        self._left = list(positions)
        self._results: dict[int, Prediction | str] = {}
        self._error: Exception | None = None
        self._news = threading.Condition()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait_for(self, position: int) -> Prediction | str:
        """Return a slice's result, or why there is none; raises what ended the work."""
        with self._news:
            self._news.wait_for(lambda: position in self._results or self._error is not None)
            if position in self._results:
                return self._results.pop(position)
            assert self._error is not None
            raise self._error

    def stop(self) -> None:
        """End the work now, in the midst of a slice if need be."""
        if self._left and self._error is None:
            self._stopped.set()
            self._session.kill()
        self._thread.join()

    def _work(self) -> None:
        """Segment the slices; a Fiji that dies is started again."""
        deaths: dict[int, int] = {}
        in_a_row = 0
        try:
            while self._left and not self._stopped.is_set():
                self._session.start()  # a Fiji that cannot start ends the work
                before = len(self._left)
                try:
                    self._collect(self._run())
                except (RuntimeError, TimeoutError) as error:
                    self._collect()
                    in_a_row = 1 if len(self._left) < before else in_a_row + 1
                    if self._stopped.is_set() or not self._left:
                        return
                    if in_a_row > _DEATHS_IN_A_ROW:
                        raise
                    suspect = self._under_way()
                    deaths[suspect] = deaths.get(suspect, 0) + 1
                    if deaths[suspect] > 1:
                        self._give(suspect, f"Fiji ended twice at this slice: {error}")
                        in_a_row = 0
        except Exception as error:  # handed on to the thread that waits
            with self._news:
                self._error = error
                self._news.notify_all()

    def _under_way(self) -> int:
        """Tell which slice Fiji was at by its last word of progress."""
        for line in reversed(self._session.log_lines()):
            if (found := _AT.search(line)) and int(found[1]) in self._left:
                return int(found[1])
        return self._left[0]

    def _run(self) -> dict[int, str]:
        """Call Fiji on what is left, handing on results meanwhile; tell the failures it named."""
        self._said.clear()
        outcome: list[BaseException] = []

        def call() -> None:
            try:
                self._ask(list(self._left))
            except BaseException as error:  # told by the thread that waits
                outcome.append(error)

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        since = time.monotonic()
        while thread.is_alive():
            thread.join(_POLL)
            if self._collect():
                since = time.monotonic()
            if time.monotonic() - since > _SLICE_SECONDS:
                self._session.kill()
                thread.join()
                raise TimeoutError(f"no answer within {_SLICE_SECONDS:g} s; it was ended")
        if outcome and isinstance(outcome[0], Exception) and not self._session.alive:
            raise outcome[0]
        lines = list(self._said)
        named = {int(m[1]): m[2] for line in lines if (m := _FAILED.search(line))}
        if not named:
            whole = what_java_said(lines) or (str(outcome[0]) if outcome else "")
            named = dict.fromkeys(self._left, whole or "Fiji came back without a result")
        return named

    def _collect(self, failed: dict[int, str] | None = None) -> bool:
        """Take up finished slices, and after a call those that failed; tells if there were any."""
        found = False
        for position in list(self._left):
            part = self._out / ".parts" / f"{position:05d}.pbp"
            if part.exists():
                try:
                    self._give(position, read_part(part).prediction)
                except ValueError as error:
                    self._give(position, str(error))
                part.unlink()
                found = True
            elif failed is not None:
                # Fiji stops early where the first slices all fail: the model is at fault.
                last = next(reversed(failed.values()))
                self._give(position, failed.get(position) or f"not tried after this: {last}")
                found = True
        return found

    def _give(self, position: int, result: Prediction | str) -> None:
        with self._news:
            self._left.remove(position)
            self._results[position] = result
            self._news.notify_all()


def checked_slice(image: NDArray[Any]) -> NDArray[Any]:
    """Return the image as (H, W)."""
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim != 2:
        raise ValueError(f"the Fiji engine takes grey images, not an array of shape {image.shape}")
    if image.size == 0:
        raise ValueError(f"the image is empty: its shape is {image.shape}")
    if not np.isfinite(image).all():
        raise ValueError("the image holds NaN or infinite values; mask or fill them first")
    return image
