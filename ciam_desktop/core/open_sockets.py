"""Owns the sockets of one HTTP client's connections, so that another thread can end what waits on them."""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class OpenSockets:
    """Every socket that connections of these `pools` use, from the moment on in which it is connected."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def shut(self) -> None:
        """End both directions of each: whoever waits for one is told that the connection was broken off."""
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):  # it has ended by itself, or went on as a TLS socket
                    # Not SSLSocket's own, which would take the TLS away from the thread that is reading.
                    socket.socket.shutdown(each, socket.SHUT_RDWR)

    def pools(self) -> dict[str, Any]:
        """Connection pools by scheme, as urllib3's PoolManager takes them."""

        def add(made: socket.socket) -> socket.socket:
            with self._lock:
                self._open.add(made)
            return made

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return add(super()._new_conn())

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return add(super()._new_conn())

            def connect(self) -> None:
                super().connect()
                add(self.sock)  # another one than that which was connected: it speaks TLS

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        return {"http": PlainPool, "https": SecurePool}
