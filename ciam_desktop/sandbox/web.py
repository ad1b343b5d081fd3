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

        async def whole() -> dict[str, Any]:
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
    """One port: its listening sockets, its application, and the PEM file for TLS (None: plain HTTP)."""

    sockets: list[socket.socket]
    application: WSGIApplication
    server_file: Path | None


class WebThread:
    """Serves the sites on one event loop until `stop`; `failed` is called when that ends by an error."""

    def __init__(self, sites: list[Site], failed: Callable[[], None]) -> None:
        self._sites = sites
        self._failed = failed
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

        for site in self._sites:
            config = uvicorn.Config(
                WholeBody(WSGIMiddleware(site.application, workers=_WORKERS)),  # type: ignore[arg-type] # its own types
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
                ssl_certfile=site.server_file,
            )
            self._servers.append(uvicorn.Server(config))
        if self._stopping.is_set():
            return
        await asyncio.gather(
            *(server.serve(site.sockets) for server, site in zip(self._servers, self._sites, strict=True))
        )
