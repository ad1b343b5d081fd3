"""Owns the processes of one end-to-end test: starts them, finds their whole family, and ends every one of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from tests.e2e.waiting import NotInTime, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARK = "CIAM_DESKTOP_E2E"
"""The environment variable that children inherit, whatever session or group they move to."""


@dataclass(frozen=True, slots=True)
class Running:
    """One process of the family: its id and its command line."""

    pid: int
    command: str


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
        for process in reversed(self._started):
            self.end(process)
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            for running in self.family():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(running.pid, signal_number)
            with contextlib.suppress(NotInTime):
                wait_until(lambda: not self.family(), 3, "the last processes to end")
        if left := self.family():
            raise AssertionError(f"Processes that could not be ended: {left}")

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
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

    def end(self, process: subprocess.Popen[bytes], timeout: float = 5) -> None:
        """End `process` and its group: asked first, made to after `timeout` seconds."""
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal_number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout)
                break
        if process.stdin is not None:
            process.stdin.close()

    def family(self) -> list[Running]:
        """Every living process that carries the mark."""
        mark = f"{MARK}={self.mark[MARK]}".encode()
        family = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0") and not _is_zombie(folder):
                    family.append(Running(int(folder.name), command_line(folder)))
            except OSError:
                continue  # gone, or another user's
        return family


def command_line(folder: Path) -> str:
    """The command line of the process whose folder in /proc this is, its arguments parted by spaces."""
    return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()


def _is_zombie(folder: Path) -> bool:
    return (folder / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
