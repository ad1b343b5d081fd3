"""Owns the lock that lets one set-up at a time work in a clone; the system frees it when its holders end."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ciam_desktop.bootstrap.failures import SetupFailed, again
from ciam_desktop.i18n import _

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ciam_desktop.bootstrap.notice import Progress

_LONGEST_WAIT = 1800.0  # seconds: a slow line with 100 MB to fetch
_POLL = 0.2


@contextmanager
def locked(path: Path, progress: Progress) -> Iterator[int]:
    """Hold the lock file at `path`; yields its descriptor, which children may inherit.

    On POSIX a child that has the descriptor holds the lock as well, so the next start waits for the pip that a killed
    set-up left behind. Raises SetupFailed when another set-up takes longer than half an hour.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + _LONGEST_WAIT
        while not _try_lock(descriptor):
            progress.step(_("Another start is setting up; waiting for it"))
            if time.monotonic() > deadline:
                raise SetupFailed(
                    _("Another start is still setting up after half an hour; end it, then start again: %(command)s")
                    % {"command": again()}
                )
            time.sleep(_POLL)
        yield descriptor
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
