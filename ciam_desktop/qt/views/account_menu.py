"""Owns the account in use at the foot of the side, and its menu: who is signed in, and every way in and out."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QFontMetrics
from PySide6.QtWidgets import QMenu, QWidget

from ciam_desktop.core.identity import state
from ciam_desktop.i18n import _
from ciam_desktop.qt.style import Style
from ciam_desktop.qt.views.account_names import Called, called
from ciam_desktop.qt.views.frame import SIDE_WIDTH, side_button
from ciam_desktop.qt.views.moments import moment

NAME_WIDTH = 200  # pixels; a name longer than that is cut, and so is an address
ADDRESS_WIDTH = 240


class AccountMenu(QObject):
    """A button for the side, and a menu that is made anew whenever it opens.

    `chosen` carries the id of the account to use; the other signals ask for what their entries say.
    """

    chosen = Signal(str)
    another_wanted = Signal()
    sign_up_wanted = Signal()
    again_wanted = Signal()
    elsewhere_wanted = Signal()
    sign_out_wanted = Signal()
    sign_out_all_wanted = Signal()

    def __init__(self, style: Style, window: QWidget, parent: QObject) -> None:
        super().__init__(parent)
        self._style = style
        self._session = state.Session()
        self.button = side_button("", "account")
        self.button.hide()
        self._menu = QMenu(window)  # not of the button, with which it would be disabled in the middle of a key press
        self._menu.setAccessibleName(_("Account"))
        # Assistive technology triggers an entry and leaves its menu open.
        self._menu.triggered.connect(self._menu.close)
        # Not setMenu: a button with an instant menu cannot be pressed by assistive technology.
        self.button.clicked.connect(self._open)
        style.changed.connect(self._draw_icon)
        self._draw_icon()

    def render_session(self, session: state.Session) -> None:
        """Show the account in use; while somebody signs in or out there is nothing to choose."""
        self._session = session
        person = session.person
        self.button.setVisible(person is not None)
        self.button.setEnabled(session.attempt is None and not session.signing_out)
        if not self.button.isEnabled():
            self._menu.close()
        if person is not None:
            short = self._names()[person.account_id].short
            room = SIDE_WIDTH - 72
            self.button.setText(_shown(self.button.fontMetrics(), short, room, Qt.TextElideMode.ElideRight))
            self.button.setAccessibleName(_("Account: %(name)s") % {"name": short})

    def _names(self) -> dict[str, Called]:
        return dict(called(each.person for each in self._session.accounts.values()))

    def _draw_icon(self) -> None:
        self.button.setIcon(self._style.icon("account"))

    def _open(self) -> None:
        self._fill()
        self._menu.popup(self.button.mapToGlobal(QPoint(0, -self._menu.sizeHint().height())))

    def _fill(self) -> None:
        menu, session = self._menu, self._session
        menu.clear()
        names, group = self._names(), QActionGroup(menu)
        for account_id, account in session.accounts.items():
            entry = menu.addAction(_entry(menu.fontMetrics(), names[account_id], account))
            entry.setCheckable(True)
            entry.setChecked(account_id == session.current)
            entry.setActionGroup(group)
            entry.triggered.connect(lambda _checked, wanted=account_id: self._on_chosen(wanted))
        menu.addSeparator()
        self._add(_("Use another account…"), self.another_wanted.emit)
        self._add(_("Create an account…"), self.sign_up_wanted.emit)
        self._add(_("Sign in again…"), self.again_wanted.emit)
        self._add(_("Sign in on another device…"), self.elsewhere_wanted.emit)
        menu.addSeparator()
        self._add(_("Sign out"), self.sign_out_wanted.emit)
        if len(session.accounts) > 1:
            self._add(_("Sign out of all accounts"), self.sign_out_all_wanted.emit)

    def _add(self, words: str, act: Callable[[], object]) -> QAction:
        made = self._menu.addAction(words)
        made.triggered.connect(lambda _checked: act())
        return made

    def _on_chosen(self, account_id: str) -> None:
        if account_id != self._session.current:
            self.chosen.emit(account_id)


def _entry(metrics: QFontMetrics, names: Called, account: state.AccountState) -> str:
    """Name, address and, in words, what is the matter with an account."""
    parts = [
        _shown(metrics, names.name, NAME_WIDTH, Qt.TextElideMode.ElideRight),
        _shown(metrics, names.address, ADDRESS_WIDTH, Qt.TextElideMode.ElideMiddle),
        _shown(metrics, names.mark, ADDRESS_WIDTH, Qt.TextElideMode.ElideRight),
    ]
    match account:
        case state.NeedsInteraction():
            parts.append(_("must sign in again"))
        case state.Offline(since=since):
            parts.append(_("offline since %(time)s") % {"time": moment(since)})
    return " · ".join(filter(None, parts))


def _shown(metrics: QFontMetrics, text: str, room: int, cut: Qt.TextElideMode) -> str:
    return metrics.elidedText(text, cut, room).replace("&", "&&")  # which is no shortcut
