"""Owns the processes of one end-to-end test: starts them, finds their whole family, and ends every one of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from tests.e2e.waiting import NotInTime, read_line, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MARK = "CIAM_DESKTOP_E2E"
"""The environment variable that children inherit, whatever session or group they move to."""


@dataclass(frozen=True, slots=True)
class Running:
    """One process of the family: its id, its parent's, its start (clock ticks since boot) and command line."""

    pid: int
    parent: int
    started: int
    command: str

    def alive(self) -> bool:
        """Whether this very process still runs."""
        try:
            now = _running(Path(f"/proc/{self.pid}"))
        except OSError:
            return False
        return now is not None and now.started == self.started


class Processes:
    """Starts processes and, when its context ends, ends them with everything that they started.

    Each gets a process group of its own and a mark in its environment; what is left at the end is found by the mark,
    so a child that made itself a daemon is ended too. `logs` is the folder for what they print.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.mark = {MARK: str(uuid.uuid4())}
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started[::-1]:
            self.end(process)
        members: set[Running] = set()
        for signal_number in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL):
            members |= self.family()  # kept, since a child whose parent has ended is not found any more
            for running in members:
                if running.alive():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(running.pid, signal_number)
            with contextlib.suppress(NotInTime):
                wait_until(partial(self._none_left, members), 3, "the last processes to end")
        if left := self._left(members):
            raise AssertionError(f"Processes that could not be ended: {left}")

    def _none_left(self, members: set[Running]) -> bool:
        return not self._left(members)

    def _left(self, members: set[Running]) -> list[Running]:
        return [running for running in members | self.family() if running.alive()]

    def start(
        self,
        name: str,
        command: Sequence[str | os.PathLike[str]],
        env: Mapping[str, str],
        *,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        pass_fds: Sequence[int] = (),
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start `command` with exactly `env` (and the mark); what it prints goes to `name`.out and `name`.err."""
        with (self.logs / f"{name}.out").open("ab") as out, (self.logs / f"{name}.err").open("ab") as err:
            process = subprocess.Popen(
                [os.fspath(part) for part in command],
                env={**env, **self.mark},
                stdin=stdin,
                stdout=out,
                stderr=err,
                pass_fds=pass_fds,
                cwd=cwd,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def start_announcing(
        self, name: str, command: Callable[[int], Sequence[str]], env: Mapping[str, str], timeout: float
    ) -> tuple[subprocess.Popen[bytes], str]:
        """Start `command(descriptor)`, which writes one line to `descriptor` when it is ready; return that line too."""
        read, write = os.pipe()
        try:
            process = self.start(name, command(write), env, pass_fds=[write])
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        with open(read, "rb", buffering=0) as pipe:  # noqa: PTH123 -- a descriptor, no path
            line = read_line(pipe.fileno(), timeout)
        if not line:
            raise NotInTime(f"{name} was not ready within {timeout:g} s (exit code {process.poll()}); see its log")
        return process, line

    def end(self, process: subprocess.Popen[bytes], timeout: float = 5) -> None:
        """End `process` and its group, once: asked first, made to after `timeout` seconds."""
        if process not in self._started:
            return
        self._started.remove(process)
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal_number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout)
                break
        if process.stdin is not None:
            process.stdin.close()

    def family(self) -> set[Running]:
        """Every living process that carries the mark, and every one that descends from such a process."""
        mark = f"{MARK}={self.mark[MARK]}".encode()
        children: dict[int, list[Running]] = {}
        found: list[Running] = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                running = _running(folder)
                environment = (folder / "environ").read_bytes() if running else b""
            except OSError:
                continue  # gone, or another user's
            if running:
                children.setdefault(running.parent, []).append(running)
                if mark in environment.split(b"\0"):
                    found.append(running)
        family: set[Running] = set()
        while found:
            running = found.pop()
            if running not in family:
                family.add(running)
                found += children.get(running.pid, [])
        return family


def _running(folder: Path) -> Running | None:
    """The process whose folder in /proc this is (proc(5)), unless it has ended; raises OSError when it is gone."""
    state, parent, *more = (folder / "stat").read_bytes().rpartition(b")")[2].split()
    if state in b"ZX":
        return None
    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return Running(int(folder.name), int(parent), int(more[17]), command)
