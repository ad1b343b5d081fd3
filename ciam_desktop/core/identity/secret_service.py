"""Owns the Linux vault: an msal-extensions persistence on the Secret Service, in pure Python (secretstorage)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import secretstorage
from jeepney import DBusErrorResponse
from msal_extensions.persistence import BasePersistence, PersistenceNotFound

from ciam_desktop.core.errors import VaultLocked, VaultUnavailable
from ciam_desktop.i18n import _

APPLICATION = "io.github.ciam-desktop"
PROMPT_SECONDS = 120.0  # an unlock prompt that nobody answers must not hold the lane for ever


class SecretServicePersistence(BasePersistence):  # type: ignore[misc]  # msal_extensions ships no types
    """Keeps one text as one item of the default collection (freedesktop Secret Service API).

    msal-extensions' own Linux persistence needs PyGObject and a typelib, which pip cannot install. `signal_file` is an
    empty file whose modification time tells other programs that the item changed.
    Raises VaultUnavailable when no service answers, VaultLocked when it stays locked.
    """

    is_encrypted = True

    def __init__(self, entry: str, signal_file: Path) -> None:
        self._entry = entry
        self._signal_file = signal_file

    def save(self, content: str) -> None:
        """Store `content` encrypted, in place of what was there."""
        with self._collection() as collection:
            label = _("CIAM Desktop sign-in (%(entry)s)") % {"entry": self._entry}
            collection.create_item(label, self._attributes(), content.encode(), replace=True)
        os.close(os.open(self._signal_file, os.O_CREAT | os.O_WRONLY, 0o600))
        # Later than before in any case: a file system's clock may not tell two saves apart.
        now = max(time.time_ns(), self._signal_file.stat().st_mtime_ns + 1_000_000)
        os.utime(self._signal_file, ns=(now, now))

    def load(self) -> str:
        """What was stored; raises PersistenceNotFound when nothing was."""
        with self._collection() as collection:
            item = next(iter(collection.search_items(self._attributes())), None)
            if item is None:
                raise PersistenceNotFound(location=self.get_location())
            return bytes(item.get_secret()).decode()

    def time_last_modified(self) -> float:
        """Seconds since 1970; raises PersistenceNotFound before the first save."""
        try:
            return self._signal_file.stat().st_mtime
        except FileNotFoundError:
            raise PersistenceNotFound(location=self.get_location()) from None

    def get_location(self) -> str:
        """The path of the signal file."""
        return str(self._signal_file)

    def _attributes(self) -> dict[str, str]:
        return {"application": APPLICATION, "entry": self._entry}

    @contextmanager
    def _collection(self) -> Iterator[secretstorage.Collection]:
        try:
            connection = secretstorage.dbus_init()
        except (secretstorage.exceptions.SecretServiceNotAvailableException, OSError, RuntimeError, StopIteration):
            raise VaultUnavailable(_("This computer has no running keyring service.")) from None
        with closing(connection):
            try:
                collection = secretstorage.get_default_collection(connection)
                if collection.is_locked() and collection.unlock(timeout=PROMPT_SECONDS):  # true: dismissed
                    raise VaultLocked(_("The keyring is locked."))
                yield collection
            except secretstorage.exceptions.SecretServiceNotAvailableException:
                raise VaultUnavailable(_("This computer has no running keyring service.")) from None
            except (
                secretstorage.exceptions.LockedException,
                secretstorage.exceptions.PromptDismissedException,
                TimeoutError,
            ):
                raise VaultLocked(_("The keyring is locked.")) from None
            except (secretstorage.exceptions.SecretStorageException, DBusErrorResponse):
                raise VaultLocked(_("The keyring did not answer as it should.")) from None
            except PersistenceNotFound:
                raise
            except (OSError, EOFError):  # the bus, or the keyring, ended while it was asked
                raise VaultUnavailable(_("This computer has no running keyring service.")) from None
