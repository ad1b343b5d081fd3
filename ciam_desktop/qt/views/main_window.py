"""Owns what fills the window's frame: the sign-in card, the pages, the account and the banner, as a Session has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QWidget

from ciam_desktop.core.config import Settings
from ciam_desktop.core.identity import state
from ciam_desktop.core.identity.person import Person
from ciam_desktop.core.trouble import NextStep, Trouble
from ciam_desktop.i18n import _, ngettext
from ciam_desktop.qt.backend import Backend
from ciam_desktop.qt.check_controller import CheckController
from ciam_desktop.qt.identity_controller import IdentityController
from ciam_desktop.qt.style import Style
from ciam_desktop.qt.todos_controller import TodosController
from ciam_desktop.qt.views.account_menu import AccountMenu
from ciam_desktop.qt.views.account_names import called
from ciam_desktop.qt.views.banner import Banner, announce
from ciam_desktop.qt.views.frame import IDENTITY, SETTINGS, TODOS, Frame
from ciam_desktop.qt.views.sign_in_line import SignInLine
from ciam_desktop.qt.views.sign_in_page import SignInPage
from ciam_desktop.qt.views.ways_in import WaysIn

if TYPE_CHECKING:
    from ciam_desktop.qt.views.device_page import DevicePage
    from ciam_desktop.qt.views.identity_page import IdentityPage
    from ciam_desktop.qt.views.todos_page import TodosPage

DEVICE = "device"


class MainWindow(QObject):
    """Shows a Session in a Frame: the sign-in card, or the page that was chosen at the side.

    Each page is made when it is first wanted. `connect_wanted` and `sandbox_wanted` ask for other settings.
    """

    connect_wanted = Signal()
    sandbox_wanted = Signal()

    def __init__(
        self,
        frame: Frame,
        settings: Settings,
        identity: IdentityController,
        todos: TodosController,
        checks: CheckController,
        style: Style,
    ) -> None:
        super().__init__(frame)
        self._frame = frame
        self._settings = settings
        self._identity = identity
        self._todos = todos
        self._checks = checks
        self._style = style
        self._place = TODOS
        self._close_anyway = False
        self._person: Person | None = None
        self._pages: dict[str, QWidget] = {}
        self._renders: list[Callable[[state.Session], None]] = []
        self._before = state.Session()
        self._shown: tuple[object, ...] = ()
        self._banner = Banner(style)
        self._line = SignInLine(style)
        frame.over.addWidget(self._banner)
        frame.over.addWidget(self._line)
        frame.profile.setText(settings.title)
        where = settings.tenant.authority if settings.tenant else _("A tenant on this computer")
        self._sign_in = SignInPage(settings.title, where, sandbox=settings.profile == "sandbox")
        frame.stack.addWidget(self._sign_in)
        self._account = AccountMenu(style, frame, self)
        frame.side.addWidget(self._account.button)
        self._ways = WaysIn(identity, self)
        self._leave: Callable[[], None] = identity.sign_out
        self._wire()
        self._render(identity.session)

    def _wire(self) -> None:
        self._frame.closing.connect(self._on_closing)
        for place, made in self._frame.places.items():
            made.clicked.connect(lambda _checked, to=place: self.go(to))
        identity, todos, ways, account, card = self._identity, self._todos, self._ways, self._account, self._sign_in
        identity.session_changed.connect(self._render)
        identity.ready.connect(self._on_ready)
        identity.proven.connect(self._on_proven)
        identity.trouble.connect(self._on_identity_trouble)
        ways.trouble.connect(self.tell)
        todos.trouble.connect(self._banner.show_trouble)
        todos.settled.connect(self._banner.resolve)
        self._banner.chosen.connect(self._on_step)
        self._banner.changed.connect(lambda: self._render_line(identity.session))
        self._line.sign_in_wanted.connect(ways.sign_in)
        card.sign_in_wanted.connect(ways.sign_in)
        card.sign_up_wanted.connect(ways.sign_up)
        card.elsewhere_wanted.connect(ways.elsewhere)
        card.cancel_wanted.connect(identity.cancel)
        card.browser_wanted.connect(identity.open_browser_again)
        card.more_time_wanted.connect(identity.more_time)
        card.connect_wanted.connect(self.connect_wanted)
        account.chosen.connect(identity.choose)
        account.another_wanted.connect(ways.another)
        account.sign_up_wanted.connect(ways.sign_up)
        account.again_wanted.connect(ways.again)
        account.elsewhere_wanted.connect(ways.another_elsewhere)
        account.sign_out_wanted.connect(lambda: self._on_sign_out_wanted(everyone=False))
        account.sign_out_all_wanted.connect(lambda: self._on_sign_out_wanted(everyone=True))
        for keys, act in (
            (QKeySequence(Qt.Modifier.CTRL | Qt.Key.Key_Comma), lambda: self.go(SETTINGS)),
            (QKeySequence(Qt.Modifier.CTRL | Qt.Key.Key_Q), self._frame.close),
        ):
            QShortcut(keys, self._frame).activated.connect(act)

    def go(self, place: str) -> None:
        """Show one of the places at the side."""
        self._place = place
        self._render(self._identity.session)

    def tell(self, trouble: Trouble) -> None:
        """Show a banner."""
        self._banner.show_trouble(trouble)

    def _on_closing(self, event: QCloseEvent) -> None:
        """Keep what is not saved from being lost unseen; a second press closes all the same."""
        if self._todos.unsaved() and not self._close_anyway:
            text = ngettext(
                "%(n)d to-do has not reached the to-do service; closing now loses it.",
                "%(n)d to-dos have not reached the to-do service; closing now loses them.",
                self._todos.unsaved(),
            ) % {"n": self._todos.unsaved()}
            self.tell(Trouble(_("Not everything is saved"), text, NextStep.CLOSE_ANYWAY))
            event.ignore()

    def _on_sign_out_wanted(self, *, everyone: bool) -> None:
        self._leave = self._identity.sign_out_all if everyone else self._identity.sign_out
        unsaved = self._todos.unsaved("" if everyone else self._identity.session.current)
        if not unsaved:
            self._leave()
            return
        text = ngettext(
            "%(n)d to-do has not reached the to-do service; signing out now loses it.",
            "%(n)d to-dos have not reached the to-do service; signing out now loses them.",
            unsaved,
        ) % {"n": unsaved}
        self.tell(Trouble(_("Not everything is saved"), text, NextStep.SIGN_OUT_ANYWAY))

    def _render(self, session: state.Session) -> None:
        person = session.person
        here = person is not None and not isinstance(session.account, state.SigningOut)
        self._frame.places[IDENTITY].setEnabled(here)
        self._account.render_session(session)
        if self._place == IDENTITY and not here:
            self._place = TODOS
        before = self._before
        self._resolve(session)
        self._use(session)
        self._frame.places[self._place].setChecked(True)
        self._sign_in.render_session(session)
        self._ways.render_session(session)
        if session.attempt is not None:
            page = self._page(DEVICE) if session.attempt.elsewhere else self._sign_in
        else:
            page = self._page(self._place) if here or self._place == SETTINGS else self._sign_in
        for render in self._renders:
            render(session)
        self._frame.stack.setCurrentWidget(page)
        code = session.attempt.code if session.attempt is not None else None
        shown = (page, session.current, type(session.account), session.attempt is None, code)
        if shown != self._shown:
            self._shown = shown
            self._focus_first(page)
        self._render_line(session)
        self._tell_listeners(before, session)

    def _tell_listeners(self, before: state.Session, session: state.Session) -> None:
        """Have said what changed away from the focus; banners and `proven` speak for themselves."""
        if not before.current or session.attempt is not None or before.attempt is not None:
            return
        if session.current and session.current != before.current:
            announce(self._frame, self._account.button.accessibleName())
        elif isinstance(before.account, state.Offline) and isinstance(session.account, state.SignedIn):
            announce(self._frame, _("Online again"))

    def _resolve(self, session: state.Session) -> None:
        """Take the banner away when what it says is no more, or is of another account."""
        begins = session.attempt is not None and self._before.attempt is None
        leaves = session.signing_out and not self._before.signing_out
        if begins or leaves or session.current != self._before.current:
            self._banner.resolve()
        self._before = session

    def _use(self, session: state.Session) -> None:
        """Give the list, and the window's title, to the account in use."""
        person, backend = session.person, self._identity.backend
        if person is not None and person != self._person and backend is not None:
            read_only = backend.tenant.readwrite_scope not in person.scopes
            self._todos.use(backend, person.account_id, read_only=read_only)
        self._person = person
        title = "CIAM Desktop"
        if person is not None and len(session.accounts) > 1:
            names = called(each.person for each in session.accounts.values())
            title = f"{names[person.account_id].short} — {title}"
        self._frame.setWindowTitle(title)

    def _render_line(self, session: state.Session) -> None:
        self._line.render_session(session, said_already=self._banner.offers(NextStep.SIGN_IN))

    def _page(self, place: str) -> QWidget:
        page = self._pages.get(place)
        if page is None:
            page = self._pages[place] = self._make_page(place)
            self._frame.stack.addWidget(page)
        return page

    def _focus_first(self, page: QWidget) -> None:
        """Put the cursor where this page is used from; at the side it would stay on what was pressed."""
        for child in page.findChildren(QWidget, options=Qt.FindChildOption.FindChildrenRecursively):
            if child.isVisibleTo(page) and child.isEnabled() and child.property("first"):
                child.setFocus()
                return

    def _make_page(self, place: str) -> QWidget:
        made: TodosPage | IdentityPage | DevicePage
        if place == TODOS:
            from ciam_desktop.qt.views.todos_page import TodosPage

            made = TodosPage(self._todos)
        elif place == IDENTITY:
            from ciam_desktop.qt.views.identity_page import IdentityPage

            made = IdentityPage(self._style)
        elif place == DEVICE:
            from ciam_desktop.qt.views.device_page import DevicePage

            made = DevicePage()
            made.cancel_wanted.connect(self._identity.cancel)
            made.here_wanted.connect(self._ways.open_here)
        else:
            return self._make_settings_page()
        self._renders.append(made.render_session)
        return made

    def _make_settings_page(self) -> QWidget:
        from ciam_desktop.qt.views.settings_page import SettingsPage

        page = SettingsPage(self._style, self._settings)
        page.check_wanted.connect(self._checks.start)
        self._checks.started.connect(page.checks.start)
        self._checks.found.connect(page.checks.show_finding)
        self._checks.finished.connect(page.checks.finish)
        page.connect_wanted.connect(self.connect_wanted)
        page.sandbox_wanted.connect(self.sandbox_wanted)
        if self._identity.backend is not None:
            page.show_settings(self._identity.backend.tenant, self._identity.backend.vault_reason)
        return page

    def _on_ready(self, backend: Backend) -> None:
        if backend.vault_reason:
            text = _("%(why)s You will have to sign in again when the program was closed.")
            self.tell(
                Trouble(_("This computer cannot keep your sign-in"), text % {"why": backend.vault_reason}, calm=True)
            )
        page = self._pages.get(SETTINGS)
        if page is not None:
            page.show_settings(backend.tenant, backend.vault_reason)  # type: ignore[attr-defined]  # a SettingsPage

    def _on_proven(self, person: Person) -> None:
        self._banner.resolve()
        self._place = TODOS
        self._render(self._identity.session)
        self._frame.raise_()
        self._frame.activateWindow()
        QApplication.alert(self._frame)
        announce(self._frame, _("Signed in as %(name)s") % {"name": person.name})

    def _on_identity_trouble(self, trouble: Trouble) -> None:
        if self._identity.session.restoring:
            self._sign_in.not_ready()
        self.tell(trouble)

    def _on_step(self, step: NextStep) -> None:
        self._banner.dismiss()
        match step:
            case NextStep.SIGN_IN:
                self._ways.sign_in()
            case NextStep.SIGN_IN_READ_ONLY:
                self._ways.for_reading()
            case NextStep.RETRY_SIGN_IN:
                self._ways.retry()
            case NextStep.USE_ANOTHER_ACCOUNT:
                self._ways.another()
            case NextStep.SIGN_IN_ELSEWHERE:
                self._ways.elsewhere()
            case NextStep.TRY_AGAIN if self._identity.backend is None:
                self._identity.start()
            case NextStep.TRY_AGAIN:
                self._todos.reload()
            case NextStep.OPEN_SETTINGS:
                self.go(SETTINGS)
            case NextStep.CHECK_SETUP:
                self.go(SETTINGS)
                self._checks.start()
            case NextStep.CLOSE_ANYWAY:
                self._close_anyway = True
                self._frame.close()
            case NextStep.SIGN_OUT_ANYWAY:
                self._leave()
            case NextStep.NONE:
                pass
            case _:
                assert_never(step)
