"""Owns how a test waits: until something is true, never longer than said, with a failure that tells what was seen."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

POLL = 0.03
"""Seconds between two looks."""


class NotInTime(AssertionError):
    """What a test waited for did not become true within its time."""


def wait_until(condition: Callable[[], T], timeout: float, what: str, *, seen: Callable[[], str] | None = None) -> T:
    """Look until `condition()` is truthy and return it; the only place in the end-to-end test that polls.

    `timeout` is in seconds, `what` completes "Waited in vain for …", and `seen` describes what was there instead.
    Raises NotInTime.
    """
    pause = threading.Event()
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            instead = f"\nWhat was there instead:\n{seen()}" if seen else ""
            raise NotInTime(f"Waited in vain for {what} ({timeout:g} s).{instead}")
        pause.wait(POLL)


def read_line(descriptor: int, timeout: float) -> str:
    """The first line that comes through a pipe within `timeout` seconds, or what came of it by then or by its end."""
    line = b""
    deadline = time.monotonic() + timeout
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        part = os.read(descriptor, 1) if ready else b""
        if not part:
            break
        line += part
    return line.decode().strip()
