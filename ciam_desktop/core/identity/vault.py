"""Owns the encrypted token cache: one entry per profile, read whole, changed under a lock, written once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from msal_extensions.persistence import BasePersistence, PersistenceNotFound

from ciam_desktop.core import formats
from ciam_desktop.core.errors import StoredFormatError, VaultError, VaultLocked, VaultUnavailable
from ciam_desktop.core.identity.kept import SetAside, Unreadable
from ciam_desktop.core.identity.person import NO_PERSON, person_from
from ciam_desktop.core.identity.private_files import tighten
from ciam_desktop.core.identity.vault_lock import held
from ciam_desktop.i18n import _

VERSION = 1
OWNER = "home_account_id"
"""Under which name MSAL keeps whose an entry is; entries without it are nobody's."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the vault holds for one profile.

    `tokens` is MSAL's own layout, `{credential type: {key: entry}}`; `people` maps a home account id to what was proven
    and granted at the last grant, in the order of the sign-ins; `current` is the account that was in use.
    """

    tokens: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict, repr=False)
    people: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    current: str = field(default="", repr=False)

    def of_account(self, account_id: str) -> dict[str, dict[str, Mapping[str, Any]]]:
        """The tokens of `account_id`, and what belongs to nobody, in MSAL's layout."""
        return {
            kind: {
                key.removeprefix(_owned(account_id, "")): each
                for key, each in entries.items()
                if each.get(OWNER, account_id) == account_id
            }
            for kind, entries in self.tokens.items()
        }

    def with_account(self, account_id: str, tokens: Mapping[str, Any], facts: Mapping[str, Any]) -> Entry:
        """This entry with all that was kept for `account_id` replaced, and that account in use; its place stays."""
        merged = {kind: dict(entries) for kind, entries in self.without(account_id).tokens.items()}
        for kind, entries in tokens.items():
            all_of_kind = merged.setdefault(kind, {})
            for key, each in entries.items():
                if OWNER not in each:
                    all_of_kind[key] = each
                elif each[OWNER] == account_id:
                    # MSAL's keys are in lower case, and two accounts may differ in nothing else.
                    all_of_kind[_owned(account_id, key) if key in all_of_kind else key] = each
        return Entry(merged, {**self.people, account_id: facts}, account_id)

    def without(self, *account_ids: str) -> Entry:
        """This entry with nothing of these accounts in it."""
        tokens = {
            kind: {k: v for k, v in entries.items() if v.get(OWNER) not in account_ids}
            for kind, entries in self.tokens.items()
        }
        people = {k: v for k, v in self.people.items() if k not in account_ids}
        return replace(self, tokens=tokens, people=people, current="" if self.current in account_ids else self.current)


def _owned(account_id: str, key: str) -> str:
    return f"{account_id}\n{key}"


class Vault(Protocol):
    """Where an Entry is kept; `reason` says why tokens stay in memory, and is empty when they are kept encrypted."""

    reason: str

    def read(self) -> Entry:
        """What is kept now; raises VaultError, StoredFormatError.

        SetAside, one of the latter, is raised once: the next `read` finds nothing kept.
        """
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
    """Keeps the entry through an msal-extensions persistence that encrypts, and that can set aside what it keeps."""

    reason = ""

    def __init__(self, persistence: BasePersistence, lock_file: Path) -> None:
        if not persistence.is_encrypted:
            raise ValueError("tokens are only kept encrypted")
        self._persistence = persistence
        self._lock_file = lock_file
        self._seen: tuple[float, str | None] | None = None

    def ask(self) -> None:
        """Fetch what is kept, for the next `read`, and judge nothing of it; raises VaultError, Unreadable."""
        modified = self._modified()
        if self._seen is None or self._seen[0] != modified:
            self._seen = (modified, self._fetch())

    def read(self) -> Entry:
        try:
            self.ask()
            return _entry(self._seen[1] if self._seen else None)
        except Unreadable:
            with self._held():
                return self._sound()

    def change(self, change: Callable[[Entry], Entry]) -> Entry:
        with self._held():
            entry = change(self._sound())
            self._seen = None  # after a write that fails, only the store knows which of the two it keeps
            text = _text(entry)
            self._persistence.save(text)
            self._seen = (self._modified(), text)
        return entry

    def _sound(self) -> Entry:
        """What is kept now; what cannot be read is set aside and said. Only for who holds the lock."""
        try:
            return _entry(self._fetch())
        except Unreadable as error:
            self._seen = None
            try:
                where = self._persistence.set_aside(datetime.now(UTC).astimezone())
            except (OSError, VaultError):
                raise error from None  # "It was left as it is."
            raise SetAside(error.why, where) from None

    @contextmanager
    def _held(self) -> Iterator[None]:
        try:
            with held(self._lock_file):
                yield
        except OSError:
            raise VaultError(_("The sign-in could not be saved on this computer.")) from None

    def _modified(self) -> float:
        try:
            return float(self._persistence.time_last_modified())
        except PersistenceNotFound:
            return 0.0
        except OSError:
            raise VaultLocked(_("The saved sign-in cannot be opened.")) from None

    def _fetch(self) -> str | None:
        try:
            return str(self._persistence.load())
        except PersistenceNotFound:
            return None
        except OSError:  # PersistenceError is one
            raise VaultLocked(_("The saved sign-in cannot be opened.")) from None


def _text(entry: Entry) -> str:
    payload = {"version": VERSION, "current": entry.current, "people": entry.people, "tokens": entry.tokens}
    return json.dumps(payload, separators=(",", ":"))


def _entry(text: str | None) -> Entry:
    return Entry() if text is None else parse_entry(text)


def parse_entry(text: str) -> Entry:
    """Read a stored entry; raises Unreadable, and StoredFormatError for what a newer version wrote."""
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable from None
    if not isinstance(stored, dict):
        raise Unreadable
    version = stored.get(formats.VERSION)
    if type(version) is not int or version < 1:  # no format is without one; bool is an int to isinstance
        raise Unreadable
    # No format is older than the first; the one that follows it needs its migration and a backup here.
    what = _("The saved sign-in")
    stored = formats.upgrade(stored, what=what, current=VERSION, migrations={}, backup=dict)
    tokens, people, current = _tables(stored.get("tokens")), _tables(stored.get("people")), stored.get("current", "")
    for entries in tokens.values():
        _tables(entries)
    if not isinstance(current, str):
        raise Unreadable
    if people and not any(_is_sound(account_id, kept) for account_id, kept in people.items()):
        raise Unreadable  # one that is sound goes on; who cannot be read beside it is left as it is
    return Entry(tokens, people, current)


def _tables(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(inner, dict) for inner in value.values()):
        raise Unreadable
    return value


def _is_sound(account_id: str, kept: Mapping[str, Any]) -> bool:
    try:
        if kept:  # nothing is known of somebody who is about to be signed in again
            person_from(account_id, kept)
    except NO_PERSON:
        return False
    return True


def open_vault(profile: str, folder: Path) -> Vault:
    """The vault of one profile: DPAPI on Windows, Keychain on macOS, Secret Service elsewhere.

    `folder` holds the vault's files and must exist; those of older days are closed to other users. Without a keyring
    the entry stays in memory. What is wrong with the entry is said by its use, not here.
    """
    tighten(folder, profile)
    vault = EncryptedVault(_persistence(profile, folder / f"{profile}.vault"), folder / f"{profile}.lock")
    try:
        vault.ask()
    except VaultUnavailable as error:
        return MemoryVault(str(error))
    except (VaultError, StoredFormatError):
        return vault  # it is there: each use will say what is in the way
    return vault


def _persistence(profile: str, file: Path) -> BasePersistence:
    if sys.platform == "win32":
        from msal_extensions.windows import WindowsDataProtectionAgent

        from ciam_desktop.core.identity.vault_file import ProtectedFile

        return ProtectedFile(file, WindowsDataProtectionAgent())
    if sys.platform == "darwin":
        from msal_extensions.osx import Keychain

        from ciam_desktop.core.identity.keychain import KeychainPersistence

        return KeychainPersistence(profile, file, Keychain)
    from ciam_desktop.core.identity.secret_service import SecretServicePersistence

    return SecretServicePersistence(profile, file)
