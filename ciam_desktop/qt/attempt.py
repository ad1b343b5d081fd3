"""Owns one sign-in under way: what every way has in common, and the way through the browser on this computer."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale

from ciam_desktop.core import trouble
from ciam_desktop.core.errors import SignInCancelled, SignInError
from ciam_desktop.core.identity import state
from ciam_desktop.i18n import _
from ciam_desktop.qt.backend import Backend
from ciam_desktop.qt.lanes import Lane, Relay, held

if TYPE_CHECKING:
    from ciam_desktop.core.config import Settings
    from ciam_desktop.core.identity.loopback import Redirect, RedirectListener
    from ciam_desktop.core.identity.people import AuthorizationRequest
    from ciam_desktop.core.identity.person import Person

SIGN_IN_SECONDS = 15 * 60


@dataclass(frozen=True, slots=True)
class Wish:
    """How a person wants to sign in.

    `another` leaves the account in use out of it, `elsewhere` is by a code on another device, `read_only` does without
    the permission to write, `prompt` is OpenID Connect's (section 3.1.2.1), or Entra's "create".
    """

    prompt: str = ""
    read_only: bool = False
    another: bool = False
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Means:
    """What an attempt works with. `relay` carries callables to the UI thread, where the three calls are made too.

    `happened` takes each event of state.py, then comes one of `proven`, with the Person, and `failed`, with the error;
    after `Attempt.end` none of them does.
    """

    settings: Settings
    backend: Backend
    lane: Lane
    relay: Relay
    happened: Callable[[state.Event], None]
    proven: Callable[[Person], None]
    failed: Callable[[Exception], None]


class Attempt(ABC):
    """One sign-in under way, for `account` or, if that is None, for whoever comes. Lives on the UI thread."""

    def __init__(self, means: Means, wish: Wish, account: state.AccountState | None) -> None:
        self.wish = wish
        self._means = means
        self._person = account.person if account else None
        self._claims = account.claims if isinstance(account, state.NeedsInteraction) else ""
        self._deadline = 0.0
        self._over = False
        self._asks = False
        self._asking_gate = threading.Lock()  # guards the two above: whoever ends it must not wait for an answer

    def start(self) -> None:
        """Say that it has begun, and begin on the identity lane."""
        now = time.time()
        self._deadline = now + SIGN_IN_SECONDS
        account_id = self._person.account_id if self._person else ""
        self._means.happened(state.AttemptStarted(now, self._deadline, account_id, self.wish.elsewhere))
        self._start()

    @abstractmethod
    def _start(self) -> None: ...

    @abstractmethod
    def cancel(self) -> None:
        """The person does not want it any more."""

    @abstractmethod
    def open_again(self) -> None:
        """Open the browser once more, where there is one to open."""

    @abstractmethod
    def more_time(self) -> None:
        """Wait longer, where the deadline is ours."""

    def end(self) -> None:
        """Let go of everything, and say nothing any more."""
        with self._asking_gate:
            first, self._over = not self._over, True
            if first and self._asks:
                self._means.backend.people.interrupt()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Around a request on the identity lane, which ends with the attempt: the next one is to find the lane free."""
        with self._asking_gate:
            if self._over:
                raise cancelled()
            self._asks = True
        try:
            yield
        finally:
            with self._asking_gate:
                self._asks = False

    @property
    def _scopes(self) -> list[str]:
        tenant = self._means.backend.tenant
        return [tenant.read_scope] if self.wish.read_only else [tenant.read_scope, tenant.readwrite_scope]

    def _prove(self, person: Person) -> None:
        if not self._over:
            self._over = True
            self._means.proven(person)

    def _fail(self, error: Exception) -> None:
        if not self._over:
            self.end()
            self._means.failed(error)


def cancelled() -> SignInCancelled:
    """What an attempt ends with when it was cancelled here."""
    return SignInCancelled(_("The sign-in was cancelled."))


def language() -> str:
    """The system's language with its country, as the provider's pages take it ("de-DE"); "" where it names none."""
    # Not bcp47Name, which leaves out what is likely ("de"); and the region's formats may be another country's.
    preferred = next(iter(QLocale.system().uiLanguages()), "")
    name = QLocale(preferred).name()
    return "" if name == "C" else name.replace("_", "-")


@dataclass(slots=True)
class _Held:
    """What the identity lane makes and both threads use."""

    listener: RedirectListener | None = None
    request: AuthorizationRequest | None = field(default=None, repr=False)
    unwanted: bool = False


class BrowserAttempt(Attempt):
    """The authorization code flow in the person's own browser (RFC 8252)."""

    def __init__(self, means: Means, wish: Wish, account: state.AccountState | None) -> None:
        super().__init__(means, wish, account)
        self._held = _Held()
        self._begun = False
        self._verifying = False
        self._https_told = False

    def _start(self) -> None:
        task = self._means.lane.submit(self._begin)
        task.succeeded.connect(lambda _result: self._on_begun())
        task.failed.connect(held(self._fail))

    def cancel(self) -> None:
        """Whatever comes first decides: once the redirect is here, its answer does."""
        if not self._begun:
            self._fail(cancelled())
        elif self._held.listener is not None:
            self._held.listener.cancel()

    def open_again(self) -> None:
        from ciam_desktop.core.identity.browser import open_in_browser

        request = self._held.request
        if self._over or not self._begun or self._verifying or request is None:
            return
        self._means.happened(state.BrowserSent(request.uri))
        open_in_browser(request.uri, lambda opened: self._means.relay.send(partial(self._on_opened, opened)))

    def more_time(self) -> None:
        if not self._over and self._begun and not self._verifying and self._held.listener is not None:
            self._held.listener.extend(SIGN_IN_SECONDS)
            self._deadline += SIGN_IN_SECONDS
            self._means.happened(state.DeadlineMoved(self._deadline))

    def end(self) -> None:
        super().end()
        self._held.unwanted = True
        if self._held.listener is not None:
            self._held.listener.close()

    # On the identity lane.

    def _begin(self) -> None:
        from ciam_desktop.core.identity.loopback import Expected, Kind, RedirectListener  # after first paint

        means, held = self._means, self._held
        listener = RedirectListener(
            means.settings.redirect_uri,
            strict_port=means.settings.strict_port,
            on_https_seen=lambda: means.relay.send(self._on_https_seen),
        )
        held.listener = listener  # from here on cancelling reaches it
        if held.unwanted:
            raise cancelled()
        means.backend.ensure()
        redirect_uri = listener.open()
        with self._asking():
            held.request = request = means.backend.people.begin(
                redirect_uri,
                self._scopes,
                login_hint=self._person.address if self._person else "",
                prompt=self.wish.prompt,
                claims=self._claims,
                domain_hint=means.settings.domain_hint,
                language=language(),
            )
        expected = Expected(Kind.SIGN_IN, request.state, request.issuer, request.issuer_required)
        listener.expect(
            expected,
            deadline=SIGN_IN_SECONDS,
            on_done=lambda done: means.relay.send(partial(self._on_done, done)),
        )

    def _complete(self, redirect: Redirect) -> Person:
        """Redeem and prove, then answer the browser's page with what is true."""
        from ciam_desktop.core.identity import pages

        held = self._held
        if held.request is None or held.listener is None:
            raise RuntimeError("a redirect without a request")
        try:
            person = self._means.backend.people.complete(held.request, redirect.parameters)
        except Exception as error:
            told = trouble.of_sign_in(error)
            redirect.answer(pages.failed(told.title, told.text))
            raise
        else:
            redirect.answer(pages.signed_in(person.name))
            return person
        finally:
            held.listener.close()

    # Back on the UI thread.

    def _on_begun(self) -> None:
        if not self._over:
            self._begun = True
            self.open_again()

    def _on_opened(self, opened: bool) -> None:
        request = self._held.request
        if not self._over and not self._verifying and not opened and request is not None:
            self._means.happened(state.BrowserSent(request.uri, opened=False))

    def _on_https_seen(self) -> None:
        if not self._over and not self._https_told:
            self._https_told = True
            self._means.happened(state.HttpsForced())

    def _on_done(self, done: Redirect | SignInError) -> None:
        if self._over:
            return
        if isinstance(done, SignInError):
            self._fail(done)
            return
        self._verifying = True
        self._means.happened(state.RedirectArrived())
        task = self._means.lane.submit(self._complete, done)
        task.succeeded.connect(held(self._prove))
        task.failed.connect(held(self._fail))
