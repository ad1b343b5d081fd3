"""Owns the sign-in as the window drives it: state to signals, a person's actions to the identity lane."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QLocale, QObject, Signal

from ciam_desktop.core import trouble
from ciam_desktop.core.errors import NetworkError, SignInCancelled, SignInError, SignInTimedOut
from ciam_desktop.core.identity import state
from ciam_desktop.i18n import _
from ciam_desktop.qt.backend import Backend
from ciam_desktop.qt.lanes import Lane, Relay

if TYPE_CHECKING:
    from ciam_desktop.core.config import Settings
    from ciam_desktop.core.identity.loopback import Redirect, RedirectListener
    from ciam_desktop.core.identity.people import AuthorizationRequest
    from ciam_desktop.core.identity.person import Person

SIGN_IN_SECONDS = 15 * 60
SIGN_OUT_SECONDS = 2 * 60

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Attempt:
    """What belongs to the attempt under way and to no state: the listener, the request, and who ended it."""

    read_only: bool
    listener: RedirectListener | None = None
    request: AuthorizationRequest | None = field(default=None, repr=False)
    cancelled: bool = False


class IdentityController(QObject):
    """Signs in, restores and signs out one account.

    `session_changed` carries a Session, `ready` the Backend, `trouble` a Trouble for the banner, `proven` a Person
    whenever a sign-in was completed, `resume` the action that had to wait for it.
    """

    session_changed = Signal(object)
    ready = Signal(object)
    trouble = Signal(object)
    proven = Signal(object)
    resume = Signal(object)

    def __init__(
        self, settings: Settings, connect: Callable[[], Backend], lane: Lane, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._connect = connect
        self._lane = lane
        self._relay = Relay(self)
        self._relay.arrived.connect(self._on_relayed)
        self._attempt: _Attempt | None = None
        self._farewell: RedirectListener | None = None
        self._leaving = ""
        self._starting = False
        self._started_over = False
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

    def sign_in(self, *, prompt: str = "", read_only: bool = False) -> None:
        """Open the browser for a sign-in; an attempt under way is brought back to the browser instead."""
        if self._attempt is not None:
            self.open_browser_again()
            return
        if self.backend is None:
            self._started_over = True
            self.start()
            return
        if isinstance(self.session.account, state.Restoring | state.SigningOut):
            return
        self._end_farewell()  # its port is wanted, and nobody waits for it any more
        now = time.time()
        self._attempt = attempt = _Attempt(read_only)
        self._advance(state.AttemptStarted(now, now + SIGN_IN_SECONDS))
        task = self._lane.submit(self._begin, self.backend, attempt, self.session.account, prompt)
        task.succeeded.connect(lambda _result, mine=attempt: self._on_begun(mine))
        task.failed.connect(lambda error, mine=attempt: self._on_attempt_failed(mine, error))

    def cancel(self) -> None:
        """End the attempt under way, at once."""
        if self._attempt is not None:
            self._attempt.cancelled = True
            if self._attempt.listener is not None:
                self._attempt.listener.cancel()

    def open_browser_again(self) -> None:
        """Open the address of the attempt under way once more."""
        attempt, shown = self._attempt, self.session.attempt
        before_redirect = shown is not None and shown.step is not state.Step.VERIFYING
        if attempt is not None and attempt.request is not None and before_redirect:
            self._open_browser(attempt, attempt.request.uri)

    def sign_out(self) -> None:
        """Remove the tokens here, then end the session in the browser."""
        person = state.person_of(self.session.account)
        if person is None or self.backend is None or self._attempt is not None:
            return
        self._advance(state.SignOutStarted())
        self._leaving = person.name
        task = self._lane.submit(self.backend.people.sign_out, person.account_id)
        task.succeeded.connect(lambda _result: self._on_signed_out(person))
        task.failed.connect(self._on_sign_out_failed)

    def close(self) -> None:
        """End every wait; called before the lanes are closed."""
        with self._gate:
            self._closed, opened = True, self._opened
        self.cancel()
        if self._attempt is not None and self._attempt.listener is not None:
            self._attempt.listener.close()
        self._end_farewell()
        if opened is not None:
            opened.close()

    # What the to-dos report.

    def interaction_wanted(self, pending: state.PendingAction, error: SignInError) -> None:
        """The provider wants the person for `pending`: sign-in opens, and the action is done afterwards, once."""
        claims = getattr(error, "claims", "")
        if isinstance(self.session.account, state.SignedIn | state.Offline | state.NeedsInteraction):
            self._advance(state.InteractionWanted(pending, str(error), claims))
            self.sign_in()

    def signed_out_elsewhere(self, error: SignInError) -> None:
        """Another window of this program signed the account out: it is gone here too, and that is told."""
        if isinstance(self.session.account, state.SignedIn | state.Offline | state.NeedsInteraction):
            self.cancel()
            self._advance(state.GoneElsewhere())
            self.trouble.emit(trouble.of_sign_in(error))

    def network_lost(self) -> None:
        """A renewal met no answer."""
        if isinstance(self.session.account, state.SignedIn):
            self._advance(state.NetworkLost(time.time()))

    def network_back(self) -> None:
        """A call went through."""
        if isinstance(self.session.account, state.Offline):
            self._advance(state.NetworkBack())

    # On the identity lane.

    def _connect_and_restore(self) -> tuple[Backend, Person | None]:
        backend = self._connect()
        try:
            person = backend.people.restore()
        except BaseException:
            backend.close()
            raise
        with self._gate:
            self._opened, too_late = backend, self._closed
        if too_late:
            backend.close()
        return backend, person

    def _begin(self, backend: Backend, attempt: _Attempt, account: state.AccountState, prompt: str) -> None:
        from ciam_desktop.core.identity.loopback import Expected, Kind, RedirectListener  # after first paint

        listener = RedirectListener(self._settings.redirect_uri, strict_port=self._settings.strict_port)
        attempt.listener = listener  # from here on cancelling reaches it
        if attempt.cancelled:
            raise SignInCancelled(_("The sign-in was cancelled."))
        redirect_uri = listener.open()
        tenant = backend.tenant
        scopes = [tenant.read_scope] if attempt.read_only else [tenant.read_scope, tenant.readwrite_scope]
        person = state.person_of(account)
        attempt.request = request = backend.people.begin(
            redirect_uri,
            scopes,
            login_hint=person.address if person else "",
            prompt=prompt,
            claims=account.claims if isinstance(account, state.NeedsInteraction) else "",
            language=QLocale.system().bcp47Name(),
        )
        expected = Expected(Kind.SIGN_IN, request.state, request.issuer, request.issuer_required)
        listener.expect(expected, deadline=SIGN_IN_SECONDS, on_done=lambda done: self._relay.send((attempt, done)))

    def _complete(self, backend: Backend, attempt: _Attempt, redirect: Redirect) -> Person:
        """Redeem and prove, then answer the browser's page with what is true."""
        from ciam_desktop.core.identity import pages

        if attempt.request is None or attempt.listener is None:
            raise RuntimeError("a redirect without a request")
        try:
            person = backend.people.complete(attempt.request, redirect.parameters)
        except Exception as error:
            told = trouble.of_sign_in(error)
            redirect.answer(pages.failed(told.title, told.text))
            raise
        else:
            redirect.answer(pages.signed_in(person.name))
            return person
        finally:
            attempt.listener.close()

    def _begin_farewell(self, backend: Backend, person: Person) -> str:
        """Start the listener for the post-logout redirect; returns the address for the browser, or ""."""
        from ciam_desktop.core.identity.loopback import Expected, Kind, RedirectListener

        back_to = self._settings.post_logout_redirect_uri
        if not back_to.startswith("http://"):  # a page of somebody else's, which ends the sign-out in our place
            return backend.people.end_session_uri(person, back_to)[0]
        listener = RedirectListener(back_to, strict_port=self._settings.strict_port)
        self._farewell = listener  # from here on closing reaches it
        if self._closed:
            listener.close()
        try:
            uri, expected_state = backend.people.end_session_uri(person, listener.open())
            if uri:
                expected = Expected(Kind.SIGN_OUT, expected_state)
                listener.expect(
                    expected, deadline=SIGN_OUT_SECONDS, on_done=lambda done: self._relay.send((listener, done))
                )
        except BaseException:
            listener.close()
            raise
        if not uri:
            listener.close()
        return uri

    # Back on the UI thread.

    def _on_restored(self, result: tuple[Backend, Person | None]) -> None:
        self._starting = False
        self.backend, person = result
        self._advance(state.Restored(person))
        self.ready.emit(self.backend)
        if self._started_over:
            self._started_over = False
            self.sign_in()

    def _on_start_failed(self, error: Exception) -> None:
        self._starting = False
        self._started_over = False
        _log_unexpected(error)
        self.trouble.emit(trouble.of_start(error))

    def _on_begun(self, attempt: _Attempt) -> None:
        if attempt is self._attempt and not attempt.cancelled:  # else the listener has said so already, or will
            self.open_browser_again()

    def _open_browser(self, attempt: _Attempt, uri: str) -> None:
        from ciam_desktop.core.identity.browser import open_in_browser

        self._advance(state.BrowserSent(uri))
        open_in_browser(uri, lambda opened: self._relay.send((attempt, opened)))

    def _on_relayed(self, message: tuple[_Attempt | RedirectListener, Any]) -> None:
        attempt, done = message
        if attempt is self._farewell:
            self._on_farewell(done)
        elif attempt is not self._attempt or not isinstance(attempt, _Attempt):
            return  # of an attempt, or a sign-out, that has ended
        elif isinstance(done, bool):
            self._on_browser_tried(attempt, opened=done)
        elif isinstance(done, SignInError):
            self._on_attempt_failed(attempt, done)
        elif self.backend is not None:
            self._advance(state.RedirectArrived())
            task = self._lane.submit(self._complete, self.backend, attempt, done)
            task.succeeded.connect(lambda person: self._on_proven(attempt, person))
            task.failed.connect(lambda error: self._on_attempt_failed(attempt, error))

    def _on_browser_tried(self, attempt: _Attempt, *, opened: bool) -> None:
        waiting = self.session.attempt is not None and self.session.attempt.step is state.Step.WAITING
        if waiting and not opened and attempt.request is not None:
            self._advance(state.BrowserSent(attempt.request.uri, opened=False))

    def _on_proven(self, attempt: _Attempt, person: Person) -> None:
        before = self.session.account
        if attempt is not self._attempt:
            return
        self._attempt = None
        self._advance(state.AttemptProven(person))
        self.proven.emit(person)
        if isinstance(before, state.NeedsInteraction) and before.person.account_id == person.account_id:
            self.resume.emit(before.pending)

    def _on_attempt_failed(self, attempt: _Attempt, error: Exception) -> None:
        if attempt is not self._attempt:
            return
        _log_unexpected(error)
        self._end(attempt)
        self.trouble.emit(trouble.of_sign_in(error, can_read_only=not attempt.read_only))

    def _end(self, attempt: _Attempt) -> None:
        self._attempt = None
        if attempt.listener is not None:
            attempt.listener.close()
        self._advance(state.AttemptEnded())

    def _on_signed_out(self, person: Person) -> None:
        self._advance(state.SignedOutHere())
        if self.backend is None:
            return
        self._end_farewell()
        task = self._lane.submit(self._begin_farewell, self.backend, person)
        task.succeeded.connect(self._on_farewell_begun)
        task.failed.connect(lambda error: self.trouble.emit(trouble.of_browser_session(error)))

    def _end_farewell(self) -> None:
        if self._farewell is not None:
            self._farewell.close()
            self._farewell = None

    def _on_farewell_begun(self, uri: str) -> None:
        from ciam_desktop.core.identity.browser import open_in_browser

        if uri:
            open_in_browser(uri, lambda _opened: None)

    def _on_farewell(self, done: Redirect | SignInError) -> None:
        from ciam_desktop.core.identity import pages

        if not isinstance(done, SignInError):
            done.answer(pages.signed_out(self._leaving))
        elif isinstance(done, SignInTimedOut):
            why = SignInError(_("it did not come back from the sign-out page."))
            self.trouble.emit(trouble.of_browser_session(why))
        self._end_farewell()

    def _on_sign_out_failed(self, error: Exception) -> None:
        _log_unexpected(error)
        self._advance(state.SignOutFailed())
        self.trouble.emit(trouble.of_sign_out(error))

    def _advance(self, event: state.Event) -> None:
        self.session = state.advance(self.session, event)
        self.session_changed.emit(self.session)


def _log_unexpected(error: Exception) -> None:
    from ciam_desktop.core.errors import CiamError

    if not isinstance(error, CiamError):
        _log.error("unexpected", exc_info=error)
    elif isinstance(error, NetworkError):
        _log.info("network: %s", error.reason)
