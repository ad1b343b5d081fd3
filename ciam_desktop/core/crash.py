"""Owns what happens to an error that nobody caught: a local report without secrets, and word to whoever shows it."""

from __future__ import annotations

import contextlib
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
from ciam_desktop.core.errors import CiamError
from ciam_desktop.core.redact import redact

REPORTS_KEPT = 10
# Their messages name types, attributes, modules and files. Those of others (KeyError, ValueError) repeat the value
# that was wrong, and an opaque token looks like nothing that could be recognised and redacted.
_HARMLESS_MESSAGES = (AttributeError, NameError, ImportError, TypeError, OSError)


class CrashReports:
    """Writes reports to `folder` and hands each error to `tell`, on the thread where it happened.

    Nothing is ever sent anywhere. A report holds the tracebacks, which name files and lines, and the kinds of the
    errors; a message is in it only where it cannot hold a value. It is redacted as a whole.
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
        told = "".join(_told(error, set()))
        head = f"CIAM Desktop {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        seconds, rest = divmod(time.time_ns(), 1_000_000_000)
        path = self._folder / f"report-{time.strftime('%Y%m%d-%H%M%S', time.gmtime(seconds))}-{rest:09d}.txt"
        try:
            formats.replace_file(path, redact(head + told).encode("utf-8", "backslashreplace"))
            for old in sorted(self._folder.glob("report-*.txt"))[:-REPORTS_KEPT]:
                old.unlink(missing_ok=True)
        except OSError:
            return None
        return path

    def _on_uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        self._report(error)

    def _on_thread(self, uncaught: threading.ExceptHookArgs) -> None:
        if uncaught.exc_value is not None and not isinstance(uncaught.exc_value, SystemExit):
            self._report(uncaught.exc_value)

    def _report(self, error: BaseException) -> None:
        self.write(error)
        # An error here would make the interpreter print both, unredacted; the window may be gone by now.
        with contextlib.suppress(Exception):
            self._tell(error)

    def _on_unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        if unraisable.exc_value is not None:
            self.write(unraisable.exc_value)


def _told(error: BaseException, seen: set[int]) -> list[str]:
    """The lines of `error` and of what led to it, oldest first, as `traceback` has them but for the messages."""
    seen.add(id(error))
    lines: list[str] = []
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        lines += [*_told(before, seen), "\nwhich led to:\n\n"]
    lines += ["Traceback (most recent call last):\n", *traceback.format_tb(error.__traceback__)]
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    lines.append(f"{kind}: {error}\n" if _is_harmless(error) else f"{kind}\n")
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        if id(inner) not in seen:
            lines += ["\nin which:\n\n", *_told(inner, seen)]
    return lines


def _is_harmless(error: BaseException) -> bool:
    """Whether the message may be written down; what libraries derive (requests' errors are OSErrors) may hold a URL."""
    own = isinstance(error, CiamError)
    return own or (isinstance(error, _HARMLESS_MESSAGES) and type(error).__module__ == "builtins")
