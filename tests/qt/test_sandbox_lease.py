"""The window program's hold on its sandbox: one that was killed comes back with the same addresses."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ciam_desktop import paths, sandbox_process
from ciam_desktop.core.errors import NetworkError
from ciam_desktop.gui import SANDBOX_FOLDER, SandboxLease, connect
from tests.doubles.backend import settings
from tests.sandbox.support import give_free_ports, is_served, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A sandbox's folder; after the test nobody serves it any more."""
    folder = tmp_path / "sandbox"
    give_free_ports(folder)
    yield folder
    wait_until(lambda: not is_served(folder))


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)


def test_a_sandbox_that_was_killed_comes_back_with_the_same_addresses(folder: Path) -> None:
    lease = SandboxLease(folder)
    first = lease.take()
    lease.renew()
    assert is_served(folder)
    kill(first.pid)
    wait_until(lambda: not is_served(folder))
    lease.renew()
    with sandbox_process.join(folder) as beside:
        assert beside.info.pid != first.pid
        assert replace(beside.info, pid=first.pid) == first
    lease.renew()
    assert is_served(folder)
    lease.close()


def test_a_lease_that_was_let_go_of_is_not_taken_again(folder: Path) -> None:
    lease = SandboxLease(folder)
    lease.take()
    lease.close()
    wait_until(lambda: not is_served(folder))
    lease.renew()
    assert not is_served(folder)


def test_a_window_that_closes_while_the_sandbox_starts_holds_nothing(folder: Path) -> None:
    lease = SandboxLease(folder)
    taking = threading.Thread(target=lease.take)
    taking.start()
    lease.close()
    taking.join(30)
    assert not taking.is_alive()
    wait_until(lambda: not is_served(folder))


def test_without_a_sandbox_there_is_nothing_to_renew(tmp_path: Path) -> None:
    lease = SandboxLease(tmp_path / "none")
    lease.renew()
    lease.close()
    assert not (tmp_path / "none").exists()


def test_after_the_sandbox_was_killed_a_persons_own_try_reaches_it_again(home: Path) -> None:
    assert paths.data_dir().is_relative_to(home)
    folder = paths.data_dir() / SANDBOX_FOLDER
    folder.parent.mkdir(parents=True, exist_ok=True)
    give_free_ports(folder)
    backend = connect(settings())

    def ask() -> str:
        return backend.people.begin("http://localhost:5999", [backend.tenant.read_scope]).issuer

    try:
        before = ask()
        with sandbox_process.join(folder) as beside:
            kill(beside.info.pid)
        wait_until(lambda: not is_served(folder))
        with pytest.raises(NetworkError):
            ask()
        backend.ensure()
        assert ask() == before
    finally:
        backend.close()
        wait_until(lambda: not is_served(folder))
