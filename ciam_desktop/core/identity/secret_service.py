"""Owns the Linux vault: an msal-extensions persistence on the Secret Service, in pure Python (secretstorage)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import secretstorage
from jeepney import DBusErrorResponse
from msal_extensions.persistence import BasePersistence, PersistenceNotFound

from ciam_desktop.core.errors import VaultLocked, VaultUnavailable
from ciam_desktop.core.identity.kept import Unreadable
from ciam_desktop.core.identity.private_files import SignalFile
from ciam_desktop.i18n import _

if TYPE_CHECKING:
    from jeepney import Message
    from jeepney.io.blocking import DBusConnection

APPLICATION = "io.github.ciam-desktop"
PROMPT_SECONDS = 120.0  # an unlock prompt that nobody answers must not hold the lane for ever
ANSWER_SECONDS = 30.0  # nor must a keyring that hangs


class SecretServicePersistence(BasePersistence):  # type: ignore[misc]  # msal_extensions ships no types
    """Keeps one text as one item of the default collection (freedesktop Secret Service API).

    msal-extensions' own Linux persistence needs PyGObject and a typelib, which pip cannot install. `signal_file` is an
    empty file whose modification time tells other programs that the item changed.
    Raises VaultUnavailable when no service answers, VaultLocked when it stays locked.
    """

    is_encrypted = True

    def __init__(self, entry: str, signal_file: Path) -> None:
        self._entry = entry
        self._signal = SignalFile(signal_file)

    def save(self, content: str) -> None:
        """Store `content` encrypted, in place of what was there."""
        with self._signal.told(), self._collection() as collection:
            label = _("CIAM Desktop sign-in (%(entry)s)") % {"entry": self._entry}
            collection.create_item(label, self._attributes(), content.encode(), replace=True)

    def load(self) -> str:
        """What was stored; raises PersistenceNotFound when nothing was, Unreadable."""
        with self._collection() as collection:
            secret = bytes(self._item(collection).get_secret())
        if not secret:  # gnome-keyring was killed while it made the item: it keeps the label first, then the secret
            raise PersistenceNotFound(location=self.get_location())
        try:
            return secret.decode()
        except UnicodeError:
            raise Unreadable from None

    def set_aside(self, when: datetime) -> str:
        """Give the item a label that says `when`, and return a sentence that says which.

        The item itself is kept, with what it holds; other attributes take it out of the program's sight in one step.
        """
        label = _("CIAM Desktop sign-in (%(entry)s), set aside %(when)s") % {
            "entry": self._entry,
            "when": f"{when:%Y-%m-%d %H:%M}",
        }
        with self._signal.told(), self._collection() as collection:
            item = self._item(collection)
            item.set_label(label)
            aside = {
                "application": APPLICATION,
                "set-aside": self._entry,
                "set-aside-at": f"{when:%Y-%m-%dT%H:%M:%S.%f}",
            }
            item.set_attributes(aside)
        return _("It was set aside in the keyring as “%(label)s”.") % {"label": label}

    def time_last_modified(self) -> float:
        """Seconds since 1970; raises PersistenceNotFound before the first save."""
        return self._signal.modified()

    def get_location(self) -> str:
        """The path of the signal file."""
        return str(self._signal.path)

    def _attributes(self) -> dict[str, str]:
        return {"application": APPLICATION, "entry": self._entry}

    def _item(self, collection: secretstorage.Collection) -> secretstorage.Item:
        item = next(iter(collection.search_items(self._attributes())), None)
        if item is None:
            raise PersistenceNotFound(location=self.get_location())
        return item

    @contextmanager
    def _collection(self) -> Iterator[secretstorage.Collection]:
        try:
            connection = secretstorage.dbus_init()
        except (secretstorage.exceptions.SecretServiceNotAvailableException, OSError, RuntimeError, StopIteration):
            raise VaultUnavailable(_("This computer has no running keyring service.")) from None
        with closing(connection):
            try:
                collection = secretstorage.get_default_collection(_Bounded(connection))
                if collection.is_locked() and collection.unlock():  # true: dismissed
                    raise VaultLocked(_("The keyring is locked."))
                yield collection
            except secretstorage.exceptions.SecretServiceNotAvailableException:
                raise VaultUnavailable(_("This computer has no running keyring service.")) from None
            except (secretstorage.exceptions.LockedException, secretstorage.exceptions.PromptDismissedException):
                raise VaultLocked(_("The keyring is locked.")) from None
            except (secretstorage.exceptions.SecretStorageException, DBusErrorResponse):
                raise VaultLocked(_("The keyring did not answer as it should.")) from None
            except PersistenceNotFound:
                raise
            except (OSError, EOFError):  # the bus, or the keyring, ended while it was asked
                raise VaultUnavailable(_("This computer has no running keyring service.")) from None


class _Bounded:
    """A connection that waits for ever neither for an answer nor for a prompt, as secretstorage would have it."""

    def __init__(self, connection: DBusConnection) -> None:
        self._connection = connection

    def send_and_get_reply(self, message: Message) -> Message:
        try:
            return self._connection.send_and_get_reply(message, timeout=ANSWER_SECONDS)
        except TimeoutError:
            raise VaultLocked(_("The keyring does not answer.")) from None

    def filter(self, rule: Any) -> Any:
        return self._connection.filter(rule)

    def recv_until_filtered(self, queue: Any, *, timeout: float | None) -> Message:
        try:
            return self._connection.recv_until_filtered(queue, timeout=PROMPT_SECONDS if timeout is None else timeout)
        except TimeoutError:
            raise VaultLocked(_("The keyring is locked.")) from None
