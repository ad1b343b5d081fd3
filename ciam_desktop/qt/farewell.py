"""Owns the end of the browser's own sessions after a sign-out here: one page at a time, never a crowd of tabs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from ciam_desktop.core import trouble
from ciam_desktop.core.errors import SignInCancelled, SignInError
from ciam_desktop.core.trouble import Trouble
from ciam_desktop.i18n import _
from ciam_desktop.qt.backend import Backend
from ciam_desktop.qt.lanes import Lane, Relay

if TYPE_CHECKING:
    from ciam_desktop.core.config import Settings
    from ciam_desktop.core.identity.loopback import Redirect, RedirectListener
    from ciam_desktop.core.identity.person import Person

SIGN_OUT_SECONDS = 2 * 60


@dataclass(slots=True, eq=False)
class _Visit:
    """One visit to the provider's sign-out page; `name` is who is signed out by it, or empty."""

    person: Person = field(repr=False)
    name: str = field(repr=False)
    listener: RedirectListener | None = None
    over: bool = False


class Farewell:
    """Sends the browser to the provider's sign-out page for each person who left. Lives on the UI thread.

    `told` takes what did not work; then the rest is left out, since it would not work either.
    """

    def __init__(self, settings: Settings, lane: Lane, relay: Relay, told: Callable[[Trouble], None]) -> None:
        self._settings = settings
        self._lane = lane
        self._relay = relay
        self._told = told
        self._visit: _Visit | None = None
        self._left: list[_Visit] = []

    def begin(self, backend: Backend, people: Sequence[Person]) -> None:
        """Visit the sign-out page for `people`, one after another; whoever was waited for is not any more."""
        self.close()
        self._left = _visits(people, comes_back=self._comes_back)
        self._next(backend)

    def close(self) -> None:
        """Wait for nobody any more."""
        self._left = []
        visit, self._visit = self._visit, None
        if visit is not None:
            visit.over = True
            if visit.listener is not None:
                visit.listener.close()

    @property
    def _comes_back(self) -> bool:
        """Whether the browser comes back to this program; else a page of somebody else's ends the sign-out."""
        return self._settings.post_logout_redirect_uri.startswith("http://")

    def _next(self, backend: Backend) -> None:
        self._visit = None
        if self._left:
            self._visit = visit = self._left.pop(0)
            task = self._lane.submit(self._look_up, backend, visit)
            task.succeeded.connect(lambda uri: self._on_looked_up(backend, visit, uri))
            task.failed.connect(lambda error: self._on_failed(visit, error))

    # On the identity lane.

    def _look_up(self, backend: Backend, visit: _Visit) -> str:
        """Start the listener for the post-logout redirect; returns the address for the browser, or ""."""
        from ciam_desktop.core.identity.loopback import Expected, Kind, RedirectListener

        back_to = self._settings.post_logout_redirect_uri
        if not self._comes_back:
            return backend.people.end_session_uri(visit.person, back_to)[0]
        listener = RedirectListener(back_to, strict_port=self._settings.strict_port)
        visit.listener = listener  # from here on closing reaches it
        if visit.over:
            raise SignInCancelled(_("Waiting for the browser was cancelled."))
        try:
            uri, expected_state = backend.people.end_session_uri(visit.person, listener.open())
            if uri:
                listener.expect(
                    Expected(Kind.SIGN_OUT, expected_state),
                    deadline=SIGN_OUT_SECONDS,
                    on_done=lambda done: self._relay.send(partial(self._on_done, backend, visit, done)),
                )
        except BaseException:
            listener.close()
            raise
        if not uri:
            listener.close()
        return uri

    # Back on the UI thread.

    def _on_looked_up(self, backend: Backend, visit: _Visit, uri: str) -> None:
        from ciam_desktop.core.identity.browser import open_in_browser

        if visit.over:
            return
        if uri:
            open_in_browser(uri, lambda opened: self._relay.send(partial(self._on_opened, visit, opened)))
        if not uri or not self._comes_back:
            self._next(backend)

    def _on_opened(self, visit: _Visit, opened: bool) -> None:
        if not opened:
            self._on_failed(visit, SignInError(_("no browser could be opened.")))

    def _on_done(self, backend: Backend, visit: _Visit, done: Redirect | SignInError) -> None:
        from ciam_desktop.core.identity import pages

        if visit.over:
            return
        if isinstance(done, SignInError):
            self._on_failed(visit, SignInError(_("it did not come back from the sign-out page.")))
            return
        done.answer(pages.signed_out(visit.name))
        visit.over = True
        if visit.listener is not None:
            visit.listener.close()
        self._next(backend)

    def _on_failed(self, visit: _Visit, error: Exception) -> None:
        if not visit.over:
            visit.over = True
            self.close()
            self._told(trouble.of_browser_session(error))


def _visits(people: Sequence[Person], *, comes_back: bool) -> list[_Visit]:
    """One visit for each person that can be named there; the others, and all where nobody comes back, share one.

    A provider that is told no name asks in the browser which of its sessions shall end.
    """
    named = [each for each in people if each.login_hint] if comes_back or len(people) == 1 else []
    others = [each for each in people if each not in named]
    visits = [_Visit(each, each.name) for each in named]
    if others:
        visits.append(_Visit(replace(others[0], login_hint=""), others[0].name if len(others) == 1 else ""))
    return visits
