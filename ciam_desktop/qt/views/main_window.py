"""Owns the window: the side with its places, one page at a time, and the banner above it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ciam_desktop.core.config import Settings
from ciam_desktop.core.identity import state
from ciam_desktop.core.identity.person import Person
from ciam_desktop.core.trouble import NextStep, Trouble
from ciam_desktop.i18n import N_, _, ngettext
from ciam_desktop.qt.backend import Backend
from ciam_desktop.qt.identity_controller import IdentityController
from ciam_desktop.qt.style import HIT, STEP, Style, app_icon
from ciam_desktop.qt.todos_controller import TodosController
from ciam_desktop.qt.views.banner import Banner, announce
from ciam_desktop.qt.views.parts import label
from ciam_desktop.qt.views.sign_in_page import SignInPage
from ciam_desktop.qt.window_state import WindowState

SIDE_WIDTH = 200
TODOS, IDENTITY, SETTINGS = "todos", "identity", "settings"
_PLACES = {TODOS: N_("To-dos"), IDENTITY: N_("Identity"), SETTINGS: N_("Settings")}


class MainWindow(QMainWindow):
    """Shows a Session: the sign-in card, or the page that was chosen at the side.

    Only what the first paint shows is made at once; each page is made when it is first wanted. `connect_wanted` and
    `sandbox_wanted` ask for other settings, `closed` says that the window is gone.
    """

    connect_wanted = Signal()
    sandbox_wanted = Signal()
    closed = Signal()

    def __init__(
        self,
        settings: Settings,
        identity: IdentityController,
        todos: TodosController,
        style: Style,
        window_state: WindowState,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._identity = identity
        self._todos = todos
        self._style = style
        self._window_state = window_state
        self._place = TODOS
        self._close_anyway = False
        self._person: Person | None = None
        self._pages: dict[str, QWidget] = {}
        self._shown: tuple[object, ...] = ()
        self.setWindowTitle("CIAM Desktop")
        self.setWindowIcon(app_icon())
        self.setMinimumSize(640, 480)
        self.resize(960, 640)

        self._banner = Banner(style)
        where = settings.tenant.authority if settings.tenant else _("A tenant on this computer")
        self._sign_in = SignInPage(style, settings.title, where, sandbox=settings.profile == "sandbox")
        self._stack = QStackedWidget()
        self._stack.setObjectName("pages")
        self._stack.addWidget(self._sign_in)
        over = QVBoxLayout()
        over.setContentsMargins(4 * STEP, 4 * STEP, 4 * STEP, 0)
        over.addWidget(self._banner)
        right = QWidget()
        right.setObjectName("page")
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(over)
        column.addWidget(self._stack, 1)
        whole = QWidget()
        row = QHBoxLayout(whole)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._make_side())
        row.addWidget(right, 1)
        self.setCentralWidget(whole)
        self._wire()
        window_state.restore(self)
        self._render(identity.session)

    def _make_side(self) -> QWidget:
        side = QWidget()
        side.setObjectName("side")
        side.setFixedWidth(SIDE_WIDTH)
        lines = QVBoxLayout(side)
        lines.setContentsMargins(3 * STEP, 4 * STEP, 3 * STEP, 3 * STEP)
        lines.setSpacing(STEP)
        head = QHBoxLayout()
        head.setSpacing(2 * STEP)
        mark = label()
        mark.setPixmap(app_icon().pixmap(24, 24))
        head.addWidget(mark)
        head.addWidget(label("CIAM Desktop", "appName"), 1)
        lines.addLayout(head)
        lines.addWidget(label(self._settings.title, "quiet"))
        lines.addSpacing(3 * STEP)
        self._nav: dict[str, QToolButton] = {}
        group = QButtonGroup(self)
        for place, words in _PLACES.items():
            made = self._side_button(_(words), "nav")
            made.setCheckable(True)
            made.clicked.connect(lambda _checked, to=place: self.go(to))
            group.addButton(made)
            self._nav[place] = made
            if place == SETTINGS:
                lines.addStretch()
            lines.addWidget(made)
        self._account = self._side_button("", "account")
        menu = QMenu(self._account)
        self._sign_out = menu.addAction(_("Sign out"))
        self._sign_out.triggered.connect(self._identity.sign_out)
        menu.triggered.connect(menu.close)  # assistive technology triggers an item and leaves its menu open
        # Not setMenu: a button with an instant menu cannot be pressed by assistive technology.
        self._account.clicked.connect(lambda: menu.popup(_above(self._account, menu)))
        lines.addWidget(self._account)
        self._draw_icons()
        return side

    def _side_button(self, words: str, name: str) -> QToolButton:
        made = QToolButton()
        made.setObjectName(name)
        made.setText(words)
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        made.setIconSize(QSize(20, 20))
        made.setFixedWidth(SIDE_WIDTH - 6 * STEP)
        made.setMinimumHeight(HIT + STEP)
        return made

    def _draw_icons(self) -> None:
        for place, made in self._nav.items():
            made.setIcon(self._style.icon(place))
        self._account.setIcon(self._style.icon("account"))
        self._sign_out.setIcon(self._style.icon("sign-out"))

    def _wire(self) -> None:
        self._style.changed.connect(self._draw_icons)
        identity, todos = self._identity, self._todos
        identity.session_changed.connect(self._render)
        identity.ready.connect(self._on_ready)
        identity.proven.connect(self._on_proven)
        identity.trouble.connect(self._on_identity_trouble)
        todos.trouble.connect(self._banner.show_trouble)
        todos.settled.connect(self._banner.dismiss)
        self._banner.chosen.connect(self._on_step)
        self._sign_in.sign_in_wanted.connect(identity.sign_in)
        self._sign_in.sign_up_wanted.connect(lambda: identity.sign_in(prompt="create"))
        self._sign_in.cancel_wanted.connect(identity.cancel)
        self._sign_in.browser_wanted.connect(identity.open_browser_again)
        self._sign_in.connect_wanted.connect(self.connect_wanted)
        for keys, act in (
            (QKeySequence(Qt.Modifier.CTRL | Qt.Key.Key_Comma), lambda: self.go(SETTINGS)),
            (QKeySequence(Qt.Modifier.CTRL | Qt.Key.Key_Q), self.close),
        ):
            QShortcut(keys, self).activated.connect(act)

    def go(self, place: str) -> None:
        """Show one of the places at the side."""
        self._place = place
        self._render(self._identity.session)

    def tell(self, trouble: Trouble) -> None:
        """Show a banner."""
        self._banner.show_trouble(trouble)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 -- Qt's own name
        """Follow the system from light to dark and back."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._style.follow()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 -- Qt's own name
        """Keep what is not saved from being lost unseen; a second press closes all the same."""
        unsaved = self._todos.unsaved()
        if unsaved and not self._close_anyway:
            text = ngettext(
                "%(n)d to-do has not reached the to-do service; closing now loses it.",
                "%(n)d to-dos have not reached the to-do service; closing now loses them.",
                unsaved,
            ) % {"n": unsaved}
            self.tell(Trouble(_("Not everything is saved"), text, NextStep.CLOSE_ANYWAY))
            event.ignore()
            return
        self._window_state.keep(self)
        event.accept()
        self.closed.emit()

    def _render(self, session: state.Session) -> None:
        person = state.person_of(session.account)
        here = person is not None and not isinstance(session.account, state.SigningOut)
        self._nav[IDENTITY].setEnabled(here)
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
        self._nav[self._place].setChecked(True)
        card = session.attempt is not None or (not here and self._place != SETTINGS)
        self._sign_in.render_session(session)
        page = self._sign_in if card else self._page(self._place)
        self._stack.setCurrentWidget(page)
        shown = (page, type(session.account), session.attempt is None)
        if shown != self._shown:
            self._shown = shown
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
            self._stack.addWidget(page)
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

        page = SettingsPage(self._settings)
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
        self._banner.dismiss()
        self._place = TODOS
        self._render(self._identity.session)
        self.raise_()
        self.activateWindow()
        QApplication.alert(self)
        announce(self, _("Signed in as %(name)s") % {"name": person.name})

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
                self.close()
            case NextStep.NONE:
                pass


def _above(widget: QWidget, menu: QMenu) -> QPoint:
    return widget.mapToGlobal(QPoint(0, -menu.sizeHint().height()))
