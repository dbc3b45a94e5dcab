"""ImageJ's window on a display of its own (Xvfb), our commands in its menus as in Fiji's."""

import atexit
import functools
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from particlebridge.fiji_macros.compose import COMMANDS, compose
from plain_imagej import NEWEST, PlainImageJ

_DRIVER = (Path(__file__).parents[1] / "java_stubs" / "window.groovy").read_text()
_RUN = """
Window.open(commands)
TEXT
"""


@functools.cache
def display() -> str:
    """Start Xvfb; it ends with the tests."""
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb, a display without a screen")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1440x960x24"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    atexit.register(server.wait)
    atexit.register(server.terminate)
    with os.fdopen(read) as pipe:
        return f":{pipe.readline().strip()}"


@functools.cache
def _window() -> PlainImageJ:
    java = PlainImageJ(NEWEST, display())
    atexit.register(java.close)
    return java


def in_window(text: str, **variables: Any) -> Any:
    """Run Groovy text that sees the class Window; all windows are closed before."""
    commands = {name: _script(name) for name in COMMANDS}
    return _window().run(_RUN.replace("TEXT", text), (_DRIVER,), commands=commands, **variables)


@functools.cache
def _script(command: str) -> dict[str, str]:
    """A command's header for SciJava, and its text, in which what is not on Maven is absent."""
    text = compose(command).replace("#@ DatasetService datasets\n", "")
    header = "".join(re.findall(r"^#@.*\n", text, re.MULTILINE))
    imports = re.findall(r"^import .*\n", text, re.MULTILINE)
    body = re.sub(r"^(#@|import ).*\n", "", text, flags=re.MULTILINE)
    return {"header": header, "text": "".join([*imports, "datasets = null\n", body])}
