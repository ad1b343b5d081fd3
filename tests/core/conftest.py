"""Owns the fixtures of the core's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ciam_desktop.core.identity.loopback import Expected, Limits
from tests.core.bench import Bench
from tests.core.listening import SIGN_IN, UNHURRIED, Desk
from tests.core.vaulting import Machine, new_machine


@pytest.fixture
def opened() -> Iterator[Callable[..., Desk]]:
    """Makes listeners, and closes them after the test."""
    with ExitStack() as stack:

        def make(
            uri: str = "http://localhost/",
            expected: Expected | None = SIGN_IN,
            *,
            deadline: float = 600,
            limits: Limits = UNHURRIED,
        ) -> Desk:
            desk = Desk(uri, expected, deadline=deadline, limits=limits)
            stack.callback(desk.listener.close)
            return desk

        yield make


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    with made.idp:
        made.start()
        yield made
        made.http.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Machine]:
    """A machine with a keyring, for the tests of one module."""
    with new_machine() as made:
        yield made


@pytest.fixture
def machine(shared: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The module's machine, as the one that this test is on."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", shared.bus.address)
    return shared
