"""Owns the accounts as the window drives them: state to signals, a person's actions to the identity lane."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from ciam_desktop.core import trouble
from ciam_desktop.core.errors import CiamError, InteractionRequired, NetworkError, SignInError
from ciam_desktop.core.identity import state
from ciam_desktop.qt.attempt import Attempt, BrowserAttempt, Means, Wish
from ciam_desktop.qt.backend import Backend
from ciam_desktop.qt.device_attempt import DeviceAttempt
from ciam_desktop.qt.farewell import Farewell
from ciam_desktop.qt.lanes import Lane, Relay

if TYPE_CHECKING:
    from ciam_desktop.core.config import Settings
    from ciam_desktop.core.identity.person import Person

_HERE = state.SignedIn | state.Offline | state.NeedsInteraction

_log = logging.getLogger(__name__)


class IdentityController(QObject):
    """Signs in, restores, switches and signs out accounts.

    `session_changed` carries a Session, `ready` the Backend, `trouble` a Trouble for the banner, `proven` a Person
    whenever a sign-in was completed, `resume` an account's id and the action of its that had to wait for it.
    """

    session_changed = Signal(object)
    ready = Signal(object)
    trouble = Signal(object)
    proven = Signal(object)
    resume = Signal(str, object)

    def __init__(
        self, settings: Settings, connect: Callable[[], Backend], lane: Lane, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._connect = connect
        self._lane = lane
        self._relay = Relay(self)
        self._relay.arrived.connect(_call)
        self._farewell = Farewell(settings, lane, self._relay, self.trouble.emit)
        self._attempt: Attempt | None = None
        self._refusals: dict[str, SignInError] = {}  # the last one of each account, for who is told of it
        self._untold: set[str] = set()  # who needs interaction, which has not been asked for since another was in use
        self._wish: Wish | None = None  # what waits for the start
        self._failed: Wish | None = None  # what the banner of a failed attempt is about
        self._starting = False
        self._closed = False
        self._opened: Backend | None = None  # the backend from the moment on in which `close` must close it
        self._gate = threading.Lock()  # guards the two above: a backend may be ready just when the window closes
        self.session = state.Session()
        self.backend: Backend | None = None

    # What a person does.

    def start(self) -> None:
        """Build the services and read who is signed in; does nothing while it is at it, or once it is done."""
        if self._starting or self.backend is not None:
            return
        self._starting = True
        task = self._lane.submit(self._connect_and_restore)
        task.succeeded.connect(self._on_restored)
        task.failed.connect(self._on_start_failed)

    def sign_in(self, *, prompt: str = "", read_only: bool = False, another: bool = False) -> None:
        """Open the browser for a sign-in; one that is under way there is brought back to the browser instead.

        It is for the account in use, with its claims challenge, unless `another` leaves that one out.
        """
        self._want(Wish(prompt, read_only, another))

    def sign_in_elsewhere(self, *, another: bool = False, read_only: bool = False) -> None:
        """Show a code to sign in on another device; a sign-in in the browser that is under way gives way to it."""
        self._want(Wish("", read_only, another, elsewhere=True))

    def sign_in_again(self, *, read_only: bool = False) -> None:
        """Try once more what failed, in the same way; without such a failure the account in use signs in."""
        wish = self._failed or Wish()
        self._want(replace(wish, read_only=read_only or wish.read_only))

    def cancel(self) -> None:
        """End the attempt under way, at once."""
        if self._attempt is not None:
            self._attempt.cancel()

    def open_browser_again(self) -> None:
        """Open the address of the attempt under way once more."""
        if self._attempt is not None:
            self._attempt.open_again()

    def more_time(self) -> None:
        """Wait another while for the browser."""
        if self._attempt is not None:
            self._attempt.more_time()

    def choose(self, account_id: str) -> None:
        """Use this account from now on; what it needs its person for is asked now, if it was not before."""
        if self._attempt is not None or account_id == self.session.current or not self._is_here(account_id):
            return
        self._failed = None
        self._advance(state.Chosen(account_id))
        self._keep_current()
        if account_id in self._untold:
            self.sign_in()

    def sign_out(self, account_id: str = "") -> None:
        """Remove the account's tokens here (of the one in use, for ""), then end its session in the browser."""
        self._sign_out({account_id or self.session.current})

    def sign_out_all(self) -> None:
        """Remove every account's tokens here, in one step, then end their sessions in the browser one by one."""
        self._sign_out(set(self.session.accounts))

    def close(self) -> None:
        """End every wait; called before the lanes are closed."""
        with self._gate:
            self._closed, opened = True, self._opened
        if self._attempt is not None:
            self._attempt.end()
        self._farewell.close()
        if opened is not None:
            opened.close()

    # What the to-dos report.

    def interaction_wanted(
        self, account_id: str, pending: state.PendingAction, error: SignInError, again: bool = False
    ) -> None:
        """The provider wants the account's person for `pending`: sign-in opens, and it is done afterwards, once.

        Only told is what was refused `again` after such a sign-in, or while the account waits for one already. An
        account that is not in use waits until it is.
        """
        if not self._is_here(account_id):
            return
        waits = isinstance(self.session.accounts[account_id], state.NeedsInteraction)
        self._failed = None
        self._refusals[account_id] = error
        self._advance(state.InteractionWanted(account_id, pending, str(error), getattr(error, "claims", "")))
        under_way = self.session.attempt
        if under_way is not None and under_way.account_id == account_id:
            return
        if under_way is not None or account_id != self.session.current:
            self._untold.add(account_id)
        elif waits or again:
            self._tell_interaction(account_id)
        else:
            self.sign_in()

    def signed_out_elsewhere(self, account_id: str, error: SignInError) -> None:
        """Another window of this program signed the account out: it is gone here too, and that is told."""
        if not self._is_here(account_id):
            return
        if self.session.attempt is not None and self.session.attempt.account_id == account_id:
            self.cancel()
        self._advance(state.GoneElsewhere(account_id))
        self._forget({account_id})
        self.trouble.emit(trouble.of_sign_in(error))

    def network_lost(self, account_id: str) -> None:
        """A call for the account met no answer."""
        if isinstance(self.session.accounts.get(account_id), state.SignedIn):
            self._advance(state.NetworkLost(account_id, time.time()))

    def network_back(self, account_id: str) -> None:
        """A call for the account went through."""
        if isinstance(self.session.accounts.get(account_id), state.Offline):
            self._advance(state.NetworkBack(account_id))

    # The start.

    def _connect_and_restore(self) -> tuple[Backend, tuple[Person, ...], str]:
        backend = self._connect()
        try:
            people, current = backend.people.restore()
        except BaseException:
            backend.close()
            raise
        with self._gate:
            self._opened, too_late = backend, self._closed
        if too_late:
            backend.close()
        return backend, people, current

    def _on_restored(self, result: tuple[Backend, tuple[Person, ...], str]) -> None:
        self._starting = False
        self.backend, people, current = result
        self._advance(state.Restored(people, current))
        self.ready.emit(self.backend)
        wish, self._wish = self._wish, None
        if wish is not None and (not people or wish.another):  # else whoever wanted to sign in is signed in
            self._want(wish)

    def _on_start_failed(self, error: Exception) -> None:
        self._starting = False
        self._wish = None
        _log_unexpected(error)
        self.trouble.emit(trouble.of_start(error))

    # The attempt.

    def _want(self, wish: Wish) -> None:
        if self.backend is None:
            self._wish = wish
            self.start()
            return
        if self._attempt is not None:
            if self._attempt.wish.elsewhere == wish.elsewhere:
                self._attempt.open_again()
                return
            if self.session.attempt is None or self.session.attempt.step is state.Step.VERIFYING:
                return
            wish = replace(wish, another=wish.another or self._attempt.wish.another)
            self._end_attempt()
        if self.session.restoring or self.session.signing_out:
            return
        self._farewell.close()  # its port is wanted, and nobody waits for it any more
        account = None if wish.another else self.session.accounts.get(self.session.current)
        means = Means(
            self._settings, self.backend, self._lane, self._relay, self._advance, self._on_proven, self._on_failed
        )
        if wish.elsewhere:
            known, in_use = self.session.accounts.keys(), self.session.current
            self._attempt = DeviceAttempt(means, wish, account, known=known, in_use=in_use, parent=self)
        else:
            self._attempt = BrowserAttempt(means, wish, account)
        self._failed = None
        if account is not None:
            self._untold.discard(self.session.current)
        self._attempt.start()

    def _on_proven(self, person: Person) -> None:
        before = self.session.accounts.get(person.account_id)
        self._attempt = None
        self._untold.discard(person.account_id)
        self._refusals.pop(person.account_id, None)
        self._advance(state.AttemptProven(person))
        self.proven.emit(person)
        if isinstance(before, state.NeedsInteraction):
            self.resume.emit(person.account_id, before.pending)

    def _on_failed(self, error: Exception) -> None:
        _log_unexpected(error)
        wish = self._attempt.wish if self._attempt is not None else Wish()
        self._failed = wish
        self._end_attempt()
        self.trouble.emit(trouble.of_sign_in(error, can_read_only=not wish.read_only))
        if self.session.current in self._untold:  # wanted while another's attempt was under way
            self._untold.discard(self.session.current)
            self._tell_interaction(self.session.current)

    def _end_attempt(self) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.end()
            self._advance(state.AttemptEnded())

    def _tell_interaction(self, account_id: str) -> None:
        account, refusal = self.session.accounts[account_id], self._refusals.get(account_id)
        if isinstance(account, state.NeedsInteraction) and refusal is not None:
            told = InteractionRequired(
                account.why,
                error=refusal.error,
                code=refusal.code,
                suberror=refusal.suberror,
                correlation_id=refusal.correlation_id,
            )
            self.trouble.emit(trouble.of_todos(told, adding=isinstance(account.pending, state.AddTodo)))

    # Switching and signing out.

    def _is_here(self, account_id: str) -> bool:
        return isinstance(self.session.accounts.get(account_id), _HERE)

    def _keep_current(self) -> None:
        """Keep which account is in use; when that fails, the next start opens with another one, and no more."""
        if self.backend is not None and self.session.current:
            task = self._lane.submit(self.backend.people.choose, self.session.current)
            task.failed.connect(_log_unexpected)

    def _sign_out(self, account_ids: set[str]) -> None:
        ready = self.backend is not None and self._attempt is None and not self.session.signing_out
        if not ready or not account_ids or self.backend is None or not all(map(self._is_here, account_ids)):
            return
        people = [self.session.accounts[each].person for each in self.session.accounts if each in account_ids]
        self._advance(state.SignOutStarted(frozenset(account_ids)))
        task = self._lane.submit(self.backend.people.sign_out, frozenset(account_ids))
        task.succeeded.connect(lambda _result: self._on_signed_out(people))
        task.failed.connect(self._on_sign_out_failed)

    def _on_signed_out(self, people: list[Person]) -> None:
        self._advance(state.SignedOutHere())
        self._forget({each.account_id for each in people})
        if self.backend is not None:
            self._farewell.begin(self.backend, people)

    def _on_sign_out_failed(self, error: Exception) -> None:
        _log_unexpected(error)
        self._advance(state.SignOutFailed())
        self.trouble.emit(trouble.of_sign_out(error))

    def _forget(self, account_ids: set[str]) -> None:
        """These accounts are gone; the one that is in use now is kept as such."""
        self._untold -= account_ids
        for account_id in account_ids:
            self._refusals.pop(account_id, None)
        self._keep_current()

    def _advance(self, event: state.Event) -> None:
        self.session = state.advance(self.session, event)
        self.session_changed.emit(self.session)


def _call(what: Callable[[], None]) -> None:
    what()


def _log_unexpected(error: Exception) -> None:
    if not isinstance(error, CiamError):
        _log.error("unexpected", exc_info=error)
    elif isinstance(error, NetworkError):
        _log.info("network: %s", error.reason)
