"""Owns the table of ID token claims: claim, value, meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from ciam_desktop.core.identity.claims import ClaimRow, explain
from ciam_desktop.i18n import _
from ciam_desktop.qt.models.todo_model import plain_tooltip

COL_CLAIM = 0
COL_VALUE = 1
COL_MEANING = 2
SortRole = Qt.ItemDataRole.UserRole + 1
ItemRole = Qt.ItemDataRole.UserRole + 2

Index = QModelIndex | QPersistentModelIndex


class ClaimsModel(QAbstractTableModel):
    """Every claim of one token, explained; the order is the one that `explain` gives."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: Sequence[ClaimRow] = ()

    def show_claims(self, claims: Mapping[str, Any]) -> None:
        """Show the claims of a token, or none for an empty mapping."""
        self.beginResetModel()
        self._rows = explain(claims)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 -- Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 -- Qt's own signature
        return 0 if parent.isValid() else 3

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        text = (row.name, row.value, row.meaning)[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return text
            case Qt.ItemDataRole.ToolTipRole:
                return plain_tooltip(text)
            case _ if role == SortRole:
                return text.casefold()
            case _ if role == ItemRole:
                return row
        return None

    def headerData(  # noqa: N802 -- Qt's own name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return {COL_CLAIM: _("Claim"), COL_VALUE: _("Value"), COL_MEANING: _("Meaning")}.get(section)
        return None
