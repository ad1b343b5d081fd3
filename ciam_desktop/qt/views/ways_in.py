"""Owns every way in that the window offers: what each asks of the identity controller."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from ciam_desktop.core.identity import state
from ciam_desktop.core.trouble import Trouble
from ciam_desktop.i18n import _
from ciam_desktop.qt.identity_controller import IdentityController
from ciam_desktop.qt.lanes import Relay


class WaysIn(QObject):
    """What a person presses to sign in; `trouble` carries a Trouble for the banner."""

    trouble = Signal(object)

    def __init__(self, identity: IdentityController, parent: QObject) -> None:
        super().__init__(parent)
        self._identity = identity
        self._last_was_for_another = False
        self._opened = Relay(self)
        self._opened.arrived.connect(self._on_opened)

    def render_session(self, session: state.Session) -> None:
        """Note for whom an attempt is."""
        if session.attempt is not None:
            self._last_was_for_another = not session.attempt.account_id

    def sign_in(self) -> None:
        """The account in use, or whoever comes."""
        self._identity.sign_in()

    def sign_up(self) -> None:
        """A new account."""
        self._identity.sign_in(prompt="create", another=True)

    def another(self) -> None:
        """An account that is chosen at the provider."""
        self._identity.sign_in(prompt="select_account", another=True)

    def again(self) -> None:
        """The account in use, with its password even if the browser is still signed in."""
        self._identity.sign_in(prompt="login")

    def for_reading(self) -> None:
        """What failed for want of the permission to write, without it."""
        self._identity.sign_in_again(read_only=True)

    def retry(self) -> None:
        """What failed, once more."""
        self._identity.sign_in_again()

    def elsewhere(self) -> None:
        """On another device, for whom the last attempt was."""
        self._identity.sign_in_elsewhere(another=self._last_was_for_another)

    def another_elsewhere(self) -> None:
        """On another device, whoever comes."""
        self._identity.sign_in_elsewhere(another=True)

    def open_here(self, address: str) -> None:
        """Open the address for a code in this computer's browser."""
        from ciam_desktop.core.identity.browser import open_in_browser

        open_in_browser(address, self._opened.send)

    def _on_opened(self, opened: bool) -> None:
        if not opened:
            text = _("Open the address on another device, or copy it into a browser yourself.")
            self.trouble.emit(Trouble(_("No browser opened"), text, calm=True))
