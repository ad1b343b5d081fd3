"""Owns what the tests of the redirect listener share: a listener that waits, and what it reported."""

from __future__ import annotations

import queue
import re
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote_plus

import pytest

from ciam_desktop.core.errors import SignInError
from ciam_desktop.core.identity import pages
from ciam_desktop.core.identity.loopback import Expected, Kind, Limits, Redirect, RedirectListener
from ciam_desktop.core.identity.redirect_http import Accepted, Contradicted, RedirectUri, Refused, Request, judge
from tests.doubles.browsers import PATIENCE, Answer, RawBrowser, form_post

STATE = "the-right-state-471147"  # as long as those of the real program, which take its place in some tests
CODE = "the-code-0815"
ISSUER = "https://login.contoso.example/v2.0"
TRUE = {"code": CODE, "state": STATE}
SIGN_IN = Expected(Kind.SIGN_IN, STATE)
SIGN_OUT = Expected(Kind.SIGN_OUT, STATE)
UNHURRIED = Limits(request=600, hold=600, linger=600)  # whatever waits for one of these fails the test
MARK = "mark-of-the-sender"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and binds 127.0.0.2")


class Outcomes:
    """An `on_done` that keeps each call, with the thread that made it."""

    def __init__(self) -> None:
        self.calls: list[Redirect | SignInError] = []
        self.threads: list[str] = []
        self._arrived: queue.Queue[Redirect | SignInError] = queue.Queue()

    def __call__(self, outcome: Redirect | SignInError) -> None:
        self.calls.append(outcome)
        self.threads.append(threading.current_thread().name)
        self._arrived.put(outcome)

    def wait(self) -> Redirect | SignInError:
        return self._arrived.get(timeout=PATIENCE)

    def redirect(self) -> Redirect:
        outcome = self.wait()
        assert isinstance(outcome, Redirect)
        return outcome


class Desk:
    """A listener that waits, with everything a test asks of it."""

    def __init__(
        self,
        uri: str = "http://localhost/",
        expected: Expected | None = SIGN_IN,
        *,
        deadline: float = 600,
        limits: Limits = UNHURRIED,
    ) -> None:
        self.https = threading.Event()
        self.done = Outcomes()
        self.listener = RedirectListener(uri, limits=limits, on_https_seen=self.https.set)
        self.uri = self.listener.open()
        self.port = port_of(self.uri)
        self.thread = next(each for each in threading.enumerate() if each is self.listener._thread)
        if expected is not None:
            self.listener.expect(expected, deadline=deadline, on_done=self.done)

    def browser(self) -> RawBrowser:
        return RawBrowser(self.port)

    def ask(self, data: bytes) -> Answer | None:
        with self.browser() as browser:
            browser.send(data)
            return browser.answer()

    def status(self, data: bytes) -> int | None:
        answer = self.ask(data)
        return answer.status if answer else None

    def ended(self) -> bool:
        self.thread.join(PATIENCE)
        return not self.thread.is_alive()

    def takes_the_true_redirect(self) -> None:
        """The wait goes on: nothing was reported so far, and the true redirect comes through."""
        assert self.done.calls == []
        with self.browser() as browser:
            browser.send(form_post(self.port, TRUE))
            redirect = self.done.redirect()
            assert redirect.parameters == TRUE
            redirect.answer(pages.signed_in(None))
            answer = browser.answer()
        assert answer is not None
        assert (answer.status, answer.body) == (200, pages.signed_in(None))
        assert len(self.done.calls) == 1


def port_of(uri: str) -> int:
    found = re.search(r":(\d+)", uri.removeprefix("http:"))
    assert found
    return int(found[1])


Opened = Callable[..., Desk]


def announce(capsys: pytest.CaptureFixture[str], told: str) -> None:
    """Say what a battery did, whether it failed or not."""
    with capsys.disabled():
        sys.stdout.write(f"\n{told}\n")


Judge = Callable[[Request, RedirectUri, Expected | None], Refused | Contradicted | Accepted]

# Judges with a planted bug each, for the batteries to notice.


def forgets_the_state(
    request: Request, uri: RedirectUri, expected: Expected | None
) -> Refused | Contradicted | Accepted:
    """Takes whatever state comes first."""
    came = re.search(rb"(?<![^?&])state=([^&]+)", request.target + b"&" + request.body)
    if came and expected:
        expected = replace(expected, state=unquote_plus(came[1].decode("latin-1")))
    return judge(request, uri, expected)


def takes_any_path(request: Request, uri: RedirectUri, expected: Expected | None) -> Refused | Contradicted | Accepted:
    """Looks at the query alone."""
    _path, mark, query = request.target.partition(b"?")
    return judge(replace(request, target=uri.path.encode() + mark + query), uri, expected)


def takes_any_host(request: Request, uri: RedirectUri, expected: Expected | None) -> Refused | Contradicted | Accepted:
    """Would be had by DNS rebinding."""
    others = tuple(pair for pair in request.headers if pair[0] != b"host")
    return judge(replace(request, headers=(*others, (b"host", f"localhost:{uri.port}".encode()))), uri, expected)
