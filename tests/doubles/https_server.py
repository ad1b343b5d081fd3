"""HTTP and TLS servers on real sockets that answer as a test tells them, also as no decent server would."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import trustme

PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer; `raw` takes the place of everything else, `drip` sends a byte at a time, that many seconds apart.

    `hang_up` closes the connection afterwards.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    body: bytes = b""
    raw: bytes | None = None
    drip: float = 0.0
    hang_up: bool = False


Answering = Callable[[Request], Reply]


@cache
def authority(name: str = "ours") -> trustme.CA:
    """A certificate authority of that name; each is another one."""
    return trustme.CA(organization_name=name, key_type=trustme.KeyType.ECDSA)


def ca_file(folder: Path, name: str = "ours") -> Path:
    """The authority's certificate as a PEM file in `folder`."""
    path = folder / f"{name}.pem"
    authority(name).cert_pem.write_to_path(str(path))
    return path


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        if self.server.context is not None:
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self.server.connections.add(self.request)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.server.connections.discard(self.request)
        self.request.close()

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length))
        self.server.owner.requests.append(request)
        reply = self.server.owner.answering(request)
        data = reply.raw
        if data is None:
            lines = [f"HTTP/1.1 {reply.status} -", *(f"{name}: {value}" for name, value in reply.headers)]
            if reply.status >= 200 and reply.status != 204 and "content-length" not in dict(reply.headers):
                lines.append(f"content-length: {len(reply.body)}")
            data = "\r\n".join([*lines, "", ""]).encode() + reply.body
        else:
            self.close_connection = True
        if reply.hang_up:
            self.close_connection = True
        if not reply.drip:
            self.wfile.write(data)
        for byte in data if reply.drip else b"":
            if self.server.ending.wait(reply.drip):
                return
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    do_GET = do_POST = do_CONNECT = handle_any  # noqa: N815 -- http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- http.server's name
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, owner: HttpsServer, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner
        self.context = context
        self.connections: set[socket.socket] = set()
        self.ending = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust the certificate, or hangs up, is no error of the server's."""


@dataclass
class HttpsServer:
    """Answers on 127.0.0.1 by `answering`, which may be replaced at any time; `requests` is all that arrived.

    `host` is the name in its certificate, signed by the authority `signed_by` and valid from `not_before` until
    `not_after`, where these are given; with `tls=False` it speaks plain HTTP.
    """

    answering: Answering
    host: str = "localhost"
    signed_by: str = "ours"
    tls: bool = True
    not_before: datetime | None = None
    not_after: datetime | None = None
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        context = None
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate = authority(self.signed_by).issue_cert(
                self.host, not_before=self.not_before, not_after=self.not_after, key_type=trustme.KeyType.ECDSA
            )
            certificate.configure_cert(context)
        self._server = server = _Server(self, context)
        self.port = int(server.server_address[1])
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="server")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.ending.set()
        self._server.shutdown()
        self.drop_connections()
        self._server.server_close()
        self._thread.join(PATIENCE)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def drop_connections(self) -> None:
        """End every kept-alive connection from the server's side."""
        for connection in list(self._server.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class ProxyServer:
    """A forward proxy (RFC 9110 section 9.3.6) whose tunnels all end at one port here; `heads` is what was asked."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self.heads: list[str] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._serve, name="proxy")]
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for each in self._sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(PATIENCE)
        for each in (self._listener, *self._sockets):
            each.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            head = b""
            while b"\r\n\r\n" not in head and (piece := client.recv(4096)):
                head += piece
            self.heads.append(head.decode("latin-1"))
            upstream = socket.create_connection(("127.0.0.1", self._upstream), timeout=PATIENCE)
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            self._sockets += [client, upstream]
            for source, target in ((client, upstream), (upstream, client)):
                thread = threading.Thread(target=self._pump, args=(source, target), name="proxy")
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return
