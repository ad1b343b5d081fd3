"""Owns what happens to an error that nobody caught: a local report without secrets, and word to whoever shows it."""

from __future__ import annotations

import platform
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from ciam_desktop import __version__
from ciam_desktop.core import formats
from ciam_desktop.core.redact import redact

REPORTS_KEPT = 10


class CrashReports:
    """Writes reports to `folder` and hands each error to `tell`, on the thread where it happened.

    Nothing is ever sent anywhere. A report holds the traceback, which names files and lines but no values, and is
    redacted as a whole.
    """

    def __init__(self, folder: Path, tell: Callable[[BaseException], object]) -> None:
        self._folder = folder
        self._tell = tell

    def install(self) -> None:
        """Take over the hooks of the interpreter and of its threads."""
        sys.excepthook = self._on_uncaught
        threading.excepthook = self._on_thread
        sys.unraisablehook = self._on_unraisable

    def write(self, error: BaseException) -> Path | None:
        """Write one report; returns its place, or None when the disk does not take it."""
        told = "".join(traceback.format_exception(error))
        head = f"CIAM Desktop {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        path = self._folder / f"report-{time.strftime('%Y%m%d-%H%M%S')}-{time.monotonic_ns() % 1000:03d}.txt"
        try:
            formats.replace_file(path, redact(head + told).encode())
            for old in sorted(self._folder.glob("report-*.txt"))[:-REPORTS_KEPT]:
                old.unlink(missing_ok=True)
        except OSError:
            return None
        return path

    def _on_uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        self.write(error)
        self._tell(error)

    def _on_thread(self, uncaught: threading.ExceptHookArgs) -> None:
        if uncaught.exc_value is not None:
            self.write(uncaught.exc_value)
            self._tell(uncaught.exc_value)

    def _on_unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        if unraisable.exc_value is not None:
            self.write(unraisable.exc_value)
