"""Owns the HTTP listeners: uvicorn on a thread, one per port, and the WSGI applications behind them."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    import uvicorn

    from ciam_desktop.sandbox.control.control import Control

_APPLICATION_SECONDS = 60.0
_WORKERS = 16
_MAX_BODY = 64 * 1024  # bytes; what is longer is refused by the applications
_BODY_SECONDS = 10.0


class LateApplication:
    """A WSGI application that is still being imported; requests wait for it."""

    def __init__(self) -> None:
        self._application: Future[WSGIApplication] = Future()

    def build(self, factory: Callable[[], WSGIApplication]) -> None:
        """Make the application; called once, on any thread."""
        try:
            self._application.set_result(factory())
        except BaseException as error:
            self._application.set_exception(error)
            raise

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._application.result(_APPLICATION_SECONDS)(environ, start_response)


class HostGuard:
    """Refuses requests whose Host is not this computer's (DNS rebinding, RFC 9110 section 7.2)."""

    def __init__(self, application: WSGIApplication, port: int) -> None:
        self._application = application
        self._hosts = frozenset(f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]"))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_HOST", "").lower() not in self._hosts:
            status = HTTPStatus.MISDIRECTED_REQUEST
            start_response(f"{status.value} {status.phrase}", [("Content-Type", "text/plain")])
            return [b"This host name does not lead here.\n"]
        return self._application(environ, start_response)


class WholeBody:
    """Reads a request's body whole before the application gets a worker for it, so that slow bodies hold none."""

    def __init__(self, application: Any, *, seconds: float = _BODY_SECONDS) -> None:
        """`application` is ASGI; a body that takes longer than `seconds` is answered with 408."""
        self._application = application
        self._seconds = seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        import asyncio

        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(receive)
        except TimeoutError:
            status = HTTPStatus.REQUEST_TIMEOUT.value
            await send({"type": "http.response.start", "status": status, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b""})
            return
        if body is None:
            return  # the client is gone

        given = False

        async def whole() -> Any:
            nonlocal given
            if given:
                return await receive()  # waits until the client has left
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._application(scope, whole, send)

    @staticmethod
    async def _read(receive: Any) -> bytes | None:
        body = bytearray()
        while len(body) <= _MAX_BODY:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        return bytes(body)


@dataclass(frozen=True, slots=True)
class Site:
    """One port: its name, its listening sockets, its application, and the PEM file for TLS (None: plain HTTP)."""

    name: str
    sockets: list[socket.socket]
    application: WSGIApplication
    server_file: Path | None


class WebThread:
    """Serves the sites on one event loop until `stop`; `failed` is called when that ends by an error.

    With `control` tests reach between each site's server and its application, and at a listener of its own.
    """

    def __init__(self, sites: list[Site], failed: Callable[[], None], control: Control | None = None) -> None:
        self._sites = sites
        self._failed = failed
        self._control = control
        self._servers: list[Any] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        """Start accepting; connections made before wait in the sockets' queues."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Finish what runs, within `timeout` seconds."""
        self._stopping.set()
        for server in list(self._servers):
            server.should_exit = True
        self._thread.join(timeout)

    def _run(self) -> None:
        # Imported here, because the sockets listen already and the starter need not wait for it.
        import asyncio

        try:
            asyncio.run(self._serve())
        except BaseException:
            self._failed()
            raise

    async def _serve(self) -> None:
        import asyncio

        import uvicorn
        from a2wsgi import WSGIMiddleware

        served = []
        for site in self._sites:
            application: Any = WSGIMiddleware(
                site.application,  # type: ignore[arg-type] # its own types
                workers=_WORKERS,
            )
            if self._control is not None:
                application = self._control.around(site.name, application)
            server = uvicorn.Server(_config(application, site.server_file))
            if self._control is not None:
                self._control.equip(site.name, server)
            served.append((server, site.sockets))
        if self._control is not None:
            served.append((uvicorn.Server(_config(self._control.application, None)), [self._control.listener]))
        self._servers += [server for server, _sockets in served]
        if self._stopping.is_set():
            return
        await asyncio.gather(*(server.serve(sockets) for server, sockets in served))


def _config(application: Any, server_file: Path | None) -> uvicorn.Config:
    import uvicorn

    return uvicorn.Config(
        WholeBody(application),
        http="h11",
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,
        ssl_certfile=server_file,
    )
