"""Owns the card that people see before they are signed in, and the steps while they sign in."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from ciam_desktop.core.identity import state
from ciam_desktop.i18n import N_, _
from ciam_desktop.qt.style import STEP, app_icon
from ciam_desktop.qt.views.banner import announce
from ciam_desktop.qt.views.card import INSIDE, card_page, column
from ciam_desktop.qt.views.moments import countdown
from ciam_desktop.qt.views.parts import button, label

SHORT_OF_TIME = 5 * 60  # seconds before the deadline
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
    elsewhere_wanted = Signal()
    more_time_wanted = Signal()

    def __init__(self, title: str, where: str, *, sandbox: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._attempt: state.SignInAttempt | None = None
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tick)

        inside = card_page(self)
        mark = label()
        mark.setPixmap(app_icon().pixmap(56, 56))
        self._title = label(_("Your to-dos, behind your own sign-in"), "cardTitle", wrap=True)
        self._title.setFixedWidth(INSIDE)
        inside.addWidget(mark)
        inside.addWidget(self._title)
        self._signed_out = self._make_signed_out(title, where, sandbox=sandbox)
        self._under_way = self._make_under_way()
        self._moving = label("", "quiet")
        for widget in (self._signed_out, self._under_way, self._moving):
            inside.addWidget(widget)
        self.render_session(state.Session())

    def render_session(self, session: state.Session) -> None:
        """Show the card that fits `session`."""
        attempt, before = session.attempt, self._attempt
        if attempt is not None and attempt.elsewhere:
            attempt = None  # it has a page of its own
        self._attempt = attempt
        moving = isinstance(session.account, state.Restoring | state.SigningOut) and attempt is None
        self._moving.setText(_("Looking for your sign-in") if session.restoring else _("Signing out"))
        self._moving.setVisible(moving)
        self._signed_out.setVisible(attempt is None and not moving)
        self._under_way.setVisible(attempt is not None)
        if attempt is None:
            self._clock.stop()
            self._title.setText(_("Your to-dos, behind your own sign-in"))
            return
        self._title.setText(_("Signing in"))
        self._clock.start()
        for step, line in self._steps.items():
            now = step is attempt.step
            line.setObjectName("stepNow" if now else "step")
            line.setText(("→  " if now else "     ") + _(_STEP_WORDS[step]))
            line.style().polish(line)
        waiting = attempt.step is state.Step.WAITING
        self._no_browser.setVisible(attempt.browser_failed and waiting)
        self._https.setVisible(attempt.https_forced and waiting)
        self._elsewhere.setVisible((attempt.browser_failed or attempt.https_forced) and waiting)
        self._again.setEnabled(waiting)
        self._copy.setEnabled(waiting)
        self._cancel.setEnabled(attempt.step is not state.Step.VERIFYING)
        for notice, forced_before, forced in (
            (self._no_browser, before and before.browser_failed, attempt.browser_failed),
            (self._https, before and before.https_forced, attempt.https_forced),
        ):
            if forced and not forced_before:
                announce(self, notice.text())
        self._tick()

    def not_ready(self) -> None:
        """The start failed: offer the button anyway, which tries again."""
        self._moving.hide()
        self._signed_out.show()

    def _make_signed_out(self, title: str, where: str, *, sandbox: bool) -> QWidget:
        box = QWidget()
        lines = column(box)
        lines.addWidget(label(title, "bannerTitle"))
        place = label(where, "quiet", wrap=True)
        place.setFixedWidth(INSIDE)
        lines.addWidget(place)
        if sandbox:
            told = _(
                "This is the sandbox: a practice tenant and to-do service on this computer. "
                "Nothing leaves it, and any account you make stays here."
            )
            about = label(told, "quiet", wrap=True)
            about.setFixedWidth(INSIDE)
            lines.addWidget(about)
        lines.addSpacing(2 * STEP)
        self._sign_in = button(_("Sign in"), self.sign_in_wanted.emit, "primary")
        self._sign_in.setDefault(True)
        self._sign_in.setProperty("first", True)
        lines.addWidget(self._sign_in)
        lines.addWidget(button(_("Create an account"), self.sign_up_wanted.emit))
        lines.addWidget(button(_("Sign in on another device"), self.elsewhere_wanted.emit, "link"))
        if sandbox:
            lines.addWidget(button(_("Connect your tenant…"), self.connect_wanted.emit, "link"))
        return box

    def _make_under_way(self) -> QWidget:
        box = QWidget()
        lines = column(box)
        self._steps = {step: label("", "step") for step in state.Step}
        for line in self._steps.values():
            lines.addWidget(line)
        self._elapsed = label("", "quiet", wrap=True)
        self._no_browser = label(_("No browser opened. Copy the link and open it yourself."), "bannerTitle", wrap=True)
        https = _(
            "Your browser insists on https for localhost, so it could not come back. "
            "Allow http for localhost in the browser, or copy the link into another browser."
        )
        self._https = label(https, wrap=True)
        for words in (self._elapsed, self._no_browser, self._https):
            words.setFixedWidth(INSIDE)
            lines.addWidget(words)
        lines.addSpacing(2 * STEP)
        self._more_time = button(_("More time"), self._on_more_time)
        self._again = button(_("Open the browser again"), self.browser_wanted.emit)
        self._copy = button(_("Copy link"), self._copy_link)
        self._elsewhere = button(_("Sign in on another device"), self.elsewhere_wanted.emit)
        self._cancel = button(_("Cancel"), self.cancel_wanted.emit)
        self._cancel.setProperty("first", True)
        for made in (self._more_time, self._again, self._copy, self._elsewhere, self._cancel):
            lines.addWidget(made)
        self._more_time.hide()
        return box

    def _tick(self) -> None:
        attempt = self._attempt
        if attempt is None:
            return
        now = time.time()
        self._elapsed.setText(
            _("%(gone)s so far; the link is good for another %(left)s")
            % {"gone": countdown(now - attempt.started), "left": countdown(attempt.deadline - now)}
        )
        short = attempt.step is state.Step.WAITING and attempt.deadline - now < SHORT_OF_TIME
        if short != self._more_time.isHidden():
            return
        self._more_time.setVisible(short)
        if short:
            announce(self, _("Less than five minutes are left; press More time to have more."))

    def _on_more_time(self) -> None:
        self._cancel.setFocus()  # before this button goes, for the next one would get the focus unasked
        self.more_time_wanted.emit()

    def _copy_link(self) -> None:
        if self._attempt is not None:
            QGuiApplication.clipboard().setText(self._attempt.link)
