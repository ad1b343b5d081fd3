"""Owns the table of to-dos: one row each, what the API has and what it has not confirmed yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from ciam_desktop.core.todos.todo import Todo
from ciam_desktop.i18n import N_, _

COL_TEXT = 0
COL_STATE = 1
SortRole = Qt.ItemDataRole.UserRole + 1
ItemRole = Qt.ItemDataRole.UserRole + 2

Index = QModelIndex | QPersistentModelIndex


class Saved(Enum):
    """Whether the API has confirmed a row."""

    YES = "yes"
    WAITING = "waiting"
    NOT_YET = "not_yet"


_SAVED_WORDS = {Saved.YES: "", Saved.WAITING: N_("waiting"), Saved.NOT_YET: N_("not saved yet")}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list; `key` stays the same while the API's id becomes known."""

    key: str
    text: str
    saved: Saved = Saved.YES
    id: str = ""


class TodoModel(QAbstractTableModel):
    """Rows by key; what lands late for a row that is gone is dropped."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []

    def rows(self) -> Sequence[Row]:
        """The rows as shown, in order."""
        return tuple(self._rows)

    def show_list(self, todos: Sequence[Todo]) -> None:
        """Show what the API has; rows that it has not confirmed stay, at the end."""
        unsaved = [row for row in self._rows if row.saved is not Saved.YES]
        fetched = [Row(f"id:{todo.id}", todo.description, Saved.YES, todo.id) for todo in todos]
        if fetched + unsaved == self._rows:
            return
        self.beginResetModel()
        self._rows = fetched + unsaved
        self.endResetModel()

    def append(self, row: Row) -> None:
        """Add a row at the end."""
        self.beginInsertRows(QModelIndex(), len(self._rows), len(self._rows))
        self._rows.append(row)
        self.endInsertRows()

    def confirm(self, key: str, todo: Todo) -> None:
        """The API has saved the row as `todo`."""
        # A list fetched meanwhile may hold it already: then the waiting row gives way to it.
        number = self._number(key)
        if number is None:
            return
        if any(row.id == todo.id and row.key != key for row in self._rows):
            self.beginRemoveRows(QModelIndex(), number, number)
            del self._rows[number]
            self.endRemoveRows()
        else:
            self._replace(number, Row(f"id:{todo.id}", todo.description, Saved.YES, todo.id))

    def mark(self, key: str, saved: Saved) -> None:
        """Show whether the row is on its way or not saved."""
        number = self._number(key)
        if number is not None:
            self._replace(number, replace(self._rows[number], saved=saved))

    def clear(self) -> None:
        """Forget every row."""
        self.beginResetModel()
        self._rows = []
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 -- Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 -- Qt's own signature
        return 0 if parent.isValid() else 2

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == ItemRole:
            return row
        word = _(_SAVED_WORDS[row.saved]) if _SAVED_WORDS[row.saved] else ""
        text = one_line(row.text) if index.column() == COL_TEXT else word
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return text
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{one_line(row.text)}, {word}" if word and index.column() == COL_TEXT else text
            case Qt.ItemDataRole.ToolTipRole if index.column() == COL_TEXT and row.text != text:
                return plain_tooltip(row.text)
            case _ if role == SortRole:
                return text.casefold()
        return None

    def headerData(  # noqa: N802 -- Qt's own name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return {COL_TEXT: _("To-do"), COL_STATE: _("Saved")}.get(section)
        return None

    def _number(self, key: str) -> int | None:
        return next((n for n, row in enumerate(self._rows) if row.key == key), None)

    def _replace(self, number: int, row: Row) -> None:
        self._rows[number] = row
        self.dataChanged.emit(self.index(number, COL_TEXT), self.index(number, COL_STATE))


def one_line(text: str) -> str:
    """`text` as one line: control characters become spaces, so that nothing can fake a second row."""
    return "".join(c if c.isprintable() or c in "\u200c\u200d" else " " for c in text)


def plain_tooltip(text: str) -> str:
    """`text` as Qt shows it literally; a tool tip that looks like markup would be rendered."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<p style='white-space: pre-wrap'>{escaped}</p>"
