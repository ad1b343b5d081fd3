"""Owns the table of the setup check's findings: which check, and what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from ciam_desktop.core.findings import OUTCOME_WORDS, Finding, Outcome
from ciam_desktop.i18n import _
from ciam_desktop.qt.models.todo_model import plain_tooltip

if TYPE_CHECKING:
    from ciam_desktop.qt.style import Style

COL_CHECK = 0
COL_FOUND = 1
ItemRole = Qt.ItemDataRole.UserRole + 2

Index = QModelIndex | QPersistentModelIndex


class FindingsModel(QAbstractTableModel):
    """A row for each finding, in the order in which they came; its icon follows the style's colours."""

    def __init__(self, style: Style, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._style = style
        self._rows: list[Finding] = []
        style.changed.connect(self._draw_again)

    def findings(self) -> tuple[Finding, ...]:
        """All that is shown."""
        return tuple(self._rows)

    def append(self, finding: Finding) -> None:
        """Add a row at the end."""
        row = len(self._rows)
        self.beginInsertRows(QModelIndex(), row, row)
        self._rows.append(finding)
        self.endInsertRows()

    def clear(self) -> None:
        """Show nothing."""
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
        finding = self._rows[index.row()]
        found = index.column() == COL_FOUND
        text = "\n".join(filter(None, (finding.text, finding.advice))) if found else finding.check
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return text
            case Qt.ItemDataRole.AccessibleTextRole:  # the outcome is a picture to those who see
                told = {"check": finding.check, "outcome": _(OUTCOME_WORDS[finding.outcome])}
                return text if found else _("%(check)s: %(outcome)s") % told
            case Qt.ItemDataRole.ToolTipRole:
                return plain_tooltip(text)
            case Qt.ItemDataRole.DecorationRole if not found:
                return self._style.icon(*self._picture(finding.outcome))
            case _ if role == ItemRole:
                return finding
        return None

    def headerData(  # noqa: N802 -- Qt's own name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return {COL_CHECK: _("Check"), COL_FOUND: _("Finding")}.get(section)
        return None

    def _picture(self, outcome: Outcome) -> tuple[str, str]:
        """An icon's name and colour."""
        colours = self._style.colours
        match outcome:
            case Outcome.FINE:
                return "success", colours.good
            case Outcome.WORTH_KNOWING:
                return "info", colours.accent
            case Outcome.WRONG:
                return "error", colours.bad
            case Outcome.SKIPPED:
                return "waiting", colours.quiet

    def _draw_again(self) -> None:
        if self._rows:
            last = self.index(len(self._rows) - 1, COL_CHECK)
            self.dataChanged.emit(self.index(0, COL_CHECK), last, [Qt.ItemDataRole.DecorationRole])
