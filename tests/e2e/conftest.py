"""Owns the fixture that gives an end-to-end test its desktop."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import needs
from tests.e2e.desktop import Desktop, supported

if TYPE_CHECKING:
    from collections.abc import Iterator

ARTIFACTS = Path(__file__).parent.parent / "artifacts"


@pytest.fixture
def desktop(request: pytest.FixtureRequest) -> Iterator[Desktop]:
    """A whole desktop of the test's own; pictures and logs stay in tests/artifacts/<test name>/."""
    needs.condition(supported(), "an end-to-end test drives a Linux desktop")
    with Desktop(ARTIFACTS / re.sub(r"[^\w.-]+", "-", request.node.name)) as desktop:
        yield desktop
