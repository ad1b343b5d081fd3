"""Browsers down to the bytes: raw sockets that send what no library would, and read what comes back."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class RawBrowser:
    """One connection to a listener on loopback; every wait has a time-out of `PATIENCE` seconds."""

    def __init__(self, port: int, *, host: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection((host, port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Send `data`; a listener that has hung up meanwhile is no failure of the browser's."""
        try:
            self._socket.sendall(data)
        except ConnectionError:
            return

    def send_until_refused(self) -> None:
        """Send on and on, until the other end is closed and not only shut down; raises TimeoutError if it never is."""
        patience = time.monotonic() + PATIENCE
        while time.monotonic() < patience:
            try:
                self._socket.sendall(b"more")
            except ConnectionError:
                return
        raise TimeoutError

    def send_eof(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def read(self) -> bytes:
        """Everything until the listener closes; b"" when it closes, or resets, without a word."""
        received = bytearray()
        while True:
            try:
                chunk = self._socket.recv(65536)
            except ConnectionError:
                return bytes(received)
            if not chunk:
                return bytes(received)
            received += chunk

    def answer(self) -> Answer | None:
        """The whole answer, or None when the listener closes without one."""
        raw = self.read()
        if not raw:
            return None
        head, _, body = raw.partition(b"\r\n\r\n")
        status, *lines = head.decode("ascii").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        return Answer(int(status.split(" ")[1]), headers, body)

    def silent(self) -> bool:
        """Whether nothing has come back so far, and the connection still stands."""
        self._socket.setblocking(False)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        finally:
            self._socket.settimeout(PATIENCE)
        return False

    def vanish(self) -> None:
        """Reset the connection, as a browser that crashes does."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        self._socket.close()


def request(
    method: str, target: str, *, host: str, headers: tuple[str, ...] = (), body: bytes = b"", version: str = "1.1"
) -> bytes:
    """The bytes of one request; `headers` are whole lines, to come after Host."""
    lines = [f"{method} {target} HTTP/{version}", f"Host: {host}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def form_post(port: int, fields: dict[str, str] | list[tuple[str, str]] | bytes, *, path: str = "/") -> bytes:
    """What a browser sends for response_mode=form_post; `fields` may be ready bytes."""
    body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    headers = (
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        "Origin: https://login.contoso.example",
        "Sec-Fetch-Mode: navigate",
    )
    return request("POST", path, host=f"localhost:{port}", headers=headers, body=body)


def get(port: int, fields: dict[str, str] | list[tuple[str, str]] | str = "", *, path: str = "/") -> bytes:
    """What a browser sends for response_mode=query, and after a sign-out; `fields` may be a ready query."""
    query = fields if isinstance(fields, str) else urlencode(fields)
    return request("GET", f"{path}?{query}" if query else path, host=f"localhost:{port}")
