"""Owns the window's frame: what the first paint shows, and what stays when pages come and go.

It loads as little as it can: what fills it comes after the first paint (`main_window.py`).
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from ciam_desktop.i18n import N_, _
from ciam_desktop.qt.style import HIT, STEP, Style, app_icon
from ciam_desktop.qt.views.parts import TEXT_BESIDE_ICON, label
from ciam_desktop.qt.window_state import WindowState

SIDE_WIDTH = 200
TODOS, IDENTITY, SETTINGS = "todos", "identity", "settings"
_PLACES = {TODOS: N_("To-dos"), IDENTITY: N_("Identity"), SETTINGS: N_("Settings")}


class Frame(QMainWindow):
    """The side with its places, room for a banner, and a stack of pages that waits for its first.

    `closing` carries the QCloseEvent, for whoever must refuse it; `closed` follows when nobody did.
    """

    closing = Signal(object)
    closed = Signal()

    def __init__(self, style: Style, window_state: WindowState) -> None:
        super().__init__()
        self._style = style
        self._window_state = window_state
        self.setWindowTitle("CIAM Desktop")
        self.setWindowIcon(app_icon())
        self.setMinimumSize(640, 480)
        self.resize(960, 640)
        self.places: dict[str, QToolButton] = {}
        self.over = QVBoxLayout()
        self.over.setContentsMargins(4 * STEP, 4 * STEP, 4 * STEP, 0)
        self.stack = QStackedWidget()
        self.stack.setObjectName("pages")
        self.stack.addWidget(_waiting())
        right = QWidget()
        right.setObjectName("page")
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self.over)
        column.addWidget(self.stack, 1)
        whole = QWidget()
        row = QHBoxLayout(whole)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._make_side())
        row.addWidget(right, 1)
        self.setCentralWidget(whole)
        style.changed.connect(self._draw_icons)
        window_state.restore(self)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 -- Qt's own name
        """Follow the system from light to dark and back."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._style.follow()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 -- Qt's own name
        """Close unless somebody refuses, and remember where the window was."""
        event.accept()
        self.closing.emit(event)
        if event.isAccepted():
            self._window_state.keep(self)
            self.closed.emit()

    def _make_side(self) -> QWidget:
        side = QWidget()
        side.setObjectName("side")
        side.setFixedWidth(SIDE_WIDTH)
        self.side = QVBoxLayout(side)
        self.side.setContentsMargins(3 * STEP, 4 * STEP, 3 * STEP, 3 * STEP)
        self.side.setSpacing(STEP)
        head = QHBoxLayout()
        head.setSpacing(2 * STEP)
        mark = label()
        mark.setPixmap(app_icon().pixmap(24, 24))
        head.addWidget(mark)
        head.addWidget(label("CIAM Desktop", "appName"), 1)
        self.side.addLayout(head)
        self.profile = label("", "quiet")
        self.side.addWidget(self.profile)
        self.side.addSpacing(3 * STEP)
        for place, words in _PLACES.items():
            made = side_button(_(words), "nav")
            made.setCheckable(True)
            made.setAutoExclusive(True)
            self.places[place] = made
            if place == SETTINGS:
                self.side.addStretch()
            self.side.addWidget(made)
        self._draw_icons()
        return side

    def _draw_icons(self) -> None:
        for place, made in self.places.items():
            made.setIcon(self._style.icon(place))


def side_button(words: str, name: str) -> QToolButton:
    """A button as wide as the side; `name` is its style."""
    made = QToolButton()
    made.setObjectName(name)
    made.setText(words)
    made.setProperty("toolButtonStyle", TEXT_BESIDE_ICON)
    made.setIconSize(QSize(20, 20))
    made.setFixedWidth(SIDE_WIDTH - 6 * STEP)
    made.setMinimumHeight(HIT + STEP)
    return made


def _waiting() -> QWidget:
    page = QWidget()
    down, across = QVBoxLayout(page), QHBoxLayout()
    across.addStretch()
    across.addWidget(label(_("Looking for your sign-in"), "quiet"))
    across.addStretch()
    down.addStretch()
    down.addLayout(across)
    down.addStretch()
    return page
