"""Owns the card that people see before they are signed in, and the steps while they sign in."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QScrollArea, QVBoxLayout, QWidget

from ciam_desktop.core.identity import state
from ciam_desktop.i18n import N_, _
from ciam_desktop.qt.style import STEP, Style, app_icon
from ciam_desktop.qt.views.parts import button, label

CARD_WIDTH = 408  # beside the places at the side it fits into the smallest window, scroll bar included
_INSIDE = CARD_WIDTH - 16 * STEP - 2  # fixed, so that wrapped lines know their height
_STEP_WORDS = {
    state.Step.OPENING: N_("Opening your browser"),
    state.Step.WAITING: N_("Waiting for you in the browser"),
    state.Step.VERIFYING: N_("Verifying the sign-in"),
}


class SignInPage(QWidget):
    """One card in the middle: who asks for the sign-in, or how far it has come."""

    sign_in_wanted = Signal()
    sign_up_wanted = Signal()
    connect_wanted = Signal()
    cancel_wanted = Signal()
    browser_wanted = Signal()

    def __init__(self, style: Style, title: str, where: str, *, sandbox: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._style = style
        self._attempt: state.SignInAttempt | None = None
        self.setObjectName("page")
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tick)

        card = QFrame()
        card.setObjectName("card")
        card.setFixedWidth(CARD_WIDTH)
        inside = QVBoxLayout(card)
        inside.setContentsMargins(8 * STEP, 8 * STEP, 8 * STEP, 8 * STEP)
        inside.setSpacing(3 * STEP)
        mark = label()
        mark.setPixmap(app_icon().pixmap(56, 56))
        self._title = label(_("Your to-dos, behind your own sign-in"), "cardTitle", wrap=True)
        self._title.setFixedWidth(_INSIDE)
        inside.addWidget(mark)
        inside.addWidget(self._title)
        self._signed_out = self._make_signed_out(title, where, sandbox=sandbox)
        self._under_way = self._make_under_way()
        self._restoring = label(_("Looking for your sign-in"), "quiet")
        for widget in (self._signed_out, self._under_way, self._restoring):
            inside.addWidget(widget)

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
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)
        self.render_session(state.Session())

    def render_session(self, session: state.Session) -> None:
        """Show the card that fits `session`."""
        self._attempt = session.attempt
        restoring = isinstance(session.account, state.Restoring) and session.attempt is None
        self._restoring.setVisible(restoring)
        self._signed_out.setVisible(session.attempt is None and not restoring)
        self._under_way.setVisible(session.attempt is not None)
        if session.attempt is None:
            self._clock.stop()
            self._title.setText(_("Your to-dos, behind your own sign-in"))
            return
        self._title.setText(_("Signing in"))
        self._clock.start()
        waiting = session.attempt.step is state.Step.WAITING
        for step, line in self._steps.items():
            now = step is session.attempt.step
            line.setObjectName("stepNow" if now else "step")
            line.setText(("→  " if now else "     ") + _(_STEP_WORDS[step]))
            line.style().polish(line)
        self._no_browser.setVisible(session.attempt.browser_failed)
        self._again.setEnabled(waiting)
        self._copy.setEnabled(waiting)
        self._cancel.setEnabled(session.attempt.step is not state.Step.VERIFYING)
        self._tick()

    def not_ready(self) -> None:
        """The start failed: offer the button anyway, which tries again."""
        self._restoring.hide()
        self._signed_out.show()

    def _make_signed_out(self, title: str, where: str, *, sandbox: bool) -> QWidget:
        box = QWidget()
        lines = _column(box)
        lines.addWidget(label(title, "bannerTitle"))
        place = label(where, "quiet", wrap=True)
        place.setFixedWidth(_INSIDE)
        lines.addWidget(place)
        if sandbox:
            told = _(
                "This is the sandbox: a practice tenant and to-do service on this computer. "
                "Nothing leaves it, and any account you make stays here."
            )
            about = label(told, "quiet", wrap=True)
            about.setFixedWidth(_INSIDE)
            lines.addWidget(about)
        lines.addSpacing(2 * STEP)
        self._sign_in = button(_("Sign in"), self.sign_in_wanted.emit, "primary")
        self._sign_in.setDefault(True)
        self._sign_in.setProperty("first", True)
        lines.addWidget(self._sign_in)
        lines.addWidget(button(_("Create an account"), self.sign_up_wanted.emit))
        if sandbox:
            lines.addWidget(button(_("Connect your tenant…"), self.connect_wanted.emit, "link"))
        return box

    def _make_under_way(self) -> QWidget:
        box = QWidget()
        lines = _column(box)
        self._steps = {step: label("", "step") for step in state.Step}
        for line in self._steps.values():
            lines.addWidget(line)
        self._elapsed = label("", "quiet", wrap=True)
        self._no_browser = label(_("No browser opened. Copy the link and open it yourself."), "bannerTitle", wrap=True)
        lines.addWidget(self._elapsed)
        lines.addWidget(self._no_browser)
        lines.addSpacing(2 * STEP)
        self._again = button(_("Open the browser again"), self.browser_wanted.emit)
        self._copy = button(_("Copy link"), self._copy_link)
        self._cancel = button(_("Cancel"), self.cancel_wanted.emit)
        self._cancel.setProperty("first", True)
        for made in (self._again, self._copy, self._cancel):
            lines.addWidget(made)
        return box

    def _tick(self) -> None:
        if self._attempt is not None:
            now = time.time()
            gone = max(0, int(now - self._attempt.started))
            left = max(0, int(self._attempt.deadline - now))
            self._elapsed.setText(
                _("%(gone)s so far; the link is good for another %(left)s")
                % {"gone": _minutes(gone), "left": _minutes(left)}
            )

    def _copy_link(self) -> None:
        if self._attempt is not None:
            QGuiApplication.clipboard().setText(self._attempt.link)


def _column(box: QWidget) -> QVBoxLayout:
    lines = QVBoxLayout(box)
    lines.setContentsMargins(0, 0, 0, 0)
    lines.setSpacing(2 * STEP)
    lines.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
    lines.setAlignment(Qt.AlignmentFlag.AlignTop)
    return lines


def _minutes(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"
