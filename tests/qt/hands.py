"""Owns a person's hands and eyes at a window: what is pressed, by its words, and what can be read."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

from ciam_desktop.qt.views.frame import Frame
from tests.qt.states import opened_menu
from tests.qt.world import World


def window_of(world: World) -> Frame:
    assert world.window is not None
    world.window.activateWindow()
    return world.window


def press(world: World, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key where the focus is."""
    window = window_of(world)
    QTest.qWaitForWindowActive(window)
    QTest.keyClick(QApplication.focusWidget() or window, key, modifiers)


def spoken(widget: QWidget) -> str:
    return str(QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name))


def focused() -> str:
    widget = QApplication.focusWidget()
    return spoken(widget) if widget else ""


Kind = TypeVar("Kind", bound=QWidget)


def visible(world: World, words: str, kind: type[Kind]) -> Kind:
    """The visible control of that kind that a screen reader calls `words`."""
    found = window_of(world).findChildren(kind)
    return next(each for each in found if each.isVisible() and spoken(each) == words)


def click(world: World, words: str) -> None:
    QTest.mouseClick(visible(world, words, QAbstractButton), Qt.MouseButton.LeftButton)


def choose(world: World, words: str) -> None:
    """Choose an entry of the account menu."""
    next(each for each in opened_menu(world).actions() if each.text() == words).trigger()


def said(world: World) -> list[str]:
    """Every visible text."""
    return [each.text() for each in window_of(world).findChildren(QLabel) if each.isVisible() and each.text()]
