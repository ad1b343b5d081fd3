"""Owns the card in the middle of a page, which people see while they are not signed in."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QScrollArea, QVBoxLayout, QWidget

from ciam_desktop.qt.style import STEP

CARD_WIDTH = 408  # beside the places at the side it fits into the smallest window, scroll bar included
INSIDE = CARD_WIDTH - 16 * STEP - 2  # fixed, so that wrapped lines know their height


def card_page(page: QWidget) -> QVBoxLayout:
    """Fill `page` with a card, and return the column inside it."""
    page.setObjectName("page")
    card = QFrame()
    card.setObjectName("card")
    card.setFixedWidth(CARD_WIDTH)
    inside = QVBoxLayout(card)
    inside.setContentsMargins(8 * STEP, 8 * STEP, 8 * STEP, 8 * STEP)
    inside.setSpacing(3 * STEP)
    across = QHBoxLayout()
    across.addStretch()
    across.addWidget(card)
    across.addStretch()
    middle = QWidget()
    middle.setObjectName("page")
    down = QVBoxLayout(middle)
    down.setContentsMargins(STEP, STEP, STEP, STEP)
    down.addStretch()
    down.addLayout(across)
    down.addStretch()
    scroll = QScrollArea()  # for a small window with a banner above
    scroll.setWidgetResizable(True)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what has the focus is scrolled to
    scroll.setWidget(middle)
    whole = QVBoxLayout(page)
    whole.setContentsMargins(0, 0, 0, 0)
    whole.addWidget(scroll)
    return inside


def column(box: QWidget) -> QVBoxLayout:
    """Give `box`, which comes and goes inside a card, a column as high as what is in it."""
    lines = QVBoxLayout(box)
    lines.setContentsMargins(0, 0, 0, 0)
    lines.setSpacing(2 * STEP)
    lines.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
    lines.setAlignment(Qt.AlignmentFlag.AlignTop)
    return lines
