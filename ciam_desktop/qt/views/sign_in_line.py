"""Owns the line that says that the account in use must sign in again before it can go on."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from ciam_desktop.core.identity import state
from ciam_desktop.i18n import _
from ciam_desktop.qt.style import STEP, Style
from ciam_desktop.qt.views.banner import NARROW
from ciam_desktop.qt.views.parts import button, label


class SignInLine(QFrame):
    """Stays above every page for as long as it is so; `sign_in_wanted` is its button."""

    sign_in_wanted = Signal()

    def __init__(self, style: Style, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._style = style
        self.setObjectName("note")
        self._icon = label()
        self._why = label(wrap=True)
        words = QVBoxLayout()
        words.setSpacing(STEP)
        words.addWidget(label(_("This account must sign in again"), "bannerTitle", wrap=True))
        words.addWidget(self._why)
        self._middle = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._middle.setSpacing(2 * STEP)
        self._middle.addLayout(words, 1)
        sign_in = button(_("Sign in"), self.sign_in_wanted.emit, "primary")
        self._middle.addWidget(sign_in, 0, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        row = QHBoxLayout(self)
        row.setContentsMargins(3 * STEP, 2 * STEP, 3 * STEP, 2 * STEP)
        row.setSpacing(2 * STEP)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(self._middle, 1)
        style.changed.connect(self._draw_icon)
        self._draw_icon()
        self.hide()

    def render_session(self, session: state.Session, *, said_already: bool) -> None:
        """Show the line when it is true of the account in use, unless a banner offers the same (`said_already`)."""
        account = session.account
        wanted = isinstance(account, state.NeedsInteraction) and session.attempt is None and not said_already
        if isinstance(account, state.NeedsInteraction):
            self._why.setText(account.why)
        self.setVisible(wanted)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 -- Qt's own name
        """Put the button below the words where it would leave these no room."""
        narrow = event.size().width() < NARROW
        self._middle.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)
        super().resizeEvent(event)

    def _draw_icon(self) -> None:
        self._icon.setPixmap(self._style.pixmap("identity", 20, self._style.colours.accent))
