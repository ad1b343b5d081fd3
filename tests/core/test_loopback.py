"""The redirect listener, met by browsers and by everything else that can knock at a port; real sockets only."""

from __future__ import annotations

import gc
import logging
import os
import queue
import random
import re
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ciam_desktop.core.errors import ListenerError, SignInCancelled, SignInError, SignInTimedOut
from ciam_desktop.core.identity import loopback_port, pages
from ciam_desktop.core.identity.loopback import Expected, Kind, Limits, Redirect, RedirectListener
from tests.doubles.browsers import PATIENCE, Answer, RawBrowser, form_post, get, request

STATE = "the-right-state-4711"
CODE = "the-code-0815"
ISSUER = "https://login.contoso.example/v2.0"
TRUE = {"code": CODE, "state": STATE}
SIGN_IN = Expected(Kind.SIGN_IN, STATE)
SIGN_OUT = Expected(Kind.SIGN_OUT, STATE)
UNHURRIED = Limits(request=600, hold=600, linger=600)  # whatever waits for one of these fails the test
MARK = "mark-of-the-sender"


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no ::1")
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
        self.port = _port(self.uri)
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


def _port(uri: str) -> int:
    found = re.search(r":(\d+)", uri.removeprefix("http:"))
    assert found
    return int(found[1])


def _sockets_open() -> int | None:
    """The sockets of this process, where the system can tell."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        return None
    count = 0
    for each in descriptors.iterdir():
        with suppress(FileNotFoundError):
            count += str(each.readlink()).startswith("socket:")
    return count


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    threads, sockets = set(threading.enumerate()), _sockets_open()
    yield
    assert not set(threading.enumerate()) - threads
    assert _sockets_open() == sockets


@pytest.fixture
def opened() -> Iterator[Callable[..., Desk]]:
    """Makes listeners, and closes them after the test."""
    with ExitStack() as stack:

        def make(
            uri: str = "http://localhost/",
            expected: Expected | None = SIGN_IN,
            *,
            deadline: float = 600,
            limits: Limits = UNHURRIED,
        ) -> Desk:
            desk = Desk(uri, expected, deadline=deadline, limits=limits)
            stack.callback(desk.listener.close)
            return desk

        yield make


Opened = Callable[..., Desk]


# -- the true redirect


@pytest.mark.parametrize("uri", ["http://localhost", "http://localhost/", "http://localhost/Path/To%20it"])
def test_the_true_form_post_is_handed_over_and_its_tab_is_answered(opened: Opened, uri: str) -> None:
    desk = opened(uri)
    assert desk.uri == uri.replace("localhost", f"localhost:{desk.port}")
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE, path=uri.removeprefix("http://localhost") or "/"))
        redirect = desk.done.redirect()
        assert redirect.parameters == TRUE
        assert desk.done.threads == [desk.thread.name]
        redirect.answer(b"<p>page</p>", status=202)
        answer = browser.answer()
    assert answer is not None
    assert (answer.status, answer.body) == (202, b"<p>page</p>")


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_a_query_redirect_is_taken_on_both_loopback_addresses(opened: Opened, host: str) -> None:
    desk = opened()
    with RawBrowser(desk.port, host=host) as browser:
        browser.send(get(desk.port, TRUE))
        redirect = desk.done.redirect()
        assert redirect.parameters == TRUE
        redirect.answer(b"")
        assert browser.answer() is not None


@pytest.mark.parametrize(
    "raw",
    [
        lambda port: request("GET", f"/?code={CODE}&state={STATE}", host=f"127.0.0.1:{port}"),
        lambda port: request("GET", f"/?code={CODE}&state={STATE}", host=f"[::1]:{port}"),
        lambda port: request("GET", f"/?code={CODE}&state={STATE}", host=f"LocalHost:{port}"),
        lambda port: request("GET", f"/?code={CODE}&state={STATE}", host=f"localhost:{port}", version="1.0"),
        lambda port: request(
            "GET", f"HTTP://localhost:{port}/?code={CODE}&state={STATE}", host=f"localhost:{port}"
        ),
        lambda port: get(port, f"code={CODE}&state={STATE}").replace(b"\r\nHost: ", b"\r\nhOST:"),
        lambda port: form_post(port, TRUE).replace(b"urlencoded", b"urlencoded; charset=UTF-8"),
        lambda port: form_post(port, TRUE).replace(b"https://login.contoso.example", b"null"),
        lambda port: form_post(port, TRUE) + b"\r\n",
        lambda port: form_post(port, TRUE) + form_post(port, {"error": "access_denied", "state": STATE}),
        lambda port: request(
            "POST", "/", host=f"localhost:{port}",
            headers=("Content-Type: application/x-www-form-urlencoded", "Transfer-Encoding: chunked"),
            body=b"5\r\ncode=\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(CODE + STATE) + 7, f"{CODE}&state={STATE}".encode()),
        ),
    ],
)  # fmt: skip
def test_every_lawful_spelling_of_the_true_redirect_is_understood(opened: Opened, raw: Callable[[int], bytes]) -> None:
    desk = opened()
    with desk.browser() as browser:
        browser.send(raw(desk.port))
        redirect = desk.done.redirect()
        assert redirect.parameters == TRUE
        redirect.answer(b"")
        assert browser.answer() is not None


def test_the_true_redirect_may_come_byte_by_byte(opened: Opened) -> None:
    desk = opened()
    with desk.browser() as browser:
        for byte in form_post(desk.port, TRUE):
            browser.send(bytes([byte]))
        assert desk.done.redirect().parameters == TRUE


def test_a_sender_that_closes_its_half_is_still_answered(opened: Opened) -> None:
    desk = opened()
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        browser.send_eof()
        desk.done.redirect().answer(b"page")
        answer = browser.answer()
    assert answer is not None
    assert answer.body == b"page"


def test_an_error_of_the_provider_is_handed_over_too(opened: Opened) -> None:
    desk = opened()
    fields = {"error": "access_denied", "error_description": "AADSTS65004: no\r\nTrace ID: 1", "state": STATE}
    with desk.browser() as browser:
        browser.send(form_post(desk.port, fields))
        assert desk.done.redirect().parameters == fields


def test_the_answer_may_be_kept_framed_and_referred_to_by_nobody(opened: Opened) -> None:
    desk = opened()
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        page = pages.signed_in("user1@contoso.example")
        desk.done.redirect().answer(page)
        answer = browser.answer()
    assert answer is not None
    assert answer.headers.pop("date").endswith(" GMT")
    assert answer.headers == {
        "content-type": "text/html; charset=utf-8",
        "content-length": str(len(page)),
        "connection": "close",
        "cache-control": "no-store",
        "pragma": "no-cache",
        "referrer-policy": "no-referrer",
        "content-security-policy": pages.security_policy(),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cross-origin-resource-policy": "same-origin",
    }


# -- everything else


CLOSED = None  # the connection is closed without a word
WAITING = -1  # it may still become a request: nothing is answered, nothing is closed


@dataclass(frozen=True, slots=True)
class Hostile:
    """Something that knocks: `raw` makes its bytes for a port, `status` is what it gets."""

    name: str
    status: int | None
    raw: Callable[[int], bytes]
    hangs_up: bool = False


def _raw(data: bytes) -> Callable[[int], bytes]:
    return lambda _port: data


def _send(
    method: str = "GET",
    target: str = f"/?code={CODE}&state={STATE}",
    *,
    host: str = "localhost:PORT",
    headers: tuple[str, ...] = (),
    body: bytes = b"",
    version: str = "1.1",
) -> Callable[[int], bytes]:
    """A true answer, but for what is given; PORT stands for the listener's port."""
    whole = request(method, target, host=host, headers=headers, body=body, version=version)
    return lambda port: whole.replace(b"PORT", str(port).encode())


def _post_with(*headers: str, body: bytes = b"") -> Callable[[int], bytes]:
    return _send("POST", "/", headers=headers, body=body)


FORM = "Content-Type: application/x-www-form-urlencoded"
GOOD_BODY = f"code={CODE}&state={STATE}".encode()
GOOD_LENGTH = f"Content-Length: {len(GOOD_BODY)}"
GOOD_QUERY = GOOD_BODY.decode()

HOSTILE = [
    # Answers without the right state, whatever they carry.
    Hostile("no state", 400, lambda port: form_post(port, {"code": MARK})),
    Hostile("empty state", 400, lambda port: form_post(port, {"code": MARK, "state": ""})),
    Hostile("wrong state", 400, lambda port: form_post(port, {"code": CODE, "state": MARK})),
    Hostile("state in other letters", 400, lambda port: form_post(port, {"code": CODE, "state": STATE.upper()})),
    Hostile("state and more", 400, lambda port: form_post(port, {"code": CODE, "state": STATE + "\0"})),
    Hostile("beginning of the state", 400, lambda port: form_post(port, {"code": CODE, "state": STATE[:-1]})),
    Hostile("state beyond ASCII", 400, lambda port: form_post(port, {"code": CODE, "state": "zustände"})),
    Hostile("right and wrong state", 400, lambda port: form_post(port, [*TRUE.items(), ("state", MARK)])),
    Hostile("wrong and right state", 400, lambda port: form_post(port, [("state", MARK), *TRUE.items()])),
    Hostile("error without state", 400, lambda port: form_post(port, {"error": "access_denied"})),
    Hostile("error with wrong state", 400, lambda port: get(port, {"error": MARK, "state": MARK})),
    Hostile("code and error without state", 400, lambda port: get(port, {"error": MARK, "code": MARK})),
    Hostile("two codes without state", 400, lambda port: get(port, [("code", MARK), ("code", MARK)])),
    Hostile("bare path", 400, get),
    Hostile("empty form", 400, lambda port: form_post(port, {})),
    Hostile("script in a value", 400, lambda port: get(port, {"state": f"<script>{MARK}</script>"})),
    # State in the wrong place.
    Hostile("post with everything in the query", 400, lambda port: form_post(port, {}, path=f"/?{GOOD_QUERY}")),
    Hostile("post with a query beside", 400, lambda port: form_post(port, TRUE, path=f"/?a={MARK}")),
    Hostile("get with a body", 400,
            _send(headers=("Content-Length: 3",), body=b"a=b")),
    Hostile("fragment", 404, lambda port: get(port, GOOD_QUERY, path="/#")),
    Hostile("semicolons for ampersands", 400, lambda port: get(port, f"code={CODE};state={STATE}")),
    # Another path.
    Hostile("favicon", 404, lambda port: get(port, path="/favicon.ico")),
    Hostile("another path", 404, lambda port: get(port, GOOD_QUERY, path=f"/{MARK}")),
    Hostile("doubled slash", 404, lambda port: get(port, GOOD_QUERY, path="//")),
    Hostile("dot segment", 404, lambda port: get(port, GOOD_QUERY, path="/.")),
    Hostile("encoded slash", 404, lambda port: get(port, GOOD_QUERY, path="/%2F")),
    Hostile("way up", 404, lambda port: get(port, path="/../../etc/passwd")),
    Hostile("no path", 404, _send(target=f"?{GOOD_QUERY}")),
    Hostile("https in absolute form", 404,
            _send(target=f"https://localhost:PORT/?{GOOD_QUERY}")),
    # Another host, as after DNS rebinding or through a proxy.
    Hostile("another host", 400, _send(host=f"{MARK}.example:PORT")),
    Hostile("another port", 400, _send(host="localhost:1")),
    Hostile("no port", 400, _send(host="localhost")),
    Hostile("port with zeros", 400, _send(host="localhost:0PORT")),
    Hostile("rooted host", 400, _send(host="localhost.:PORT")),
    Hostile("user in host", 400, _send(host="a@localhost:PORT")),
    Hostile("other loopback address", 400, _send(host="127.0.0.2:PORT")),
    Hostile("empty host", 400, _send(host="")),
    Hostile("no host", 400, _raw(f"GET /?{GOOD_QUERY} HTTP/1.1\r\n\r\n".encode())),
    Hostile("no host in HTTP 1.0", 400, _raw(f"GET /?{GOOD_QUERY} HTTP/1.0\r\n\r\n".encode())),
    Hostile("two hosts", 400,
            _send(headers=("Host: localhost:PORT",))),
    Hostile("absolute form of another host", 400,
            _send(target=f"http://{MARK}.example/?{GOOD_QUERY}")),
    Hostile("absolute form, another Host", 400,
            _send(target=f"http://localhost:PORT/?{GOOD_QUERY}", host=f"{MARK}.example")),
    # Other methods, types and versions.
    *(Hostile(method, 405, _send(method)) for method in ("HEAD", "PUT", "DELETE", "TRACE", "PATCH", "get")),
    Hostile("private network preflight", 405,
            _send("OPTIONS", target="/", headers=(
                "Origin: https://login.contoso.example", "Access-Control-Request-Method: POST",
                "Access-Control-Request-Private-Network: true"))),
    Hostile("asterisk form", 404, _send("OPTIONS", target="*")),
    Hostile("tunnel", 404, _send("CONNECT", target="localhost:PORT")),
    Hostile("JSON", 415, _post_with("Content-Type: application/json", "Content-Length: 2", body=b"{}")),
    Hostile("multipart", 415, _post_with("Content-Type: multipart/form-data; boundary=a", GOOD_LENGTH, body=GOOD_BODY)),
    Hostile("plain text", 415, _post_with("Content-Type: text/plain", GOOD_LENGTH, body=GOOD_BODY)),
    Hostile("no type", 415, _post_with(GOOD_LENGTH, body=GOOD_BODY)),
    Hostile("two types", 415, _post_with(FORM, "Content-Type: text/plain", GOOD_LENGTH, body=GOOD_BODY)),
    Hostile("HTTP 2 preface", 505, _raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
    Hostile("HTTP 9.9", 505, _send(version="9.9")),
    Hostile("HTTP 0.9", 400, _raw(f"GET /?{GOOD_QUERY}\r\n\r\n".encode())),
    # Fields that cannot be read.
    Hostile("hundreds of fields", 400, lambda port: form_post(port, b"&".join([b"a=1"] * 300 + [GOOD_BODY]))),
    Hostile("not UTF-8", 400, lambda port: form_post(port, GOOD_BODY + b"&a=%ff%fe")),
    Hostile("bytes beyond ASCII", 400, lambda port: form_post(port, GOOD_BODY + b"&a=\xc3\xa4")),
    Hostile("zeros", 400, lambda port: form_post(port, bytes(1000))),
    # Lengths.
    Hostile("huge length announced", 413, _post_with(FORM, "Content-Length: 99999999999")),
    Hostile("body over the limit", 413, lambda port: form_post(port, GOOD_BODY + b"&a=" + b"a" * 70_000)),
    Hostile("endless chunks", 413,
            _post_with(FORM, "Transfer-Encoding: chunked", body=(b"3e8\r\n" + b"a" * 1000 + b"\r\n") * 70)),
    Hostile("negative length", 400, _post_with(FORM, "Content-Length: -1", body=GOOD_BODY)),
    Hostile("length that is none", 400, _post_with(FORM, "Content-Length: abc", body=GOOD_BODY)),
    Hostile("two lengths", 400, _post_with(FORM, GOOD_LENGTH, "Content-Length: 3", body=GOOD_BODY)),
    Hostile("length and chunks", 400, _post_with(FORM, GOOD_LENGTH, "Transfer-Encoding: chunked", body=GOOD_BODY)),
    Hostile("unknown coding", 501, _post_with(FORM, "Transfer-Encoding: gzip", body=GOOD_BODY)),
    Hostile("chunks that are none", 400, _post_with(FORM, "Transfer-Encoding: chunked", body=b"xyz\r\n")),
    Hostile("body shorter than announced", WAITING, _post_with(FORM, "Content-Length: 5000", body=GOOD_BODY)),
    Hostile("body cut off", CLOSED, _post_with(FORM, "Content-Length: 5000", body=GOOD_BODY), hangs_up=True),
    Hostile("body longer than announced", 400, _post_with(FORM, f"Content-Length: {len(CODE) + 5}", body=GOOD_BODY)),
    # Heads.
    Hostile("huge header in one piece", 431,
            _send(headers=(f"Cookie: {'a' * 40_000}",))),
    Hostile("huge target", 431, lambda port: get(port, f"{GOOD_QUERY}&a={'a' * 40_000}")),
    Hostile("a thousand headers", 431,
            _send(headers=("A: aaaaaaaaaaaaaaaaaaa",) * 1000)),
    Hostile("endless header", 431, _raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * 200_000)),
    Hostile("header without a name", 400, _send(target="/", headers=(": a",))),
    Hostile("space before the colon", 400, _send(target="/", headers=("A : a",))),
    Hostile("zero in a header", 400, _send(target="/", headers=("A: a\0b",))),
    Hostile("space in the target", 400, _send(target="/ a")),
    Hostile("head that never ends", WAITING, _raw(f"GET /?{GOOD_QUERY} HTTP/1.1\r\nA: b\r\n".encode())),
    Hostile("head cut off", CLOSED, _raw(f"GET /?{GOOD_QUERY} HTTP/1.1\r\n".encode()), hangs_up=True),
    # No HTTP at all.
    Hostile("nothing", WAITING, _raw(b"")),
    Hostile("nothing, and gone", CLOSED, _raw(b""), hangs_up=True),
    Hostile("one letter", WAITING, _raw(b"G")),
    Hostile("empty lines", 400, _raw(b"\r\n\r\n")),
    Hostile("TLS", CLOSED, _raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))),
    Hostile("first byte of TLS", CLOSED, _raw(b"\x16")),
    Hostile("zeros for a request", 400, _raw(bytes(300))),
    Hostile("noise", 400, _raw(bytes(range(255, 127, -1)) * 20 + b"\r\n\r\n")),
    Hostile("SSH", 400, _raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")),
    Hostile("SOCKS", 400, _raw(b"\x05\x01\x00")),
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_the_wait_goes_on_whoever_knocks(opened: Opened, hostile: Hostile) -> None:
    desk = opened()
    with desk.browser() as browser:
        browser.send(hostile.raw(desk.port))
        if hostile.hangs_up:
            browser.send_eof()
        if hostile.status != WAITING:
            answer = browser.answer()
            assert (answer.status if answer else CLOSED) == hostile.status
            if answer:
                assert answer.headers["cache-control"] == "no-store"
                assert answer.headers["content-security-policy"] == pages.security_policy()
                assert answer.headers.get("allow") == ("GET, POST" if answer.status == 405 else None)
                assert answer.body == (b"" if hostile.name == "HEAD" else pages.not_ours())
                assert MARK not in "".join(answer.headers.values())
        desk.takes_the_true_redirect()
        assert hostile.status != WAITING or browser.silent()


def test_nothing_is_accepted_before_something_is_expected(opened: Opened) -> None:
    desk = opened(expected=None)
    assert desk.status(form_post(desk.port, TRUE)) == 400
    desk.listener.expect(SIGN_IN, deadline=600, on_done=desk.done)
    desk.takes_the_true_redirect()


def test_a_browser_that_forces_https_is_counted_and_told(opened: Opened) -> None:
    desk = opened()
    context = ssl.create_default_context()
    for _ in range(2):
        with (
            socket.create_connection(("127.0.0.1", desk.port), timeout=PATIENCE) as plain,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            context.wrap_socket(plain, server_hostname="localhost")
    assert desk.https.wait(PATIENCE)
    assert desk.listener.https_seen == 2
    desk.takes_the_true_redirect()


def test_two_hundred_idle_and_two_hundred_slow_connections_do_not_delay_the_redirect(opened: Opened) -> None:
    desk = opened()
    with ExitStack() as stack:
        for number in range(400):
            browser = stack.enter_context(desk.browser())
            if number % 2:
                browser.send(form_post(desk.port, TRUE)[: number // 4])
        desk.takes_the_true_redirect()


def test_beyond_the_limit_the_oldest_idle_connection_goes_and_never_the_held_one(opened: Opened) -> None:
    desk = opened(limits=Limits(request=600, hold=600, linger=600, connections=4))
    with ExitStack() as stack:
        held = stack.enter_context(desk.browser())
        held.send(form_post(desk.port, TRUE))
        redirect = desk.done.redirect()
        idle = [stack.enter_context(desk.browser()) for _ in range(10)]
        assert [browser.read() for browser in idle[:7]] == [b""] * 7
        assert all(browser.silent() for browser in idle[7:])
        redirect.answer(b"page")
        answer = held.answer()
    assert answer is not None
    assert answer.body == b"page"


@needs_proc
def test_the_redirect_comes_through_when_no_file_descriptor_is_left(opened: Opened) -> None:
    resource = pytest.importorskip("resource")
    desk = opened()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        for _ in range(3):
            idle = stack.enter_context(desk.browser())
            idle.send(b"G")
        assert desk.status(get(desk.port)) == 400  # so the three were accepted, too
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        last = stack.enter_context(Path(os.devnull).open("rb"))
        with suppress(OSError):
            while True:
                last = stack.enter_context(Path(os.devnull).open("rb"))
        last.close()  # for the browser
        desk.takes_the_true_redirect()


def test_a_request_that_is_not_whole_in_time_is_dropped(opened: Opened) -> None:
    desk = opened(limits=Limits(request=0.02))
    with desk.browser() as idle, desk.browser() as slow:
        slow.send(form_post(desk.port, TRUE)[:-1])
        assert idle.read() == b""
        assert slow.read() == b""
    assert desk.done.calls == []


def test_a_sender_that_does_not_hang_up_is_let_go(opened: Opened) -> None:
    desk = opened(limits=Limits(linger=0.02))
    with desk.browser() as browser:
        browser.send(get(desk.port))
        assert browser.answer() is not None
        browser.send_until_refused()


# -- answers of the provider that cannot be used


@pytest.mark.parametrize(
    "fields",
    [
        [("state", STATE)],
        [("code", ""), ("state", STATE)],
        [("error", ""), ("state", STATE)],
        [("code", CODE), ("code", CODE), ("state", STATE)],
        [("code", CODE), ("code", "another"), ("state", STATE)],
        [("code", CODE), ("state", STATE), ("state", STATE)],
        [("code", CODE), ("error", "access_denied"), ("state", STATE)],
        [("code", ""), ("error", "access_denied"), ("state", STATE)],
        [("code", CODE), ("iss", ISSUER), ("iss", ISSUER), ("state", STATE)],
        [("code", CODE), ("session_state", "1"), ("session_state", "2"), ("state", STATE)],
        [("code", "a\r\nb"), ("state", STATE)],
        [("code", "c\u00f6de"), ("state", STATE)],
        [("code", "c" * 20_000), ("state", STATE)],
        [("error", "access\x1bdenied"), ("state", STATE)],
    ],
)
def test_a_malformed_answer_with_the_right_state_ends_the_wait(opened: Opened, fields: list[tuple[str, str]]) -> None:
    desk = opened()
    answer = desk.ask(form_post(desk.port, fields))
    error = desk.done.wait()
    assert type(error) is SignInError
    assert str(error) == "The answer of the identity provider is malformed and was not used; please try again."
    assert answer is not None
    assert answer.status == 400
    assert str(error) in answer.body.decode()
    assert desk.ended()
    assert len(desk.done.calls) == 1


@pytest.mark.parametrize("outcome", [{"code": CODE}, {"error": "access_denied"}])
@pytest.mark.parametrize("issuer", [None, "", "https://other.contoso.example/v2.0", ISSUER + "/"])
def test_an_answer_of_another_issuer_ends_the_wait(opened: Opened, issuer: str | None, outcome: dict[str, str]) -> None:
    desk = opened(expected=Expected(Kind.SIGN_IN, STATE, ISSUER))
    fields = {**outcome, "state": STATE} | ({} if issuer is None else {"iss": issuer})
    assert desk.status(form_post(desk.port, fields)) == 400
    error = desk.done.wait()
    assert type(error) is SignInError
    assert "another identity provider" in str(error)
    assert desk.ended()


def test_the_issuer_that_was_asked_is_accepted(opened: Opened) -> None:
    desk = opened(expected=Expected(Kind.SIGN_IN, STATE, ISSUER))
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE | {"iss": ISSUER}))
        assert desk.done.redirect().parameters["iss"] == ISSUER


def test_an_issuer_that_is_not_required_is_checked_only_when_it_is_there(opened: Opened) -> None:
    lenient = Expected(Kind.SIGN_IN, STATE, ISSUER, issuer_required=False)
    opened(expected=lenient).takes_the_true_redirect()
    desk = opened(expected=lenient)
    assert desk.status(form_post(desk.port, TRUE | {"iss": "https://other.contoso.example"})) == 400
    assert "another identity provider" in str(desk.done.wait())


def test_a_sign_in_cannot_be_expected_without_a_state() -> None:
    with pytest.raises(ValueError, match="state"):
        Expected(Kind.SIGN_IN, "")


# -- after a sign-out


@pytest.mark.parametrize("fields", [{}, {"state": STATE}, {"sid": "1"}])
def test_a_sign_out_comes_back_with_or_without_its_state(opened: Opened, fields: dict[str, str]) -> None:
    desk = opened(expected=SIGN_OUT)
    with desk.browser() as browser:
        browser.send(get(desk.port, fields))
        redirect = desk.done.redirect()
        assert redirect.parameters == fields
        redirect.answer(pages.signed_out(None))
        answer = browser.answer()
    assert answer is not None
    assert answer.body == pages.signed_out(None)


def test_a_sign_out_with_a_wrong_state_or_by_post_is_refused(opened: Opened) -> None:
    desk = opened(expected=SIGN_OUT)
    assert desk.status(get(desk.port, {"state": "wrong"})) == 400
    posted = desk.ask(form_post(desk.port, {"state": STATE}))
    assert posted is not None
    assert (posted.status, posted.headers["allow"]) == (405, "GET")
    assert desk.status(get(desk.port, path="/favicon.ico")) == 404
    assert desk.done.calls == []
    silent = opened(expected=Expected(Kind.SIGN_OUT, ""))
    assert silent.status(get(silent.port, {"state": "never sent"})) == 400
    assert silent.done.calls == []


# -- one redirect, one answer


def test_replays_and_second_tabs_are_told_and_never_reported(opened: Opened) -> None:
    desk = opened()
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        redirect = desk.done.redirect()
        for replay in (
            form_post(desk.port, TRUE),
            get(desk.port, TRUE),
            get(desk.port, {"error": "e", "state": STATE}),
        ):
            again = desk.ask(replay)
            assert again is not None
            assert (again.status, again.body) == (410, pages.already_answered())
        assert desk.status(get(desk.port, {"state": "wrong"})) == 400
        redirect.answer(b"page")
        assert browser.answer() is not None
    assert desk.status(form_post(desk.port, TRUE)) == 410
    assert len(desk.done.calls) == 1


def test_the_tab_is_held_until_the_answer_and_only_the_first_counts(opened: Opened) -> None:
    desk = opened()
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        redirect = desk.done.redirect()
        assert desk.status(get(desk.port)) == 400  # the listener has gone round once more
        assert browser.silent()
        redirect.answer(b"first")
        redirect.answer(b"second", status=500)
        answer = browser.answer()
    assert answer is not None
    assert (answer.status, answer.body) == (200, b"first")


def test_an_unknown_status_is_the_callers_mistake(opened: Opened) -> None:
    desk = opened()
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        with pytest.raises(ValueError, match="799"):
            desk.done.redirect().answer(b"", status=799)


def test_a_tab_that_is_never_answered_is_told_so(opened: Opened) -> None:
    desk = opened(limits=Limits(hold=0.02))
    answer = desk.ask(form_post(desk.port, TRUE))
    assert answer is not None
    assert (answer.status, answer.body) == (503, pages.no_answer())
    desk.done.redirect().answer(b"too late")


def test_a_tab_that_is_gone_hurts_nobody(opened: Opened) -> None:
    desk = opened()
    browser = desk.browser()
    browser.send(form_post(desk.port, TRUE))
    redirect = desk.done.redirect()
    browser.vanish()
    assert desk.status(form_post(desk.port, TRUE)) == 410
    redirect.answer(pages.signed_in(None))
    assert desk.status(form_post(desk.port, TRUE)) == 410


# -- the end


def test_cancel_ends_the_wait_at_once_with_connections_open() -> None:
    desk = Desk()
    with desk.browser() as idle:
        assert desk.status(get(desk.port)) == 400
        desk.listener.cancel()
        assert isinstance(desk.done.wait(), SignInCancelled)
        assert desk.ended()
        assert idle.read() == b""
    with pytest.raises(ConnectionError):
        desk.browser()
    desk.listener.cancel()
    desk.listener.close()
    assert len(desk.done.calls) == 1


def test_the_deadline_ends_the_wait_and_the_thread() -> None:
    desk = Desk(deadline=0.02)
    assert isinstance(desk.done.wait(), SignInTimedOut)
    assert desk.ended()
    assert len(desk.done.calls) == 1


def test_the_deadline_can_be_moved(opened: Opened) -> None:
    extended = opened(deadline=0.05)
    extended.listener.extend(600)
    witness = opened(deadline=0.2)
    assert isinstance(witness.done.wait(), SignInTimedOut)
    extended.listener.extend(-300)
    extended.takes_the_true_redirect()
    shortened = opened()
    shortened.listener.extend(-600)
    assert isinstance(shortened.done.wait(), SignInTimedOut)


def test_a_deadline_moved_after_the_redirect_does_nothing(opened: Opened) -> None:
    desk = opened()
    desk.takes_the_true_redirect()
    desk.listener.extend(-6000)
    assert desk.status(form_post(desk.port, TRUE)) == 410
    assert len(desk.done.calls) == 1


def test_cancel_before_the_wait_is_not_lost() -> None:
    desk = Desk(expected=None)
    desk.listener.cancel()
    desk.listener.expect(SIGN_IN, deadline=600, on_done=desk.done)
    assert isinstance(desk.done.wait(), SignInCancelled)
    assert desk.ended()
    never_opened = RedirectListener("http://localhost/")
    never_opened.cancel()
    with pytest.raises(SignInCancelled):
        never_opened.open()
    never_opened.close()


def test_cancel_after_the_redirect_leaves_the_tab_answerable(opened: Opened) -> None:
    desk = opened()
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        redirect = desk.done.redirect()
        desk.listener.cancel()
        redirect.answer(b"page")
        assert browser.answer() is not None
    assert len(desk.done.calls) == 1


def test_close_cancels_a_wait_and_may_be_called_again() -> None:
    desk = Desk()
    desk.listener.close()
    assert not desk.thread.is_alive()
    assert isinstance(desk.done.wait(), SignInCancelled)
    desk.listener.close()
    late = Outcomes()
    with pytest.raises(RuntimeError):
        desk.listener.expect(SIGN_IN, deadline=600, on_done=late)
    assert len(desk.done.calls) == 1


def test_close_tells_a_tab_that_nobody_answered() -> None:
    desk = Desk()
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        redirect = desk.done.redirect()
        desk.listener.close()
        answer = browser.answer()
        redirect.answer(b"too late")
    assert answer is not None
    assert (answer.status, answer.body) == (503, pages.no_answer())


def test_close_flushes_an_answer_in_flight() -> None:
    desk = Desk()
    page = b"a" * 20_000_000
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        desk.done.redirect().answer(page)
        closing_thread = threading.Thread(target=desk.listener.close, kwargs={"timeout": PATIENCE})
        closing_thread.start()
        answer = browser.answer()
        closing_thread.join(PATIENCE)
    assert answer is not None
    assert answer.body == page


def test_close_does_not_wait_for_a_tab_that_does_not_read() -> None:
    desk = Desk()
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        desk.done.redirect().answer(b"a" * 20_000_000)
        desk.listener.close(timeout=0.02)
        assert not desk.thread.is_alive()


def test_a_listener_may_be_closed_from_its_own_callback() -> None:
    desk = Desk(expected=None)
    done = Outcomes()

    def answer_and_close(outcome: Redirect | SignInError) -> None:
        assert isinstance(outcome, Redirect)
        outcome.answer(b"page")
        desk.listener.close()
        done(outcome)

    desk.listener.expect(SIGN_IN, deadline=600, on_done=answer_and_close)
    answer = desk.ask(form_post(desk.port, TRUE))
    assert answer is not None
    assert answer.body == b"page"
    assert done.redirect()
    assert desk.ended()


def test_a_listener_is_opened_once_and_waits_once(opened: Opened) -> None:
    desk = opened()
    with pytest.raises(RuntimeError):
        desk.listener.open()
    with pytest.raises(RuntimeError):
        desk.listener.expect(SIGN_IN, deadline=1, on_done=desk.done)
    with pytest.raises(RuntimeError):
        RedirectListener("http://localhost/").expect(SIGN_IN, deadline=1, on_done=desk.done)


def test_the_outcome_is_reported_exactly_once_when_everything_happens_at_the_same_time() -> None:
    seen: set[str] = set()
    dice = random.Random(4711)  # noqa: S311 -- the same order in every run, no secret
    for number in range(300):
        desk = Desk(expected=None)
        start = threading.Barrier(4)
        pieces = dice.sample(["redirect", "cancel", "close"], k=3)

        def act(piece: str, desk: Desk = desk, start: threading.Barrier = start) -> None:
            start.wait(PATIENCE)
            if piece == "redirect":
                with suppress(ConnectionError):
                    desk.ask(form_post(desk.port, TRUE))
            elif piece == "cancel":
                desk.listener.cancel()
            else:
                desk.listener.close()

        # The redirect needs some rounds to arrive; half of the time the others wait for nothing but it.
        acting = [threading.Thread(target=act, args=(piece,)) for piece in pieces]
        for each in acting:
            each.start()
        deadline = dice.choice([0.0, 0.0005, 0.001, 600])
        if number % 2:
            desk.listener.expect(SIGN_IN, deadline=deadline, on_done=desk.done)
            start.wait(PATIENCE)
        else:
            start.wait(PATIENCE)
            desk.listener.expect(SIGN_IN, deadline=deadline, on_done=desk.done)
        for each in acting:
            each.join(PATIENCE)
        desk.listener.close()
        assert not desk.thread.is_alive()
        assert len(desk.done.calls) == 1
        seen.add(type(desk.done.calls[0]).__name__)
    assert "SignInCancelled" in seen


def test_the_redirect_racing_the_deadline_is_reported_exactly_once() -> None:
    seen: set[str] = set()
    for number in range(200):
        desk = Desk(deadline=0.0002 * (number % 20))
        with suppress(ConnectionError), desk.browser() as browser:
            browser.send(form_post(desk.port, TRUE))
            outcome = desk.done.wait()
            if isinstance(outcome, Redirect):
                outcome.answer(b"page")
                answer = browser.answer()
                assert answer is not None
                assert answer.body == b"page"
        desk.listener.close()
        assert len(desk.done.calls) == 1
        seen.add(type(desk.done.calls[0]).__name__)
    assert seen == {"Redirect", "SignInTimedOut"}


def test_closing_while_browsers_connect_leaves_nothing_behind() -> None:
    for _ in range(30):
        desk = Desk(expected=None)
        with ExitStack() as stack:
            for number in range(20):
                if number == 10:
                    desk.listener.cancel()
                with suppress(ConnectionError):
                    stack.enter_context(desk.browser())
            desk.listener.close()
        assert not desk.thread.is_alive()
    gc.collect()


# -- the port


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(params=["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def taken(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port that another program has, on one of the two loopback addresses only."""
    family = socket.AF_INET6 if request.param == "::1" else socket.AF_INET
    with closing(socket.create_server((request.param, _free_port()), family=family)) as other:
        yield other.getsockname()[1]


def test_a_free_port_is_taken_as_it_is_given(opened: Opened) -> None:
    uri = f"http://localhost:{_free_port()}/Callback"
    assert opened(uri).uri == uri


def test_a_taken_port_gives_way_to_the_next_free_one(opened: Opened, taken: int) -> None:
    desk = opened(f"http://LocalHost:{taken}/Callback")
    assert desk.port != taken
    assert desk.uri == f"http://LocalHost:{desk.port}/Callback"
    assert desk.status(form_post(desk.port, TRUE)) == 404
    assert desk.done.calls == []


def test_a_second_listener_takes_another_port(opened: Opened) -> None:
    first = opened()
    second = opened(first.uri)
    assert second.port != first.port
    first.takes_the_true_redirect()
    second.takes_the_true_redirect()


def test_a_port_is_free_again_right_after_use(opened: Opened) -> None:
    desk = opened()
    desk.takes_the_true_redirect()
    desk.listener.close()
    again = opened(desk.uri)
    assert again.port == desk.port
    again.takes_the_true_redirect()


@pytest.mark.parametrize(("host", "strict"), [("localhost", True), ("127.0.0.1", False)])
def test_a_taken_port_that_may_not_move_is_named(taken: int, host: str, strict: bool) -> None:
    listener = RedirectListener(f"http://{host}:{taken}/", strict_port=strict)
    with pytest.raises(ListenerError, match=f"^Port {taken} is used by another program"):
        listener.open()
    listener.close()


def test_the_twenty_next_ports_are_tried_and_then_any() -> None:
    assert list(loopback_port._ports(3000, strict=False)) == [*range(3000, 3021), *[0] * 20]
    assert list(loopback_port._ports(65530, strict=False)) == [*range(65530, 65536), *[0] * 20]
    assert list(loopback_port._ports(3000, strict=True)) == [3000]
    assert list(loopback_port._ports(None, strict=True)) == [0] * 20


@needs_proc
def test_only_the_loopback_addresses_are_listened_on(opened: Opened) -> None:
    desk = opened()
    with pytest.raises(ConnectionRefusedError):
        RawBrowser(desk.port, host="127.0.0.2")


@needs_ipv6
def test_a_machine_without_one_of_the_addresses_uses_the_other(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = (socket.AF_INET6, "2001:db8::1")  # documentation prefix, RFC 3849: no machine has it
    monkeypatch.setattr(loopback_port, "_ADDRESSES", ((socket.AF_INET, "127.0.0.1"), nowhere))
    opened().takes_the_true_redirect()
    monkeypatch.setattr(loopback_port, "_ADDRESSES", (nowhere,))
    with pytest.raises(ListenerError, match="No port of this computer"):
        RedirectListener("http://localhost/").open()


@pytest.mark.parametrize(
    "uri",
    [
        "", "http://", "https://localhost:3000/", "http://localhost:3000/?a=b", "http://localhost:3000/#a", "msal://auth",
        "http://localhost:3000@contoso.example/", "http://contoso.example:3000/", "http://0.0.0.0:3000/",
        "http://localhost:0/", "http://localhost:65536/", "http://localhost:03000/", "http://localhost:/", "http://::1/",
        "http://localhost:3000/ü", "http://localhost:3000/a b", "http://localhost:3000/\n", " http://localhost:3000/",
        "http://localhost.:3000/", "http://localhost:3000\\a",
    ],
)  # fmt: skip
def test_a_redirect_uri_that_is_not_plain_loopback_is_refused(uri: str) -> None:
    with pytest.raises(ListenerError, match="redirect URI"):
        RedirectListener(uri)


# -- secrets


def test_nothing_of_a_request_is_logged_or_printed(
    opened: Opened, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    caplog.set_level(logging.DEBUG)
    desk = opened()
    desk.status(get(desk.port, {"code": CODE, "state": "wrong"}))
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        redirect = desk.done.redirect()
        desk.listener.close()
        written = caplog.text + repr(redirect) + repr(desk.listener) + repr(SIGN_IN) + repr(vars(desk.listener))
    assert CODE not in written
    assert STATE not in written


def test_a_callback_that_fails_is_logged_without_its_words(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    desk = opened(expected=None)

    def fail(_outcome: Redirect | SignInError) -> None:
        raise ValueError(CODE)

    desk.listener.expect(SIGN_IN, deadline=600, on_done=fail)
    with desk.browser() as browser:
        browser.send(form_post(desk.port, TRUE))
        assert desk.status(form_post(desk.port, TRUE)) == 410
    desk.listener.close()
    [record] = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert "ValueError" in record.getMessage()
    assert "in fail" in record.getMessage()
    assert CODE not in record.getMessage()
    caplog.clear()
