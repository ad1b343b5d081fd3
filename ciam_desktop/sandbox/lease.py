"""Owns the lease: who uses the sandbox now, told by connections that the kernel closes for them.

The state file (JSON, 0600) names the lease port and a key of this run. A user program connects on 127.0.0.1 and
sends one line `{"nonce": N, "proof": HMAC-SHA256(key, "user:" + N), "control": C}`; the sandbox answers one line
`{"proof": HMAC-SHA256(key, "sandbox:" + N), "ready": {...}}`. So neither side tells a stranger anything: a state
file outlives a killed sandbox, and its port may by then belong to somebody else. The connection is the lease. Who asks
with `control` true is told of the control API as well, where there is one.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import selectors
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ciam_desktop.sandbox.certificates import write_private
from ciam_desktop.sandbox.listening import listen_ipv4

if TYPE_CHECKING:
    from pathlib import Path

STATE_FILE = "state.json"
STATE_VERSION = 1
_LONGEST_LINE = 1024
_HANDSHAKE_SECONDS = 5.0
_MOST_STRANGERS = 64


@dataclass(slots=True)
class _Guest:
    connection: socket.socket
    deadline: float
    received: bytearray = field(default_factory=bytearray)
    admitted: bool = False


class LeaseDesk:
    """Counts the leases on a thread of its own.

    `ended` is set when there is no lease any more, or when none came within `first_wait` seconds.
    """

    def __init__(
        self,
        data_dir: Path,
        ready: dict[str, Any],
        *,
        first_wait: float,
        ended: threading.Event,
        control: dict[str, str] | None = None,
    ) -> None:
        self._ended = ended
        self._state_file = data_dir / STATE_FILE
        self._ready = ready
        self._control = control or {}
        self._key = secrets.token_bytes(32)
        self._listener = listen_ipv4(0)
        self._listener.setblocking(False)
        self._first_deadline = time.monotonic() + first_wait
        self._guests: dict[int, _Guest] = {}
        self._closing = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def open(self) -> None:
        """Write the state file and take guests."""
        state = {
            "version": STATE_VERSION,
            "pid": os.getpid(),
            "lease_port": self._listener.getsockname()[1],
            "lease_key": self._key.hex(),
        }
        write_private(self._state_file, json.dumps(state).encode())
        self._thread.start()

    def close(self) -> None:
        """Turn newcomers away (they start a sandbox of their own) and let the guests go."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(2.0)

    def _run(self) -> None:
        try:
            while not self._closing.is_set() and not self._nobody_left():
                for key, _mask in self._selector.select(timeout=0.1):
                    if key.fileobj is self._listener:
                        self._welcome()
                    elif guest := self._guests.get(key.fd):  # None: dismissed a moment ago for a newcomer
                        self._hear(guest)
                for guest in list(self._guests.values()):
                    if not guest.admitted and time.monotonic() > guest.deadline:
                        self._dismiss(guest)
        finally:
            # The file first: who reads it from now on starts anew instead of knocking at a closed port.
            self._state_file.unlink(missing_ok=True)
            self._selector.unregister(self._listener)
            self._listener.close()
            self._ended.set()
            for guest in list(self._guests.values()):
                self._dismiss(guest)
            self._selector.close()

    def _nobody_left(self) -> bool:
        if any(guest.admitted for guest in self._guests.values()):
            self._first_deadline = 0.0
            return False
        return time.monotonic() > self._first_deadline

    def _welcome(self) -> None:
        with contextlib.suppress(OSError):
            connection, _address = self._listener.accept()
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ)
            self._guests[connection.fileno()] = _Guest(connection, time.monotonic() + _HANDSHAKE_SECONDS)
            strangers = [guest for guest in self._guests.values() if not guest.admitted]
            if len(strangers) > _MOST_STRANGERS:
                self._dismiss(strangers[0])  # a user program speaks at once, so the one that waited longest is none

    def _hear(self, guest: _Guest) -> None:
        try:
            piece = guest.connection.recv(_LONGEST_LINE)
            if not piece:
                raise ConnectionResetError
            if guest.admitted:
                return  # a guest has nothing more to say
            guest.received += piece
            line, end, _rest = bytes(guest.received).partition(b"\n")
            if end:
                # A fresh socket's buffer takes the whole answer, so this does not wait.
                guest.connection.sendall(self._answer(line))
                guest.admitted = True
            elif len(guest.received) > _LONGEST_LINE:
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError, RecursionError):  # the last from JSON nested without end
            self._dismiss(guest)

    def _answer(self, line: bytes) -> bytes:
        message = json.loads(line)
        nonce = str(message["nonce"])
        if not hmac.compare_digest(self._proof("user", nonce), str(message["proof"])):
            raise ValueError
        ready = self._ready | (self._control if message.get("control") is True else {})
        answer = {"proof": self._proof("sandbox", nonce), "ready": ready}
        return json.dumps(answer).encode() + b"\n"

    def _proof(self, side: str, nonce: str) -> str:
        return hmac.new(self._key, f"{side}:{nonce}".encode(), "sha256").hexdigest()

    def _dismiss(self, guest: _Guest) -> None:
        self._guests.pop(guest.connection.fileno(), None)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(guest.connection)
        guest.connection.close()
