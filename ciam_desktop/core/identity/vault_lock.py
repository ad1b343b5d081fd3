"""Owns the lock between programs that change one vault; it ends with its process, so that none is ever stale."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import portalocker

from ciam_desktop.core.errors import VaultError, VaultLocked
from ciam_desktop.core.identity.private_files import open_private
from ciam_desktop.i18n import _

LOCK_SECONDS = 10.0
_ATTEMPTS = 5  # so often the file may be exchanged before it is somebody's intention


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`: the file stays, what the system keeps of it goes with the process that held it.

    Raises VaultLocked when another program does not let go of it in LOCK_SECONDS, VaultError where files cannot be
    locked and as `open_private`, and OSError.
    """
    for _attempt in range(_ATTEMPTS):
        lock = portalocker.Lock(str(path), mode="a", timeout=LOCK_SECONDS, check_interval=0.05, opener=open_private)
        try:
            stream = lock.acquire()
        except portalocker.AlreadyLocked:
            raise VaultLocked(_("Another program holds the saved sign-in and does not let go of it.")) from None
        except portalocker.LockException:
            raise VaultError(_("The folder of the saved sign-in is on a disk that cannot lock files.")) from None
        try:
            if _is_still(stream.fileno(), path):
                yield
                return
        finally:
            lock.release()
    raise VaultLocked(_("Another program holds the saved sign-in and does not let go of it."))


def _is_still(handle: int, path: Path) -> bool:
    """Whether the file that was locked is the one that others would lock: it may have been removed meanwhile."""
    if os.name != "posix":  # Windows removes no file that is open
        return True
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False
