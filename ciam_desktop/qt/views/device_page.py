"""Owns the page that sends a person to another device: a code, the address to type it at, and how long it is good."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFont, QFontDatabase, QFontMetrics, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ciam_desktop.core.identity import state
from ciam_desktop.core.identity.device_code import DeviceCode
from ciam_desktop.i18n import _
from ciam_desktop.qt.style import STEP
from ciam_desktop.qt.views.banner import announce
from ciam_desktop.qt.views.card import INSIDE, card_page, column
from ciam_desktop.qt.views.moments import countdown
from ciam_desktop.qt.views.parts import button, label
from ciam_desktop.qt.views.qr_code import QrCode

QR_ROOM = 156  # pixels; beside it the buttons have room
CODE_SIZE = 30  # pixels; a code too long for the card is written smaller
LEAST_CODE_SIZE = 14


class DevicePage(QWidget):
    """Shows the DeviceCode of the attempt under way, or that one is being asked for.

    Nothing goes to the clipboard unless it is asked to. `here_wanted` carries the address for this computer's browser.
    """

    cancel_wanted = Signal()
    here_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._code: DeviceCode | None = None
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tick)
        inside = card_page(self)
        self._title = label(_("Sign in on another device"), "cardTitle", wrap=True)
        self._title.setFixedWidth(INSIDE)
        self._asking = label(_("Asking for a code"), "quiet", wrap=True)
        self._shown = self._make_shown()
        self._cancel = button(_("Cancel"), self.cancel_wanted.emit)
        for widget in (self._title, self._asking, self._shown, self._cancel):
            inside.addWidget(widget)

    def render_session(self, session: state.Session) -> None:
        """Show how far the attempt of `session` has come; `session` has one."""
        code = session.attempt.code if session.attempt is not None else None
        if code == self._code and self._shown.isHidden() == (code is None):
            return
        self._code = code
        self._asking.setVisible(code is None)
        self._shown.setVisible(code is not None)
        # The first thing to do here; while there is no code yet that is to give up.
        self._copy.setProperty("first", code is not None)
        self._cancel.setProperty("first", code is None)
        if code is None:
            self._clock.stop()
            for each in (self._letters, self._address):
                each.clear()
            self._picture.encode("")
            return
        self._letters.setText(code.user_code)
        self._letters.setFont(_font_for(code.user_code))
        self._address.setText(code.address)
        leads_to = code.complete_address or code.address
        self._picture.encode(leads_to)
        self._picture.setAccessibleName(_("QR code that leads to %(address)s") % {"address": leads_to})
        self._clock.start()
        self._tick()
        told = _("Open %(address)s on another device and type the code %(code)s there.")
        # Letter by letter, since it is no word.
        announce(self, told % {"address": code.address, "code": " ".join(code.user_code)})

    def _make_shown(self) -> QWidget:
        box = QWidget()
        lines = column(box)
        told = label(
            _("On a phone or another computer, scan this picture, or open the address and type the code."), wrap=True
        )
        told.setFixedWidth(INSIDE)
        self._letters = label()
        self._letters.setAccessibleDescription(_("The code to type"))
        self._address = label(wrap=True)
        self._address.setFixedWidth(INSIDE)
        for each in (self._letters, self._address):
            each.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
        self._picture = QrCode(QR_ROOM)
        self._copy = button(_("Copy code"), self._copy_code)
        beside = QVBoxLayout()
        beside.setSpacing(2 * STEP)
        beside.addWidget(self._copy)
        beside.addWidget(button(_("Copy address"), self._copy_address))
        beside.addWidget(button(_("Open it here"), self._open_here))
        beside.addStretch()
        across = QHBoxLayout()
        across.setSpacing(4 * STEP)
        across.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignTop)
        across.addLayout(beside, 1)
        self._left = label(name="quiet", wrap=True)
        self._left.setFixedWidth(INSIDE)
        for widget in (told, self._letters, self._address):
            lines.addWidget(widget)
        lines.addLayout(across)
        lines.addWidget(self._left)
        return box

    def _tick(self) -> None:
        if self._code is not None:
            left = countdown(self._code.expires_at - time.time())
            self._left.setText(_("The code is good for another %(left)s") % {"left": left})

    def _copy_code(self) -> None:
        if self._code is not None:
            QGuiApplication.clipboard().setText(self._code.user_code)

    def _copy_address(self) -> None:
        if self._code is not None:
            QGuiApplication.clipboard().setText(self._code.address)

    def _open_here(self) -> None:
        if self._code is not None:
            # Without the code: every program here may read what a browser is started with.
            self.here_wanted.emit(self._code.address)


def _font_for(code: str) -> QFont:
    """Monospaced, as large as lets `code` stand in the card on one line."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setWeight(QFont.Weight.DemiBold)
    for size in range(CODE_SIZE, LEAST_CODE_SIZE - 1, -1):
        font.setPixelSize(size)
        if QFontMetrics(font).horizontalAdvance(code) <= INSIDE:
            break
    return font
