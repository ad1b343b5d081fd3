"""Owns what fills the window's frame: the sign-in card, the pages, the account and the banner, as a Session has it."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QMenu, QWidget

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
from ciam_desktop.qt.views.banner import Banner, announce
from ciam_desktop.qt.views.frame import IDENTITY, SETTINGS, SIDE_WIDTH, TODOS, Frame, side_button
from ciam_desktop.qt.views.sign_in_page import SignInPage


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
        self._shown: tuple[object, ...] = ()
        self._banner = Banner(style)
        frame.over.addWidget(self._banner)
        frame.profile.setText(settings.title)
        where = settings.tenant.authority if settings.tenant else _("A tenant on this computer")
        self._sign_in = SignInPage(style, settings.title, where, sandbox=settings.profile == "sandbox")
        frame.stack.addWidget(self._sign_in)
        self._make_account()
        self._wire()
        self._render(identity.session)

    def _make_account(self) -> None:
        self._account = side_button("", "account")
        menu = QMenu(self._account)
        self._sign_out = menu.addAction(_("Sign out"))
        self._sign_out.triggered.connect(self._on_sign_out_wanted)
        menu.triggered.connect(menu.close)  # assistive technology triggers an item and leaves its menu open
        # Not setMenu: a button with an instant menu cannot be pressed by assistive technology.
        self._account.clicked.connect(lambda: menu.popup(_above(self._account, menu)))
        self._frame.side.addWidget(self._account)
        self._draw_icons()

    def _draw_icons(self) -> None:
        self._account.setIcon(self._style.icon("account"))
        self._sign_out.setIcon(self._style.icon("sign-out"))

    def _wire(self) -> None:
        self._style.changed.connect(self._draw_icons)
        self._frame.closing.connect(self._on_closing)
        for place, made in self._frame.places.items():
            made.clicked.connect(lambda _checked, to=place: self.go(to))
        identity, todos = self._identity, self._todos
        identity.session_changed.connect(self._render)
        identity.ready.connect(self._on_ready)
        identity.proven.connect(self._on_proven)
        identity.trouble.connect(self._on_identity_trouble)
        todos.trouble.connect(self._banner.show_trouble)
        todos.signed_out_elsewhere.connect(identity.signed_out_elsewhere)
        todos.settled.connect(self._banner.resolve)
        self._banner.chosen.connect(self._on_step)
        self._sign_in.sign_in_wanted.connect(identity.sign_in)
        self._sign_in.sign_up_wanted.connect(lambda: identity.sign_in(prompt="create"))
        self._sign_in.cancel_wanted.connect(identity.cancel)
        self._sign_in.browser_wanted.connect(identity.open_browser_again)
        self._sign_in.connect_wanted.connect(self.connect_wanted)
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

    def _on_sign_out_wanted(self) -> None:
        unsaved = self._todos.unsaved()
        if not unsaved:
            self._identity.sign_out()
            return
        text = ngettext(
            "%(n)d to-do has not reached the to-do service; signing out now loses it.",
            "%(n)d to-dos have not reached the to-do service; signing out now loses them.",
            unsaved,
        ) % {"n": unsaved}
        self.tell(Trouble(_("Not everything is saved"), text, NextStep.SIGN_OUT_ANYWAY))

    def _render(self, session: state.Session) -> None:
        person = state.person_of(session.account)
        here = person is not None and not isinstance(session.account, state.SigningOut)
        self._frame.places[IDENTITY].setEnabled(here)
        self._account.setVisible(here)
        if self._place == IDENTITY and not here:
            self._place = TODOS
        if person is None:
            self._todos.forget()
        elif person != self._person and self._identity.backend is not None:
            self._use(person, self._identity.backend)
        self._person = person
        if person is not None:
            name = self._account.fontMetrics().elidedText(person.name, Qt.TextElideMode.ElideRight, SIDE_WIDTH - 72)
            self._account.setText(name.replace("&", "&&"))
            self._account.setAccessibleName(_("Account: %(name)s") % {"name": person.name})
        self._frame.places[self._place].setChecked(True)
        card = session.attempt is not None or (not here and self._place != SETTINGS)
        self._sign_in.render_session(session)
        page = self._sign_in if card else self._page(self._place)
        self._frame.stack.setCurrentWidget(page)
        shown = (page, type(session.account), session.attempt is None)
        if shown != self._shown:
            self._shown = shown
            if session.attempt is not None or isinstance(session.account, state.SigningOut):
                self._banner.resolve()
            self._focus_first(page)
        todos_page = self._pages.get(TODOS)
        if todos_page is not None:
            todos_page.render_session(session)  # type: ignore[attr-defined]  # _page made it a TodosPage

    def _use(self, person: Person, backend: Backend) -> None:
        self._todos.use(backend, person.account_id, read_only=backend.tenant.readwrite_scope not in person.scopes)

    def _page(self, place: str) -> QWidget:
        page = self._pages.get(place)
        if page is None:
            page = self._pages[place] = self._make_page(place)
            self._frame.stack.addWidget(page)
        if place == IDENTITY and self._person is not None:
            page.show_person(self._person)  # type: ignore[attr-defined]  # _make_page made it an IdentityPage
        return page

    def _focus_first(self, page: QWidget) -> None:
        """Put the cursor where this page is used from; at the side it would stay on what was pressed."""
        for child in page.findChildren(QWidget, options=Qt.FindChildOption.FindChildrenRecursively):
            if child.isVisibleTo(page) and child.isEnabled() and child.property("first"):
                child.setFocus()
                return

    def _make_page(self, place: str) -> QWidget:
        if place == TODOS:
            from ciam_desktop.qt.views.todos_page import TodosPage

            return TodosPage(self._style, self._todos)
        if place == IDENTITY:
            from ciam_desktop.qt.views.identity_page import IdentityPage

            return IdentityPage(self._style)
        from ciam_desktop.qt.views.settings_page import SettingsPage

        page = SettingsPage(self._style, self._settings)
        page.check_wanted.connect(self._on_check_wanted)
        self._checks.started.connect(page.checks.start)
        self._checks.found.connect(page.checks.show_finding)
        self._checks.finished.connect(page.checks.finish)
        page.connect_wanted.connect(self.connect_wanted)
        page.sandbox_wanted.connect(self.sandbox_wanted)
        if self._identity.backend is not None:
            page.show_settings(self._identity.backend.tenant, self._identity.backend.vault_reason)
        return page

    def _on_check_wanted(self) -> None:
        if self._identity.backend is not None:
            self._checks.start(self._identity.backend)

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
        if isinstance(self._identity.session.account, state.Restoring):
            self._sign_in.not_ready()
        self.tell(trouble)

    def _on_step(self, step: NextStep) -> None:
        self._banner.dismiss()
        match step:
            case NextStep.SIGN_IN:
                self._identity.sign_in()
            case NextStep.SIGN_IN_READ_ONLY:
                self._identity.sign_in(read_only=True)
            case NextStep.TRY_AGAIN if self._identity.backend is None:
                self._identity.start()
            case NextStep.TRY_AGAIN:
                self._todos.reload()
            case NextStep.OPEN_SETTINGS:
                self.go(SETTINGS)
            case NextStep.CLOSE_ANYWAY:
                self._close_anyway = True
                self._frame.close()
            case NextStep.SIGN_OUT_ANYWAY:
                self._identity.sign_out()
            case NextStep.NONE:
                pass


def _above(widget: QWidget, menu: QMenu) -> QPoint:
    return widget.mapToGlobal(QPoint(0, -menu.sizeHint().height()))
