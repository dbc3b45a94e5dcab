"""napari's window with three planes and the panel."""

from typing import TYPE_CHECKING

import napari
from napari.components import ViewerModel
from napari.qt import QtViewer
from particlebridge.analysis._shared.views import View
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QMainWindow, QSplitter

from .panel import Panel
from .planes import Planes
from .presenter import Presenter

if TYPE_CHECKING:
    from ..session import ReviewSession


def open_viewer(session: "ReviewSession") -> napari.Viewer:
    """Open the window of a review; `napari.run` then waits for it.

    Parameters
    ----------
    session
        Open.

    Returns
    -------
    napari.Viewer
        It shows xy; xz and yz are below.
    """
    viewer = napari.Viewer(title=f"Particlebridge: review of {session.folder}", show=False)
    sides: dict[View, ViewerModel] = {"xz": ViewerModel(), "yz": ViewerModel()}
    presenter = Presenter(session)
    planes = Planes(presenter, {"xy": viewer, **sides})
    below = QSplitter(Qt.Orientation.Horizontal)
    for model in sides.values():
        below.addWidget(QtViewer(model))
    under = viewer.window.add_dock_widget(below, name="xz and yz", area="bottom")
    panel = Panel(presenter)
    viewer.window.add_dock_widget(panel, name="review", area="right")
    window = panel.window()
    assert isinstance(window, QMainWindow)
    panel.bind_keys(window)
    # What lies left and right keeps its height.
    window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
    window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)

    viewer.canvas.overlays.scale_bar.visible = True

    def start() -> None:
        window.resizeDocks([under], [window.height() * 2 // 5], Qt.Orientation.Vertical)
        presenter.next()
        planes.fit()

    viewer.show()
    # Canvases know their sizes only once they are shown.
    QTimer.singleShot(0, start)
    return viewer
