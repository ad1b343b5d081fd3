"""Owns the Windows vault: one file, encrypted by the system (DPAPI) and replaced whole."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from msal_extensions.persistence import BasePersistence, PersistenceNotFound

from ciam_desktop.core import formats
from ciam_desktop.core.errors import VaultLocked
from ciam_desktop.core.identity.kept import Unreadable
from ciam_desktop.core.identity.private_files import later_than, modified, read_private
from ciam_desktop.i18n import _

T = TypeVar("T")

ERROR_INVALID_DATA = 13
"""What CryptUnprotectData answers to data that it did not protect (winerror.h)."""
NTE_BAD_KEY_STATE = 0x8009000B
"""What it answers when the key is gone: a password that was reset, another user or computer (winerror.h)."""

PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds between attempts: Windows refuses to replace a file while another program or a scanner reads it."""


class Agent(Protocol):
    """What encrypts: msal-extensions' WindowsDataProtectionAgent. Both raise OSError with `winerror`."""

    def protect(self, message: str) -> bytes:
        """`message`, encrypted for this user of this computer."""
        ...

    def unprotect(self, cipher_text: bytes) -> str:
        """What was protected; UnicodeError when that was no text."""
        ...


class ProtectedFile(BasePersistence):  # type: ignore[misc]  # msal_extensions ships no types
    """Keeps one text in an encrypted file, of which a reader or a crash meets the old or the new, never a part.

    msal-extensions' own FilePersistenceWithDataProtection truncates the file and then writes; what it wrote is read.
    Only one program at a time may call `save` and `set_aside`.
    """

    is_encrypted = True

    def __init__(self, path: Path, agent: Agent) -> None:
        self._path = path
        self._agent = agent

    def save(self, content: str) -> None:
        """Store `content` encrypted, in place of what was there; raises OSError."""
        data = self._agent.protect(content)
        self._sweep()
        try:
            before = self._path.lstat().st_mtime_ns
        except FileNotFoundError:
            before = 0
        _patiently(lambda: formats.replace_file(self._path, data))
        if self._path.lstat().st_mtime_ns <= before:  # in the same tick of the file system's clock
            later = later_than(before)
            os.utime(self._path, ns=(later, later))

    def load(self) -> str:
        """What was stored; raises PersistenceNotFound, Unreadable, VaultLocked, VaultError, OSError."""
        try:
            data = _patiently(lambda: read_private(self._path))
        except FileNotFoundError:
            raise PersistenceNotFound(location=self.get_location()) from None
        if not data:
            raise Unreadable
        try:
            return self._agent.unprotect(data)
        except UnicodeError:
            raise Unreadable from None
        except OSError as error:
            raise _explained(error) from None

    def set_aside(self, when: datetime) -> str:
        """Give the file a name that says `when`, and return a sentence that says which; raises OSError."""
        stem = f"{self._path.name}.aside-{when:%Y%m%d-%H%M%S}"
        aside = self._path.with_name(stem)
        number = 1
        while os.path.lexists(aside):  # nothing is overwritten, and the vault's lock keeps others from this name
            number += 1
            aside = self._path.with_name(f"{stem}-{number}")
        _patiently(lambda: self._path.rename(aside))
        return _("It was set aside as %(path)s.") % {"path": aside}

    def time_last_modified(self) -> float:
        """Seconds since 1970; raises PersistenceNotFound, OSError."""
        return modified(self._path)

    def get_location(self) -> str:
        """The path of the file."""
        return str(self._path)

    def _sweep(self) -> None:
        """Remove what a write left behind that was killed: it may hold the tokens of somebody who signed out."""
        for left in self._path.parent.glob(f".{self._path.name}.*.new"):
            with contextlib.suppress(OSError):
                left.unlink()


def _explained(error: OSError) -> Unreadable | VaultLocked:
    number = getattr(error, "winerror", None) or 0
    if number & 0xFFFFFFFF == NTE_BAD_KEY_STATE:
        return Unreadable(_("Windows cannot decrypt the saved sign-in any more, as after a password was reset."))
    if number == ERROR_INVALID_DATA:
        return Unreadable()
    return VaultLocked(_("Windows does not decrypt the saved sign-in now."))


def _patiently(action: Callable[[], T]) -> T:
    for pause in PAUSES:
        try:
            return action()
        except PermissionError:
            time.sleep(pause)
    return action()
