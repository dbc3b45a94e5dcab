"""`review`: open the window on a run folder."""

import os
import subprocess
import sys
from importlib.util import find_spec

from ..._shared.progress import inform
from ..session import ReviewSession

_RANKED_AT_ONCE = 1 << 27
"""Voxels: all of a larger volume is read for the reasons only when a person asks for it."""

_PROBE = """
from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext
app = QGuiApplication([])
surface, context = QOffscreenSurface(), QOpenGLContext()
surface.create()
if not (context.create() and context.makeCurrent(surface)):
    raise SystemExit("it has no OpenGL")
"""


def review(folder: str | os.PathLike[str]) -> None:
    """Open a window in which a person looks at the particles of a run, the least sure first.

    Every act is in the folder's ``corrections.jsonl`` at once; closing the window loses nothing,
    and opening it again goes on.

    Parameters
    ----------
    folder
        One volume's folder of results.

    Returns
    -------
    None
        When the window is closed.

    Raises
    ------
    ImportError
        If napari is not installed.
    FileNotFoundError, ValueError
        If the folder holds no finished run of one volume; see `ReviewSession.open`.
    RuntimeError
        If there is no display, or another review or run holds the folder.

    Examples
    --------
    >>> from particlebridge.bridge import review
    >>> review("results")  # doctest: +SKIP
    """
    if find_spec("napari") is None or find_spec("qtpy") is None:
        raise ImportError(
            'the window needs napari, which is not installed; pip install "particlebridge[review]"'
        )
    why = why_no_window()
    if why:
        raise RuntimeError(
            f"a window cannot be opened here: {why}; run the review on a computer with a screen"
        )
    with ReviewSession.open(folder, by="napari") as session:
        if not session.is_ranked and session.labels.size <= _RANKED_AT_ONCE:
            inform(f"{folder}: finding the reasons for doubt (once)")
            session.rank()
        import napari

        from .viewer import open_viewer

        open_viewer(session)
        napari.run()


def why_no_window() -> str:
    """Say why no window with OpenGL can be opened here; "" if one can.

    Qt ends the whole process where it finds no display, so another one tries.
    """
    if sys.platform != "linux":
        return ""
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        return "there is no display (DISPLAY is not set)"
    tried = subprocess.run(
        [sys.executable, "-c", _PROBE], capture_output=True, text=True, check=False
    )
    if tried.returncode == 0:
        return ""
    lines = [line.strip() for line in tried.stderr.splitlines() if line.strip()]
    if not lines:
        return "Qt could not be started"
    # A traceback ends with the missing library; Qt's own text begins with what is wrong.
    return lines[-1 if lines[0].startswith("Traceback") else 0].rstrip(".")
