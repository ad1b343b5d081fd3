"""Owns the log: one private, size-limited file in the user's log folder, every record redacted."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from pathlib import Path
from typing import Any

from ciam_desktop.core.redact import RedactingFormatter

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_MAX_BYTES = 1_000_000


class _SilentOnError(logging.Handler):
    """Drops a record that cannot be written: logging itself would print its arguments, whatever they hold."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- logging's name
        del record


class _PrivateFileHandler(_SilentOnError, logging.handlers.RotatingFileHandler):
    """Opens its files readable by their owner alone, also those that were there before."""

    def _open(self) -> Any:
        os.close(os.open(self.baseFilename, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        Path(self.baseFilename).chmod(0o600)
        return super()._open()


class _StreamHandler(_SilentOnError, logging.StreamHandler[Any]):
    """Writes to standard error."""


def set_up(level: str, folder: Path, *, stderr: bool = False) -> Path:
    """Write records of `level` ("INFO") and above to `folder`, and to standard error if asked; returns the file.

    A file that cannot be opened is left out: a program that cannot keep a log still runs.
    """
    path = folder / "ciam-desktop.log"
    handlers: list[logging.Handler] = []
    try:
        handlers.append(
            _PrivateFileHandler(path, maxBytes=_MAX_BYTES, backupCount=1, encoding="utf-8", errors="backslashreplace")
        )
    except OSError:
        handlers.append(logging.NullHandler())  # without any handler, logging writes to standard error unredacted
    if stderr:
        handlers.append(_StreamHandler(sys.stderr))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        handler.setFormatter(RedactingFormatter(_FORMAT))
        root.addHandler(handler)
    root.setLevel(level)
    # They write addresses, headers and bodies at DEBUG; nothing there is worth the risk.
    for noisy in ("urllib3", "requests", "msal", "msal_extensions", "jeepney", "secretstorage", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.INFO, root.level))
    return path
