"""The vault on a real Secret Service: kept encrypted, never overwritten unread, never lost between two programs."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import portalocker
import pytest
from msal_extensions.persistence import BasePersistence, FilePersistence, PersistenceNotFound

from ciam_desktop.core.errors import StoredFormatError, VaultError, VaultLocked, VaultUnavailable
from ciam_desktop.core.identity import vault_lock
from ciam_desktop.core.identity.kept import SetAside, Unreadable
from ciam_desktop.core.identity.vault import EncryptedVault, Entry, MemoryVault, open_vault, parse_entry
from tests.core.vaulting import ALICE, BOB, PLANTED, Machine, facts_of, new_machine, signed_in, store, stored, tokens_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's keyring")


@pytest.fixture
def own_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine that a test may break."""
    with new_machine() as made:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", made.bus.address)
        yield made


@pytest.fixture
def profile() -> str:
    """A name that no other test has."""
    return f"profile-{uuid.uuid4().hex[:8]}"


@pytest.mark.usefixtures("machine")
def test_what_was_kept_is_there_for_the_next_program(profile: str, tmp_path: Path) -> None:
    vault = open_vault(profile, tmp_path)
    assert isinstance(vault, EncryptedVault)
    assert (vault.reason, vault.read()) == ("", Entry())
    kept = signed_in(vault)
    assert open_vault(profile, tmp_path).read() == kept == vault.read()
    assert kept.current == ALICE
    assert json.loads(stored(profile, tmp_path))["version"] == 1


def test_each_profile_has_an_entry_of_its_own(machine: Machine, profile: str, tmp_path: Path) -> None:
    signed_in(open_vault(profile, tmp_path))
    assert open_vault(f"{profile}-2", tmp_path).read() == Entry()
    before = len(machine.keyring.items())
    signed_in(open_vault(profile, tmp_path), BOB)
    signed_in(open_vault(f"{profile}-2", tmp_path))
    assert len(machine.keyring.items()) == before + 1


def test_nothing_on_the_disk_is_in_the_clear(machine: Machine, profile: str, tmp_path: Path) -> None:
    signed_in(open_vault(profile, tmp_path))
    assert any(PLANTED.encode() in secret for secret in machine.secrets())
    files = [path for folder in (tmp_path, machine.root) for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert PLANTED.encode() not in content, path
        assert ALICE.encode() not in content, path
    assert {path.name for path in tmp_path.iterdir()} == {f"{profile}.vault", f"{profile}.lock"}
    assert all(path.stat().st_size == 0 for path in tmp_path.iterdir())
    assert (tmp_path / f"{profile}.vault").stat().st_mode & 0o777 == 0o600


def test_a_locked_keyring_is_not_an_empty_one(machine: Machine, profile: str, tmp_path: Path) -> None:
    kept = signed_in(open_vault(profile, tmp_path))
    machine.keyring.lock()
    try:
        vault = open_vault(profile, tmp_path)
        assert isinstance(vault, EncryptedVault), "locked is no reason to keep tokens in memory"
        with pytest.raises(VaultLocked, match="keyring"):
            vault.read()
        with pytest.raises(VaultLocked, match="keyring"):
            signed_in(vault, BOB)
        with pytest.raises(VaultLocked, match="keyring"):
            vault.change(lambda _kept: Entry())
    finally:
        machine.keyring.unlock()
    assert vault.read() == kept


def test_a_keyring_that_ends_is_said_and_what_it_held_is_there_again(own_machine: Machine, tmp_path: Path) -> None:
    vault = open_vault("work", tmp_path)
    kept = signed_in(vault)
    own_machine.keyring.kill()
    with pytest.raises(VaultError):
        signed_in(vault, BOB)
    own_machine.keyring.start()
    assert open_vault("work", tmp_path).read() == kept
    assert set(signed_in(vault, BOB).people) == {ALICE, BOB}


def test_a_bus_that_ends_is_said(own_machine: Machine, tmp_path: Path) -> None:
    vault = open_vault("work", tmp_path)
    signed_in(vault)
    own_machine.end_session()
    with pytest.raises(VaultUnavailable, match="no running keyring"):
        signed_in(vault, BOB)
    fresh = open_vault("work", tmp_path)
    assert isinstance(fresh, MemoryVault)


@pytest.mark.parametrize(
    "address",
    [None, "", "disabled:", "autolaunch:", "unix:path=/nowhere/bus", "tcp:host=localhost,port=9", "nonsense", ";"],
)
def test_without_a_bus_tokens_stay_in_memory_and_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str | None
) -> None:
    if address is None:
        monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    else:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    vault = open_vault("work", tmp_path)
    assert isinstance(vault, MemoryVault)
    assert vault.reason == "This computer has no running keyring service."
    signed_in(vault)
    assert vault.read().current == ALICE
    assert list(tmp_path.iterdir()) == [], "not even a file"
    assert open_vault("work", tmp_path).read() == Entry()


def test_a_bus_without_a_keyring_is_a_machine_without_a_vault(own_machine: Machine, tmp_path: Path) -> None:
    own_machine.keyring.kill()
    vault = open_vault("work", tmp_path)
    assert isinstance(vault, MemoryVault)
    assert "keyring" in vault.reason


UNREADABLE = {
    "newer": ('{"version": 2, "tokens": {}, "people": {}, "more": 1}', "newer version"),
    "much newer": ('{"version": 99}', "newer version"),
    "no version": ('{"tokens": {}, "people": {}}', "cannot be read"),
    "version text": ('{"version": "1", "tokens": {}, "people": {}}', "cannot be read"),
    "version true": ('{"version": true, "tokens": {}, "people": {}}', "cannot be read"),
    "version zero": ('{"version": 0, "tokens": {}, "people": {}}', "cannot be read"),
    "cut": ('{"version": 1, "tok', "cannot be read"),
    "empty": ("", "cannot be read"),
    "null": ("null", "cannot be read"),
    "list": ("[]", "cannot be read"),
    "text": ('"planted"', "cannot be read"),
    "nested": ("[" * 100_000, "cannot be read"),
    "no tables": ('{"version": 1}', "cannot be read"),
    "tokens a list": ('{"version": 1, "tokens": [], "people": {}}', "cannot be read"),
    "tokens flat": ('{"version": 1, "tokens": {"AccessToken": "planted"}, "people": {}}', "cannot be read"),
    "tokens odd": ('{"version": 1, "tokens": {"AccessToken": {"k": "planted"}}, "people": {}}', "cannot be read"),
    "people odd": ('{"version": 1, "tokens": {}, "people": {"a": "planted"}}', "cannot be read"),
    "account odd": (
        '{"version": 1, "tokens": {}, "people": {"a": {"verdict": "planted", "scopes": []}}}',
        "cannot be read",
    ),
    "scopes odd": (
        json.dumps({"version": 1, "tokens": {}, "people": {"a": facts_of("a") | {"scopes": 1}}}),
        "cannot be read",
    ),
    "current odd": ('{"version": 1, "tokens": {}, "people": {}, "current": ["planted"]}', "cannot be read"),
}


@pytest.mark.parametrize(("text", "words"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_is_refused_in_a_sentence_without_its_content(text: str, words: str) -> None:
    with pytest.raises(StoredFormatError, match=words) as caught:
        parse_entry(text)
    assert "left as it is" in str(caught.value) or "left alone" in str(caught.value)
    assert "planted" not in f"{caught.value} {caught.value!r} {vars(caught.value)}"
    assert caught.value.__cause__ is None


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("name", ["newer", "much newer"])
def test_what_a_newer_program_wrote_is_never_overwritten(profile: str, tmp_path: Path, name: str) -> None:
    text, words = UNREADABLE[name]
    store(profile, tmp_path, text)
    vault = open_vault(profile, tmp_path)
    for attempt in (vault.read, lambda: signed_in(vault), lambda: vault.change(lambda _kept: Entry())):
        with pytest.raises(StoredFormatError, match=words) as caught:
            attempt()
        assert not isinstance(caught.value, SetAside | Unreadable)
    assert stored(profile, tmp_path) == text


@pytest.mark.parametrize("name", ["no version", "cut", "null", "nested", "tokens odd", "account odd"])
def test_what_cannot_be_read_is_set_aside_whole_and_told_once(
    machine: Machine, profile: str, tmp_path: Path, name: str
) -> None:
    text = UNREADABLE[name][0]
    store(profile, tmp_path, text)
    vault, other = open_vault(profile, tmp_path), open_vault(profile, tmp_path)
    with pytest.raises(SetAside, match="cannot be read") as caught:
        vault.read()
    label = next(label for label, _attributes, secret in machine.keyring.items() if secret == text.encode())
    assert label.startswith(f"CIAM Desktop sign-in ({profile}), set aside 20")
    assert f"in the keyring as “{label}”. Sign in again." in str(caught.value)
    assert "planted" not in f"{caught.value} {caught.value!r} {vars(caught.value)}"
    assert (vault.read(), other.read(), open_vault(profile, tmp_path).read()) == (Entry(), Entry(), Entry())
    kept = signed_in(vault)
    assert other.read() == kept, "and the next sign-in is kept"
    assert machine.secrets().count(text.encode()) == 1


@pytest.mark.usefixtures("machine")
def test_a_change_of_another_program_is_seen_at_once_even_in_the_same_moment(profile: str, tmp_path: Path) -> None:
    first, second = open_vault(profile, tmp_path), open_vault(profile, tmp_path)
    for number in range(20):
        signed_in(first, f"account-{number}")
        assert second.read() == first.read()
        second.change(lambda kept, gone=f"account-{number}": kept.without(gone))  # type: ignore[misc]
        assert first.read().people == {}


@pytest.mark.usefixtures("machine")
def test_a_change_builds_on_what_is_kept_even_if_the_other_program_died_before_it_told(
    profile: str, tmp_path: Path
) -> None:
    vault = open_vault(profile, tmp_path)
    signed_in(vault)
    told = (tmp_path / f"{profile}.vault").stat().st_mtime_ns
    signed_in(open_vault(profile, tmp_path), BOB)
    os.utime(tmp_path / f"{profile}.vault", ns=(told, told))
    assert set(signed_in(vault, "oid-3.tenant").people) == {ALICE, BOB, "oid-3.tenant"}


def test_a_kept_entry_is_not_fetched_again_while_nobody_changed_it(
    machine: Machine, profile: str, tmp_path: Path
) -> None:
    vault = open_vault(profile, tmp_path)
    signed_in(vault)
    machine.keyring.lock()
    try:
        assert vault.read().current == ALICE
    finally:
        machine.keyring.unlock()


@pytest.mark.usefixtures("machine")
def test_a_program_that_does_not_let_go_is_told_as_such(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_lock, "LOCK_SECONDS", 0.2)
    vault = open_vault(profile, tmp_path)
    with (
        portalocker.Lock(str(tmp_path / f"{profile}.lock"), mode="a"),
        pytest.raises(VaultLocked, match="Another program holds"),
    ):
        signed_in(vault)
    assert vault.read() == Entry()


@pytest.mark.usefixtures("machine")
def test_a_folder_that_cannot_be_written_is_told_as_such(profile: str, tmp_path: Path) -> None:
    vault = open_vault(profile, tmp_path / "missing")
    with pytest.raises(VaultError, match="could not be saved"):
        signed_in(vault)


class BrokenPersistence(BasePersistence):  # type: ignore[misc]  # msal_extensions ships no types
    """Encrypted, but nothing works; `loads` is what reading does."""

    is_encrypted = True

    def __init__(self, loads: Exception) -> None:
        self._loads = loads
        self.saved: list[str] = []

    def load(self) -> str:
        raise self._loads

    def save(self, content: str) -> None:
        self.saved.append(content)
        raise OSError(28, "No space left on device")

    def set_aside(self, _when: datetime) -> str:
        raise OSError(30, "Read-only file system")

    def time_last_modified(self) -> float:
        raise PersistenceNotFound(location="nowhere")

    def get_location(self) -> str:
        return "nowhere"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (OSError(5, "planted"), VaultLocked),
        (PermissionError(13, "planted"), VaultLocked),
        (Unreadable(), Unreadable),
    ],
)
def test_a_store_that_cannot_be_decrypted_is_not_written_to(
    tmp_path: Path, fault: Exception, kind: type[Exception]
) -> None:
    persistence = BrokenPersistence(fault)
    vault = EncryptedVault(persistence, tmp_path / "lock")
    for attempt in (vault.read, lambda: signed_in(vault)):
        with pytest.raises(kind) as caught:
            attempt()
        assert "planted" not in str(caught.value)
    assert persistence.saved == []


def test_a_store_that_cannot_be_written_is_told_as_such(tmp_path: Path) -> None:
    vault = EncryptedVault(BrokenPersistence(PersistenceNotFound(location="nowhere")), tmp_path / "lock")
    with pytest.raises(VaultError, match="could not be saved"):
        signed_in(vault)
    assert vault.read() == Entry(), "what was not saved is not shown as saved"


def test_a_persistence_that_does_not_encrypt_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="only kept encrypted"):
        EncryptedVault(FilePersistence(str(tmp_path / "plain")), tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []


def test_an_account_is_replaced_whole_and_others_are_left_alone() -> None:
    entry = Entry().with_account(ALICE, tokens_of(ALICE, "old"), {"scopes": ["old"]})
    entry = entry.with_account(BOB, tokens_of(BOB), {"scopes": []})
    entry = entry.with_account(ALICE, {"IdToken": {"id": {"home_account_id": ALICE}}}, {"scopes": ["new"]})
    assert entry.current == ALICE
    assert entry.people == {ALICE: {"scopes": ["new"]}, BOB: {"scopes": []}}
    assert set(entry.tokens["RefreshToken"]) == {f"rt-{BOB}"}
    assert set(entry.tokens["IdToken"]) == {"id"}


def test_tokens_of_others_do_not_come_along() -> None:
    entry = Entry().with_account(ALICE, {**tokens_of(BOB), "IdToken": {"x": {"home_account_id": None}}}, {})
    assert PLANTED not in json.dumps(entry.tokens)
    assert entry.tokens["IdToken"] == {}


def test_who_leaves_takes_everything_along_and_is_not_in_use_any_more() -> None:
    entry = Entry().with_account(BOB, tokens_of(BOB), {}).with_account(ALICE, tokens_of(ALICE), {})
    gone = entry.without(ALICE)
    assert (gone.current, set(gone.people)) == ("", {BOB})
    assert ALICE not in json.dumps([gone.tokens, gone.people])
    assert entry.without("nobody") == entry


def test_several_leave_at_once_and_the_others_keep_their_places_and_the_one_in_use() -> None:
    entry = Entry()
    for name in ("a", "b", "c", "d"):
        entry = entry.with_account(name, tokens_of(name), {"scopes": [name]})
    entry = entry.with_account("b", tokens_of("b", "newer"), {"scopes": ["again"]})
    assert (list(entry.people), entry.current) == (["a", "b", "c", "d"], "b")
    left = entry.without("a", "d")
    assert (list(left.people), left.current) == (["b", "c"], "b")
    assert left.without("b").current == ""
    assert left.without() == left


def test_each_accounts_tokens_are_had_apart_even_under_the_same_key() -> None:
    def own(name: str, secret: str) -> dict[str, Any]:
        return {"RefreshToken": {"one-key": {"home_account_id": name, "secret": secret}}, "AppMetadata": {"app": {}}}

    entry = Entry().with_account("Sub", own("Sub", "1"), {}).with_account("sub", own("sub", "2"), {})
    for _round in range(2):
        assert entry.of_account("Sub") == own("Sub", "1")
        assert entry.of_account("sub") == own("sub", "2")
        assert entry.of_account("SUB") == {"RefreshToken": {}, "AppMetadata": {"app": {}}}
        entry = entry.with_account("sub", entry.of_account("sub"), {})
    assert entry.without("Sub").of_account("sub") == own("sub", "2")
    assert entry.without("sub").tokens == own("Sub", "1")


def test_one_sound_account_makes_an_entry_sound() -> None:
    odd = {"verdict": "odd", "scopes": []}
    entry = parse_entry(json.dumps({"version": 1, "tokens": {}, "people": {ALICE: odd, BOB: facts_of(BOB)}}))
    assert entry.people == {ALICE: odd, BOB: facts_of(BOB)}
    with pytest.raises(Unreadable):
        parse_entry(json.dumps({"version": 1, "tokens": {}, "people": {ALICE: odd, BOB: odd}}))


def test_an_entrys_repr_shows_nothing_of_it() -> None:
    assert repr(Entry().with_account(ALICE, tokens_of(ALICE), {"scopes": []})) == "Entry()"
