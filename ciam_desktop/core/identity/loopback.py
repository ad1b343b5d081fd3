"""Owns the redirect listener: waits on loopback for exactly one redirect of one sign-in or sign-out.

It answers whoever knocks, hands over the one answer that carries the right `state`, and holds that browser's connection
until the program says how it ended (RFC 8252 sections 7.3 and 8.3, RFC 9700 section 4). Nothing of a request is ever
logged.

Two threads meet here. `RedirectListener` may be called from any; `_Desk` and `_Connection` live on the listener's own
thread, whose event loop runs one call after the other, so that whatever comes first, redirect, deadline or cancel,
decides, and decides once.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from ciam_desktop.core.errors import SignInCancelled, SignInError, SignInTimedOut
from ciam_desktop.core.identity import pages
from ciam_desktop.core.identity.loopback_port import is_no_room, listen_on_loopback, no_room
from ciam_desktop.core.identity.redirect_http import (
    Contradicted,
    Expected,
    Kind,
    Redirect,
    RedirectUri,
    Refused,
    Request,
    RequestReader,
    TlsHello,
    judge,
    response,
)
from ciam_desktop.i18n import _

__all__ = ["Expected", "Kind", "Limits", "Redirect", "RedirectListener"]

_log = logging.getLogger(__name__)

# Connections let in before the next look at those that are here: a crowd of 300 passes in half the time that it takes
# one by one, and `Limits.connections` is hardly overstepped.
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """How long (seconds) and how many connections may be had from whoever knocks.

    A request must be whole after `request`, the program has `hold` to answer the redirect, and a sender has `linger` to
    take its answer. Beyond `connections` the oldest goes, but for the held one; their number stays well below the 256
    files that macOS lets a program open, and the 512 sockets that Windows can select from.
    """

    request: float = 10.0
    hold: float = 60.0
    linger: float = 2.0
    connections: int = 128


OnDone = Callable[[Redirect | SignInError], None]


class _State(Enum):
    NEW = auto()
    RUNNING = auto()
    ENDED = auto()


class RedirectListener:
    """One wait at one redirect URI. Every method may be called from any thread.

    `on_https_seen` is called on the listener's thread each time a browser speaks TLS here, because something makes it
    turn http into https; `https_seen` counts them.
    """

    def __init__(
        self,
        redirect_uri: str,
        *,
        strict_port: bool = False,
        limits: Limits | None = None,
        on_https_seen: Callable[[], None] | None = None,
    ) -> None:
        self._uri = RedirectUri.parse(redirect_uri)
        self._strict_port = strict_port or not self._uri.may_move
        self._limits = limits or Limits()
        self._on_https_seen = on_https_seen
        self._lock = threading.Lock()
        self._state = _State.NEW
        self._expects = False
        self._desk: _Desk | None = None
        self._thread: threading.Thread | None = None
        self.https_seen = 0

    def open(self) -> str:
        """Bind 127.0.0.1 and ::1, start to answer, and return the redirect URI to send.

        A port that is taken gives way to the next free one for `localhost`, unless `strict_port`. Raises ListenerError,
        or SignInCancelled when `cancel` or `close` came first.
        """
        with self._lock:
            if self._desk is not None:
                raise RuntimeError("a listener is opened once")
            if self._state is _State.ENDED:
                raise _cancelled()
            try:
                pages.load()
                self._start()
            except OSError as error:
                if not is_no_room(error):
                    raise
                raise no_room() from error
        return str(self._uri)

    def expect(self, expected: Expected, *, deadline: float, on_done: OnDone) -> None:
        """Wait for `expected`, at most `deadline` seconds on the monotonic clock; once, after `open`.

        `on_done` is called exactly once, on the listener's thread (on this one if the listener has already ended), with
        the Redirect, SignInCancelled, SignInTimedOut, or the SignInError of an answer that is malformed or of another
        issuer. With an error the listener ends by itself. `on_done` must return soon.
        """
        if self._desk is None or self._expects:
            raise RuntimeError("a listener is opened, and then waits once")
        self._expects = True
        if not self._post(self._desk.expect, expected, deadline, on_done):
            on_done(_cancelled())

    def extend(self, seconds: float) -> None:
        """Move the deadline of the running wait by so many seconds."""
        if self._desk is not None:
            self._post(self._desk.extend, seconds)

    def cancel(self) -> None:
        """End the wait, even before it has begun; returns at once. A redirect already handed over stays answerable."""
        self._end(_Desk.cancel)

    def close(self, *, timeout: float = 2.0) -> None:
        """Stop listening, give an answer in flight at most `timeout` seconds, and end thread and sockets; idempotent.

        A running wait is cancelled; a redirect that nobody answered gets the page that says so.
        """
        self._end(partial(_Desk.end, flush=timeout))
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout + 1)

    def _start(self) -> None:
        with ExitStack() as undone:
            sockets = listen_on_loopback(self._uri, strict=self._strict_port)
            for each in sockets:
                undone.callback(each.close)
            runner = undone.enter_context(_new_runner())
            uri = self._uri.at(sockets[0].getsockname()[1])
            desk = _Desk(runner.get_loop(), uri, self._limits, self._post, self._saw_https)
            thread = threading.Thread(
                target=self._run, args=(runner, desk, sockets), name="redirect listener", daemon=True
            )
            thread.start()
            undone.pop_all()
        self._uri, self._desk, self._thread, self._state = uri, desk, thread, _State.RUNNING

    def _end(self, how: Callable[[_Desk], None]) -> None:
        with self._lock:
            if self._state is _State.NEW:
                self._state = _State.ENDED
        if self._desk is not None:
            self._post(how, self._desk)

    def _post(self, call: Callable[..., object], *args: object) -> bool:
        """Run `call(*args)` on the listener's thread, in order; False once that has ended."""
        with self._lock:
            if self._state is not _State.RUNNING or self._desk is None:
                return False
            self._desk.loop.call_soon_threadsafe(call, *args)
            return True

    def _run(self, runner: asyncio.Runner, desk: _Desk, sockets: list[socket.socket]) -> None:
        with runner:
            runner.run(desk.serve(sockets))
            with self._lock:
                self._state = _State.ENDED
            runner.run(asyncio.sleep(0))  # whatever was posted in time still runs

    def _saw_https(self) -> None:
        self.https_seen += 1
        if self._on_https_seen is not None:
            self._on_https_seen()


class _Desk:
    """Judges every request, and decides once how the wait ends. Lives on the listener's thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        uri: RedirectUri,
        limits: Limits,
        post: Callable[..., bool],
        saw_https: Callable[[], None],
    ) -> None:
        self.loop = loop
        self.limits = limits
        self.saw_https = saw_https
        self._uri = uri
        self._post = post
        self._expected: Expected | None = None
        self._on_done: OnDone | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._connections: dict[_Connection, None] = {}  # in order of arrival
        self._accepting: set[asyncio.Task[Any]] = set()
        self._ending = asyncio.Event()
        self._flush = limits.linger
        loop.set_exception_handler(_report)

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Answer until `end`, then let go of everything."""
        for each in sockets:
            each.setblocking(False)
            self.loop.add_reader(each, self._accept, each)
        await self._ending.wait()
        for each in sockets:
            self.loop.remove_reader(each)
            each.close()
        if self._accepting:
            await asyncio.wait(self._accepting)
        for connection in tuple(self._connections):
            connection.end()
        if leaving := [connection.gone for connection in self._connections]:
            await asyncio.wait(leaving, timeout=self._flush)
        for connection in tuple(self._connections):
            self.drop(connection)

    def expect(self, expected: Expected, deadline: float, on_done: OnDone) -> None:
        self._expected, self._on_done = expected, on_done
        if self._ending.is_set():
            self._finish(_cancelled())
        else:
            self._deadline = self.loop.call_later(deadline, self._expire)

    def extend(self, seconds: float) -> None:
        if self._deadline is not None and self._on_done is not None:
            self._deadline.cancel()
            self._deadline = self.loop.call_at(self._deadline.when() + seconds, self._expire)

    def cancel(self) -> None:
        if self._expected is None or self._on_done is not None:
            self.end()

    def end(self, flush: float | None = None) -> None:
        self._flush = self.limits.linger if flush is None else flush
        self._ending.set()
        self._finish(_cancelled())

    def arrived(self, connection: _Connection) -> None:
        if self._ending.is_set():
            connection.abort()
            return
        self._connections[connection] = None
        if len(self._connections) > self.limits.connections:
            self._make_room()

    def drop(self, connection: _Connection) -> None:
        self.forget(connection)
        connection.abort()

    def forget(self, connection: _Connection) -> None:
        self._connections.pop(connection, None)

    def receive(self, connection: _Connection, request: Request) -> None:
        verdict = judge(request, self._uri, self._expected)
        if isinstance(verdict, Refused):
            connection.refuse(verdict, with_body=request.method != b"HEAD")
        elif self._on_done is None:
            connection.answer(response(HTTPStatus.GONE, pages.already_answered()))
        elif isinstance(verdict, Contradicted):
            page = pages.failed(_("This did not work"), str(verdict.error))
            connection.answer(response(HTTPStatus.BAD_REQUEST, page))
            self._finish(verdict.error)
            self.end()
        else:
            connection.hold()
            self._finish(Redirect(verdict.parameters, partial(self._post, connection.answer)))

    def _accept(self, listening: socket.socket) -> None:
        """Take who waits. asyncio's own server loses those that arrive while it is being closed (CPython 3.11)."""
        for _each in range(_AT_ONCE):
            try:
                connected, _address = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):  # nobody more, or one that has left already
                return
            except OSError:  # no file descriptor is left; one connection makes room for the one that waits
                self._make_room()
                return
            connected.setblocking(False)
            task = self.loop.create_task(self.loop.connect_accepted_socket(partial(_Connection, self), connected))
            self._accepting.add(task)
            task.add_done_callback(self._accepting.discard)

    def _make_room(self) -> None:
        if oldest := next((each for each in self._connections if not each.held), None):
            self.drop(oldest)

    def _expire(self) -> None:
        self._finish(SignInTimedOut(_("The browser did not come back in time; please try again.")))
        self.end()

    def _finish(self, outcome: Redirect | SignInError) -> None:
        if self._on_done is not None:
            self.loop.call_soon(self._on_done, outcome)  # its failure must not be the connection's
            self._on_done = None
        if self._deadline is not None:
            self._deadline.cancel()


class _Connection(asyncio.Protocol):
    """One connection: reads one request, waits for its answer, writes that, and goes."""

    def __init__(self, desk: _Desk) -> None:
        self.gone: asyncio.Future[None] = desk.loop.create_future()
        self.held = False
        self._desk = desk
        self._reader: RequestReader | None = RequestReader()
        self._answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._timer = self._desk.loop.call_later(self._desk.limits.request, self.abort)
        self._desk.arrived(self)

    def data_received(self, data: bytes) -> None:
        if self._reader is None:
            return  # whatever follows the request is taken from the wire, so that closing does not reset, and dropped
        found = self._reader.feed(data)
        if found is None:
            return
        self._reader = None
        match found:
            case Request():
                self._desk.receive(self, found)
            case Refused():
                self.refuse(found)
            case TlsHello():
                self.abort()
                self._desk.saw_https()

    def eof_received(self) -> bool:
        return self._reader is None and not self._answered  # a sender that said all may still be answered

    def connection_lost(self, _exc: Exception | None) -> None:
        self._timer.cancel()
        self._reader, self._answered = None, True
        self._desk.forget(self)
        if not self.gone.done():
            self.gone.set_result(None)

    def hold(self) -> None:
        """Keep the browser's tab waiting for `answer`."""
        self.held = True
        self._limit(self._desk.limits.hold, self._give_up)

    def refuse(self, refused: Refused, *, with_body: bool = True) -> None:
        self.answer(response(refused.status, pages.not_ours(), allow=refused.allow, with_body=with_body))

    def answer(self, whole: bytes) -> None:
        """Write `whole`, the first time, then wait a moment for the sender to take it and go."""
        if self._answered:
            return
        self._answered, self.held = True, False
        self._transport.write(whole)
        self._limit(self._desk.limits.linger, self.abort)
        try:
            self._transport.write_eof()
        except OSError:  # the sender has reset the connection, and the loop has not seen it yet
            self.abort()

    def end(self) -> None:
        """The listener ends: what is answered is flushed, what is held is answered, the rest is dropped."""
        if self.held:
            self._give_up()
        if self._answered:
            self._transport.close()
        else:
            self.abort()

    def abort(self) -> None:
        self._transport.abort()

    def _give_up(self) -> None:
        self.answer(response(HTTPStatus.SERVICE_UNAVAILABLE, pages.no_answer()))

    def _limit(self, seconds: float, then: Callable[[], None]) -> None:
        self._timer.cancel()
        self._timer = self._desk.loop.call_later(seconds, then)


def _new_runner() -> asyncio.Runner:
    """An event loop of its own; raises OSError when its three descriptors cannot be had.

    They are tried first: a loop that got only some of them breaks once more, into standard error, when it is collected.
    """
    with ExitStack() as tried:
        for _each in range(3):
            tried.enter_context(socket.socket())
    # Debug mode would print what is read; the selector loop is the one with `add_reader`, on Windows too.
    return asyncio.Runner(debug=False, loop_factory=asyncio.SelectorEventLoop)


def _cancelled() -> SignInCancelled:
    return SignInCancelled(_("Waiting for the browser was cancelled."))


def _report(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log where a callback failed and how it is called, never the words, which may hold what was received."""
    error = context.get("exception")
    if isinstance(error, OSError):  # a browser that went away
        _log.debug("A connection of the redirect listener ended with %s", type(error).__name__)
    else:
        trace = "".join(traceback.format_tb(error.__traceback__)) if error else ""
        _log.error("The redirect listener met %s\n%s", type(error).__name__, trace)
