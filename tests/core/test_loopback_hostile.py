"""The redirect listener, met by everything else that can knock at a port; real sockets only."""

from __future__ import annotations

import os
import random
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ciam_desktop.core.identity import loopback, pages
from ciam_desktop.core.identity.loopback import Limits
from tests.conftest import SEED
from tests.core.listening import (
    CODE,
    MARK,
    SIGN_IN,
    STATE,
    TRUE,
    Judge,
    Opened,
    announce,
    forgets_the_state,
    needs_proc,
    takes_any_host,
    takes_any_path,
)
from tests.doubles.browsers import PATIENCE, RawBrowser, form_post, get, request

# -- everything else


AT_LEAST = 60
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


def knock(port: int, browser: RawBrowser, hostile: Hostile) -> None:
    """Send it, and see that it gets what it should, and nothing else."""
    browser.send(hostile.raw(port))
    if hostile.hangs_up:
        browser.send_eof()
    if hostile.status == WAITING:
        return
    answer = browser.answer()
    assert (answer.status if answer else CLOSED) == hostile.status
    if answer:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["content-security-policy"] == pages.security_policy()
        assert answer.headers.get("allow") == ("GET, POST" if answer.status == 405 else None)
        assert answer.body == (b"" if hostile.name == "HEAD" else pages.not_ours())
        assert MARK not in "".join(answer.headers.values())


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_the_wait_goes_on_whoever_knocks(opened: Opened, hostile: Hostile) -> None:
    desk = opened()
    with desk.browser() as browser:
        knock(desk.port, browser, hostile)
        desk.takes_the_true_redirect()
        assert hostile.status != WAITING or browser.silent()


@pytest.mark.battery
def test_the_wait_goes_on_when_all_knock_at_once(
    opened: Opened, rng: random.Random, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len({hostile.name for hostile in HOSTILE}) == len(HOSTILE) >= AT_LEAST
    desk = opened()
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        knocking = [(stack.enter_context(desk.browser()), hostile) for hostile in rng.sample(HOSTILE, len(HOSTILE))]
        done = [pool.submit(knock, desk.port, browser, hostile) for browser, hostile in knocking]
        desk.takes_the_true_redirect()
        for each in done:
            each.result(PATIENCE)
        assert all(browser.silent() for browser, hostile in knocking if hostile.status == WAITING)
    assert len(desk.done.calls) == 1
    announce(capsys, f"hostile listener inputs: seed {SEED}, {len(HOSTILE)} one by one, then all at once")


@pytest.mark.battery
@pytest.mark.parametrize(
    ("bug", "names"),
    [
        (forgets_the_state, {"wrong state", "state in other letters", "beginning of the state"}),
        (takes_any_path, {"another path", "doubled slash", "dot segment", "encoded slash"}),
        (takes_any_host, {"another host", "another port", "other loopback address", "no host in HTTP 1.0"}),
    ],
)
def test_the_table_notices_a_planted_bug(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, bug: Judge, names: set[str]
) -> None:
    monkeypatch.setattr(loopback, "judge", bug)
    noticed = set()
    for hostile in HOSTILE:
        desk = opened(limits=Limits(hold=0.02))
        with desk.browser() as browser:
            try:
                knock(desk.port, browser, hostile)
                assert desk.done.calls == []
            except AssertionError:
                noticed.add(hostile.name)
        desk.listener.close()
    assert names <= noticed
    assert not noticed & {"no state", "TLS", "huge target", "JSON"}, "these are refused whatever the bug"


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
