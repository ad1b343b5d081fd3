"""Owns how the tests bring a sign-in, a renewal or a start to a bad end: on real sockets where a network is in it."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from ciam_desktop.core.errors import CiamError, SignInError
from ciam_desktop.core.http import HttpClient
from ciam_desktop.core.identity.loopback import Expected, Kind, Redirect, RedirectListener
from ciam_desktop.core.identity.provider import Provider
from ciam_desktop.core.todos.client import TodoClient
from tests.core.bench import ACCOUNT, READ, Bench
from tests.doubles.https_server import PATIENCE, HttpsServer, ProxyServer, Reply, authority, ca_file

SOUND = Reply(body=b"{}")
PAGE = Reply(200, (("Content-Type", "text/html"),), b"<html>Welcome to our network")


def moved(location: str) -> Reply:
    return Reply(302, (("Location", location),))


def dated(reply: Reply, date: tuple[str, str]) -> Reply:
    return replace(reply, headers=(*reply.headers, date))


def caught(call: Callable[[], object]) -> CiamError:
    """What `call` raises."""
    with pytest.raises(CiamError) as raised:
        call()
    return raised.value


class Stage:
    """A place where things go wrong: servers and proxies of this test, and a provider that misbehaves."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, bench: Bench, stack: ExitStack) -> None:
        self.folder = folder
        self.patch = patch
        self.bench = bench
        self._stack = stack

    # Nobody answers.

    def asked(self, url: str, *, read_seconds: float = 5.0, limit: int = 1000, **options: float) -> CiamError:
        """Ask as the program asks, trusting the authority "ours" alone."""
        http = HttpClient(ca_file(self.folder), only=True, **options)
        self._stack.callback(http.close)
        return caught(lambda: http.send("GET", url, read_seconds=read_seconds, limit=limit))

    def server(self, reply: Reply = SOUND, **options: Any) -> HttpsServer:
        return self._stack.enter_context(HttpsServer(lambda _request: reply, **options))

    def served(self, reply: Reply = SOUND, *, read_seconds: float = 5.0, **options: Any) -> CiamError:
        """Ask a server that answers so, or presents such a certificate."""
        return self.asked(f"https://localhost:{self.server(reply, **options).port}/", read_seconds=read_seconds)

    def closed_port(self) -> int:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            return int(taken.getsockname()[1])

    def full_queue(self) -> CiamError:
        """A port whose queue of connections is full: nobody accepts, and nobody refuses."""
        listener = self._stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _each in range(4):
            waiting = self._stack.enter_context(socket.socket())
            waiting.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                waiting.connect(("127.0.0.1", port))
        return self.asked(f"https://127.0.0.1:{port}/", connect_seconds=0.3)

    def hung_up(self) -> CiamError:
        """A server that hears the first words of TLS and ends the connection in good order."""
        listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def serve() -> None:
            connection, _address = listener.accept()
            with connection:
                connection.settimeout(PATIENCE)
                while connection.recv(65536)[-1:] == b"":
                    pass
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=serve, name="hangs up")
        thread.start()
        error = self.asked(f"https://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join(PATIENCE)
        return error

    def self_signed(self) -> CiamError:
        server = self.server()
        context, own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), authority("its own")
        with own.cert_pem.tempfile() as certificate, own.private_key_pem.tempfile() as key:
            context.load_cert_chain(certificate, key)
        server._server.context = context
        return self.asked(server.url)

    # A proxy is in the way.

    def by_proxy(self, proxy: str, host: str = "login.contoso.example") -> CiamError:
        self.patch.setenv("HTTPS_PROXY", proxy)
        return self.asked(f"https://{host}/")

    def refusing_proxy(self, status: int) -> CiamError:
        port = self.server(Reply(status), tls=False).port
        return self.by_proxy(f"http://user1:planted@127.0.0.1:{port}")

    def looked_into(self) -> CiamError:
        """A company's proxy that shows a certificate of its own for every host."""
        server = self.server(host="login.contoso.example", signed_by="Contoso Proxy CA")
        proxy = self._stack.enter_context(ProxyServer(server.port))
        error = self.by_proxy(proxy.url)
        assert server.requests == []
        return error

    # What answers is no provider, or a bad one.

    def discovered(self, reply: Reply) -> CiamError:
        http = HttpClient(ca_file(self.folder), only=True)
        self._stack.callback(http.close)
        return caught(Provider(f"{self.server(reply).url}/tenant/v2.0", http).discovery)

    def published(self, **changes: Any) -> CiamError:
        """Sign in at a provider whose discovery document says so."""
        self.bench.idp.changes = changes
        return caught(self.bench.begin)

    # The sign-in is refused.

    def came_back(self, **parameters: str) -> CiamError:
        """The browser comes back with an error from the provider's page."""
        request = self.bench.begin()
        return caught(lambda: self.bench.people.complete(request, {"state": request.state, **parameters}))

    def refused(self, answer: object, status: int = 400) -> CiamError:
        """The token endpoint refuses the code."""
        self.bench.answer(answer if isinstance(answer, Reply) else Reply(status, body=json.dumps(answer).encode()))
        return caught(self.bench.sign_in)

    def refused_with(self, code: int, error: str = "invalid_grant") -> CiamError:
        correlation = {"correlation_id": "11111111-2222-4333-8444-555555555555"}
        return self.refused({"error": error, "error_description": f"AADSTS{code}: planted", **correlation})

    def unproven(self, *, ahead: float | None = None, **claims: Any) -> CiamError:
        """A sign-in whose ID token says so, at a provider whose clock is `ahead` of this computer's, or not told."""
        server, sound = self.bench.idp.server, self.bench.idp.server.answering
        if ahead is not None:
            date = ("Date", formatdate(time.time() + ahead, usegmt=True))
            server.answering = lambda request: dated(sound(request), date)
        self.bench.answer_claims(**claims)
        return caught(self.bench.sign_in)

    def waited(self, *, cancelled: bool) -> SignInError:
        """The wait for the browser is cancelled, or its deadline passes."""
        listener, over = RedirectListener("http://localhost"), threading.Event()
        outcome: list[Redirect | SignInError] = []

        def done(each: Redirect | SignInError) -> None:
            outcome.append(each)
            over.set()

        try:
            listener.open()
            listener.expect(Expected(Kind.SIGN_IN, "state"), deadline=60 if cancelled else 0.05, on_done=done)
            if cancelled:
                listener.cancel()
            assert over.wait(PATIENCE)
        finally:
            listener.close()
        assert isinstance(outcome[0], SignInError)
        return outcome[0]

    def on_another_device(self, error: str) -> CiamError:
        """The provider says so when it is asked whether the code was typed on the other device."""
        code = self.bench.people.begin_device([READ])
        self.bench.answer(Reply(400, body=json.dumps({"error": error, "error_description": "planted"}).encode()))
        return caught(lambda: self.bench.people.poll_device(code))

    def port_taken(self) -> CiamError:
        taken = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listener = RedirectListener(f"http://localhost:{taken.getsockname()[1]}", strict_port=True)
        try:
            return caught(listener.open)
        finally:
            listener.close()

    # Somebody is signed in.

    def renewed(self, answer: object, status: int = 400) -> CiamError:
        """The token endpoint answers so when the sign-in is renewed."""
        self.bench.sign_in()
        self.bench.answer(answer if isinstance(answer, Reply) else Reply(status, body=json.dumps(answer).encode()))
        return caught(lambda: self.bench.people.access_token(ACCOUNT, renew=True))

    def renewed_with(self, code: int, error: str = "invalid_grant") -> CiamError:
        return self.renewed({"error": error, "error_codes": [code], "correlation_id": "the-id"})

    def renewed_unproven(self, **claims: Any) -> CiamError:
        self.bench.sign_in()
        self.bench.answer_claims(**claims)
        return caught(lambda: self.bench.people.access_token(ACCOUNT, renew=True))

    def api(self, reply: Reply) -> CiamError:
        http = HttpClient(ca_file(self.folder), only=True)
        self._stack.callback(http.close)
        return caught(lambda: TodoClient(f"{self.server(reply).url}/api/todolist", http).fetch("a-token"))
