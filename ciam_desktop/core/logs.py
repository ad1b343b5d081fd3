"""Owns the log: one private, size-limited file in the user's log folder, every record redacted."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from pathlib import Path

from ciam_desktop.core.redact import RedactingFormatter

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_MAX_BYTES = 1_000_000


class _PrivateFileHandler(logging.handlers.RotatingFileHandler):
    """Opens its files readable by their owner alone."""

    def _open(self) -> object:  # type: ignore[override]  # the base class says TextIOWrapper, which this is
        os.close(os.open(self.baseFilename, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        return super()._open()


def set_up(level: str, folder: Path, *, stderr: bool = False) -> Path:
    """Write records of `level` ("INFO") and above to `folder`, and to standard error if asked; returns the file.

    `folder` must exist.
    """
    path = folder / "ciam-desktop.log"
    handlers: list[logging.Handler] = [_PrivateFileHandler(path, maxBytes=_MAX_BYTES, backupCount=1, encoding="utf-8")]
    if stderr:
        handlers.append(logging.StreamHandler(sys.stderr))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        handler.setFormatter(RedactingFormatter(_FORMAT))
        root.addHandler(handler)
    root.setLevel(level)
    # They write addresses, headers and bodies at DEBUG; nothing there is worth the risk.
    for noisy in ("urllib3", "requests", "msal", "jeepney", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.INFO, root.level))
    return path
