"""The vault through crashes: calls that fail, processes and keyrings that are killed; each series finds a planted bug.

Files stand for Windows, on a named double of DPAPI; the keyring is real. The last test of each group shows that its
series is no blind one.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ciam_desktop.core.errors import CiamError
from tests.core.vault_programs import number_of
from tests.core.vaulting import Machine, new_machine, start_program
from tests.doubles.faulty_system import keyring_vault
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, signals and the Secret Service")

KILLS = 50
CHANGES = 100
KEYRING_KILLS = 20


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    with new_machine() as made:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", made.bus.address)
        yield made


def series(name: str, store: str, folder: Path, kind: str, *more: object) -> dict[str, Any]:
    """What one of the programs has seen."""
    with start_program("tests.core.vault_programs", name, store, folder, kind, *more) as program:
        out = program.communicate(timeout=90)[0]
    assert program.returncode == 0
    report: dict[str, Any] = json.loads(out)
    shown = {key: value for key, value in report.items() if key not in ("wrong", "calls")}
    print(f"{name} on {store} ({kind}), seed and number {more}: {shown}, {len(report['wrong'])} wrong")  # noqa: T201
    return report


@pytest.mark.battery
def test_whichever_call_of_a_write_goes_wrong_the_old_or_the_new_is_kept(tmp_path: Path) -> None:
    report = series("faults", "file", tmp_path, "sound")
    assert report["wrong"] == []
    assert {"open", "write", "fsync", "close", "replace"} <= set(report["calls"])
    assert report["count"] == 5 * len(report["calls"]) > 75


@pytest.mark.battery
def test_the_series_of_failing_calls_finds_a_file_that_is_written_in_place(tmp_path: Path) -> None:
    wrong = series("faults", "file", tmp_path, "in place")["wrong"]
    assert any("(write) ended in the middle" in each for each in wrong)


@pytest.mark.battery
def test_a_process_that_is_killed_while_it_writes_leaves_what_it_said_or_the_next(
    tmp_path: Path, rng: random.Random
) -> None:
    report = series("kills", "file", tmp_path, "sound", rng.randrange(10**6), KILLS)
    assert (report["wrong"], report["count"]) == ([], KILLS)
    assert report["last"] > KILLS


@pytest.mark.battery
def test_the_series_of_kills_finds_a_file_that_is_written_in_place(tmp_path: Path, rng: random.Random) -> None:
    assert series("kills", "file", tmp_path, "in place", rng.randrange(10**6), KILLS)["wrong"]


@pytest.mark.battery
@pytest.mark.parametrize("store", ["file", "keyring"])
def test_two_programs_that_are_killed_again_and_again_lose_nothing_that_was_confirmed(
    machine: Machine, rng: random.Random, store: str
) -> None:
    report = series("pair", store, machine.root / "home", "sound", rng.randrange(10**6), CHANGES)
    assert (report["wrong"], report["count"]) == ([], 2 * CHANGES)
    assert report["killed"] > 0


@pytest.mark.battery
@pytest.mark.parametrize("store", ["file", "keyring"])
def test_the_series_of_two_programs_finds_a_vault_without_a_lock(
    machine: Machine, rng: random.Random, store: str
) -> None:
    assert series("pair", store, machine.root / "home", "unlocked", rng.randrange(10**6), 20)["wrong"]


class Writing:
    """A program that writes on and on into the keyring's vault, and what it says of it."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._program = start_program("tests.core.vault_programs", "writer", "keyring", folder, kind)
        self._lines: list[list[str]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._program.stdout is not None
        self._lines.extend(line.split() for line in self._program.stdout)

    def said(self, word: str) -> list[int]:
        return [int(line[1]) for line in self._lines if line[0] == word]

    def refusals(self) -> set[str]:
        return {" ".join(line[2:]) for line in self._lines if line[0] == "refused"}

    def wait_for_another(self, count: int = 1) -> None:
        """Until so many more are kept, which a program that does not recover never does."""
        before = len(self.said("kept"))
        wait_until(lambda: len(self.said("kept")) >= before + count, 20, "the program to go on", seen=self._tail)

    def _tail(self) -> str:
        return f"exit code {self._program.poll()}, " + "; ".join(" ".join(line) for line in self._lines[-5:])

    @contextmanager
    def frozen(self) -> Iterator[None]:
        os.kill(self._program.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._program.pid, signal.SIGCONT)

    def end(self) -> None:
        self._program.kill()
        self._program.wait(10)
        self._reader.join(10)
        assert self._program.stdout is not None
        self._program.stdout.close()


@contextmanager
def writing(folder: Path, kind: str) -> Iterator[Writing]:
    program = Writing(folder, kind)
    try:
        yield program
    finally:
        program.end()


def kill_keyring_while_it_saves(machine: Machine, kind: str, rng: random.Random, kills: int) -> list[str]:
    """Kill the keyring's daemon without warning while a program saves, and start it again: what was not as said."""
    wrong = []
    folder = machine.root / "home"
    with writing(folder, kind) as program:
        for _kill in range(kills):
            program.wait_for_another()
            threading.Event().wait(rng.uniform(0, 0.1))
            machine.signal_keyring(signal.SIGKILL)
            with program.frozen():
                machine.keyring.kill()
                machine.keyring.start()
                last = max(program.said("kept"))
                try:
                    number = number_of(keyring_vault(folder, "sound").read())
                    if number not in (last, last + 1):
                        wrong.append(f"number {number} is kept, and {last} was said")
                except (CiamError, AssertionError) as error:
                    wrong.append(f"after number {last}: {error}")
        program.wait_for_another(3)
        print(f"{kills} kills of the keyring ({kind}), {len(program.said('kept'))} kept, {program.refusals()}")  # noqa: T201
    return wrong


@pytest.mark.battery
def test_a_keyring_that_is_killed_while_it_saves_has_the_old_or_the_new_and_the_program_goes_on(
    machine: Machine, rng: random.Random
) -> None:
    assert kill_keyring_while_it_saves(machine, "sound", rng, KEYRING_KILLS) == []


@pytest.mark.battery
def test_the_series_of_killed_keyrings_finds_an_item_that_is_deleted_first(
    machine: Machine, rng: random.Random
) -> None:
    assert kill_keyring_while_it_saves(machine, "deleting", rng, 8)
