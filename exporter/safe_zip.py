"""Zips: ours carry a fixed date; those of others are checked before anything is unpacked."""

import io
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath

from particlebridge.analysis import atomic_path
from particlebridge.analysis.io.errors import check_stand_in, reraise_with_path, shown

MAX_BYTES = 2 << 30
"""A frozen model cannot be larger: protobuf ends at 2 GiB."""

MAX_FILES = 1000
_BOMB_BYTES = 64 << 20
_BOMB_RATIO = 100
_CHUNK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's first day
_FIX = "get it again from its author"
_AGAIN = "copy or download it again"


def write_zip(path: str | os.PathLike[str], members: Mapping[str, bytes]) -> None:
    """Write a zip whose bytes depend on its members only.

    Parameters
    ----------
    path
        The zip; it appears whole or not at all.
    members
        {name: content} in order; a name ending in "/" is an empty folder.
    """
    with atomic_path(path) as beside:
        beside.write_bytes(zip_bytes(members))


def zip_bytes(members: Mapping[str, bytes]) -> bytes:
    """Make the bytes of a zip, which depend on its members only; see `write_zip`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, on Windows too
            info.external_attr = (0o40755 << 16 | 0x10) if name.endswith("/") else 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()


def extract(zip_path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> Path:
    """Unpack a checked zip into a new folder.

    Parameters
    ----------
    zip_path
        The zip; nothing in it is trusted.
    folder
        Where its files shall lie; absent or empty. It appears whole or not at all.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    FileNotFoundError
        If there is no such zip.
    FileExistsError
        If `folder` is not empty.
    ValueError
        If the file is no zip, is cut short, is damaged or encrypted, holds a path that leads
        outside, a link, a name twice, or unpacks to an absurd size.
    """
    zip_path, folder = Path(zip_path), Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not an empty folder; unpack {zip_path.name} elsewhere")
    with opened(zip_path) as archive, atomic_path(folder) as beside:
        beside.mkdir()
        for info in archive.infolist():
            target = beside.joinpath(*info.filename.split("/"))
            if info.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as source, target.open("xb") as sink:
                shutil.copyfileobj(source, sink, _CHUNK)
    return folder


@contextmanager
def opened(
    zip_path: str | os.PathLike[str], max_files: int = MAX_FILES
) -> Iterator[zipfile.ZipFile]:
    """Open a zip after checking its directory; damage found while reading is a ValueError too.

    Parameters
    ----------
    zip_path
        The zip; nothing in it is trusted.
    max_files
        More files than this are refused.

    Yields
    ------
    zipfile.ZipFile
        Its members have relative, distinct, ordinary names and a believable size.

    Raises
    ------
    FileNotFoundError, ValueError
        As `extract`.
    """
    zip_path = Path(zip_path)
    if not zip_path.is_file():
        raise FileNotFoundError(f"{zip_path}: no such file; give the path of a model's .zip")
    check_stand_in(zip_path)
    with reraise_with_path(zip_path, *_no_zip(zip_path)), zipfile.ZipFile(zip_path) as archive:
        _check(archive, zip_path, max_files)
        yield archive


def _no_zip(path: Path) -> tuple[str, str]:
    """Say what a file is that cannot be opened as a zip; its directory comes last in it."""
    with path.open("rb") as file:
        if file.read(4) == b"PK\3\4":
            return "is not a whole zip file", _AGAIN
    return "is no zip file", "give a model's .zip"


def _check(archive: zipfile.ZipFile, zip_path: Path, max_files: int) -> None:
    infos = archive.infolist()
    if len(infos) > max_files:
        raise ValueError(f"{zip_path} holds {len(infos)} files; a model has a handful")
    # Case-insensitive file systems (Windows, macOS) would let one name overwrite the other.
    seen: set[str] = set()
    for info in infos:
        name = info.filename
        if _escapes(name):
            raise ValueError(
                f"{zip_path} is unsafe: {shown(name)!r} would be written outside its folder; "
                + _FIX
            )
        if stat.S_ISLNK(info.external_attr >> 16):
            raise ValueError(f"{zip_path} is unsafe: {shown(name)!r} is a symbolic link; {_FIX}")
        if info.flag_bits & 0x1:
            raise ValueError(f"{zip_path} is encrypted; unpack it and zip it without a password")
        key = name.rstrip("/").casefold()
        if key in seen:
            raise ValueError(f"{zip_path} is unsafe: {shown(name)!r} occurs twice; {_FIX}")
        seen.add(key)
    unpacked = sum(info.file_size for info in infos)
    packed = max(zip_path.stat().st_size, 1)
    # zipfile would seek there and tell of an invalid argument.
    if any(not 0 <= info.header_offset < packed for info in infos):
        raise ValueError(f"{zip_path}: is damaged (a member begins past its end); {_AGAIN}")
    if unpacked > MAX_BYTES or (unpacked > _BOMB_BYTES and unpacked > _BOMB_RATIO * packed):
        raise ValueError(
            f"{zip_path} is unsafe: {packed:,} bytes would unpack to {unpacked:,}, "
            f"which no model does; {_FIX}"
        )


def _escapes(name: str) -> bool:
    parts = name.rstrip("/").split("/")
    return (
        "\\" in name
        or "\0" in name
        or bool(PureWindowsPath(name).drive)
        or any(part in ("", ".", "..") for part in parts)
    )
