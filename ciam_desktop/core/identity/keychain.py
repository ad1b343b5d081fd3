"""Owns the macOS vault: one password of the default keychain, through msal-extensions' Keychain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from msal_extensions.persistence import BasePersistence, PersistenceNotFound

from ciam_desktop.core.errors import VaultLocked, VaultUnavailable
from ciam_desktop.core.identity.kept import Unreadable
from ciam_desktop.core.identity.private_files import SignalFile
from ciam_desktop.i18n import _

SERVICE = "CIAM Desktop"

# SecBase.h
USER_CANCELED = -128
AUTH_FAILED = -25293
NO_SUCH_KEYCHAIN = -25294
ITEM_NOT_FOUND = -25300
NO_DEFAULT_KEYCHAIN = -25307
INTERACTION_NOT_ALLOWED = -25308


class Keychain(Protocol):
    """What msal-extensions offers of a keychain; each call raises OSError with `exit_status`, an OSStatus."""

    def get_generic_password(self, service: str, account_name: str) -> str:
        """The password's text; UnicodeError when it is none."""
        ...

    def set_generic_password(self, service: str, account_name: str, value: str) -> None:
        """Add the password, or change it in one step."""
        ...


class KeychainPersistence(BasePersistence):  # type: ignore[misc]  # msal_extensions ships no types
    """Keeps one text as the password of `profile`; the system changes it whole.

    Raises VaultUnavailable without a keychain, VaultLocked while it stays locked.
    """

    is_encrypted = True

    def __init__(self, profile: str, signal: Path, keychain: Callable[[], AbstractContextManager[Keychain]]) -> None:
        self._profile = profile
        self._signal = SignalFile(signal)
        self._keychain = keychain

    def save(self, content: str) -> None:
        """Store `content` encrypted, in place of what was there."""
        with self._signal.told(), self._opened() as keychain:
            keychain.set_generic_password(SERVICE, self._profile, content)

    def load(self) -> str:
        """What was stored; raises PersistenceNotFound when nothing was, Unreadable."""
        with self._opened() as keychain:
            try:
                text = keychain.get_generic_password(SERVICE, self._profile)
            except UnicodeError:
                raise Unreadable from None
        if not text:
            raise PersistenceNotFound(location=self.get_location())
        return text

    def set_aside(self, when: datetime) -> str:
        """Keep the text under a name that says `when`, and return a sentence that says which.

        msal-extensions can neither rename nor remove a password, so the text is copied first and emptied then.
        """
        name = f"{self._profile}, set aside {when:%Y-%m-%d %H:%M:%S}"
        with self._signal.told(), self._opened() as keychain:
            try:
                text = keychain.get_generic_password(SERVICE, self._profile)
            except UnicodeError:
                raise Unreadable from None
            keychain.set_generic_password(SERVICE, name, text)
            keychain.set_generic_password(SERVICE, self._profile, "")
        return _("It was set aside in the keychain as “%(service)s”, account “%(account)s”.") % {
            "service": SERVICE,
            "account": name,
        }

    def time_last_modified(self) -> float:
        """Seconds since 1970; raises PersistenceNotFound before the first save."""
        return self._signal.modified()

    def get_location(self) -> str:
        """The path of the signal file."""
        return str(self._signal.path)

    @contextmanager
    def _opened(self) -> Iterator[Keychain]:
        try:
            with self._keychain() as keychain:
                yield keychain
        except OSError as error:
            # Opening the default keychain raises a bare OSError of the status.
            status = getattr(error, "exit_status", error.args[0] if error.args else None)
            if status == ITEM_NOT_FOUND:
                raise PersistenceNotFound(location=self.get_location()) from None
            if status in (NO_SUCH_KEYCHAIN, NO_DEFAULT_KEYCHAIN):
                raise VaultUnavailable(_("This computer has no default keychain.")) from None
            if status in (USER_CANCELED, AUTH_FAILED, INTERACTION_NOT_ALLOWED):
                raise VaultLocked(_("The keychain is locked.")) from None
            raise VaultLocked(_("The keychain did not answer as it should.")) from None
