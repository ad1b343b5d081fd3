"""Owns the fixtures of the window's tests: the application as the program dresses it, a browser, and worlds."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication

from tests.doubles.backend import FakeBrowser, person
from tests.qt.states import IN
from tests.qt.world import World, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def application(qapp: QApplication) -> Iterator[QApplication]:
    """The one application, with the style and palette that every test begins with."""
    qapp.setStyle("fusion")
    yield qapp
    qapp.setStyleSheet("")
    qapp.setPalette(QPalette())


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBrowser]:
    """The person's browser, in place of this computer's."""
    browser = FakeBrowser()
    monkeypatch.setattr(webbrowser, "open", browser.open)
    yield browser
    browser.close()


@pytest.fixture
def world(browser: FakeBrowser) -> Iterator[Callable[..., World]]:
    """Makes worlds, and ends them after the test."""
    made: list[World] = []

    def make(**how: Any) -> World:
        made.append(World(browser, **how))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def listed(world: Callable[..., World], tmp_path: Path) -> World:
    """A world whose window shows the to-dos of somebody who is signed in."""
    made = world(**IN)
    made.show(tmp_path / "window.ini")
    made.start()
    until(lambda: made.todos.fetched_at is not None, "the list")
    return made


@pytest.fixture
def out(world: Callable[..., World], tmp_path: Path) -> World:
    """A world whose window shows the sign-in card."""
    made = world()
    made.show(tmp_path / "window.ini")
    made.start()
    return made


@pytest.fixture
def signed_in(world: Callable[..., World]) -> World:
    """A world without a window, in which somebody is signed in."""
    made = world(signed_in=person())
    made.start()
    return made
