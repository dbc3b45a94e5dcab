"""One sentence for whatever a library raises on a bad file."""

import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .._shared.memory import free_memory

SMALL_BYTES = 64 << 20
"""A file may always declare this much."""

_MOST_PACKED = 1000
_LONGEST = 200
_PROOF = re.compile(
    r"truncated|checksum|crc check failed|bad crc|incorrect data check|"
    r"ended before the end-of-stream|bytes declared, [\d,]+ in the file|ends at byte [\d,]+ of",
    re.IGNORECASE,
)
"""What zlib, gzip, zipfile, zstd, Zarr, HDF5 and Pillow say of a wrong length or checksum."""


def shown(text: str, longest: int = 60) -> str:
    """Show text of a stranger's file in a sentence: printable, in one line, not too long."""
    line = "".join(c if c.isprintable() else " " for c in text[: 2 * longest])
    line = " ".join(line.split())
    return line if len(line) <= longest and len(text) <= 2 * longest else line[:longest] + "..."


def reason(error: BaseException) -> str:
    """Say in one line what an error means."""
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}"
    if type(error).__module__.startswith("imagecodecs"):
        return "compressed data in it cannot be decompressed"
    text = shown(str(error), _LONGEST)
    # The text of a KeyError is the key alone.
    own = (ValueError, OSError, RuntimeError, zipfile.BadZipFile)
    named = isinstance(error, own) and text
    return text if named else f"{type(error).__name__} {text}".strip()


def proves_damage(error: BaseException) -> bool:
    """Tell whether an error says that bytes are missing or that a checksum differs."""
    return _PROOF.search(str(error)) is not None


_STAND_INS = {
    b"version https://git-lfs": "is a pointer of Git LFS, not the file itself; run 'git lfs pull' "
    "in its folder",
    b"/annex/objects/": "is a pointer of git-annex, not the file itself; run 'git annex get' in "
    "its folder",
    b"\x00\x05\x16\x07": "is a companion file of macOS (its name begins with ._), not the "
    "file itself; give the file without ._",
}


def check_stand_in(path: Path) -> None:
    """Refuse a small file that stands where the real one should be.

    Parameters
    ----------
    path
        A file of any kind; folders and files that are not there pass.

    Raises
    ------
    ValueError
        If it is a pointer of Git LFS or git-annex, or macOS's extra file of another one.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(32)
    for start, words in _STAND_INS.items():
        if head.startswith(start):
            raise ValueError(f"{path}: {words}")


@contextmanager
def reraise_with_path(path: Path, what: str, fix: str) -> Iterator[None]:
    """Turn every error of a block that reads a file into one sentence that names the file.

    A file is called damaged where a length or a checksum proves it, and only there. Decoders raise
    errors of any kind. Errors of the operating system (no such file, no permission) name the file
    themselves and pass.

    Parameters
    ----------
    path
        The file or folder.
    what, fix
        The sentence reads ``PATH: WHAT (REASON); FIX`` where damage is not proven.

    Raises
    ------
    OSError
        The operating system's own.
    ValueError
        Everything else.
    """
    try:
        yield
    except Exception as error:
        own = isinstance(error, OSError) and error.filename is not None
        if own or str(error).startswith(str(path)):
            raise
        check_stand_in(path)
        if proves_damage(error):
            what, fix = "is damaged", "copy or export it again"
        raise ValueError(f"{path}: {what} ({reason(error).rstrip('.')}); {fix}") from error


def check_declared_size(declared: int, stored: int) -> None:
    """Refuse data of which a file has far too few bytes, before any memory is taken.

    Parameters
    ----------
    declared
        Bytes of the array.
    stored
        Bytes of the file.

    Raises
    ------
    ValueError
        If no compression of the field could have packed so much into so little.
    """
    if declared > max(SMALL_BYTES, _MOST_PACKED * stored):
        raise ValueError(f"it declares {declared:,} bytes in a file far too small for them")


def check_memory(needed: int, path: Path, what: str, fix: str) -> None:
    """Refuse to read at once what is larger than the memory that is free now.

    Parameters
    ----------
    needed
        Bytes.
    path
        The file or folder.
    what, fix
        The sentence reads ``PATH: WHAT takes 80 GB of memory, more than is free; FIX``.

    Raises
    ------
    ValueError
        If it does not fit. An operating system that swaps or overcommits would stall over it, or
        kill the process.
    """
    if needed > free_memory():
        size = f"{needed / 1e9:,.3g}" if needed < 1e12 else f"{needed / 1e9:,.0f}"
        raise ValueError(f"{path}: {what} takes {size} GB of memory, more than is free; {fix}")
