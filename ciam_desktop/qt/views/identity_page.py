"""Owns the page that shows who is signed in: the verdict on the ID token, then its claims, explained."""

from __future__ import annotations

import json
import time

from PySide6.QtCore import QSize, QSortFilterProxyModel, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QScrollArea,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ciam_desktop.core.identity import state
from ciam_desktop.core.identity.claims import told_time
from ciam_desktop.core.identity.person import Person
from ciam_desktop.i18n import _
from ciam_desktop.qt.models.claims_model import COL_CLAIM, COL_MEANING, COL_VALUE, ClaimsModel
from ciam_desktop.qt.style import STEP, Style
from ciam_desktop.qt.views.moments import moment
from ciam_desktop.qt.views.parts import button, label
from ciam_desktop.qt.views.wrapped_cells import WrappedCells

TABLE_HEIGHT = 128  # pixels, at least


class IdentityPage(QWidget):
    """The verdict in a sentence, and the table of claims."""

    def __init__(self, style: Style, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._style = style
        self._person: Person | None = None
        self.setObjectName("page")

        self._filter = QLineEdit()
        self._filter.setPlaceholderText(_("Filter"))
        self._filter.setAccessibleName(_("Filter claims"))
        self._filter.setClearButtonEnabled(True)
        self._filter.setMaximumWidth(240)
        top = QHBoxLayout()
        top.addWidget(label(_("Identity"), "title"))
        top.addStretch()
        top.addWidget(self._filter)

        self._verdict = QFrame()
        self._verdict.setObjectName("note")
        self._mark = label()
        self._verdict_title = label(name="verdictGood", wrap=True)
        self._verdict_text = label(wrap=True)
        words = QVBoxLayout()
        words.setSpacing(STEP)
        words.addWidget(self._verdict_title)
        words.addWidget(self._verdict_text)
        self._offline = label(name="quiet", wrap=True)
        words.addWidget(self._offline)
        inside = QHBoxLayout(self._verdict)
        inside.setContentsMargins(3 * STEP, 3 * STEP, 3 * STEP, 3 * STEP)
        inside.setSpacing(3 * STEP)
        inside.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        inside.addLayout(words, 1)

        self.model = ClaimsModel(self)
        self._shown = QSortFilterProxyModel(self)
        self._shown.setSourceModel(self.model)
        self._shown.setFilterKeyColumn(-1)
        self._shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._filter.textChanged.connect(self._shown.setFilterFixedString)
        self._table = _Table()
        self._table.setAccessibleName(_("ID token claims"))
        self._table.setModel(self._shown)
        self._table.setShowGrid(False)
        self._table.setWordWrap(True)
        self._table.setItemDelegate(WrappedCells(self._table))
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setTabKeyNavigation(False)
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self._table.setProperty("first", True)
        # Rows are as high as their wrapped text, once the columns have the widths that it wraps at.
        self._fit = QTimer(self)
        self._fit.setSingleShot(True)
        self._fit.timeout.connect(self._table.resizeRowsToContents)
        self._table.horizontalHeader().sectionResized.connect(lambda *_sizes: self._fit.start(0))
        self._shown.modelReset.connect(lambda: self._fit.start(0))
        self._shown.layoutChanged.connect(lambda: self._fit.start(0))
        head = self._table.horizontalHeader()
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setHighlightSections(False)
        head.setSectionResizeMode(COL_CLAIM, QHeaderView.ResizeMode.Interactive)
        head.resizeSection(COL_CLAIM, self.fontMetrics().horizontalAdvance("preferred_username") + 8 * STEP)
        head.setSectionResizeMode(COL_VALUE, QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(COL_MEANING, QHeaderView.ResizeMode.Stretch)

        below = QHBoxLayout()
        below.setSpacing(2 * STEP)
        below.addWidget(button(_("Copy value"), self._copy_value))
        below.addWidget(button(_("Copy as JSON"), self._copy_json))
        below.addWidget(button(_("Save as JSON…"), self._save_json))
        below.addStretch()

        page = QVBoxLayout(self)
        page.setContentsMargins(6 * STEP, 5 * STEP, 6 * STEP, 4 * STEP)
        page.setSpacing(3 * STEP)
        page.addLayout(top)
        page.addWidget(_scrolling(self._verdict, self._table), 1)
        page.addLayout(below)
        QShortcut(QKeySequence.StandardKey.Find, self).activated.connect(self._filter.setFocus)
        copy = QShortcut(QKeySequence.StandardKey.Copy, self._table)
        copy.setContext(Qt.ShortcutContext.WidgetShortcut)
        copy.activated.connect(self._copy_value)

    def render_session(self, session: state.Session) -> None:
        """Show the verdict on the ID token of the person in use, its claims, and since when it cannot be renewed."""
        account, person = session.account, session.person
        if person is not None and person != self._person:
            if self._person is not None and self._person.account_id != person.account_id:
                self._filter.clear()
            self._show_person(person)
        offline = isinstance(account, state.Offline)
        self._offline.setVisible(offline)
        if isinstance(account, state.Offline):
            self._offline.setText(
                _(
                    "Offline since %(since)s. What you see is from %(proven)s; "
                    "it is renewed by itself when the network is back."
                )
                % {"since": moment(account.since), "proven": moment(account.person.verdict.proven_at)}
            )

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 -- Qt's own name
        """Tell times as they are now."""
        if self._person is not None:
            self._show_person(self._person)
        super().showEvent(event)

    def _show_person(self, person: Person) -> None:
        self._person = person
        verdict = person.verdict
        self._mark.setPixmap(self._style.pixmap("shield-check", 24, self._style.colours.good))
        self._verdict_title.setText(_("The ID token is genuine and was made for this app."))
        now = time.time()
        self._verdict_text.setText(
            _(
                "Signed (%(algorithm)s) by key %(key)s of %(issuer)s, for app %(audience)s. "
                "Checked %(proven)s: signature, issuer, audience, times, nonce. Valid until %(until)s."
            )
            % {
                "algorithm": verdict.algorithm,
                "key": verdict.key_id,
                "issuer": verdict.issuer,
                "audience": verdict.audience,
                "proven": told_time(verdict.proven_at, now),
                "until": told_time(verdict.expires_at, now),
            }
        )
        self.model.show_claims(verdict.claims)

    def _copy_value(self) -> None:
        index = self._table.currentIndex()
        if index.isValid():
            QGuiApplication.clipboard().setText(self._shown.index(index.row(), COL_VALUE).data())

    def _copy_json(self) -> None:
        QGuiApplication.clipboard().setText(self._json())

    def _save_json(self) -> None:
        path, _kind = QFileDialog.getSaveFileName(self, _("Save as JSON"), "id-token-claims.json", "JSON (*.json)")
        if path:
            with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 -- Qt gives the path as text
                file.write(self._json())

    def _json(self) -> str:
        return json.dumps(dict(self._person.verdict.claims) if self._person else {}, indent=2, ensure_ascii=False)


class _Table(QTableView):
    """A table that has what the verdict above it leaves; the page scrolls rather than leave it too little."""

    def sizeHint(self) -> QSize:  # noqa: N802 -- Qt's own name
        return QSize(super().sizeHint().width(), TABLE_HEIGHT)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 -- Qt's own name
        return self.sizeHint()


def _scrolling(verdict: QWidget, table: QWidget) -> QScrollArea:
    """Both, one above the other, with room for every word even in a small window with a banner above."""
    inside = QWidget()
    inside.setObjectName("page")
    down = QVBoxLayout(inside)
    down.setContentsMargins(0, 0, 0, 0)
    down.setSpacing(3 * STEP)
    down.addWidget(verdict)
    down.addWidget(table, 1)
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what has the focus is scrolled to
    scroll.setWidget(inside)
    return scroll
