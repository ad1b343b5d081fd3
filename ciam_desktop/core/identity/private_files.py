"""Owns the vault's files in the data folder: for their owner alone, never through a link, and the signal they give."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from msal_extensions.persistence import PersistenceNotFound

from ciam_desktop.core.errors import VaultError
from ciam_desktop.i18n import _

# Not on Windows: there every file is binary or text, and links are looked for by hand.
_SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_A_TICK = 1_000_000
"""Nanoseconds by which a change is later than the one before it, whatever the file system's clock says."""


def open_private(path: str | os.PathLike[str], flags: int) -> int:
    """Open a regular file and return its descriptor; it is 0600 from then on, made or found.

    Raises VaultError when a link, a pipe or anything else is in its place (nothing is followed), and OSError.
    """
    if Path(path).is_symlink():  # O_NOFOLLOW says the same without a race, where there is one
        raise _not_ours(path)
    try:
        handle = os.open(path, flags | _SAFELY, 0o600)
    except OSError:
        if Path(path).is_symlink() or _is_no_file(path):
            raise _not_ours(path) from None
        raise
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise _not_ours(path)
        if os.name == "posix" and stat.S_IMODE(found.st_mode) != 0o600:
            with contextlib.suppress(PermissionError):  # another user's, in a folder that is ours alone
                os.fchmod(handle, 0o600)
    except BaseException:
        os.close(handle)
        raise
    return handle


def read_private(path: Path) -> bytes:
    """The whole of the file at `path`; raises as `open_private`."""
    with os.fdopen(open_private(path, os.O_RDONLY), "rb") as stream:
        return stream.read()


def tighten(folder: Path, profile: str) -> None:
    """Close `folder` and what the vault of `profile` keeps there to everybody else (0700, 0600).

    Links are left as they are; so is what cannot be changed, and a folder that is not there.
    """
    if os.name != "posix":  # Windows protects the profile folder as a whole
        return
    with contextlib.suppress(OSError):
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)
        names = (f"{profile}.vault", f"{profile}.lock")
        for path in folder.iterdir():
            if path.name in names or path.name.startswith(f"{profile}.vault.aside-"):
                mode = path.lstat().st_mode
                if stat.S_ISREG(mode) and stat.S_IMODE(mode) != 0o600:
                    path.chmod(0o600)


class SignalFile:
    """An empty file whose modification time tells other programs that an entry kept elsewhere has changed (POSIX)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Change the entry in this context: it is told at the end, and not begun when it could not be told.

        Raises as `open_private`.
        """
        handle = open_private(self.path, os.O_CREAT | os.O_WRONLY)
        try:
            yield
            later = later_than(os.fstat(handle).st_mtime_ns)
            os.utime(handle, ns=(later, later))
        finally:
            os.close(handle)

    def modified(self) -> float:
        """Seconds since 1970; raises PersistenceNotFound before the first change, OSError."""
        return modified(self.path)


def modified(path: Path) -> float:
    """When the file itself was changed, in seconds since 1970; raises PersistenceNotFound, OSError."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        raise PersistenceNotFound(location=str(path)) from None


def later_than(before_ns: int) -> int:
    """Now, in nanoseconds since 1970, but later than `before_ns` in any case."""
    return max(time.time_ns(), before_ns + _A_TICK)


def _is_no_file(path: str | os.PathLike[str]) -> bool:
    """Whether something else than a regular file is there (ENXIO of a pipe, EISDIR)."""
    return Path(path).exists() and not Path(path).is_file()


def _not_ours(path: str | os.PathLike[str]) -> VaultError:
    return VaultError(_("%(path)s is no file of this program. Remove it, then try again.") % {"path": os.fspath(path)})
