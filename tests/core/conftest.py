"""Owns the fixtures of the core's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from ciam_desktop.core.identity.loopback import Expected, Limits
from tests.core.listening import SIGN_IN, UNHURRIED, Desk


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
