"""Owns cells whose text wraps: as high as their text at the width that the column has."""

from __future__ import annotations

from math import ceil

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QTextLayout, QTextOption
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QTableView

from ciam_desktop.qt.style import STEP


class WrappedCells(QStyledItemDelegate):
    """Gives the height of a wrapped cell; Qt's own forgets the padding of the style sheet and cuts the last line."""

    _BESIDE = 2 * (2 * STEP + 4)  # the style sheet's padding, and the margin that the style keeps for a focus frame
    _ABOVE_AND_BELOW = 4 * STEP

    def __init__(self, table: QTableView) -> None:
        super().__init__(table)
        self._table = table

    def sizeHint(  # noqa: N802 -- Qt's own name
        self, _option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """The size of the cell at `index`, in pixels."""
        text = str(index.data(Qt.ItemDataRole.DisplayRole) or "").replace("\n", "\u2028")
        layout = QTextLayout(text, self._table.font())
        wrapping = QTextOption()
        wrapping.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(wrapping)
        width = max(40, self._table.columnWidth(index.column()) - self._BESIDE)
        height, widest = 0.0, 0.0
        layout.beginLayout()
        while (line := layout.createLine()).isValid():
            line.setLineWidth(width)
            height += line.height()
            widest = max(widest, line.naturalTextWidth())
        layout.endLayout()
        return QSize(ceil(widest) + self._BESIDE, ceil(height) + self._ABOVE_AND_BELOW)
