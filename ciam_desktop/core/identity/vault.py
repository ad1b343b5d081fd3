"""Owns the encrypted token cache: one entry per profile, read whole, changed under a lock, written once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import portalocker
from msal_extensions.persistence import BasePersistence, PersistenceNotFound

from ciam_desktop.core import formats
from ciam_desktop.core.errors import StoredFormatError, VaultError, VaultLocked, VaultUnavailable
from ciam_desktop.i18n import _

VERSION = 1
LOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Entry:
    """What the vault holds for one profile.

    `tokens` is MSAL's own layout, `{credential type: {key: entry}}`; `people` maps a home account id to what was proven
    and granted at the last grant; `current` is the account that was in use.
    """

    tokens: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict, repr=False)
    people: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    current: str = field(default="", repr=False)

    def with_account(self, account_id: str, tokens: Mapping[str, Any], facts: Mapping[str, Any]) -> Entry:
        """This entry with all that was kept for `account_id` replaced, and that account in use."""
        without = self.without_account(account_id)
        merged = {kind: dict(entries) for kind, entries in without.tokens.items()}
        for kind, entries in tokens.items():
            ours = {k: v for k, v in entries.items() if v.get("home_account_id", account_id) == account_id}
            merged.setdefault(kind, {}).update(ours)
        return Entry(merged, {**without.people, account_id: facts}, account_id)

    def without_account(self, account_id: str) -> Entry:
        """This entry with nothing of `account_id` in it."""
        tokens = {
            kind: {k: v for k, v in entries.items() if v.get("home_account_id") != account_id}
            for kind, entries in self.tokens.items()
        }
        people = {k: v for k, v in self.people.items() if k != account_id}
        return replace(self, tokens=tokens, people=people, current="" if self.current == account_id else self.current)


class Vault(Protocol):
    """Where an Entry is kept; `reason` says why tokens stay in memory, and is empty when they are kept encrypted."""

    reason: str

    def read(self) -> Entry:
        """What is kept now; raises VaultLocked, StoredFormatError."""
        ...

    def change(self, change: Callable[[Entry], Entry]) -> Entry:
        """Read, change and write in one step no other program can come between; raises as `read` does."""
        ...


class MemoryVault:
    """Keeps the entry until the program ends, for machines without a keyring."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self._entry = Entry()

    def read(self) -> Entry:
        return self._entry

    def change(self, change: Callable[[Entry], Entry]) -> Entry:
        self._entry = change(self._entry)
        return self._entry


class EncryptedVault:
    """Keeps the entry through an msal-extensions persistence that encrypts."""

    reason = ""

    def __init__(self, persistence: BasePersistence, lock_file: Path) -> None:
        if not persistence.is_encrypted:
            raise ValueError("tokens are only kept encrypted")
        self._persistence = persistence
        self._lock_file = lock_file
        self._seen: tuple[float, Entry] | None = None

    def read(self) -> Entry:
        modified = self._modified()
        if self._seen is None or self._seen[0] != modified:
            self._seen = (modified, self._load())
        return self._seen[1]

    def change(self, change: Callable[[Entry], Entry]) -> Entry:
        try:
            with portalocker.Lock(str(self._lock_file), mode="a", timeout=LOCK_SECONDS, check_interval=0.05):
                entry = change(self._load())  # what cannot be read is never overwritten: _load raises
                self._save(entry)
                self._seen = (self._modified(), entry)
        except portalocker.LockException:
            raise VaultLocked(_("Another program holds the saved sign-in and does not let go of it.")) from None
        except OSError:
            raise VaultError(_("The sign-in could not be saved on this computer.")) from None
        return entry

    def _modified(self) -> float:
        try:
            return float(self._persistence.time_last_modified())
        except PersistenceNotFound:
            return 0.0

    def _load(self) -> Entry:
        try:
            text = self._persistence.load()
        except PersistenceNotFound:
            return Entry()
        except OSError:  # PersistenceError is one
            raise VaultLocked(_("The saved sign-in cannot be decrypted.")) from None
        except UnicodeError:
            raise _left_alone() from None
        return parse_entry(text)

    def _save(self, entry: Entry) -> None:
        payload = {
            "version": VERSION,
            "current": entry.current,
            "people": entry.people,
            "tokens": entry.tokens,
        }
        self._persistence.save(json.dumps(payload, separators=(",", ":")))  # OSError: see `change`


def parse_entry(text: str) -> Entry:
    """Read a stored entry.

    Raises StoredFormatError for what is newer or unreadable; nothing of it is changed.
    """
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError):
        stored = None
    if not isinstance(stored, dict):
        raise _left_alone()
    # No format is older than the first; the one that follows it needs its migration and a backup here.
    what = _("The saved sign-in")
    stored = formats.upgrade(stored, what=what, current=VERSION, migrations={}, backup=_left_alone, unversioned=0)
    tokens, people, current = _tables(stored.get("tokens")), _tables(stored.get("people")), stored.get("current", "")
    for entries in tokens.values():
        _tables(entries)
    if not isinstance(current, str):
        raise _left_alone()
    return Entry(tokens, people, current)


def _left_alone() -> StoredFormatError:
    return StoredFormatError(_("The saved sign-in cannot be read; it was left as it is."))


def _tables(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(inner, dict) for inner in value.values()):
        raise _left_alone()
    return value


def open_vault(profile: str, folder: Path) -> Vault:
    """The vault of one profile: DPAPI on Windows, Keychain on macOS, Secret Service elsewhere.

    `folder` holds the lock and signal files and must exist. Without a keyring the entry stays in memory.
    """
    signal_file = folder / f"{profile}.vault"
    try:
        vault = EncryptedVault(_persistence(profile, signal_file), folder / f"{profile}.lock")
        vault.read()
    except VaultUnavailable as error:
        return MemoryVault(str(error))
    except (VaultError, StoredFormatError):
        return vault  # it is there: each use will say what is in the way
    return vault


def _persistence(profile: str, signal_file: Path) -> BasePersistence:
    if sys.platform == "win32":
        from msal_extensions.persistence import FilePersistenceWithDataProtection

        return FilePersistenceWithDataProtection(str(signal_file))
    if sys.platform == "darwin":
        from msal_extensions.persistence import KeychainPersistence

        return KeychainPersistence(str(signal_file), service_name="CIAM Desktop", account_name=profile)
    from ciam_desktop.core.identity.secret_service import SecretServicePersistence

    return SecretServicePersistence(profile, signal_file)
