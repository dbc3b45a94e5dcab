"""The Fiji commands as Fiji gets them: each one file that holds the shared classes it needs."""

import importlib.metadata
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

COMMANDS = (
    "Segment_Image",
    "Segment_View",
    "Segment_Views",
    "Segment_Folder",
    "Fuse_Views",
    "Review_Particles",
    "Correct_Labels",
)
HELP = "Particlebridge_Help"
"""Shows the README; it takes nothing and segments nothing."""
MACROS = ("Segment_Image", "Segment_View", "Segment_Views")
SCRIPTS = PurePosixPath("scripts/Plugins/Particlebridge")
TOOLS = SCRIPTS / "Tools"
"""A submenu. Fiji sorts entries by name, SciJava gives a script's entry no weight, and what comes
first is what is used first: so Segment Folder stands here."""
MACRO_FOLDER = PurePosixPath("macros/Particlebridge")
"""Beside the commands a macro of the same name would be a second menu entry of that name."""

_FOLDER = Path(__file__).resolve().parent
_SHARED = re.compile(r"^// shared: (.+)$", re.MULTILINE)
_IMPORT = re.compile(r"^import .+\n", re.MULTILINE)
_PARAMETER = re.compile(r"^#@ .+\n", re.MULTILINE)
_INPUT = re.compile(r"#@ (File|String|Boolean) \((.+)\) (\w+)")
# Why not File and String: see shared/Inputs.groovy. Nothing may silently come from what was chosen
# last; what lacks a required input SciJava cancels silently; the recorder is told by us.
_DECLARED = (
    r'#@ java.util.concurrent.atomic.AtomicReference (kind="\1", \2, required=false, '
    r'persist=false, visibility="INVISIBLE") \3'
)


def compose(command: str) -> str:
    """Return a command's Groovy text, complete in itself.

    SciJava scripts cannot import one another, and a text that is run without being installed has
    no folder to look in. So the classes that a command names in its line ``// shared: A B`` are
    put behind it here: at installation, for the zip, and when a program runs the text.

    Parameters
    ----------
    command
        One of `COMMANDS`, or `HELP`.

    Returns
    -------
    str
        ``#@`` parameters, imports, the command, then the shared classes.

    Raises
    ------
    ValueError
        If there is no such command.
    """
    own, shared = _texts(command, (*COMMANDS, HELP), "command", "groovy")
    parameters = [line.strip() for text in (own, *shared) for line in _PARAMETER.findall(text)]
    body = [line for line in own.splitlines() if not line.startswith(("#@", "// shared:"))]
    imports = sorted({line for text in shared for line in _IMPORT.findall(text)})
    classes = [_PARAMETER.sub("", _IMPORT.sub("", text)).strip() for text in shared]
    return (
        "\n".join(_INPUT.sub(_DECLARED, line) for line in parameters)
        + f"\n// Particlebridge {version()}: {command.replace('_', ' ')}\n"
        + "".join(imports)
        + "\n".join(body).rstrip()
        + "\n\n"
        + "\n\n".join(classes)
        + "\n"
    )


def macro(name: str) -> str:
    """Return an ImageJ macro's text, its shared functions behind it.

    Parameters
    ----------
    name
        One of `MACROS`.

    Raises
    ------
    ValueError
        If there is no such macro.
    """
    own, shared = _texts(name, MACROS, "macro", "ijm")
    return f"// Particlebridge {version()}\n" + "\n".join([_SHARED.sub("", own), *shared])


def _texts(name: str, known: Sequence[str], kind: str, suffix: str) -> tuple[str, list[str]]:
    """Read a command or macro, and what it shares with others."""
    if name not in known:
        raise ValueError(f"there is no {kind} {name}; they are {', '.join(known)}")
    own = (_FOLDER / f"{name}.{suffix}").read_text(encoding="utf-8")
    shared = [
        (_FOLDER / "shared" / f"{part}.{suffix}").read_text(encoding="utf-8")
        for part in _named(own, name)
    ]
    return own, shared


def documents() -> dict[str, bytes]:
    """Map the pages for Fiji users and their pictures, by relative name, to their content."""
    files = [*sorted(_FOLDER.glob("*.md")), *sorted((_FOLDER / "images").glob("*.png"))]
    return {file.relative_to(_FOLDER).as_posix(): file.read_bytes() for file in files}


def installed_files() -> dict[str, str]:
    """Map each file, relative to Fiji's folder, to the text that this version installs."""
    files = {str(script(name)): compose(name) for name in (*COMMANDS, HELP)}
    files |= {str(MACRO_FOLDER / f"{name}.ijm"): macro(name) for name in MACROS}
    return files | {str(MACRO_FOLDER / "README.md"): documents()["README.md"].decode()}


def script(command: str) -> PurePosixPath:
    """Return where a command lies, relative to Fiji's folder.

    Parameters
    ----------
    command
        One of `COMMANDS`, or `HELP`.
    """
    folder = SCRIPTS if command in COMMANDS[:3] else TOOLS
    return folder / f"{command}.groovy"


def version() -> str:
    """Return the version that installed files have."""
    return importlib.metadata.version("particlebridge")


def _named(text: str, name: str) -> list[str]:
    line = _SHARED.search(text)
    if line is None:
        raise ValueError(f"{name} has no line that names its shared parts")
    return line[1].split()
