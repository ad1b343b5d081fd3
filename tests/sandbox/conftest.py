"""Owns the real sandbox that these tests talk to, and the browser that they talk with."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ciam_desktop import sandbox_process
from tests.sandbox.support import Tenant, give_free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def shared_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sandbox") / "data"
    give_free_ports(folder)
    return folder


@pytest.fixture(scope="session")
def tenant(shared_dir: Path) -> Iterator[Tenant]:
    """One running sandbox for every test that does not end it."""
    with sandbox_process.join(shared_dir) as held, Tenant(held.info) as tenant:
        yield tenant
    wait_until(lambda: not alive(held.info.pid))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder for a sandbox of the test's own."""
    folder = tmp_path / "data"
    give_free_ports(folder)
    return folder


def alive(pid: int) -> bool:
    """Whether the process runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> float:
    """Wait for `condition`; the seconds that it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, "it did not happen in time"
        threading.Event().wait(0.01)
    return time.monotonic() - start
