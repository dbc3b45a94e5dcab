"""Where a Fiji lies on this machine, and what is in it, without starting it."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from particlebridge.exporter.runtimes.java import Java, major_version, read_release

from .jars import IMAGEJ

_LAUNCHERS = (
    "fiji", "fiji-linux-x64", "fiji-linux-arm64", "fiji-windows-x64.exe", "fiji.bat", "Fiji",
    "ImageJ-linux64", "ImageJ-win64.exe", "ImageJ-macosx",
)  # fmt: skip
_FOLDERS = ("Fiji", "Fiji.app", "fiji", "fiji.app")
_ENDPOINT = re.compile(r"[\w.-]+:[\w.-]+(:[\w.-]+){0,2}(\+[\w.-]+:[\w.-]+(:[\w.-]+){0,2})*")


@dataclass(frozen=True)
class Fiji:
    """A Fiji folder.

    Attributes
    ----------
    home
        The folder that holds ``jars`` and ``plugins``.
    """

    home: Path

    @property
    def started_as(self) -> str:
        """What pyimagej starts."""
        return str(self.home)

    @property
    def edition(self) -> Literal["2025", "classic"]:
        """Whether it is the Fiji of 2025 (Jaunch, ``config/jaunch``) or the older Fiji.app."""
        jaunch = (self.home / "config" / "jaunch").is_dir()
        renamed = any(self.home.glob("fiji-*")) or (self.home / "Fiji.app").is_dir()
        return "2025" if jaunch or renamed else "classic"

    @property
    def version(self) -> str:
        """Fiji's version by its jar, or an empty string."""
        versions = self.jar_versions("fiji")
        return versions[-1] if versions else ""

    @cached_property
    def jars(self) -> list[Path]:
        """All jars that Fiji puts on its classpath, sorted."""
        found = [
            path for folder in ("jars", "plugins") for path in (self.home / folder).rglob("*.jar")
        ]
        return sorted(found)

    def jar_versions(self, artifact: str) -> list[str]:
        """List the versions of an artifact's jars: two of one artifact are a fault.

        Parameters
        ----------
        artifact
            Such as ``imagej-tensorflow``; the part of the file's name before ``-VERSION.jar``.
        """
        pattern = re.compile(re.escape(artifact) + r"-(\d[\w.\-]*?)(-SNAPSHOT)?\.jar")
        found = [match for path in self.jars if (match := pattern.fullmatch(path.name))]
        return sorted((m[1] for m in found), key=version_key)

    @property
    def platform_folders(self) -> list[Path]:
        """The folders ``lib/PLATFORM``, where native libraries and ``.crashed`` files lie."""
        return sorted(path for path in (self.home / "lib").glob("*") if path.is_dir())

    @property
    def java(self) -> Java | None:
        """Fiji's own Java, the newest if it has several, or None."""
        found = []
        for release in (self.home / "java").rglob("release"):
            if version := major_version(read_release(release.parent).get("JAVA_VERSION", "")):
                found.append(Java(release.parent, version))
        return max(found, key=lambda java: java.version, default=None)


@dataclass(frozen=True)
class Endpoint:
    """A Fiji that pyimagej resolves from SciJava's Maven repository, or plain ImageJ.

    Attributes
    ----------
    coordinates
        Such as ``sc.fiji:fiji+de.csbdresden:csbdeep:0.6.0+de.csbdresden:StarDist_:0.3.0-scijava``,
        or ``net.imagej:ij``.

    Examples
    --------
    >>> from particlebridge.bridge import Endpoint, find_fiji
    >>> find_fiji("sc.fiji:fiji:2.14.0") == Endpoint("sc.fiji:fiji:2.14.0")
    True
    """

    coordinates: str

    @property
    def started_as(self) -> list[str]:
        """What pyimagej starts."""
        return self.coordinates.split("+")

    @property
    def plain(self) -> bool:
        """Whether it is ImageJ 1.x with ONNX Runtime, from Maven Central: no Fiji."""
        return self.coordinates.split(":")[:2] == [IMAGEJ.group, IMAGEJ.artifact]


def find_fiji(fiji: str | os.PathLike[str] | None = None) -> Fiji | Endpoint:
    """Find the Fiji to use.

    Parameters
    ----------
    fiji
        Its folder, its launcher, or Maven coordinates ``group:artifact[:version][+...]``;
        ``net.imagej:ij`` is plain ImageJ, which runs bundles that hold model.onnx. By default
        $FIJI_HOME, then the launcher on the PATH, then the usual places of Linux, macOS and
        Windows.

    Returns
    -------
    Fiji or Endpoint

    Raises
    ------
    FileNotFoundError
        If there is none, or what was named is none.

    Examples
    --------
    Two empty folders stand for a Fiji here.

    >>> from pathlib import Path
    >>> from particlebridge.bridge import find_fiji
    >>> for folder in ("jars", "plugins"):
    ...     (Path("Fiji.app") / folder).mkdir(parents=True)
    >>> find_fiji("Fiji.app").home.name
    'Fiji.app'
    """
    named = fiji if fiji is not None else os.environ.get("FIJI_HOME")
    if named:
        home = _home_above(Path(named).expanduser())
        if home is not None:
            return Fiji(home)
        if _ENDPOINT.fullmatch(os.fspath(named)):
            return _known(Endpoint(os.fspath(named)))
        source = "" if fiji is not None else " ($FIJI_HOME)"
        raise FileNotFoundError(
            f"{os.fspath(named)}{source}: is not a Fiji; give the folder that has jars and plugins"
        )
    for place in usual_places():
        home = _home_above(place)
        if home is not None:
            return Fiji(home)
    raise FileNotFoundError(
        "no Fiji was found in the usual places; give its folder with --fiji or in $FIJI_HOME, or "
        "take plain ImageJ from Maven Central: --fiji net.imagej:ij"
    )


def _known(endpoint: Endpoint) -> Endpoint:
    plain = f"{IMAGEJ.group}:{IMAGEJ.artifact}"
    if endpoint.plain and endpoint.coordinates not in (plain, IMAGEJ.coordinates):
        raise FileNotFoundError(
            f"{endpoint.coordinates}: plain ImageJ runs here as {IMAGEJ.coordinates} only; "
            f"give {plain}"
        )
    return endpoint


def usual_places() -> Iterator[Path]:
    """Yield where Fiji is usually put, the likeliest first; not all of them exist."""
    for launcher in _LAUNCHERS:
        if path := shutil.which(launcher):
            yield Path(path).resolve()
    roots = [Path.home(), Path.home() / "Applications", Path("/Applications"), Path("/opt")]
    roots += [Path("/usr/local"), Path("/usr/local/share"), Path("/usr/share")]
    roots += [Path.home() / name for name in ("Desktop", "Downloads", "Documents", "opt")]
    for variable in ("LOCALAPPDATA", "PROGRAMFILES", "SYSTEMDRIVE"):
        if value := os.environ.get(variable):
            roots.append(Path(value + os.sep if value.endswith(":") else value))
    for root in roots:
        for name in _FOLDERS:
            yield root / name


def version_key(version: str) -> tuple[tuple[int, str], ...]:
    """Order versions as people count: 1.1.9 before 1.1.10, 1.54f before 1.54p."""
    parts = re.findall(r"\d+|[a-zA-Z]+", version)
    return tuple((int(p), "") if p.isdigit() else (-1, p) for p in parts)


def _home_above(path: Path) -> Path | None:
    """Find the folder with jars and plugins at `path`, in a Fiji.app in it, or above it."""
    for folder in (path, path / "Fiji.app", path / "Fiji", *list(path.parents)[:4]):
        if (folder / "jars").is_dir() and (folder / "plugins").is_dir():
            return folder.resolve()
    return None
