"""Owns the guard that fails a test which leaves something running or open, or logs a warning that nobody expected."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import re
import socket
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.e2e.waiting import NotInTime, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

PATIENCE = 2
"""Seconds that something may take to end after its test."""

_LINUX = sys.platform == "linux"

Things = dict["Hashable", "Callable[[], str]"]
"""What is open or running: what tells it from others, and what says in words which it is."""


class LeakGuard:
    """Remembers what is open and running when its context begins, and fails when more is left at its end.

    Looked at are Python's threads, sockets (elsewhere than on Linux only those that Python listens on) and, on Linux,
    child processes; with `qt` also running QThreads, active QTimers that Python made, and windows that are shown.
    `allowed` are regular expressions on the words for what may stay.
    """

    def __init__(self, *, qt: bool, allowed: Iterable[str] = ()) -> None:
        self._qt = qt
        self._allowed = [re.compile(pattern) for pattern in allowed]

    def __enter__(self) -> Self:
        self._before = frozenset(self._things())
        return self

    def __exit__(self, *_: object) -> None:
        if not self.left():
            return
        gc.collect()
        with contextlib.suppress(NotInTime):
            wait_until(lambda: not self.left(), PATIENCE, "the end of what the test began")
        if left := self.left():
            pytest.fail("The test left behind:\n  " + "\n  ".join(left), pytrace=False)

    def left(self) -> list[str]:
        """What is there now, was not there at the beginning, and is not allowed to stay."""
        words = [describe() for key, describe in self._things().items() if key not in self._before]
        return sorted(each for each in words if each and not any(allowed.search(each) for allowed in self._allowed))

    def _things(self) -> Things:
        things = _threads() | _sockets() | _children()
        return things | _qt_things() if self._qt else things


def _threads() -> Things:
    return {thread: partial("the thread {!r}".format, thread.name) for thread in threading.enumerate()}


def _sockets() -> Things:
    if not _LINUX:
        found = [each for each in gc.get_objects() if issubclass(type(each), socket.socket) and _listens(each)]
        return {("socket", id(each)): partial(_describe_socket, each.fileno()) for each in found}
    things: Things = {}
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue  # the descriptor of this very listing
        if target.startswith("socket:"):
            things[target] = partial(_describe_socket, int(link.name))
    return things


def _listens(candidate: socket.socket) -> bool:
    return candidate.fileno() >= 0 and bool(candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _describe_socket(descriptor: int) -> str:
    """Which socket it is, or nothing when it was closed meanwhile."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            kind = "listening socket" if _listens(copy) else "open socket"
            return f"the {kind} {descriptor} ({socket.AddressFamily(copy.family).name} {copy.getsockname()})"
    except OSError:
        return ""


def _children() -> Things:
    things: Things = {}
    for path in Path("/proc/self/task").glob("*/children"):
        try:
            pids = path.read_text().split()
        except OSError:
            continue  # the thread ended
        for pid in pids:
            things["process", pid] = partial(_describe_process, pid)
    return things


def _describe_process(pid: str) -> str:
    try:
        name = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")[0]
    except OSError:
        return ""
    return f"the process {pid} ({name})"


def _qt_things() -> Things:
    from PySide6.QtCore import QCoreApplication, QEvent, QThread, QTimer  # not before a test asks for Qt
    from PySide6.QtWidgets import QApplication
    from shiboken6 import isValid

    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    things: Things = {}
    wanted: dict[type, bool] = {}  # by type, since there are a hundred thousand objects
    for each in gc.get_objects():
        kind = type(each)
        if kind not in wanted:
            wanted[kind] = issubclass(kind, QTimer | QThread)
        if not wanted[kind] or not isValid(each):
            continue
        if isinstance(each, QTimer) and each.isActive():
            things["timer", id(each)] = partial("an active timer of {} ms".format, each.interval())
        elif isinstance(each, QThread) and each.isRunning():
            things["thread", id(each)] = partial("the running QThread {!r}".format, each.objectName())
    for widget in QApplication.topLevelWidgets():
        if widget.isVisible():
            words = f"the window {widget.windowTitle()!r} ({type(widget).__name__})"
            things["window", id(widget)] = partial(str, words)
    return things


class LogGuard:
    """Fails on a log record of WARNING or above that no pattern in `expected` finds, and on a pattern that finds none.

    It sees every record as it is made, whatever becomes of it on the way to a handler.
    """

    def __init__(self, expected: Iterable[str] = ()) -> None:
        self._expected = {pattern: re.compile(pattern) for pattern in expected}
        self._records: list[logging.LogRecord] = []

    def __enter__(self) -> Self:
        self._make = logging.getLogRecordFactory()
        logging.setLogRecordFactory(self._keep)
        return self

    def __exit__(self, *_: object) -> None:
        logging.setLogRecordFactory(self._make)
        lines = [f"{record.levelname} {record.name}: {record.getMessage()}" for record in self._records]
        unexpected = [line for line in lines if not any(each.search(line) for each in self._expected.values())]
        if unexpected:
            pytest.fail("The test logged what it does not expect:\n  " + "\n  ".join(unexpected), pytrace=False)
        missing = [text for text, each in self._expected.items() if not any(map(each.search, lines))]
        if missing:
            pytest.fail(f"The test expects in the log, and it was not there: {missing}", pytrace=False)

    def _keep(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        if record.levelno >= logging.WARNING:
            self._records.append(record)
        return record


def marked(item: pytest.Item, marker: str) -> list[str]:
    """The patterns that a test names by `marker`, such as `@pytest.mark.expects_log("retrying")`."""
    return [pattern for mark in item.iter_markers(marker) for pattern in mark.args]
