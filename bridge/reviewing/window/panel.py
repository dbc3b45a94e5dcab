"""The panel beside the planes: the table of particles, why they are doubtful, and all keys."""

from collections.abc import Iterable
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QItemSelection, QItemSelectionModel, QModelIndex, Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from .actions import FINISH, GO, HINTS, HISTORY, JUDGE, RANK, SIZES, TOOLS, Action
from .presenter import Presenter

if TYPE_CHECKING:
    import pandas as pd

_WIDTH = 350
"""Pixels, so that a reason can be read in the table."""

_COLUMNS = ("particle", "doubt", "review", "why")
_KEYS = {"Return": "Enter", "Escape": "Esc"}


class _Particles(QAbstractTableModel):
    """The table of particles as Qt reads it."""

    def __init__(self, table: "pd.DataFrame") -> None:
        super().__init__()
        self.table = table

    def show(self, table: "pd.DataFrame") -> None:
        """Show another table."""
        self.beginResetModel()
        self.table = table
        self.endResetModel()

    def rowCount(self, parent: Any = None) -> int:
        return len(self.table)

    def columnCount(self, parent: Any = None) -> int:
        return len(_COLUMNS)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return _COLUMNS[section]
        return None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        # Qt asks thousands of times, and mostly for fonts and colours.
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(self._value("reasons", index))
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        column = _COLUMNS[index.column()]
        if column == "particle":
            label = self._value("label", index)
            return str(label) if label > 0 else "missed?"
        if column == "doubt":
            return f"{self._value('doubt', index):.2f}"
        return str(self._value("reasons" if column == "why" else "review", index))

    def _value(self, name: str, index: QModelIndex) -> Any:
        return self.table[name].iat[index.row()]


class Panel(QWidget):
    """Table, reasons and buttons of a review.

    Parameters
    ----------
    presenter
        What is shown; its methods are what the buttons and keys do.
    """

    def __init__(self, presenter: Presenter) -> None:
        super().__init__()
        self.presenter = presenter
        self.model = _Particles(presenter.table.rows)
        self.progress = QLabel()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table.setWordWrap(False)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        numbers: Any = self.table.verticalHeader()
        numbers.hide()
        header: Any = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.setMinimumWidth(_WIDTH)
        self.reasons = _wrapped()
        self.hint = _wrapped()
        self.message = _wrapped()
        self.buttons: dict[str, QPushButton] = {}
        layout = QVBoxLayout(self)
        for part in (self.progress, self.table, self.reasons, *map(self._row, _ROWS),
                     self.message, self.hint):  # fmt: skip
            layout.addWidget(part)
        layout.setStretchFactor(self.table, 1)
        selection = self.table.selectionModel()
        assert selection is not None
        self._selection = selection
        selection.selectionChanged.connect(self._rows_selected)
        presenter.on_change.append(self.update_all)
        self.update_all()

    def bind_keys(self, window: QWidget) -> None:
        """Make the keys work wherever the mouse is in a window."""
        for action in chain(*_ROWS):
            for key in (action.key, *_ALSO.get(action.name, ())):
                QShortcut(QKeySequence(key), window).activated.connect(self._doing(action))
        for key, by in SIZES.items():
            resized = partial(self.presenter.resize, by)
            QShortcut(QKeySequence(key), window).activated.connect(resized)

    def update_all(self) -> None:
        """Show what the presenter holds now."""
        presenter = self.presenter
        if presenter.table.rows is not self.model.table:
            self.model.show(presenter.table.rows)
        self._select_rows()
        self.progress.setText(presenter.table.progress)
        self.reasons.setText(_bullets(presenter))
        self.hint.setText(HINTS[presenter.tool])
        self.message.setText(presenter.message)
        self.message.setStyleSheet(
            f"font-weight: bold; color: {_RED if presenter.failed else _WHITE}"
        )
        for action in TOOLS:
            self.buttons[action.name].setChecked(presenter.tool == action.name)
        self.buttons["rank"].setVisible(not presenter.session.is_ranked)
        self.buttons["undo"].setEnabled(presenter.session.can_undo)
        self.buttons["redo"].setEnabled(presenter.session.can_redo)
        self.buttons["merge"].setEnabled(len(presenter.selected) > 1)
        self.buttons["confirm"].setEnabled(presenter.tool in ("split", "grow", "outline"))
        self.buttons["cancel"].setEnabled(presenter.tool != "look")

    def _row(self, actions: Iterable[Action]) -> QWidget:
        row = QWidget()
        grid = QGridLayout(row)
        grid.setContentsMargins(0, 0, 0, 0)
        for i, action in enumerate(actions):
            key = _KEYS.get(action.key, action.key)
            button = QPushButton(f"{action.text}  {key}")
            button.setToolTip(f"{action.tip} Key: {key}")
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setCheckable(action in TOOLS)
            button.clicked.connect(self._doing(action))
            self.buttons[action.name] = button
            grid.addWidget(button, i // 2, i % 2)
        return row

    def _doing(self, action: Action) -> Any:
        if action in TOOLS:
            return lambda *_: self.presenter.choose(action.name)  # type: ignore[arg-type]
        return lambda *_: getattr(self.presenter, action.name)()

    def _select_rows(self) -> None:
        chosen = QItemSelection()
        labels = self.model.table["label"].to_numpy()
        rows = [int(i) for label in self.presenter.selected for i in (labels == label).nonzero()[0]]
        for row in rows:
            chosen.select(self.model.index(row, 0), self.model.index(row, len(_COLUMNS) - 1))
        # Selecting rows here must not select particles in turn.
        self._selection.selectionChanged.disconnect(self._rows_selected)
        self._selection.select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._selection.selectionChanged.connect(self._rows_selected)
        if rows:
            self.table.scrollTo(self.model.index(rows[0], 0))

    def _rows_selected(self, *_: Any) -> None:
        rows = sorted(index.row() for index in self._selection.selectedRows())
        labels = [int(self.model.table["label"].iloc[row]) for row in rows]
        held = [label for label in self.presenter.selected if label in labels]
        self.presenter.select([*held, *(label for label in labels if label not in held)])


_RED, _WHITE = "#ff8c69", "#f0f1f2"
_ROWS = (RANK, GO, JUDGE, TOOLS, FINISH, HISTORY)
_ALSO = {"redo": ("Ctrl+Y",), "delete": ("Delete",), "confirm": ("Enter",)}


def _wrapped() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    return label


def _bullets(presenter: Presenter) -> str:
    if presenter.row is None:
        return "No particle is selected."
    at = ", ".join(map(str, presenter.table.place(presenter.row) or ()))
    first = f"<b>Particle {presenter.row}</b>" if presenter.row > 0 else f"<b>Place {at}</b>"
    if len(presenter.selected) > 1:
        first += " and " + ", ".join(map(str, presenter.selected[1:]))
    return first + "".join(f"<br>• {reason}" for reason in presenter.table.reasons(presenter.row))
