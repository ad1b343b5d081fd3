"""Owns the small parts that every view is made of: labels that show text as text, buttons that say their name."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QWidget

# Qt.TextFormat.PlainText and Qt.ToolButtonStyle.ToolButtonTextBesideIcon, set by the names of their properties: merely
# naming the Qt namespace makes PySide build its 150 enums, which keeps the first paint waiting for 20 ms.
PLAIN_TEXT = 0
TEXT_BESIDE_ICON = 2


def label(text: str = "", name: str = "", *, wrap: bool = False, parent: QWidget | None = None) -> QLabel:
    """A label that never renders markup, since names and errors come from elsewhere; `name` is its style."""
    made = QLabel(text, parent)
    made.setProperty("textFormat", PLAIN_TEXT)
    made.setObjectName(name)
    if wrap:
        made.setWordWrap(True)
        made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
    return made


def button(text: str, pressed: Callable[[], object], name: str = "") -> QPushButton:
    """A push button whose accessible name is the words on it; Enter presses it as Space does."""
    made = QPushButton(text)
    made.setObjectName(name)
    made.setAutoDefault(True)
    made.clicked.connect(lambda _checked: pressed())
    return made
