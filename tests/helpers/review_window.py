"""A person at the real window of a review: clicks and a stroke, then what is in the folder.

Run as a program of its own, since Qt ends the process where it fails: review_window.py RESULTS.
"""

import json
import sys
from pathlib import Path
from typing import Any

from particlebridge.bridge import ReviewSession
from particlebridge.bridge.reviewing.window.viewer import open_viewer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QShortcut
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget


def main(results: str) -> None:
    """Play a person."""
    with ReviewSession.open(results, by="napari") as session:
        viewer = open_viewer(session)
        window: Any = viewer.window.dock_widgets["review"].window()
        panel: Any = viewer.window.dock_widgets["review"]
        canvas = _canvas(window)
        settle()
        order = [int(label) for label in session.table["label"]]
        assert panel.presenter.selected == order[:1], panel.presenter.selected

        keys = {shortcut.key().toString() for shortcut in window.findChildren(QShortcut)}
        assert {"A", "U", "D", "M", "S", "C", "P", "E", "G", "O", "N", "B", "Return", "Esc",
                "Ctrl+Z", "Ctrl+Shift+Z"} <= keys, keys  # fmt: skip
        for name in ("accept", "unsure", "delete", "undo", "paint"):
            # Keys reach an active window only, and without a window manager none is.
            QTest.mouseClick(panel.buttons[name], Qt.MouseButton.LeftButton)
            settle()
            assert not panel.presenter.failed, panel.presenter.message
        _drag(canvas)
        settle()
        viewer.window.screenshot(str(Path(results) / "window.png"), canvas_only=False)
        viewer.close()
    acts = [json.loads(line)["act"] for line in (Path(results) / "corrections.jsonl").open()]
    print(json.dumps(acts))


def _canvas(window: Any) -> Any:
    """Find napari's main canvas: the widget that vispy draws on in the middle."""
    found = [
        w for w in window.centralWidget().findChildren(QWidget) if "Canvas" in type(w).__name__
    ]
    return found[0]


def _drag(canvas: Any) -> None:
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    left = Qt.MouseButton.LeftButton
    QTest.mousePress(canvas, left, pos=middle)
    QTest.mouseMove(canvas, middle + QPoint(12, 0))
    QTest.mouseRelease(canvas, left, pos=middle + QPoint(12, 0))


def settle() -> None:
    """Let Qt do what waits."""
    for _ in range(5):
        QApplication.processEvents()


if __name__ == "__main__":
    main(sys.argv[1])
