"""Files that are either whole or absent."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
        If the folder cannot be written or the disk is full; nothing half-written stays behind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield beside
        if path.is_dir() and beside.is_dir():
            shutil.rmtree(path)
        beside.replace(path)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)
