"""Owns the sandbox's listening sockets: loopback only, IPv4 and IPv6, ports chosen once."""

from __future__ import annotations

import errno
import random
import socket
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

# Below the ranges from which systems take the ports of outgoing connections (32768 on Linux, 49152 elsewhere),
# so that a kept port is rarely in use later.
_OTHER_PORTS = range(20_000, 32_000)
_BACKLOG = 128


class PortTaken(Exception):
    """Another program listens on the port."""


def listen(port: int) -> list[socket.socket]:
    """Listening sockets for `port` (0: any) on 127.0.0.1 and, where there is one, ::1; PortTaken when busy."""
    first = _bind(socket.AF_INET, "127.0.0.1", port)
    if first is None:
        raise PortTaken(port)
    sockets = [first]
    try:
        second = _bind(socket.AF_INET6, "::1", first.getsockname()[1])
    except PortTaken:
        first.close()
        raise
    return sockets if second is None else [*sockets, second]


def listen_ipv4(port: int) -> socket.socket:
    """One listening socket for `port` (0: any) on 127.0.0.1 alone, for what only programs of this sandbox speak to."""
    first, *others = listen(port)
    for extra in others:
        extra.close()
    return first


def choose(usual: int, avoid: Collection[int]) -> list[socket.socket]:
    """Listening sockets on the usual port, or on another free one that is not in `avoid`."""
    candidates = [usual, *random.sample(_OTHER_PORTS, 200)]
    for port in candidates:
        if port in avoid:
            continue
        try:
            return listen(port)
        except PortTaken:
            continue
    raise PortTaken(usual)


def _bind(family: socket.AddressFamily, host: str, port: int) -> socket.socket | None:
    try:
        # The protocol is named, because asyncio turns Nagle's algorithm off (40 ms an answer) on named TCP alone.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError:
        return None
    try:
        if sys.platform == "win32":
            # There SO_REUSEADDR would let another program take over the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES) or getattr(error, "winerror", 0) in (10013, 10048):
            raise PortTaken(port) from error
        if family == socket.AF_INET6:
            return None  # no IPv6 loopback on this machine
        raise
    return listener
