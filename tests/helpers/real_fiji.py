"""A Fiji that is started as its users start it, and what the plugin was recorded to find."""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from engine_contract import PLUGIN, recorded

SECONDS = 300
_HOME = Path(tempfile.gettempdir()) / "particlebridge-tests-home"
_LAUNCHERS = ("fiji-linux-x64", "fiji", "ImageJ-linux64", "ImageJ-macosx", "ImageJ-win64.exe")

NEEDED = {
    "Segment_Image": ("image", "model", "out"),
    "Segment_View": ("image", "model", "out"),
    "Segment_Views": ("image", "model", "out"),
    "Segment_Folder": ("folder", "model", "out"),
    "Fuse_Views": ("folder",),
    "Review_Particles": ("folder",),
    "Correct_Labels": ("what", "image", "labels", "out"),
}
"""What each command cannot do without, when no image is open and there is no window."""


def launch(
    home: Path, *arguments: str | Path, display: str | None = None
) -> subprocess.CompletedProcess:
    """Start Fiji by its launcher, without a window unless there is a display for it."""
    launcher = next((home / name for name in _LAUNCHERS if (home / name).is_file()), None)
    if launcher is None:
        pytest.skip(f"{home} holds none of the launchers {', '.join(_LAUNCHERS)}")
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    if display is not None:
        environment["DISPLAY"] = display
    # ImageJ's and SciJava's preferences are the user's; the tests have theirs.
    environment["JAVA_TOOL_OPTIONS"] = f"-Duser.home={_HOME} -Djava.util.prefs.userRoot={_HOME}"
    command = [launcher, *([] if display else ["--headless"]), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment
    )


def phantom() -> np.ndarray:
    return tifffile.imread(PLUGIN / "phantom_slice.tif")


def truth() -> np.ndarray:
    """The labels that the plugin gave for the phantom slice."""
    return recorded(PLUGIN / "phantom_slice_plugin_tiles1.npz")["label"]


def left_out(command: str, name: str) -> str:
    """The sentence of a command that was not given an input."""
    if (command, name) == ("Segment_Image", "image"):
        return "No image is open: open one, or name a file (image=...)."
    return f"was given: choose one in the dialog, or name it in the call ({name}=...)."
