"""Files that are either whole or absent."""

import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Ours, and what Zarr writes beside a chunk.
_BESIDE = re.compile(r"\..+\.[0-9a-f]{8}(\.[^.]+)?|.+\.[0-9a-f]{32}\.partial")
# numpy tells a full disk by these words and without a number.
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")


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
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)


def remove_folder(path: str | os.PathLike[str]) -> None:
    """Delete a folder all at once: a process killed over it leaves no half of it under its name.

    Parameters
    ----------
    path
        The folder. That there is none, or that it cannot be deleted, is no error.
    """
    path = Path(path)
    beside = _beside(path)
    with suppress(OSError):
        path.rename(beside)
        path = beside
    shutil.rmtree(path, ignore_errors=True)


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Delete what a killed process left under names that are only used while it is at work.

    Parameters
    ----------
    folder
        Looked through with all folders in it; nobody else may be writing there.
    """
    for root, folders, files in os.walk(folder):
        for name in filter(_BESIDE.fullmatch, files):
            Path(root, name).unlink(missing_ok=True)
        for name in list(filter(_BESIDE.fullmatch, folders)):
            shutil.rmtree(Path(root, name), ignore_errors=True)
            folders.remove(name)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
