"""Owns the small clones that the tests of the set-up work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import needs
from tests.setup.clone import Clone, on_base_python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    """A small clone in which nothing was started yet."""
    needs.condition(on_base_python(), "the tests run in no virtual environment, so every Python has the packages")
    with Clone(tmp_path / "newcomer").lay() as clone:
        yield clone


@pytest.fixture(scope="session")
def once_set_up(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A small clone whose program was started once; not to be changed."""
    needs.condition(on_base_python(), "the tests run in no virtual environment, so every Python has the packages")
    with Clone(tmp_path_factory.mktemp("set-up") / "origin").lay() as clone:
        clone.add_test_command()
        done = clone.start()
        assert done.returncode == 7, done.stderr
        return clone


@pytest.fixture
def ready(once_set_up: Clone, tmp_path: Path) -> Iterator[Clone]:
    """A small clone that is set up, moved to a folder of the test's own."""
    with once_set_up.copy_to(tmp_path / "ready") as clone:
        yield clone
