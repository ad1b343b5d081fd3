"""The vault on a real keyring that is locked, hangs or asks, and with others at its lock: what helps is said."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ciam_desktop.core.errors import VaultError, VaultLocked
from ciam_desktop.core.identity import private_files, secret_service, vault_lock
from ciam_desktop.core.identity.kept import SetAside
from ciam_desktop.core.identity.vault import EncryptedVault, Entry, open_vault
from tests.core.vaulting import ALICE, BOB, Machine, signed_in, store, stored
from tests.doubles.prompter import Prompter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's keyring")


@pytest.fixture
def profile(tmp_path: Path) -> str:
    """A name that no other test has."""
    return tmp_path.name.strip("_")


@contextmanager
def locked(machine: Machine) -> Iterator[None]:
    machine.keyring.lock()
    try:
        yield
    finally:
        machine.keyring.unlock()


def test_a_cancelled_prompt_is_told_and_the_next_read_asks_again(
    machine: Machine, profile: str, tmp_path: Path
) -> None:
    kept = signed_in(open_vault(profile, tmp_path))
    with locked(machine), Prompter(machine.bus.address, cancels=True) as person:
        vault = open_vault(profile, tmp_path)
        assert isinstance(vault, EncryptedVault)
        shown = person.shown
        for attempt in (vault.read, lambda: signed_in(vault, BOB)):
            with pytest.raises(VaultLocked, match="The keyring is locked"):
                attempt()
        assert (shown, person.shown) == (1, 3), "each use is a chance to unlock it"
    assert vault.read() == kept, "unlocked, the next read succeeds by itself"
    assert set(signed_in(vault, BOB).people) == {ALICE, BOB}


def test_a_prompt_that_nobody_answers_lets_go(
    machine: Machine, profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = signed_in(open_vault(profile, tmp_path))
    monkeypatch.setattr(secret_service, "PROMPT_SECONDS", 0.3)
    with locked(machine), Prompter(machine.bus.address, cancels=False) as person:
        vault = open_vault(profile, tmp_path)
        assert person.shown == 1
        with pytest.raises(VaultLocked, match="The keyring is locked"):
            vault.read()
    assert vault.read() == kept


def test_a_keyring_that_hangs_lets_go_and_is_there_again_when_it_goes_on(
    machine: Machine, profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = signed_in(open_vault(profile, tmp_path))
    monkeypatch.setattr(secret_service, "ANSWER_SECONDS", 0.3)
    machine.signal_keyring(signal.SIGSTOP)
    try:
        vault = open_vault(profile, tmp_path)
        for attempt in (vault.read, lambda: signed_in(vault, BOB)):
            with pytest.raises(VaultLocked, match="The keyring does not answer"):
                attempt()
    finally:
        machine.signal_keyring(signal.SIGCONT)
    monkeypatch.undo()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", machine.bus.address)
    assert vault.read() == kept
    assert vault.change(lambda entry: entry).current == ALICE


def test_what_cannot_be_set_aside_because_the_keyring_was_locked_is_set_aside_later(
    machine: Machine, profile: str, tmp_path: Path
) -> None:
    store(profile, tmp_path, "null")
    vault = open_vault(profile, tmp_path)
    with locked(machine), pytest.raises(VaultLocked):
        vault.read()
    with pytest.raises(SetAside):
        vault.read()
    assert vault.read() == Entry()


def test_an_item_that_is_no_text_is_set_aside(machine: Machine, profile: str, tmp_path: Path) -> None:
    with machine.keyring._collection() as collection:
        attributes = {"application": secret_service.APPLICATION, "entry": profile}
        collection.create_item("foreign", attributes, b"\xff\xfe\x00", replace=True)
    vault = open_vault(profile, tmp_path)
    with pytest.raises(SetAside):
        signed_in(vault)
    assert b"\xff\xfe\x00" in machine.secrets()
    assert signed_in(vault) == open_vault(profile, tmp_path).read()


def test_an_item_that_a_killed_keyring_left_empty_is_nothing_kept_and_is_filled(
    machine: Machine, profile: str, tmp_path: Path
) -> None:
    store(profile, tmp_path, "")
    items = len(machine.keyring.items())
    vault = open_vault(profile, tmp_path)
    assert vault.read() == Entry()
    kept = signed_in(vault)
    assert open_vault(profile, tmp_path).read() == kept
    assert len(machine.keyring.items()) == items


def test_several_entries_that_were_set_aside_stand_side_by_side(machine: Machine, profile: str, tmp_path: Path) -> None:
    vault = open_vault(profile, tmp_path)
    for text in ("null", "[]", '"text"'):
        store(profile, tmp_path, text)
        with pytest.raises(SetAside):
            vault.read()
    signed_in(vault)
    aside = [
        (secret, attributes["set-aside"])
        for _label, attributes, secret in machine.keyring.items()
        if attributes.get("set-aside") == profile
    ]
    assert sorted(secret for secret, _profile in aside) == [b'"text"', b"[]", b"null"]


HOLDER = """
import sys
from pathlib import Path
from ciam_desktop.core.identity.vault_lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Another program that holds the lock, until it is ended."""
    root = os.fspath(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, lock],
        env=os.environ | {"PYTHONPATH": root},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == "held\n"
            yield program
        finally:
            program.kill()


@pytest.mark.usefixtures("machine")
def test_a_program_that_hangs_with_the_lock_is_told_and_one_that_was_killed_leaves_none(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert vault_lock.LOCK_SECONDS == 10
    monkeypatch.setattr(vault_lock, "LOCK_SECONDS", 0.3)
    vault = open_vault(profile, tmp_path)
    kept = signed_in(vault)
    lock = tmp_path / f"{profile}.lock"
    with holder(lock) as program:
        program.send_signal(signal.SIGSTOP)
        with pytest.raises(VaultLocked, match="Another program holds"):
            signed_in(vault, BOB)
        assert vault.read() == kept, "reading needs no lock"
        program.kill()
        program.wait(10)
        assert lock.exists()
        assert set(signed_in(vault, BOB).people) == {ALICE, BOB}


@pytest.mark.usefixtures("machine")
def test_a_lock_file_with_anything_in_it_from_long_ago_is_no_obstacle(profile: str, tmp_path: Path) -> None:
    lock = tmp_path / f"{profile}.lock"
    lock.write_text("12345 a program that ended long ago")
    lock.chmod(0o644)
    os.utime(lock, (0, 0))
    assert signed_in(open_vault(profile, tmp_path)).current == ALICE
    assert oct(stat.S_IMODE(lock.stat().st_mode)) == "0o600"


def test_a_lock_file_that_is_removed_while_it_is_waited_for_lets_no_second_program_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_lock, "LOCK_SECONDS", 0.3)
    lock, opened = tmp_path / "work.lock", private_files.open_private
    with ExitStack() as others:

        def exchanged(path: str, flags: int) -> int:
            handle = opened(path, flags)
            monkeypatch.setattr(vault_lock, "open_private", opened)
            lock.unlink()
            others.enter_context(vault_lock.held(lock))
            return handle

        monkeypatch.setattr(vault_lock, "open_private", exchanged)
        with pytest.raises(VaultLocked), vault_lock.held(lock):
            raise AssertionError("two hold it")
    with vault_lock.held(lock):
        assert lock.exists()


@pytest.mark.parametrize("name", ["vault", "lock"])
def test_a_link_in_place_of_a_file_is_not_followed_and_nothing_is_kept_behind_the_word_refused(
    machine: Machine, profile: str, tmp_path: Path, name: str
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"somebody's")
    outside.chmod(0o644)
    before = outside.stat()
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    link = folder / f"{profile}.{name}"
    link.symlink_to(outside)
    vault = open_vault(profile, folder)
    items = len(machine.keyring.items())
    with pytest.raises(VaultError, match="is no file of this program"):
        signed_in(vault)
    after = outside.stat()
    assert (outside.read_bytes(), after.st_mtime_ns, after.st_mode) == (
        b"somebody's",
        before.st_mtime_ns,
        before.st_mode,
    )
    assert len(machine.keyring.items()) == items
    link.unlink()
    assert signed_in(vault) == open_vault(profile, folder).read()
    assert oct(stat.S_IMODE(folder.stat().st_mode)) == "0o700"


@pytest.mark.usefixtures("machine")
def test_a_write_that_failed_after_it_was_kept_is_not_forgotten(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = open_vault(profile, tmp_path)
    signed_in(vault)

    def refuse(*_args: object, **_more: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "utime", refuse)
        with pytest.raises(VaultError, match="could not be saved"):
            signed_in(vault, BOB)
    assert set(vault.read().people) == {ALICE, BOB}, "what the keyring has counts, not what was seen before"


@pytest.mark.usefixtures("machine")
def test_files_that_are_gone_take_nothing_along(profile: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    vault = open_vault(profile, folder)
    kept = signed_in(vault)
    shutil.rmtree(folder)
    folder.mkdir()
    assert open_vault(profile, folder).read() == kept == vault.read()
    assert stored(profile, folder)
    assert set(signed_in(vault, BOB).people) == {ALICE, BOB}
