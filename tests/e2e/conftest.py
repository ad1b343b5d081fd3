"""Owns the fixture that gives an end-to-end test its desktop, and what is kept of one that failed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import needs
from tests.e2e.desktop import Desktop, supported

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

ARTIFACTS = Path(__file__).parent.parent / "artifacts"

_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[_failed] = True
    return report


@pytest.fixture
def desktop(request: pytest.FixtureRequest) -> Iterator[Desktop]:
    """A whole desktop of the test's own; pictures and logs stay in tests/artifacts/<test name>/."""
    needs.condition(supported(), "an end-to-end test drives a Linux desktop")
    name = re.sub(r"[^\w.-]+", "-", request.node.name)
    with Desktop(ARTIFACTS / name) as desktop:
        yield desktop
        if request.node.stash.get(_failed, False):
            desktop.keep_failure()
