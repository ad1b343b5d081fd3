"""Owns which controller tells which: the accounts, their to-dos, and the way back from offline."""

from __future__ import annotations

from ciam_desktop.core.identity import state
from ciam_desktop.qt.identity_controller import IdentityController
from ciam_desktop.qt.network import Reconnector
from ciam_desktop.qt.todos_controller import TodosController


def wire(identity: IdentityController, todos: TodosController, reconnector: Reconnector) -> None:
    """Connect them; to be called before a window listens to the same signals."""

    def follow(session: state.Session) -> None:
        if session.restoring:
            return
        todos.keep_only(session.accounts.keys())
        if _offline(session):
            reconnector.wait()
        else:
            reconnector.stop()

    def come_back() -> None:
        for account_id in _offline(identity.session):
            todos.come_back(account_id)

    todos.interaction_wanted.connect(identity.interaction_wanted)
    todos.signed_out_elsewhere.connect(identity.signed_out_elsewhere)
    todos.network_lost.connect(identity.network_lost)
    todos.network_back.connect(identity.network_back)
    identity.resume.connect(todos.resume)
    identity.session_changed.connect(follow)
    reconnector.try_again.connect(come_back)


def _offline(session: state.Session) -> list[str]:
    return [name for name, account in session.accounts.items() if isinstance(account, state.Offline)]
