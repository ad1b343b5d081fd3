"""Owns the page of to-dos: the line to add one, the filter, the list, and the foot line that tells the truth."""

from __future__ import annotations

from PySide6.QtCore import QSortFilterProxyModel, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QHeaderView, QLineEdit, QTableView, QVBoxLayout, QWidget

from ciam_desktop.core.identity import state
from ciam_desktop.i18n import _, ngettext
from ciam_desktop.qt.models.todo_model import COL_STATE, COL_TEXT, TodoModel
from ciam_desktop.qt.style import STEP
from ciam_desktop.qt.todos_controller import TodosController
from ciam_desktop.qt.views.moments import moment
from ciam_desktop.qt.views.parts import button, label

ROW_HEIGHT = 40
STATE_WIDTH = 140


class TodosPage(QWidget):
    """The list of one account; adding is on Enter."""

    def __init__(self, todos: TodosController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._todos = todos
        self._offline_since: float | None = None
        self._account_id = todos.account_id
        self._drafts: dict[str, str] = {}  # what was typed and not entered, by account
        self.setObjectName("page")

        self._filter = QLineEdit()
        self._filter.setPlaceholderText(_("Filter"))
        self._filter.setAccessibleName(_("Filter"))
        self._filter.setClearButtonEnabled(True)
        self._filter.setMaximumWidth(240)
        self._reload = button(_("Reload"), todos.reload)
        top = QHBoxLayout()
        top.setSpacing(2 * STEP)
        top.addWidget(label(_("To-dos"), "title"))
        top.addStretch()
        top.addWidget(self._filter)
        top.addWidget(self._reload)

        self._add = QLineEdit()
        self._add.setAccessibleName(_("Add a to-do"))
        self._add.setPlaceholderText(_("Add a to-do, then press Enter"))
        self._add.setProperty("first", True)
        self._add.returnPressed.connect(self._on_add)

        self._shown = QSortFilterProxyModel(self)
        self._shown.setSourceModel(todos.model)
        self._shown.setFilterKeyColumn(COL_TEXT)
        self._shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._filter.textChanged.connect(self._shown.setFilterFixedString)
        self._filter.textChanged.connect(lambda _text: self._refresh())

        self._table = QTableView()
        self._table.setAccessibleName(_("To-dos"))
        self._table.setModel(self._shown)
        self._table.setShowGrid(False)
        self._table.setWordWrap(False)
        self._table.setTextElideMode(Qt.TextElideMode.ElideRight)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setTabKeyNavigation(False)
        self._table.horizontalHeader().hide()
        self._table.horizontalHeader().setSectionResizeMode(COL_TEXT, QHeaderView.ResizeMode.Stretch)
        self._table.horizontalHeader().setSectionResizeMode(COL_STATE, QHeaderView.ResizeMode.Fixed)
        self._table.horizontalHeader().resizeSection(COL_STATE, STATE_WIDTH)
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self._table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self._empty = label("", "quiet", wrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._foot = label("", "foot", wrap=True)

        page = QVBoxLayout(self)
        page.setContentsMargins(6 * STEP, 5 * STEP, 6 * STEP, 4 * STEP)
        page.setSpacing(3 * STEP)
        page.addLayout(top)
        page.addWidget(self._add)
        page.addWidget(self._table, 1)
        page.addWidget(self._empty, 1)
        page.addWidget(self._foot)
        self.setTabOrder(self._add, self._filter)
        self.setTabOrder(self._filter, self._reload)
        self.setTabOrder(self._reload, self._table)

        for keys, act in (
            (QKeySequence.StandardKey.New, self._add.setFocus),
            (QKeySequence.StandardKey.Find, self._filter.setFocus),
            (QKeySequence(Qt.Key.Key_F5), todos.reload),
        ):
            QShortcut(keys, self).activated.connect(act)
        todos.changed.connect(self._refresh)
        todos.model_changed.connect(self._on_model_changed)
        self._refresh()

    def render_session(self, session: state.Session) -> None:
        """Show whether the list is the latest."""
        self._offline_since = session.account.since if isinstance(session.account, state.Offline) else None
        self._drafts = {name: text for name, text in self._drafts.items() if name in session.accounts}
        self._refresh()

    def _on_model_changed(self, model: TodoModel) -> None:
        """Another account: its own list, unfiltered, and what was being typed for it."""
        self._drafts[self._account_id] = self._add.text()
        self._account_id = self._todos.account_id
        self._add.setText(self._drafts.pop(self._account_id, ""))
        self._filter.clear()
        self._shown.setSourceModel(model)

    def _on_add(self) -> None:
        text = self._add.text()
        if text.strip():
            self._todos.add(text)
            self._add.clear()
            self._table.scrollToBottom()

    def _refresh(self) -> None:
        todos = self._todos
        rows, shown = todos.model.rowCount(), self._shown.rowCount()
        self._add.setEnabled(not todos.read_only)
        if todos.read_only:
            self._add.setPlaceholderText(_("Your sign-in may read this list but not add to it"))
        else:
            self._add.setPlaceholderText(_("Add a to-do, then press Enter"))
        self._table.setVisible(shown > 0)
        self._empty.setVisible(shown == 0)
        if rows and not shown:
            self._empty.setText(_("No to-do contains “%(words)s”.") % {"words": self._filter.text()})
        elif todos.fetched_at is not None:
            self._empty.setText(_("Nothing to do. Type above to add your first to-do."))
        else:
            self._empty.setText(self._why_empty())
        self._foot.setText(self._foot_line(rows))

    def _why_empty(self) -> str:
        if self._todos.fetching:
            return _("Fetching your to-dos")
        if self._offline_since is not None:
            return _("Your to-dos come by themselves when the network is back. What you add until then waits here.")
        return _("The list is not here yet.")

    def _foot_line(self, rows: int) -> str:
        parts = []
        if rows or self._todos.fetched_at is not None or self._offline_since is None:
            parts.append(ngettext("%(n)d to-do", "%(n)d to-dos", rows) % {"n": rows})
        unsaved = self._todos.unsaved()
        if unsaved:
            parts.append(ngettext("%(n)d not saved yet", "%(n)d not saved yet", unsaved) % {"n": unsaved})
        if self._offline_since is not None:
            parts.append(self._offline_words(self._offline_since))
        elif self._todos.fetching:
            parts.append(_("fetching"))
        elif self._todos.fetched_at is not None and not unsaved:
            parts.append(_("all changes saved %(time)s") % {"time": moment(self._todos.fetched_at)})
        return " · ".join(parts)

    def _offline_words(self, since: float) -> str:
        fetched = self._todos.fetched_at
        if fetched is None:
            return _("Offline since %(since)s; it comes back by itself.") % {"since": moment(since)}
        return _("Offline since %(since)s. What you see is from %(fetched)s; it comes back by itself.") % {
            "since": moment(since),
            "fetched": moment(fetched),
        }
