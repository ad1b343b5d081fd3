"""Owns the way of an answer to the client, down to the connection itself."""

from __future__ import annotations

import asyncio
import email.utils
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from ciam_desktop.sandbox.control.clock import Clock
    from ciam_desktop.sandbox.control.fault import Answer

TRANSPORT = "sandbox.transport"
_LINGER = "hh" if sys.platform == "win32" else "ii"  # struct linger: on and seconds


class OpenProtocol(H11Protocol):
    """uvicorn's protocol, which tells the application on which connection a request came."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        inner: Any = self.app

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await inner({**scope, TRANSPORT: self.transport}, receive, send)

        self.app = application


class Wire:
    """One request's connection, seen from the answering side."""

    def __init__(self, scope: Any, receive: Any, send: Any, clock: Clock) -> None:
        self._transport: asyncio.Transport = scope[TRANSPORT]
        self._receive = receive
        self._send = send
        self._clock = clock

    async def gone(self) -> None:
        """Wait until the client has left."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    @property
    def is_gone(self) -> bool:
        """Whether the connection has ended."""
        return self._transport.is_closing()

    async def send_whole(self, answer: Answer) -> None:
        """Send the answer as it should be."""
        await self.send_head(answer, len(answer.body))
        await self.send_piece(answer.body, more=False)

    async def send_head(self, answer: Answer, length: int) -> None:
        """Send status and headers, with this Content-Length in bytes."""
        date = email.utils.formatdate(self._clock(), usegmt=True)
        pairs = [*answer.headers, ("content-length", str(length)), ("date", date)]
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})

    async def send_piece(self, piece: bytes, *, more: bool) -> None:
        """Send some of the body; `more` says that it is not all."""
        await self._send({"type": "http.response.body", "body": piece, "more_body": more})

    async def close(self, last: bytes = b"") -> None:
        """End the connection in good order, after what was sent and these last bytes."""
        if last and not self.is_gone:
            self._transport.write(last)
        self._transport.close()
        await self.gone()

    async def reset(self) -> None:
        """End the connection by RST, so that the other side reads an error."""
        held = self._transport.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))
        self._transport.abort()
        await self.gone()
