"""Programs that change a vault while calls fail and processes are killed: `python -m tests.core.vault_programs NAME …`.

Each runs alone, without threads, because it forks: a fork costs a thousandth of what starting Python does. What was
seen is printed as one line of JSON, `{"count": …, "wrong": [sentences]}`; `writer` prints a line for each change.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ciam_desktop.core.errors import CiamError, VaultError
from ciam_desktop.core.identity.vault import EncryptedVault, Entry
from tests.core.vaulting import facts_of
from tests.doubles.faulty_system import ENDED, FaultySystem, file_vault, keyring_vault

KINDS: dict[str, Callable[[Path, str], EncryptedVault]] = {"file": file_vault, "keyring": keyring_vault}
PATIENCE = 60
"""Seconds after which a series gives up."""


def numbered(number: int) -> Entry:
    """An entry that can be told from any other and from a part of itself; 0 to 150 kB."""
    digest = hashlib.sha256(b"%d" % number).hexdigest()
    secret = digest * (int(digest[:4], 16) % 2400)
    token = {"home_account_id": "a", "number": number, "secret": secret}
    return Entry({"RefreshToken": {"rt": token}}, {"a": facts_of("a")}, "a")


def number_of(entry: Entry) -> int:
    """Which `numbered` entry this is, 0 for none; raises AssertionError for anything else."""
    if entry == Entry():
        return 0
    number = entry.tokens["RefreshToken"]["rt"]["number"]
    assert entry == numbered(number), f"not what was written as number {number}"
    return int(number)


def forked(work: Callable[[], object]) -> int:
    """Start a process that does `work` and ends with 0, or 1 when it raised."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except Exception as error:  # noqa: BLE001 -- the end of this process says it
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """Wait for a process; its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def change_with(place: Path, kind: str, number: int, fault: str) -> tuple[int, str, int | None, list[str]]:
    """Replace entry 1 by entry 2 in a process of its own whose call of that number goes wrong (none does for 0).

    Returns the exit code, what the change said ("kept", "refused", or "ended" when it could not say it), the number
    that the same vault read afterwards, and the calls that were made.
    """
    read, write = os.pipe()

    def work() -> None:
        vault = file_vault(place, kind)
        vault.read()
        system = FaultySystem(number, fault)
        system.install()
        try:
            vault.change(lambda _kept: numbered(2))
            said = "kept"
        except CiamError:
            said = "refused"
        made = list(system.calls)
        os.write(write, json.dumps([said, number_of(vault.read()), made]).encode())
        os._exit(0)

    pid = forked(work)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    said, seen, calls = json.loads(told) if told else ("ended", None, [])
    return ended(pid), said, seen, calls


def faults(folder: Path, kind: str) -> dict[str, Any]:
    """Let each call of a change go wrong in each way; the old entry or the new one must be there, as was said."""
    wrong: list[str] = []

    def place(name: str) -> Path:
        made = folder / name
        made.mkdir()
        file_vault(made, "sound").change(lambda _kept: numbered(1))
        (made / ".work.vault.left.new").write_bytes(b"left by a write that was killed")
        return made

    calls = change_with(place("no fault"), kind, 0, "none")[3]
    cases = [(number, fault) for number in range(1, len(calls) + 1) for fault in FaultySystem.FAULTS]
    for number, fault in cases:
        case = f"call {number} ({calls[number - 1]}) {fault}"
        here = place(case)
        code, said, seen, _made = change_with(here, kind, number, fault)
        try:
            now = number_of(file_vault(here, "sound").read())
            file_vault(here, "sound").change(lambda _kept: numbered(3))
        except (CiamError, AssertionError) as error:
            wrong.append(f"{case}: {error}")
            continue
        if (now, said) not in {(1, "refused"), (2, "refused"), (2, "kept"), (1, "ended"), (2, "ended")}:
            wrong.append(f"{case}: number {now} is kept, and it said {said!r}")
        if code != (ENDED if said == "ended" else 0) or seen not in (None, now):
            wrong.append(f"{case}: ended with {code}, it saw number {seen} while {now} is kept")
        if left := {path.name for path in here.iterdir()} - {"work.vault", "work.lock"}:
            wrong.append(f"{case}: left behind {left}")
    return {"count": len(cases), "wrong": wrong, "calls": calls}


def kills(folder: Path, kind: str, seed: str, count: int) -> dict[str, Any]:
    """Kill a process that writes, at moments from `seed`, `count` times; what it said or the next must be kept."""
    chance = random.Random(seed)  # noqa: S311 -- to be repeatable is the point
    wrong: list[str] = []
    last = 0
    for _round in range(count):
        read, write = os.pipe()

        def work(start: int = last, write: int = write) -> None:
            vault = file_vault(folder, kind)
            number = start
            while True:
                number += 1
                entry = numbered(number)
                vault.change(lambda _kept, entry=entry: entry)  # type: ignore[misc]  # the entry of this turn
                os.write(write, b"%d\n" % number)

        pid = forked(work)
        os.close(write)
        select.select([read], [], [], PATIENCE)  # it writes
        time.sleep(chance.uniform(0, 0.04))
        os.kill(pid, signal.SIGKILL)
        ended(pid)
        with os.fdopen(read, "rb") as pipe:
            said = int(pipe.read().split()[-1])
        try:
            last = number_of(file_vault(folder, kind).read())
            if last not in (said, said + 1):
                wrong.append(f"number {last} is kept, and {said} was said")
        except (CiamError, AssertionError) as error:
            wrong.append(f"after number {said}: {error}")
    return {"count": count, "wrong": wrong, "last": last}


class Worker:
    """A process that adds its accounts to a vault one by one and tells each; it can be killed and started again."""

    def __init__(self, name: str, changes: int, make: Callable[[], EncryptedVault]) -> None:
        self.name, self.changes, self._make = name, changes, make
        self.told = 0
        self._rest = b""
        self.start()

    def start(self) -> None:
        self._read, write = os.pipe()
        self.pid = forked(lambda: self._work(write))
        os.close(write)

    def _work(self, write: int) -> None:
        vault = self._make()
        for number in range(self.told, self.changes):
            account = f"{self.name}-{number}"
            tokens = {"RefreshToken": {account: {"home_account_id": account}}}
            vault.change(lambda kept, a=account, t=tokens: kept.with_account(a, t, {}))  # type: ignore[misc]  # of this turn
            os.write(write, b"+")

    def listen(self, seconds: float) -> bool:
        """Hear what it tells for so long; whether it still runs."""
        until = time.monotonic() + seconds
        while select.select([self._read], [], [], max(0.0, until - time.monotonic()))[0]:
            heard = os.read(self._read, 4096)
            if not heard:
                return False
            self.told += len(heard)
        return True

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.end()

    def end(self) -> int:
        while self.listen(PATIENCE):
            pass
        os.close(self._read)
        return ended(self.pid)


def pair(make: Callable[[Path, str], EncryptedVault], folder: Path, kind: str, seed: str, count: int) -> dict[str, Any]:
    """Two processes with `count` changes each, one or the other killed again and again; what was told must be kept."""
    chance = random.Random(seed)  # noqa: S311 -- to be repeatable is the point
    workers = [Worker(name, count, lambda: make(folder, kind)) for name in "ab"]
    killed, wrong = 0, list[str]()
    gives_up = time.monotonic() + PATIENCE
    while not wrong and (running := [each for each in workers if each.told < each.changes]):
        victim = chance.choice(running)
        before, alive = victim.told, True
        while alive and victim.told == before and time.monotonic() < gives_up:  # some progress, so that it has an end
            alive = victim.listen(chance.uniform(0.001, 0.02))
        if time.monotonic() > gives_up:
            wrong.append("it took too long")
        elif victim.told < victim.changes and not alive:
            wrong.append(f"{victim.name} ended by itself after {victim.told} changes")
        elif victim.told < victim.changes:
            victim.kill()
            killed += 1
            victim.start()
    if wrong:
        for each in workers:
            os.kill(each.pid, signal.SIGKILL)
    codes = [each.end() for each in workers]
    if not wrong and codes != [0, 0]:
        wrong.append(f"the programs ended with {codes}")
    kept = make(folder, "sound").read()
    for worker in workers:
        missing = [n for n in range(worker.told) if f"{worker.name}-{n}" not in kept.people]
        if missing:
            wrong.append(f"{worker.name}: told and not kept: {missing}")
    if set(kept.people) != set(kept.tokens.get("RefreshToken", {})):
        wrong.append("people and tokens do not belong together")
    return {"count": sum(worker.told for worker in workers), "wrong": wrong, "killed": killed}


def writer(make: Callable[[Path, str], EncryptedVault], folder: Path, kind: str) -> None:
    """Write on and on, and say before each write its number, then whether it was kept or refused."""
    vault = make(folder, kind)
    number = 0
    while True:
        number += 1
        tell("begin", number)
        try:
            vault.change(lambda _kept, number=number: numbered(number))  # type: ignore[misc]  # of this turn
            tell("kept", number)
        except VaultError as error:
            tell("refused", number, type(error).__name__, error)
            time.sleep(0.02)


def main(name: str, store: str, folder: str, kind: str, seed: str = "", count: str = "") -> None:
    """Run one program on the vault of `store`, "file" or "keyring"; faults and kills have files only."""
    place, make = Path(folder), KINDS[store]
    if name == "writer":
        writer(make, place, kind)
    elif name == "faults":
        tell(faults(place, kind))
    elif name == "kills":
        tell(kills(place, kind, seed, int(count)))
    else:
        tell(pair(make, place, kind, seed, int(count)))


def tell(*what: object) -> None:
    """Print a report as JSON, or words as a line, at once: this is how these programs talk to their test."""
    print(*(json.dumps(each) if isinstance(each, dict) else each for each in what), flush=True)  # noqa: T201 -- see above


if __name__ == "__main__":
    main(*sys.argv[1:])
