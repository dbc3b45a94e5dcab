"""Finished pieces of a result that is under way: with them a run that was killed goes on."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from particlebridge.analysis import atomic_path
from particlebridge.analysis.io.atomic import MARK, remove_folder

from .._shared.progress import progress
from .run_folder import digest
from .scheduling import FailedTask, Runner, report_progress

_KEY = "key"


class PieceStore:
    """A hidden folder of finished pieces beside the result that they are for.

    A piece is there or not: it is written under a temporary name, which the journal of the
    result's folder notes, and renamed. So what is there is finished, whenever the process was
    killed. Only one process begins stores in a folder (`folder_lock.held`); its workers, to which
    a store can be sent, keep pieces of different names.

    Parameters
    ----------
    parent
        Folder of the result, held by the caller.
    name
        Tells the results of a folder apart.
    key
        What the pieces depend on; pieces of another key are deleted.

    Attributes
    ----------
    path
        The folder.
    """

    def __init__(self, parent: Path, name: str, key: Any) -> None:
        self.path = _place(parent, name)
        mark = self.path / _KEY
        if not mark.exists() or mark.read_text("utf-8") != digest(key):
            remove_folder(self.path)
            self.path.mkdir(parents=True)
            with atomic_path(mark) as beside:
                beside.write_text(digest(key), "utf-8")

    def __contains__(self, piece: str) -> bool:
        return (self.path / piece).exists()

    def writing(self, piece: str) -> AbstractContextManager[Path]:
        """Give the name under which a piece, a file or a folder, is written."""
        return atomic_path(self.path / piece)

    def keep(self, piece: str, **arrays: np.ndarray) -> None:
        """Store arrays as a piece; it survives a kill from now on."""
        with self.writing(piece) as beside, beside.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    def load(self, piece: str, names: Sequence[str] = ()) -> list[np.ndarray]:
        """Read the arrays of a piece: those of these names, or all in their order."""
        with np.load(self.path / piece, allow_pickle=False) as held:
            return [held[name] for name in names or held.files]

    def note(self, piece: str) -> None:
        """Note that a piece is finished that was written into a file of the store."""
        (self.path / piece).touch()

    def made_once(self, name: str, make: Callable[[Path], object]) -> Path:
        """Give a file of the store into which pieces are written; made if it is not there yet."""
        ready = f"{name}.ready"
        if ready not in self:
            make(self.path / name)
            self.note(ready)
        return self.path / name

    def drop(self, piece: str) -> None:
        """Delete the file of a piece that is no longer needed."""
        (self.path / piece).unlink()

    def remove(self) -> None:
        """Delete the store: the result is whole."""
        remove_folder(self.path)


def remove_pieces(parent: Path, name: str) -> None:
    """Delete a store, if there is one, without looking into it: its result is whole."""
    remove_folder(_place(parent, name))


def _place(parent: Path, name: str) -> Path:
    return parent / f"{MARK}{name}"


class KeptMap:
    """A `map` whose results are kept as pieces, so that a run that was killed goes on.

    Parameters
    ----------
    store
        For the results; its key must tell all that they depend on.
    runner
        Who does the pieces.
    """

    def __init__(self, store: PieceStore, runner: Runner) -> None:
        self._store = store
        self._runner = runner
        self.total = self.resumed = self._passes = 0

    def __call__(
        self, function: Callable[[Any], tuple[np.ndarray, ...]], pieces: Iterable[Any]
    ) -> Iterator[tuple[np.ndarray, ...]]:
        """Give the function's result for each piece, in order."""
        # Each definition goes through the volume with pieces of its own.
        self._passes += 1
        names = []
        todo = {}
        for number, piece in enumerate(pieces):
            names.append(f"slab-{self._passes}-{number:04d}.npz")
            if names[-1] not in self._store:
                todo[f"measuring slab {number}"] = (names[-1], piece)
        resumed = len(names) - len(todo)
        self.total, self.resumed = self.total + len(names), self.resumed + resumed
        with progress("measured slabs", len(names), resumed) as advance:
            do_all(
                self._runner,
                partial(_keep, self._store, function),
                todo,
                (len(names), "slabs", self._store.path.parent),
                advance,
            )
        for name in names:
            yield tuple(self._store.load(name))


def _keep(
    store: PieceStore, function: Callable[[Any], tuple[np.ndarray, ...]], piece: tuple[str, Any]
) -> None:
    found = function(piece[1])
    store.keep(piece[0], **{f"result_{i}": array for i, array in enumerate(found)})
    report_progress(1)


def do_all(
    runner: Runner,
    function: Callable[[Any], None],
    pieces: Mapping[str, Any],
    of: tuple[int, str, Path],
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Have pieces done that keep their own results.

    Parameters
    ----------
    runner, function, pieces, advance
        As `Runner.run`.
    of
        How many pieces the result has, what they are called, and its folder.

    Raises
    ------
    RuntimeError
        If some failed; the others are kept.
    """
    lost = []
    for _, done in runner.run(function, pieces, advance):
        if isinstance(done, FailedTask):
            lost.append(done)
    if lost:
        total, called, folder = of
        named = "; ".join(f"{piece.name}: {piece.reason}" for piece in lost[:5])
        raise RuntimeError(
            f"{folder}: {len(lost)} of {total} {called} failed ({named}). The others are kept: "
            "fix it and run the same command again"
        )
