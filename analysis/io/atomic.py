"""Files that are either whole or absent."""

import errno
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any

MARK = ".particlebridge-"
"""How every name begins that is only used while a process is at work; nobody else uses it."""

_TEMPORARY = re.compile(re.escape(MARK) + r"[0-9a-f]{8}-.*")
_JOURNAL = f"{MARK}journal"
# Names must stay below the 255 bytes of a file system.
_LONGEST = 40
# numpy tells a full disk by these words and without a number.
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")
_journaled: set[Path] = set()


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a name beside `path` to write to; it becomes `path` only if the block succeeds.

    Parameters
    ----------
    path
        The file (or folder) that shall appear. Missing parent folders are made.

    Yields
    ------
    Path
        A fresh name in the same folder with the same suffix, so that writers which choose the
        format by suffix still work and the rename stays on one file system.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full; it names `path`, and nothing
        half-written stays behind.

    Examples
    --------
    >>> from particlebridge.analysis import atomic_path
    >>> with atomic_path("table.csv") as beside:
    ...     _ = beside.write_text("label,Volume")
    >>> open("table.csv").read()
    'label,Volume'
    """
    path = Path(path)
    beside = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        if path.is_dir() and beside.is_dir():
            shutil.rmtree(path)
        beside.replace(path)
    except OSError as error:
        number = errno.ENOSPC if _SHORT_WRITE.search(str(error)) else error.errno
        ours = error.filename is None or Path(error.filename) == beside
        if number is None or not ours:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error
    finally:
        _remove(beside)


def write_json(
    path: str | os.PathLike[str],
    entries: Any,
    *,
    indent: int | None = 2,
    default: Callable[[Any], Any] | None = None,
) -> None:
    """Write entries as a JSON file, whole or not at all; `default` converts other types.

    Without `indent` no spaces are written: files of coordinates are a tenth to a fifth smaller.
    """
    separators = (",", ":") if indent is None else None
    with atomic_path(path) as beside:
        text = json.dumps(entries, indent=indent, separators=separators, default=default)
        beside.write_text(text + "\n", encoding="utf-8")


def remove_folder(path: str | os.PathLike[str]) -> None:
    """Delete a folder all at once: a process killed over it leaves no half of it under its name.

    Parameters
    ----------
    path
        The folder. That there is none, or that it cannot be deleted, is no error.
    """
    path = Path(path)
    if not path.exists():
        return
    beside = _beside(path)
    with suppress(OSError):
        path.rename(beside)
        path = beside
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def journal(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Note the temporary names that this process uses in a folder, so that a kill leaves no litter.

    What a killed process noted is deleted first, and nothing else: a folder may hold files of
    anyone, and other processes may be at work in it.

    Parameters
    ----------
    folder
        It and all folders in it; the caller holds its lock.
    """
    folder = Path(folder).resolve()
    _remove_noted(folder)
    _journaled.add(folder)
    try:
        yield
    finally:
        _journaled.discard(folder)
        _remove_noted(folder)


def _remove_noted(folder: Path) -> None:
    """Delete the temporary names in a folder's journal, and the journal."""
    try:
        lines = (folder / _JOURNAL).read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        with suppress(ValueError):  # the last line of a killed process may be cut off
            name = json.loads(line)
            inside = isinstance(name, str) and not {"..", "/"} & set(PurePath(name).parts)
            if inside and _TEMPORARY.fullmatch(PurePath(name).name):
                _remove(folder / name)
    with suppress(OSError):
        (folder / _JOURNAL).unlink()


def _beside(path: Path) -> Path:
    """Make up a temporary name in the same folder, and note it where a journal is kept."""
    name = f"{MARK}{uuid.uuid4().hex[:8]}-{path.stem[:_LONGEST]}{path.suffix}"
    beside = path.with_name(name)
    if _journaled:
        place = path.parent.resolve() / name
        kept = [folder for folder in _journaled if folder in place.parents]
        if kept:
            folder = max(kept, key=lambda k: len(k.parts))
            line = json.dumps(place.relative_to(folder).as_posix()) + "\n"
            # A disk too full for this line is too full for the file, which says so.
            with suppress(OSError), (folder / _JOURNAL).open("a", encoding="utf-8") as file:
                file.write(line)
    return beside


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
