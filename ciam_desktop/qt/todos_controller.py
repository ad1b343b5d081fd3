"""Owns the to-dos as the window drives them: what was typed is a row at once, and stays one until the API has it."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from ciam_desktop.core import trouble
from ciam_desktop.core.errors import ApiUnauthorized, CiamError, InteractionRequired, NetworkError, SignedOutElsewhere
from ciam_desktop.core.identity.state import AddTodo, PendingAction, Reload
from ciam_desktop.core.todos.todo import Todo
from ciam_desktop.qt.backend import Backend
from ciam_desktop.qt.lanes import Lane
from ciam_desktop.qt.models.todo_model import Row, Saved, TodoModel

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


class TodosController(QObject):
    """Fetches the list and adds to it, one call after the other on the sync lane.

    `interaction_wanted` carries the action that waits and the error; `changed` follows every change of `fetched_at`
    and of rows; `settled` says that nothing is left unsaved.
    """

    trouble = Signal(object)
    settled = Signal()
    changed = Signal()
    interaction_wanted = Signal(object, object)
    signed_out_elsewhere = Signal(object)
    network_lost = Signal()
    network_back = Signal()

    def __init__(self, sync: Lane, identity: Lane, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sync = sync
        self._identity = identity
        self._backend: Backend | None = None
        self._account_id = ""
        self._interaction_spent = False
        self._numbers = itertools.count(1)
        self.model = TodoModel(self)
        self.fetching = False
        self.fetched_at: float | None = None
        self.read_only = False

    def use(self, backend: Backend, account_id: str, *, read_only: bool) -> None:
        """Work for this account from now on; its list is fetched when the account changed."""
        self._backend = backend
        self.read_only = read_only
        if account_id != self._account_id:
            self.forget()
            self._account_id = account_id
            self.reload()
        self.changed.emit()

    def forget(self) -> None:
        """Nobody is signed in: show nothing."""
        self._account_id = ""
        self.fetched_at = None
        self.fetching = False
        self._interaction_spent = False
        self.model.clear()
        self.changed.emit()

    def unsaved(self) -> int:
        """How many rows the API has not confirmed."""
        return sum(row.saved is not Saved.YES for row in self.model.rows())

    def reload(self) -> None:
        """Fetch the list, and send again what was not saved."""
        if self._backend is None or not self._account_id:
            return
        for row in self.model.rows():
            if row.saved is Saved.NOT_YET:
                self._send(row.key, row.text)
        self.fetching = True
        self.changed.emit()
        account_id = self._account_id
        task = self._sync.submit(self._fetch, self._backend, account_id)
        task.succeeded.connect(lambda todos: self._on_fetched(account_id, todos))
        task.failed.connect(lambda error: self._on_failed(account_id, Reload(), error))

    def add(self, text: str) -> None:
        """Add one to-do; an empty one is not one."""
        text = text.strip()
        if not text or self._backend is None or not self._account_id:
            return
        row = Row(key=f"new:{next(self._numbers)}", text=text, saved=Saved.WAITING)
        self.model.append(row)
        self._send(row.key, text)

    def resume(self, pending: PendingAction) -> None:
        """Do what had to wait for a sign-in. A second refusal is told, not answered with another sign-in."""
        self._interaction_spent = True
        match pending:
            case AddTodo(key, description):
                self._send(key, description)
            case Reload():
                self.reload()

    def _send(self, key: str, text: str) -> None:
        if self._backend is None:
            return
        self.model.mark(key, Saved.WAITING)
        self.changed.emit()
        account_id = self._account_id
        task = self._sync.submit(self._add, self._backend, account_id, text)
        task.succeeded.connect(lambda todo: self._on_added(account_id, key, todo))
        task.failed.connect(lambda error: self._on_failed(account_id, AddTodo(key, text), error))

    # On the sync lane.

    def _fetch(self, backend: Backend, account_id: str) -> list[Todo]:
        return self._with_token(backend, account_id, backend.todos.fetch)

    def _add(self, backend: Backend, account_id: str, text: str) -> Todo:
        return self._with_token(backend, account_id, lambda token: backend.todos.add(token, text))

    def _with_token(self, backend: Backend, account_id: str, call: Callable[[str], _Result]) -> _Result:
        """Call with a token; after a 401 once more with a fresh one, unless the API wants the person (RFC 9470)."""
        token = self._identity.ask(backend.people.access_token, account_id)
        try:
            return call(token.value)
        except ApiUnauthorized as error:
            if error.claims:
                raise InteractionRequired(str(error), error="interaction_required", claims=error.claims) from None
        token = self._identity.ask(backend.people.access_token, account_id, renew=True)
        return call(token.value)

    # Back on the UI thread.

    def _on_fetched(self, account_id: str, todos: list[Todo]) -> None:
        if account_id != self._account_id:
            return
        self.fetching = False
        self.fetched_at = time.time()
        self.model.show_list(todos)
        self._went_through()

    def _on_added(self, account_id: str, key: str, todo: Todo) -> None:
        if account_id == self._account_id:
            self.model.confirm(key, todo)
            self._went_through()

    def _went_through(self) -> None:
        self._interaction_spent = False
        self.network_back.emit()
        if not self.unsaved():
            self.settled.emit()
        self.changed.emit()

    def _on_failed(self, account_id: str, action: PendingAction, error: Exception) -> None:
        if account_id != self._account_id:
            return
        adding = isinstance(action, AddTodo)
        if isinstance(action, AddTodo):
            self.model.mark(action.key, Saved.NOT_YET)
        else:
            self.fetching = False
        self.changed.emit()
        if isinstance(error, SignedOutElsewhere):
            self.signed_out_elsewhere.emit(error)
            return
        if isinstance(error, InteractionRequired) and not self._interaction_spent:
            self._interaction_spent = True
            self.interaction_wanted.emit(action, error)
            return
        if isinstance(error, NetworkError):
            self.network_lost.emit()
        elif not isinstance(error, CiamError):
            _log.error("unexpected", exc_info=error)
        self.trouble.emit(trouble.of_todos(error, adding=adding))
