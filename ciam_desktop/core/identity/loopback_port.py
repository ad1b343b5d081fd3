"""Owns the redirect listener's port: one that every loopback address of this machine can have, and nothing wider."""

from __future__ import annotations

import errno
import itertools
import socket
import sys
from collections.abc import Iterator

from ciam_desktop.core.errors import ListenerError
from ciam_desktop.core.identity.redirect_http import RedirectUri
from ciam_desktop.core.port_owner import holder
from ciam_desktop.i18n import _

NEXT_PORTS = 20
ANY_PORT_ATTEMPTS = 20

_ADDRESSES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_NO_SUCH_FAMILY = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})


def listen_on_loopback(uri: RedirectUri, *, strict: bool) -> list[socket.socket]:
    """Listen on every loopback address of this machine, at one port.

    Raises ListenerError, which names the program that has the port, where the system tells.
    """
    refusal: OSError | None = None
    for port in _ports(uri.port, strict=strict):
        try:
            return _listen(port)
        except OSError as error:
            if is_no_room(error):
                raise no_room() from error
            refusal = refusal or error
    if uri.port is None:
        raise ListenerError(_("No port of this computer could be opened for the browser's answer.")) from refusal
    if isinstance(refusal, PermissionError):
        message = _("This program may not listen on port %(port)d; choose another port in the redirect URI.")
        raise ListenerError(message % {"port": uri.port}) from refusal
    message = _("Port %(port)d is used by %(who)s; close that, or choose another port in the redirect URI.")
    raise ListenerError(message % {"port": uri.port, "who": holder(uri.port) or _("another program")}) from refusal


def is_no_room(error: OSError) -> bool:
    """Whether the system, or its limit for this program, lets no more files and sockets be opened; no port does."""
    return error.errno in _NO_ROOM


def no_room() -> ListenerError:
    """What is said then."""
    return ListenerError(_("Too many files and connections are open; restart this program, then try again."))


def _ports(first: int | None, *, strict: bool) -> Iterator[int]:
    if first is not None:
        yield first
        if strict:
            return
        yield from range(first + 1, min(first + NEXT_PORTS, 65535) + 1)
    yield from itertools.repeat(0, ANY_PORT_ATTEMPTS)  # one that is free on IPv4 may be taken on IPv6


def _listen(port: int) -> list[socket.socket]:
    """Listen on 127.0.0.1 and ::1, where they exist, at `port` (0: any); raises OSError if either is taken."""
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in _ADDRESSES:
            try:
                sockets.append(_listen_at(family, address, port))
            except OSError as error:
                if error.errno not in _NO_SUCH_FAMILY:
                    raise
                missing = error
            else:
                port = sockets[0].getsockname()[1]
        if missing is not None and not sockets:
            raise missing
    except OSError:
        for each in sockets:
            each.close()
        raise
    return sockets


def _listen_at(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":  # there, SO_REUSEADDR would let another program take the port as well
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # here it only means that connections of the last sign-in, still in TIME_WAIT, do not block the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((address, port))
        listening.listen(socket.SOMAXCONN)  # Linux sees some conflicts only here
    except OSError:
        listening.close()
        raise
    return listening
