"""Owns the fixtures of the window's tests: the application as the program dresses it, a browser, and worlds."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication

from tests.doubles.backend import FakeBrowser
from tests.qt.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
