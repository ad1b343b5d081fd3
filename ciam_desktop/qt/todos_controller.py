"""Owns the to-dos as the window drives them: what was typed is a row at once, and stays one until the API has it."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from ciam_desktop.core import trouble
from ciam_desktop.core.errors import ApiUnauthorized, CiamError, InteractionRequired, NetworkError, SignedOutElsewhere
from ciam_desktop.core.identity.state import AddTodo, PendingAction, Reload
from ciam_desktop.core.todos.todo import Todo
from ciam_desktop.core.trouble import Trouble
from ciam_desktop.qt.backend import Backend
from ciam_desktop.qt.lanes import Lane
from ciam_desktop.qt.models.todo_model import Row, Saved, TodoModel

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _List:
    """One account's to-dos.

    `refused` are the actions that wait for the person's sign-in, `spent` the kinds of action that were done again after
    one and have not succeeded since, `told_later` what went wrong while another account was in use.
    """

    account_id: str = field(repr=False)
    backend: Backend
    read_only: bool = False
    model: TodoModel = field(default_factory=TodoModel)
    fetches: int = 0
    fetched_at: float | None = None
    refused: list[PendingAction] = field(default_factory=list)
    spent: set[type[PendingAction]] = field(default_factory=set)
    told_later: Trouble | None = None

    def unsaved(self) -> int:
        """How many rows the API has not confirmed."""
        return sum(row.saved is not Saved.YES for row in self.model.rows())

    def not_saved(self) -> list[Row]:
        """The rows whose sending has failed."""
        return [row for row in self.model.rows() if row.saved is Saved.NOT_YET]


class TodosController(QObject):
    """Fetches each account's list and adds to it, one call after the other on the sync lane.

    `interaction_wanted` carries the account's id, the action that waits, the error, and whether the action was refused
    again after a sign-in; `signed_out_elsewhere` the id and the error, `network_lost` and `network_back` the id.
    `model_changed` carries the model of the account that is in use from now on; `changed` follows every change of
    `fetching`, `fetched_at` and of rows; `settled` says that nothing of the account in use is left unsaved.
    """

    trouble = Signal(object)
    settled = Signal()
    changed = Signal()
    model_changed = Signal(object)
    interaction_wanted = Signal(str, object, object, bool)
    signed_out_elsewhere = Signal(str, object)
    network_lost = Signal(str)
    network_back = Signal(str)

    def __init__(self, sync: Lane, identity: Lane, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sync = sync
        self._identity = identity
        self._numbers = itertools.count(1)
        self._lists: dict[str, _List] = {}
        self._used: _List | None = None
        self._nothing = TodoModel(self)

    # What shows of the account in use.

    @property
    def account_id(self) -> str:
        """The account in use, or empty."""
        return self._used.account_id if self._used else ""

    @property
    def model(self) -> TodoModel:
        """The rows of the account in use; an empty model when there is none."""
        return self._used.model if self._used else self._nothing

    @property
    def fetching(self) -> bool:
        """Whether the list of the account in use is on its way."""
        return self._used is not None and self._used.fetches > 0

    @property
    def fetched_at(self) -> float | None:
        """When the list of the account in use last came (seconds since 1970), if it did."""
        return self._used.fetched_at if self._used else None

    @property
    def read_only(self) -> bool:
        """Whether the account in use may not add to its list."""
        return self._used is not None and self._used.read_only

    def unsaved(self, account_id: str = "") -> int:
        """How many rows of this account, or of all for "", the API has not confirmed."""
        return sum(each.unsaved() for each in self._lists.values() if account_id in ("", each.account_id))

    # Accounts.

    def use(self, backend: Backend, account_id: str, *, read_only: bool) -> None:
        """Show this account's list from now on; when another was in use it is fetched anew."""
        each = self._lists.setdefault(account_id, _List(account_id, backend))
        each.backend, each.read_only = backend, read_only
        switched = each is not self._used
        self._used = each
        if switched:
            self.model_changed.emit(each.model)
            told, each.told_later = each.told_later, None
            if told is not None:
                self.trouble.emit(told)
            self._fetch_list(each)
        self.changed.emit()

    def forget(self, account_ids: Collection[str]) -> None:
        """These accounts are signed out: nothing of theirs is kept, and what lands late is dropped."""
        for account_id in account_ids:
            self._lists.pop(account_id, None)
        if self._used is not None and not self._knows(self._used):
            self._used = None
            self.model_changed.emit(self._nothing)
        self.changed.emit()

    def keep_only(self, account_ids: Collection[str]) -> None:
        """Forget every account but these."""
        gone = self._lists.keys() - account_ids
        if gone:
            self.forget(gone)

    # What a person does.

    def reload(self) -> None:
        """Fetch the list of the account in use, and send again what was not saved."""
        if self._used is not None:
            self._reload(self._used, by_itself=False)

    def add(self, text: str) -> None:
        """Add one to-do for the account in use; an empty one is not one."""
        text = text.strip()
        if not text or self._used is None:
            return
        row = Row(key=f"new:{next(self._numbers)}", text=text, saved=Saved.WAITING)
        self._used.model.append(row)
        self._send(self._used, row.key, text)

    # What comes by itself.

    def come_back(self, account_id: str) -> None:
        """The network may be back: reload, without a word about it if it is not."""
        each = self._lists.get(account_id)
        if each is not None and not each.fetches:
            self._reload(each, by_itself=True)

    def resume(self, account_id: str, pending: PendingAction) -> None:
        """Do what had to wait for a sign-in, once. A second refusal is told, not answered with another sign-in."""
        each = self._lists.get(account_id)
        if each is None:
            return
        waited, each.refused = each.refused or [pending], []
        each.spent |= {type(action) for action in waited}
        for row in each.not_saved():
            if any(isinstance(action, AddTodo) and action.key == row.key for action in waited):
                self._send(each, row.key, row.text)
        if Reload() in waited:
            self._fetch_list(each)

    def _reload(self, each: _List, *, by_itself: bool) -> None:
        for row in each.not_saved():
            self._send(each, row.key, row.text, by_itself=by_itself, ensure=not by_itself)
        self._fetch_list(each, by_itself=by_itself, ensure=not by_itself)

    def _fetch_list(self, each: _List, *, by_itself: bool = False, ensure: bool = False) -> None:
        each.fetches += 1
        self.changed.emit()
        task = self._sync.submit(self._with_token, each, each.backend.todos.fetch, ensure=ensure)
        task.succeeded.connect(lambda todos: self._on_fetched(each, todos))
        task.failed.connect(lambda error: self._on_failed(each, Reload(), error, by_itself=by_itself))

    def _send(self, each: _List, key: str, text: str, *, by_itself: bool = False, ensure: bool = False) -> None:
        each.model.mark(key, Saved.WAITING)
        self.changed.emit()
        add = each.backend.todos.add
        task = self._sync.submit(self._with_token, each, lambda token: add(token, text), ensure=ensure)
        task.succeeded.connect(lambda todo: self._on_added(each, key, todo))
        task.failed.connect(lambda error: self._on_failed(each, AddTodo(key, text), error, by_itself=by_itself))

    # On the sync lane.

    def _with_token(self, each: _List, call: Callable[[str], _Result], *, ensure: bool) -> _Result:
        """Call with a token; after a 401 once more with a fresh one, unless the API wants the person (RFC 9470)."""
        people = each.backend.people
        if ensure:
            self._identity.ask(each.backend.ensure)
        token = self._identity.ask(people.access_token, each.account_id)
        try:
            return call(token.value)
        except ApiUnauthorized as error:
            if error.claims:
                raise InteractionRequired(str(error), error="interaction_required", claims=error.claims) from None
        token = self._identity.ask(people.access_token, each.account_id, renew=True)
        return call(token.value)

    # Back on the UI thread.

    def _knows(self, each: _List) -> bool:
        return self._lists.get(each.account_id) is each

    def _on_fetched(self, each: _List, todos: list[Todo]) -> None:
        each.fetches -= 1
        if self._knows(each):
            each.fetched_at = time.time()
            each.model.show_list(todos)
            self._went_through(each, Reload())

    def _on_added(self, each: _List, key: str, todo: Todo) -> None:
        if self._knows(each):
            each.model.confirm(key, todo)
            self._went_through(each, AddTodo(key, ""))

    def _went_through(self, each: _List, action: PendingAction) -> None:
        each.spent.discard(type(action))
        each.refused = [other for other in each.refused if not _is_same(other, action)]
        if not each.unsaved():
            each.told_later = None
        self.network_back.emit(each.account_id)
        if each is self._used and not each.unsaved():
            self.settled.emit()
        self.changed.emit()

    def _on_failed(self, each: _List, action: PendingAction, error: Exception, *, by_itself: bool) -> None:
        if isinstance(action, Reload):
            each.fetches -= 1
        if not self._knows(each):
            return
        if isinstance(action, AddTodo):
            each.model.mark(action.key, Saved.NOT_YET)
        self.changed.emit()
        match error:
            case SignedOutElsewhere():
                self.signed_out_elsewhere.emit(each.account_id, error)
            case InteractionRequired():
                each.refused = [*(other for other in each.refused if not _is_same(other, action)), action]
                self.interaction_wanted.emit(each.account_id, action, error, type(action) in each.spent)
            case NetworkError():
                self.network_lost.emit(each.account_id)
                if not by_itself:
                    self._tell(each, action, error)
            case _:
                if not isinstance(error, CiamError):
                    _log.error("unexpected", exc_info=error)
                self._tell(each, action, error)

    def _tell(self, each: _List, action: PendingAction, error: Exception) -> None:
        """Say what went wrong; of an account that is not in use as soon as it is."""
        told = trouble.of_todos(error, adding=isinstance(action, AddTodo))
        if each is self._used:
            self.trouble.emit(told)
        else:
            each.told_later = told


def _is_same(one: PendingAction, other: PendingAction) -> bool:
    if isinstance(one, AddTodo) and isinstance(other, AddTodo):
        return one.key == other.key
    return type(one) is type(other)
