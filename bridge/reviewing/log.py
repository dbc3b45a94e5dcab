"""corrections.jsonl: every act of a person is a line, and each line names the one before it."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

from particlebridge.analysis.correction.act_records import act_of, as_record
from particlebridge.analysis.correction.acts import Act
from particlebridge.analysis.io.errors import reason

LOG = "corrections.jsonl"
By = Literal["napari", "fiji", "script"]
_MOST = 1 << 30
"""Bytes of a log: no person makes more."""


@dataclass(frozen=True, eq=False)
class Line:
    """A line of the log.

    Attributes
    ----------
    number
        From 1.
    act
        What was done.
    time, by
        When (UTC), and with what program.
    labels
        Digest of the fused labels that it was done on.
    """

    number: int
    act: Act
    time: str
    by: str
    labels: str


class CorrectionLog:
    """The lines of a corrections.jsonl, which is only ever added to.

    Parameters
    ----------
    path
        The file; it need not exist.
    shape
        Of the volume: no act may lie outside.
    mend
        Whether a last line that was cut off is taken away from the file, too.

    Attributes
    ----------
    lines
        All of them.
    messages
        What a person should know of how they were read.

    Raises
    ------
    ValueError
        If a line cannot be understood, or was changed or lost; names it.
    """

    def __init__(self, path: Path, shape: Sequence[int], mend: bool = False) -> None:
        self.path = path
        self.shape = tuple(int(n) for n in shape)
        self.lines: list[Line] = []
        self.messages: list[str] = []
        self._size, self._last = 0, b""
        if path.exists():
            self._read(mend)

    def append(self, act: Act, by: By, labels: str) -> Line:
        """Write an act to the disk, whole, before this returns.

        Parameters
        ----------
        act
            What was done.
        by
            With what program.
        labels
            Digest of the fused labels.

        Raises
        ------
        RuntimeError
            If the file no longer ends as this log knows it: somebody else writes to it.
        OSError
            If it cannot be written.
        """
        with self.path.open("a+b") as file:
            if file.seek(0, os.SEEK_END) != self._size or self._tail(file) != self._last:
                raise RuntimeError(
                    f"{self.path}: was written by another program since this review was opened; "
                    "close one of the two, and open the review again"
                )
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            before = _chained(self._last, labels)
            common = {"time": now, "by": by, "labels": labels, "before": before}
            text = json.dumps(as_record(act) | common, separators=(",", ":"), allow_nan=False)
            whole = text.encode() + b"\n"
            try:
                file.write(whole)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                file.truncate(self._size)
                raise
        self._size, self._last = self._size + len(whole), whole[:-1]
        line = Line(len(self.lines) + 1, act, now, by, labels)
        self.lines.append(line)
        return line

    def _tail(self, file: Any) -> bytes:
        if not self._size:
            return b""
        file.seek(self._size - len(self._last) - 1)
        end: bytes = file.read(len(self._last) + 1)
        return end[:-1] if end.endswith(b"\n") else b"\n"

    def _read(self, mend: bool) -> None:
        if self.path.stat().st_size > _MOST:
            raise ValueError(f"{self.path}: is larger than 1 GB, so it is no log of corrections")
        data = self.path.read_bytes()
        whole, _, torn = data.rpartition(b"\n")
        if torn:
            self.messages.append(
                f"{self.path}: its last line was cut off while it was written, and is dropped"
            )
            if mend:
                with self.path.open("r+b") as file:
                    file.truncate(len(data) - len(torn))
        for number, text in enumerate(whole.split(b"\n") if whole else [], start=1):
            self._add(number, text)
        self._size = len(data) - len(torn)

    def _add(self, number: int, text: bytes) -> None:
        try:
            record = json.loads(text, parse_constant=_no_constant)
            if not isinstance(record, dict):
                raise ValueError("it is no JSON object")
            line = _line(number, record, self.shape)
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{self.path}: line {number} cannot be used: {reason(error)}; move the file away, "
                "or restore it from a copy"
            ) from None
        if record.get("before") != _chained(self._last, line.labels):
            raise ValueError(
                f"{self.path}: line {number} does not follow the line before it, so a line was "
                "changed or lost by another program; restore the file from a copy, or cut it off "
                f"before line {number}"
            )
        self._last = text
        self.lines.append(line)


def _line(number: int, record: dict[str, Any], shape: Sequence[int]) -> Line:
    for key in ("time", "by", "labels"):
        if not isinstance(record.get(key), str):
            raise ValueError(f"it has no '{key}'")
    if record["by"] not in get_args(By):
        raise ValueError(f"'by' must be one of {', '.join(get_args(By))}")
    return Line(number, act_of(record, shape), record["time"], record["by"], record["labels"])


def _chained(last: bytes, labels: str) -> str:
    return hashlib.sha256(last or labels.encode()).hexdigest()[:16]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
