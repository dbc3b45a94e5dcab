"""One process at a time writes to a folder of results."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from particlebridge.analysis.io.atomic import MARK, journal, remove_folder

_LOCK = f"{MARK}lock"


@contextmanager
def held(folder: Path, made: bool = False) -> Iterator[None]:
    """Hold a folder against other processes; what one that was killed left there is cleared up.

    Parameters
    ----------
    folder
        Where results go; made if missing, and removed again if nothing comes into it.
    made
        Whether the caller has just made it.

    Raises
    ------
    RuntimeError
        If another process holds it.
    """
    new = made or not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RuntimeError(
            f"{folder}: another run or review is using this folder; wait for it, or close it"
        ) from None
    try:
        with journal(folder):
            yield
    finally:
        lock.release()
        # Newer filelock takes its file away.
        if new and not {file.name for file in folder.iterdir()} - {_LOCK}:
            remove_folder(folder)
