"""The start of the real program: what is not loaded before the first paint, and that the rest follows it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from PySide6.QtWidgets import QWidget

from ciam_desktop.qt.first_paint import FirstPaint
from tests.benchmarks.first_window import CHILD, ROOT, environment
from tests.qt.world import until

HEAVY = {
    *("msal", "msal_extensions", "requests", "urllib3", "cryptography", "jwt", "keyring", "secretstorage", "jeepney"),
    *("asyncio", "ssl", "http.client", "socketserver", "sqlite3", "flask", "h11", "webbrowser", "xml", "tomllib"),
    *("PySide6.QtNetwork", "PySide6.QtQml", "PySide6.QtSvg", "PySide6.QtTest"),
    *("ciam_desktop.core.http", "ciam_desktop.core.identity.people", "ciam_desktop.core.identity.loopback"),
    *("ciam_desktop.gui", "ciam_desktop.core.config", "ciam_desktop.core.identity.state", "ciam_desktop.qt.lanes"),
    *("ciam_desktop.core.crash", "ciam_desktop.core.logs", "ciam_desktop.core.todos.client"),
    *("ciam_desktop.qt.views.todos_page", "ciam_desktop.qt.views.identity_page", "ciam_desktop.qt.views.settings_page"),
    *("ciam_desktop.qt.views.account_menu", "ciam_desktop.qt.views.device_page", "ciam_desktop.qt.views.qr_code"),
    *("segno", "ciam_desktop.qt.dialogs.connect_tenant", "ciam_desktop.sandbox"),
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules that the program has loaded when its window is first painted."""
    env = environment(tmp_path_factory.mktemp("start"), {}) | {"QT_QPA_PLATFORM": "offscreen", "LC_ALL": "C.UTF-8"}
    command = [sys.executable, os.fspath(CHILD), "program", "modules"]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return set(done.stdout.split())


def test_the_window_is_there_by_then(loaded: set[str]) -> None:
    assert {"ciam_desktop.first_window", "ciam_desktop.qt.views.frame", "PySide6.QtWidgets"} <= loaded


def test_nothing_heavy_is_loaded_before_the_first_paint(loaded: set[str]) -> None:
    assert not HEAVY & loaded


def test_first_paint_is_told_once_when_the_window_is_on_the_screen() -> None:
    window, told = QWidget(), []
    window.show()
    FirstPaint(window).happened.connect(lambda: told.append(window.windowHandle().isExposed()))
    until(lambda: told, "the first paint")
    window.hide()
    window.show()
    window.repaint()
    until(lambda: window.windowHandle().isExposed(), "the second paint")
    assert told == [True]
    window.close()


def test_a_window_that_is_not_painted_does_not_keep_the_program_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ciam_desktop.qt.first_paint.PATIENCE", 50)
    window, told = QWidget(), []
    window.create()
    FirstPaint(window).happened.connect(lambda: told.append("told"))
    until(lambda: told, "the end of patience")
    assert told == ["told"]
    window.deleteLater()
