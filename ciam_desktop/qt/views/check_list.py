"""Owns the list of what the setup check found, growing while the check goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from ciam_desktop.core.findings import summary
from ciam_desktop.i18n import _
from ciam_desktop.qt.models.findings_model import COL_CHECK, COL_FOUND, FindingsModel
from ciam_desktop.qt.style import STEP
from ciam_desktop.qt.views.banner import announce
from ciam_desktop.qt.views.parts import label
from ciam_desktop.qt.views.wrapped_cells import WrappedCells

if TYPE_CHECKING:
    from ciam_desktop.core.findings import Finding
    from ciam_desktop.qt.style import Style

ICON = 20  # pixels
BORDER = 2  # the style sheet's, around a table that has the focus; without room for it the first row scrolls away


class CheckList(QWidget):
    """A line on how it stands, and a table named "Setup check" as high as its rows; hidden until `start`.

    Feed it on the UI thread: `start()`, `show_finding()` for each as it comes, `finish()`.
    """

    def __init__(self, style: Style, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = label(name="quiet", wrap=True)
        self.model = FindingsModel(style, self)
        self._table = QTableView()
        self._table.setAccessibleName(_("Setup check"))
        self._table.setModel(self.model)
        self._table.setShowGrid(False)
        self._table.setWordWrap(True)
        self._table.setIconSize(QSize(ICON, ICON))
        self._table.setItemDelegate(WrappedCells(self._table))
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._table.setTabKeyNavigation(False)
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        head = self._table.horizontalHeader()
        head.hide()
        head.setSectionResizeMode(COL_CHECK, QHeaderView.ResizeMode.Fixed)
        head.setSectionResizeMode(COL_FOUND, QHeaderView.ResizeMode.Stretch)
        # Rows are as high as their wrapped text, once the columns have the widths that it wraps at.
        self._fit = QTimer(self)
        self._fit.setSingleShot(True)
        self._fit.timeout.connect(self._fit_rows)
        head.sectionResized.connect(lambda *_sizes: self._fit.start(0))
        self.model.rowsInserted.connect(lambda *_rows: self._fit.start(0))
        self.model.modelReset.connect(lambda: self._fit.start(0))

        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(2 * STEP)
        lines.addWidget(self._state)
        lines.addWidget(self._table)
        self.hide()

    def start(self) -> None:
        """Show that a check has begun; what an earlier one found goes."""
        self.model.clear()
        self._tell(_("Checking this setup…"))
        self.show()

    def show_finding(self, finding: Finding) -> None:
        """Add one finding."""
        self.model.append(finding)

    def finish(self) -> None:
        """Say how it all ended."""
        self._tell(summary(self.model.findings()))

    def _tell(self, sentence: str) -> None:
        self._state.setText(sentence)
        announce(self, sentence)

    def _fit_rows(self) -> None:
        metrics = self._table.fontMetrics()
        titles = [finding.check for finding in self.model.findings()]
        widest = max((metrics.horizontalAdvance(title) for title in titles), default=0)
        self._table.setColumnWidth(COL_CHECK, widest + ICON + 9 * STEP)
        self._table.resizeRowsToContents()
        rows = sum(self._table.rowHeight(row) for row in range(self.model.rowCount()))
        self._table.setFixedHeight(rows + 2 * BORDER)
        self._table.setVisible(rows > 0)
