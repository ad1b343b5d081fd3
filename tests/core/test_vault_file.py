"""The vault of Windows and of macOS, on named doubles of DPAPI and the keychain: real files, real locks, no encryption.

The doubles are DataProtectionDouble and KeychainDouble; what the systems themselves do is not tested here.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from msal_extensions.persistence import PersistenceNotFound

from ciam_desktop.core import formats
from ciam_desktop.core.errors import StoredFormatError, VaultError, VaultLocked, VaultUnavailable
from ciam_desktop.core.identity import keychain as keychain_module
from ciam_desktop.core.identity import private_files, vault_file
from ciam_desktop.core.identity.kept import SetAside, Unreadable
from ciam_desktop.core.identity.keychain import KeychainPersistence
from ciam_desktop.core.identity.vault import EncryptedVault, Entry
from ciam_desktop.core.identity.vault_file import ProtectedFile
from ciam_desktop.core.trouble import NextStep, Trouble, of_sign_in, of_sign_out, of_start, of_todos
from tests.core.vaulting import ALICE, BOB, PLANTED, signed_in
from tests.doubles.vaults import DataProtectionDouble, KeychainDouble

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has neither these modes nor these files")


class Place:
    """The vault of a profile `work` on a double of DPAPI."""

    def __init__(self, folder: Path) -> None:
        self.agent = DataProtectionDouble()
        self.folder, self.file, self.lock = folder, folder / "work.vault", folder / "work.lock"
        self.store = ProtectedFile(self.file, self.agent)

    def program(self) -> EncryptedVault:
        return EncryptedVault(self.store, self.lock)

    def aside(self) -> list[Path]:
        return sorted(self.folder.glob("work.vault.aside-*"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_was_kept_is_there_for_the_next_program_and_nothing_of_it_is_in_the_clear(place: Place) -> None:
    assert place.program().read() == Entry()
    kept = signed_in(place.program())
    assert place.program().read() == kept
    assert {path.name for path in place.folder.iterdir()} == {"work.vault", "work.lock"}
    assert PLANTED.encode() not in place.file.read_bytes()
    assert place.store.get_location() == str(place.file)


def test_a_change_of_another_program_is_seen_even_in_the_same_tick_of_the_clock(place: Place) -> None:
    first, second = place.program(), place.program()
    for number in range(100):
        signed_in(first, f"account-{number}")
        assert second.read() == first.read()


FOREIGN = {
    "empty": b"",
    "text": b"planted by another program\n",
    "cut": b"DPAPI" + bytes(20),
    "zeros": bytes(4096),
    "json": b'{"version": 1, "tokens": {}, "people": {}}',
    "not unicode": DataProtectionDouble().blob(b"\xff"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_content_is_set_aside_whole_and_told_once(place: Place, name: str) -> None:
    content = FOREIGN[name]
    place.file.write_bytes(content)
    vault = place.program()
    with pytest.raises(SetAside, match="cannot be read") as caught:
        vault.read()
    [aside] = place.aside()
    assert aside.read_bytes() == content
    assert f"as {aside}. Sign in again." in str(caught.value)
    assert "planted" not in f"{caught.value} {caught.value!r} {caught.value.__cause__}"
    assert (vault.read(), place.program().read()) == (Entry(), Entry())
    kept = signed_in(vault)
    assert place.program().read() == kept
    assert place.aside() == [aside]


@pytest.mark.parametrize("text", ["null", "[]", "", "{}", '{"version": 1, "tokens": 1, "people": {}}', "[" * 100_000])
def test_content_of_another_shape_is_set_aside_by_a_change_as_well(place: Place, text: str) -> None:
    place.store.save(text)
    vault = place.program()
    with pytest.raises(SetAside):
        signed_in(vault)
    assert [place.agent.unprotect(path.read_bytes()) for path in place.aside()] == [text]
    assert signed_in(vault).current == ALICE


def test_a_newer_version_is_left_alone(place: Place) -> None:
    place.store.save('{"version": 2}')
    for attempt in (place.program().read, lambda: signed_in(place.program())):
        with pytest.raises(StoredFormatError, match="newer version") as caught:
            attempt()
        assert not isinstance(caught.value, SetAside | Unreadable)
    assert (place.store.load(), place.aside()) == ('{"version": 2}', [])


def test_what_is_set_aside_never_replaces_what_was_set_aside_before(place: Place) -> None:
    when = datetime(2026, 11, 22, 14, 5, 0).astimezone()
    told = []
    for number in range(3):
        place.file.write_bytes(b"%d" % number)
        told.append(place.store.set_aside(when))
    stem = "work.vault.aside-20261122-140500"
    assert [path.name for path in place.aside()] == [stem, f"{stem}-2", f"{stem}-3"]
    assert [path.read_bytes() for path in place.aside()] == [b"0", b"1", b"2"]
    assert f"{stem}-3." in told[2]


def test_a_password_that_was_reset_is_told_as_such_and_the_file_is_there_should_the_old_one_return(
    place: Place,
) -> None:
    kept = signed_in(place.program())
    content = place.file.read_bytes()
    place.agent.key = b"another-"
    vault = place.program()
    with pytest.raises(SetAside, match=r"Windows cannot decrypt .* password was reset"):
        vault.read()
    assert vault.read() == Entry()
    signed_in(vault, BOB)
    [aside] = place.aside()
    assert aside.read_bytes() == content
    place.agent.key = b"first---"
    aside.replace(place.file)
    assert place.program().read() == kept


def test_protection_that_does_not_answer_now_is_waited_for(place: Place) -> None:
    kept = signed_in(place.program())
    content = place.file.read_bytes()
    vault = place.program()
    place.agent.away = True
    for attempt in (vault.read, lambda: signed_in(vault, BOB)):
        with pytest.raises(VaultLocked, match="does not decrypt the saved sign-in now"):
            attempt()
    assert (place.file.read_bytes(), place.aside()) == (content, [])
    place.agent.away = False
    assert vault.read() == kept


def test_what_cannot_be_set_aside_is_left_as_it_is(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.file.write_bytes(b"foreign")

    def refuse(_path: Path, _target: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "rename", refuse)
    vault = place.program()
    for attempt in (vault.read, lambda: signed_in(vault)):
        with pytest.raises(Unreadable, match="It was left as it is"):
            attempt()
    assert place.file.read_bytes() == b"foreign"


def test_a_scanner_that_holds_the_file_for_a_moment_is_waited_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refusals = formats.replace_file, [PermissionError(13, "planted"), PermissionError(13, "planted")]

    def replace_file(path: Path, content: bytes) -> None:
        if refusals:
            raise refusals.pop()
        real(path, content)

    monkeypatch.setattr(formats, "replace_file", replace_file)
    kept = signed_in(place.program())
    assert place.program().read() == kept
    refusals.extend(PermissionError(13, "planted") for _ in range(100))
    monkeypatch.setattr(vault_file, "PAUSES", (0.001,) * 3)
    vault = place.program()
    with pytest.raises(VaultError, match="could not be saved"):
        signed_in(vault, BOB)
    assert vault.read() == kept


def test_what_a_killed_write_left_behind_goes_with_the_next_one(place: Place) -> None:
    left = place.folder / ".work.vault.abc.new"
    left.write_bytes(b"half")
    (place.folder / ".other.vault.abc.new").write_bytes(b"another profile's")
    signed_in(place.program())
    assert not left.exists()
    assert (place.folder / ".other.vault.abc.new").exists()


@posix
def test_modes_of_older_days_are_tightened_and_links_are_not_followed(place: Place) -> None:
    outside = place.folder / "outside"
    outside.mkdir()
    (outside / "file").touch()
    (outside / "file").chmod(0o644)
    folder = place.folder / "data"
    folder.mkdir()
    names = ["work.vault", "work.lock", "work.vault.aside-20261122-140500", "other.vault"]
    for name in names:
        (folder / name).touch()
        (folder / name).chmod(0o666)
    (folder / "work.vault.aside-link").symlink_to(outside / "file")
    folder.chmod(0o755)
    private_files.tighten(folder, "work")
    assert [oct(mode(folder / name)) for name in names] == ["0o600", "0o600", "0o600", "0o666"]
    assert (oct(mode(folder)), oct(mode(outside / "file"))) == ("0o700", "0o644")
    (folder / "work.lock").chmod(0o000)
    private_files.tighten(folder, "work")
    assert oct(mode(folder / "work.lock")) == "0o600"
    private_files.tighten(folder / "missing", "work")


@posix
def test_a_vault_and_its_lock_are_private_from_their_first_use_on(place: Place) -> None:
    for path in (place.file, place.lock):
        path.write_bytes(b"")
        path.chmod(0o666)
    with pytest.raises(SetAside):
        place.program().read()
    assert [oct(mode(path)) for path in (place.lock, *place.aside())] == ["0o600", "0o600"]
    old = os.umask(0)
    try:
        signed_in(place.program())
        place.lock.unlink()
        signed_in(place.program())
    finally:
        os.umask(old)
    assert [oct(mode(path)) for path in (place.file, place.lock)] == ["0o600", "0o600"]


PLANTS: dict[str, Callable[[Path, Path], object]] = {
    "link": lambda path, outside: path.symlink_to(outside),
    "dangling link": lambda path, outside: path.symlink_to(outside.with_name("nothing")),
    "pipe": lambda path, _outside: subprocess.run(["/usr/bin/mkfifo", path], check=True),
    "folder": lambda path, _outside: path.mkdir(),
}


@posix
@pytest.mark.parametrize("what", ["work.lock", "work.vault"])
@pytest.mark.parametrize("plant", PLANTS)
def test_what_stands_in_place_of_a_file_is_refused_by_its_name(place: Place, plant: str, what: str) -> None:
    outside = place.folder / "outside"
    outside.write_bytes(place.agent.protect('{"version": 1, "tokens": {}, "people": {}}'))
    outside.chmod(0o644)
    content = outside.read_bytes()
    path = place.folder / what
    PLANTS[plant](path, outside)
    with pytest.raises(VaultError, match="is no file of this program") as caught:
        signed_in(place.program())
    assert str(path) in str(caught.value)
    assert (outside.read_bytes(), oct(mode(outside))) == (content, "0o644")
    assert not outside.with_name("nothing").exists()
    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    assert signed_in(place.program()).current == ALICE


@posix
def test_a_link_that_comes_between_the_look_and_the_opening_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, path, looked = tmp_path / "outside", tmp_path / "work.lock", Path.is_symlink
    outside.touch()
    outside.chmod(0o644)

    def plant(asked: Path) -> bool:
        found = looked(asked)
        if not found:
            asked.symlink_to(outside)
        return found

    monkeypatch.setattr(Path, "is_symlink", plant)
    with pytest.raises(VaultError, match="is no file of this program"):
        private_files.open_private(path, os.O_WRONLY | os.O_CREAT)
    assert oct(mode(outside)) == "0o644"


EACH_USE = pytest.mark.parametrize(
    "say",
    [of_start, of_sign_out, lambda error: of_todos(error, adding=False), lambda error: of_todos(error, adding=True)],
    ids=["start", "sign out", "list", "add"],
)


@EACH_USE
def test_a_sign_in_that_was_set_aside_is_told_with_its_place_and_a_new_sign_in_offered(
    place: Place, say: Callable[[Exception], Trouble]
) -> None:
    place.file.write_bytes(b"foreign")
    with pytest.raises(SetAside) as caught:
        place.program().read()
    trouble = say(caught.value)
    assert (trouble.title, trouble.step) == ("The saved sign-in was set aside", NextStep.SIGN_IN)
    assert str(place.aside()[0]) in trouble.text
    assert of_sign_in(caught.value) == trouble


class Mac:
    """The vault of a profile `work` on a double of the keychain."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keychain = KeychainDouble()

    def program(self) -> EncryptedVault:
        store = KeychainPersistence("work", self.folder / "work.vault", self.keychain)
        return EncryptedVault(store, self.folder / "work.lock")

    def put(self, content: bytes) -> None:
        self.keychain.passwords["CIAM Desktop", "work"] = content

    def others(self) -> dict[str, bytes]:
        return {account: text for (_service, account), text in self.keychain.passwords.items() if account != "work"}


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    return Mac(tmp_path)


def test_a_keychain_keeps_the_sign_in_for_the_next_program(mac: Mac) -> None:
    first, second = mac.program(), mac.program()
    assert first.read() == Entry()
    kept = signed_in(first)
    assert second.read() == kept
    assert list(mac.keychain.passwords) == [("CIAM Desktop", "work")]
    assert (mac.folder / "work.vault").stat().st_size == 0


@pytest.mark.parametrize(
    "status", [keychain_module.USER_CANCELED, keychain_module.AUTH_FAILED, keychain_module.INTERACTION_NOT_ALLOWED, -1]
)
def test_a_keychain_that_stays_locked_is_asked_again_by_the_next_read(mac: Mac, status: int) -> None:
    kept = signed_in(mac.program())
    vault = mac.program()
    mac.keychain.refuses = status
    for attempt in (vault.read, lambda: signed_in(vault, BOB)):
        with pytest.raises(VaultLocked, match="locked" if status != -1 else "did not answer as it should"):
            attempt()
    mac.keychain.refuses = 0
    assert vault.read() == kept


def test_a_mac_without_a_keychain_has_no_vault(mac: Mac) -> None:
    mac.keychain.missing = True
    with pytest.raises(VaultUnavailable, match="no default keychain"):
        mac.program().read()


@pytest.mark.parametrize("text", [b"null", b"[]", b"planted by another program"])
def test_foreign_content_of_a_keychain_is_set_aside_and_told_once(mac: Mac, text: bytes) -> None:
    mac.put(text)
    vault = mac.program()
    with pytest.raises(SetAside) as caught:
        vault.read()
    [(name, content)] = mac.others().items()
    assert content == text
    assert f"in the keychain as “CIAM Desktop”, account “{name}”. Sign in again." in str(caught.value)
    assert name.startswith("work, set aside 20")
    assert (vault.read(), mac.program().read()) == (Entry(), Entry())
    assert mac.program().read() == Entry()
    assert signed_in(vault) == mac.program().read()


def test_a_keychain_password_that_is_no_text_is_left_as_it_is(mac: Mac) -> None:
    mac.put(b"\xff\xfe")
    for attempt in (mac.program().read, lambda: signed_in(mac.program())):
        with pytest.raises(Unreadable, match="left as it is"):
            attempt()
    assert mac.keychain.passwords == {("CIAM Desktop", "work"): b"\xff\xfe"}


@pytest.mark.parametrize("writes", [0, 1])
def test_a_program_that_ends_while_it_sets_aside_on_a_mac_loses_nothing(mac: Mac, writes: int) -> None:
    mac.put(b"foreign")
    mac.keychain.writes_left = writes
    with pytest.raises(KeyboardInterrupt):
        mac.program().read()
    mac.keychain.writes_left = None
    with pytest.raises(SetAside):
        mac.program().read()
    assert set(mac.others().values()) == {b"foreign"}
    assert mac.program().read() == Entry()


def test_nothing_is_found_where_nothing_was_saved(place: Place, mac: Mac) -> None:
    for store in (place.store, KeychainPersistence("work", mac.folder / "work.vault", mac.keychain)):
        with pytest.raises(PersistenceNotFound):
            store.load()
        with pytest.raises(PersistenceNotFound):
            store.time_last_modified()
