"""Owns the real sandbox that these tests talk to, and the browser that they talk with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ciam_desktop import sandbox_process
from tests.doubles.sandbox_control import SandboxControl
from tests.sandbox.support import Tenant, give_free_ports, is_served, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
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
    wait_until(lambda: not is_served(shared_dir))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder for a sandbox of the test's own."""
    folder = tmp_path / "data"
    give_free_ports(folder)
    return folder


@pytest.fixture(scope="session")
def controlled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """A running sandbox with the control API, for every test that makes it misbehave."""
    folder = tmp_path_factory.mktemp("controlled") / "data"
    give_free_ports(folder)
    with sandbox_process.join(folder, control=True) as held, Tenant(held.info) as tenant:
        yield tenant
    wait_until(lambda: not is_served(folder))


@pytest.fixture
def control(controlled: Tenant) -> Iterator[SandboxControl]:
    """Its control API; what a test did is undone after it."""
    control = SandboxControl.of(controlled.info)
    yield control
    control.reset()
