"""How the redirect listener ends its wait, and how it comes by its port; real sockets only."""

from __future__ import annotations

import gc
import os
import random
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from ciam_desktop.core import port_owner
from ciam_desktop.core.errors import ListenerError, SignInCancelled, SignInError, SignInTimedOut
from ciam_desktop.core.identity import loopback_port, pages
from ciam_desktop.core.identity.loopback import Redirect, RedirectListener
from ciam_desktop.core.identity.redirect_http import RedirectUri
from tests.core.listening import SIGN_IN, TRUE, Desk, Opened, Outcomes, has_ipv6, needs_ipv6, needs_proc
from tests.doubles.browsers import PATIENCE, RawBrowser, form_post, get

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


def test_a_second_listener_takes_anotherport_of(opened: Opened) -> None:
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
    with pytest.raises(ListenerError, match=f"^Port {taken} is used by .+; close that, or choose another port"):
        listener.open()
    listener.close()


@needs_proc
def test_the_program_that_has_the_port_is_named() -> None:
    holding = (
        "import socket, sys; from pathlib import Path; held = socket.create_server(('127.0.0.1', 0));"
        "Path('/proc/self/comm').write_text('another-one'); print(held.getsockname()[1], flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", holding]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout
            port = int(other.stdout.readline())
            who = re.escape(f"Port {port} is used by another-one (process {other.pid}); close that")
            with pytest.raises(ListenerError, match=f"^{who}"):
                RedirectListener(f"http://localhost:{port}/", strict_port=True).open()
        finally:
            other.communicate(timeout=PATIENCE)


@pytest.mark.skipif(sys.platform == "win32", reason="there it is the true option, whose value others set too")
def test_on_windows_the_port_is_exclusively_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an option of this system's in the place of the one that only Windows has."""
    with monkeypatch.context() as there:
        there.setattr(sys, "platform", "win32")
        there.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
        sockets = loopback_port.listen_on_loopback(RedirectUri.parse("http://localhost"), strict=False)
    try:
        assert sockets
        for each in sockets:
            assert each.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert each.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0, "another program could take it there"
    finally:
        for each in sockets:
            each.close()


@needs_proc
def test_a_sign_in_of_this_program_is_not_called_another_program(opened: Opened) -> None:
    desk = opened()
    with pytest.raises(ListenerError, match=f"^Port {desk.port} is used by a sign-in of this program that waits;"):
        RedirectListener(desk.uri, strict_port=True).open()


def test_a_port_whose_holder_the_system_does_not_tell_is_used_by_another_program(
    taken: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(port_owner, "_PROC", tmp_path)
    with pytest.raises(ListenerError, match=f"^Port {taken} is used by another program; close that"):
        RedirectListener(f"http://localhost:{taken}/", strict_port=True).open()


@needs_proc
@pytest.mark.parametrize("left", range(7))
def test_no_file_descriptor_left_is_a_listener_error(left: int) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    pages._read.cache_clear()
    listener = RedirectListener("http://localhost:3000/")
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        taken = [stack.enter_context(Path(os.devnull).open("rb"))]
        with suppress(OSError):
            while True:
                taken.append(stack.enter_context(Path(os.devnull).open("rb")))
        for each in taken[-left:] if left else ():
            each.close()
        if left < (5 if has_ipv6() else 4):  # a socket for each address, and three for the event loop
            with pytest.raises(ListenerError, match=r"^Too many files and connections are open"):
                listener.open()
        else:
            listener.open()
    listener.close()
    again = RedirectListener("http://localhost/")
    again.open()  # and what was had in the attempt has been given back
    again.close()


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
