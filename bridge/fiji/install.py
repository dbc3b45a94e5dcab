"""Our commands and macros in a user's Fiji: put there, brought up to date, taken away."""

import hashlib
import json
import os
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from particlebridge.analysis import atomic_path
from particlebridge.fiji_macros.compose import (
    MACRO_FOLDER,
    SCRIPTS,
    TOOLS,
    installed_files,
    version,
)

from .home import Endpoint, Fiji, find_fiji
from .jars import ONNX_RUNTIME, fetched

MANIFEST = SCRIPTS / "particlebridge.json"
RUNTIME = PurePosixPath("jars") / ONNX_RUNTIME.name
"""With it the commands run models without StarDist, CSBDeep and TensorFlow."""
_RUNTIMES = re.compile(r"jars/onnxruntime-[\d.]+\.jar")


@dataclass
class Installation:
    """What was done to a Fiji.

    Attributes
    ----------
    home
        The Fiji.
    version
        Of the commands.
    written
        Files that were put there.
    removed
        Files of ours that were taken away.
    kept
        Files that the user had edited: set aside under the name ``*.edited``, not lost.
    runtime
        One sentence about ONNX Runtime: put there, left as it was, or how to get it.
    """

    home: Path
    version: str
    written: list[Path] = field(default_factory=list)
    removed: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    runtime: str = ""

    def __str__(self) -> str:
        """Say in lines what was done, for the command line."""
        lines = [f"{self.home}: {len(self.written)} files written, {len(self.removed)} removed"]
        lines += [f"edited by hand, set aside: {path}" for path in self.kept]
        lines += [self.runtime] if self.runtime else []
        return "\n".join(lines)


def install_macros(fiji: str | os.PathLike[str] | None = None) -> Installation:
    """Put the commands into a Fiji's menu Plugins > Particlebridge, and ONNX Runtime beside.

    Without a connection the commands are installed all the same, and `Installation.runtime` tells
    how to get ONNX Runtime. A Fiji that has one of its own keeps it. Only files of ours are
    touched: those of an older version are replaced or taken away, those that were edited by hand
    are set aside.

    Parameters
    ----------
    fiji
        As for `find_fiji`.

    Returns
    -------
    Installation

    Raises
    ------
    FileNotFoundError
        If there is no such Fiji.
    ValueError
        If it is a Maven endpoint, which has no folder.
    OSError
        If the folder cannot be written.

    Examples
    --------
    Two empty folders stand for a Fiji here.

    >>> from pathlib import Path
    >>> from particlebridge.bridge import install_macros
    >>> for folder in ("jars", "plugins"):
    ...     (Path("Fiji.app") / folder).mkdir(parents=True)
    >>> done = install_macros("Fiji.app")
    >>> "Segment_Image.groovy" in {path.name for path in done.written}
    True
    """
    home = _folder_of(fiji)
    done = Installation(home, version())
    files = installed_files()
    try:
        _clear(home, done, keep=files)
        for name, text in files.items():
            target = home / name
            if not target.exists() or _digest(target.read_bytes()) != _digest(text.encode()):
                with atomic_path(target) as beside:
                    beside.write_text(text, encoding="utf-8", newline="\n")
                done.written.append(target)
        ours = _put_runtime(home, done)
        with atomic_path(home / MANIFEST) as beside:
            beside.write_text(manifest(runtime=ours, python=sys.executable), encoding="utf-8")
    except PermissionError as error:
        raise PermissionError(
            f"{home}: cannot be written to ({error.strerror}); run as the user who owns this Fiji, "
            "or use a Fiji in your own folder"
        ) from error
    return done


def uninstall_macros(fiji: str | os.PathLike[str] | None = None) -> Installation:
    """Take our commands and macros out of a Fiji again; edited ones stay as ``*.edited``.

    Parameters
    ----------
    fiji
        As for `find_fiji`.

    Returns
    -------
    Installation

    Raises
    ------
    FileNotFoundError, ValueError, OSError
        As `install_macros`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from particlebridge.bridge import install_macros, uninstall_macros
    >>> for folder in ("jars", "plugins"):
    ...     (Path("Fiji.app") / folder).mkdir(parents=True)
    >>> written = install_macros("Fiji.app").written
    >>> set(uninstall_macros("Fiji.app").removed) == set(written)
    True
    """
    home = _folder_of(fiji)
    done = Installation(home, version())
    _clear(home, done, keep={})
    for path in _our_runtimes(home):
        path.unlink()
        done.removed.append(path)
    (home / MANIFEST).unlink(missing_ok=True)
    for folder in (home / TOOLS, home / SCRIPTS, home / MACRO_FOLDER):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return done


def manifest(*, runtime: bool, python: str | None = None) -> str:
    """Return the text of the file by which later versions know the files of this one.

    Parameters
    ----------
    runtime
        Whether ONNX Runtime's jar was put there, too.
    python
        The interpreter in which Fuse Views runs this package, if it is on this machine.
    """
    files = {name: _digest(text.encode()) for name, text in installed_files().items()}
    jars = {str(RUNTIME): ONNX_RUNTIME.sha256} if runtime else {}
    held = {"version": version(), "files": files, "runtime": jars, "python": python}
    return json.dumps(held, indent=1)


def installed_version(home: Path) -> tuple[str, list[str]]:
    """Tell which version a Fiji has, and which of its files differ from what was installed.

    Where the version is this one, they are compared with what this program would install.

    Parameters
    ----------
    home
        Fiji's folder.

    Returns
    -------
    version : str
        Empty if nothing is installed.
    changed : list of str
        Relative names.
    """
    held = _read_manifest(home)
    changed = []
    expected = held.get("files", {})
    if held.get("version") == version():
        expected = {name: _digest(text.encode()) for name, text in installed_files().items()}
    for name, digest in expected.items():
        path = home / name
        if not path.is_file() or _digest(path.read_bytes()) != digest:
            changed.append(name)
    return str(held.get("version", "")), changed


def _folder_of(fiji: str | os.PathLike[str] | None) -> Path:
    found = find_fiji(fiji)
    if isinstance(found, Endpoint):
        raise ValueError(
            f"{found.coordinates}: a Fiji from Maven has no folder to install into, and needs "
            "none; commands run there as text"
        )
    assert isinstance(found, Fiji)
    return found.home


def _clear(home: Path, done: Installation, keep: dict[str, str]) -> None:
    """Remove or set aside what an earlier version put there, unless it is already as in `keep`."""
    for name, digest in _read_manifest(home).get("files", {}).items():
        path = home / name
        if not _is_ours(name) or not path.is_file():
            continue
        now = _digest(path.read_bytes())
        if name in keep and now == _digest(keep[name].encode()):
            continue
        if now != digest:
            aside = path.with_name(path.name + ".edited")
            path.replace(aside)
            done.kept.append(aside)
        elif name not in keep:
            path.unlink()
            done.removed.append(path)


def _put_runtime(home: Path, done: Installation) -> bool:
    """Put ONNX Runtime's jar there unless there is one; tell whether it is ours to take away."""
    target = home / RUNTIME
    held = _our_runtimes(home)
    if target in held:
        return True
    others = [path for path in Fiji(home).jars if path.name.startswith("onnxruntime")]
    if foreign := [path for path in others if path not in held]:
        done.runtime = f"ONNX Runtime is there already: {foreign[0]}"
        return False
    try:
        source = fetched(ONNX_RUNTIME)
    except RuntimeError as error:
        done.runtime = (
            f"ONNX Runtime is missing, without which the commands need the StarDist plugin: "
            f"{error}; or put the jar into {target.parent} yourself"
        )
        return False
    with atomic_path(target) as beside:
        shutil.copyfile(source, beside)
    done.written.append(target)
    for path in held:  # of an older version
        path.unlink()
        done.removed.append(path)
    done.runtime = f"ONNX Runtime {ONNX_RUNTIME.version} is installed; restart Fiji if it runs"
    return True


def _our_runtimes(home: Path) -> list[Path]:
    """Find the ONNX Runtimes that the manifest lists and that are as they were."""
    listed = _read_manifest(home).get("runtime")
    names = listed.items() if isinstance(listed, dict) else ()
    return [
        home / name
        for name, digest in names
        if _RUNTIMES.fullmatch(name)
        and (home / name).is_file()
        and _digest((home / name).read_bytes()) == digest
    ]


def _is_ours(name: str) -> bool:
    # A manifest may be damaged or forged: never leave our folders.
    path = PurePosixPath(name)
    return path.parent in (SCRIPTS, TOOLS, MACRO_FOLDER) and ".." not in path.parts


def _read_manifest(home: Path) -> dict[str, Any]:
    try:
        held = json.loads((home / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    files = held.get("files") if isinstance(held, dict) else None
    return held if isinstance(files, dict) else {}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
