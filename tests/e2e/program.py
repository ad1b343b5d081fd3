"""Owns the program under test as processes: starts it, waits for its end, keeps every command line that was seen."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Self

from tests.e2e.waiting import NotInTime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.e2e.processes import Processes

SAMPLE = 0.05
"""Seconds between two looks at the processes; one that lives shorter may go unseen."""


class Program:
    """One run of `python main.py arguments…` with exactly `env`; what it prints goes to `name`.out and `name`.err.

    Leaving the context ends it, however far it came.
    """

    def __init__(
        self,
        processes: Processes,
        main: Path,
        arguments: Sequence[str] = (),
        *,
        env: Mapping[str, str],
        name: str = "program",
        cwd: Path | None = None,
    ) -> None:
        self._processes = processes
        self._command: list[str | Path] = [sys.executable, main, *arguments]
        self._env = env
        self._cwd = cwd
        self.name = name
        self.out = processes.logs / f"{name}.out"
        self.err = processes.logs / f"{name}.err"

    def __enter__(self) -> Self:
        self._process = self._processes.start(self.name, self._command, self._env, cwd=self._cwd)
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.end(self._process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait_for_exit(self, timeout: float = 10) -> int:
        """Wait until it has ended by itself and return its exit code (minus a signal's number); raises NotInTime."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise NotInTime(f"{self.name} did not end within {timeout:g} s.\n{self.output()}") from None

    def terminate(self, timeout: float = 10) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        self._process.terminate()
        return self.wait_for_exit(timeout)

    def kill(self) -> None:
        """End the program itself at once (SIGKILL), as a crash would; what it started is left to notice."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def output(self) -> str:
        """What it has printed so far, for a failure's message."""
        parts = [(path.name, path.read_text(errors="replace")) for path in (self.out, self.err)]
        return "\n".join(f"--- {name}\n{text}" for name, text in parts)


class ProcessWatch:
    """Keeps every distinct command line that a process of the family shows while the context lasts.

    It looks every SAMPLE seconds from a thread of its own.
    """

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._seen: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="process-watch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    @property
    def command_lines(self) -> list[str]:
        """What was seen until now, sorted."""
        return sorted(self._seen.copy())

    def _watch(self) -> None:
        while not self._stop.is_set():
            self._seen.update(running.command for running in self._processes.family())
            self._stop.wait(SAMPLE)
