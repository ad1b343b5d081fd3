"""Opening the person's browser: `BROWSER` is honoured, and whoever waits for the result gets one."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import webbrowser
from pathlib import Path

import pytest

from ciam_desktop.core.identity.browser import open_in_browser

PATIENCE = 10.0
posix = pytest.mark.skipif(os.name != "posix", reason="the browser here is a shell script")

PROGRAM = """
import queue, sys
from ciam_desktop.core.identity.browser import open_in_browser
results = queue.SimpleQueue()
open_in_browser(sys.argv[1], results.put)
print(results.get(timeout=10))
"""
URI = "https://idp.example/authorize?a=1&b=two%20words;$(touch planted)`x`'\"#x"


class FaultyBrowser:
    """A `webbrowser.open` that raises."""

    def __init__(self, fault: Exception) -> None:
        self._fault = fault

    def __call__(self, _uri: str) -> bool:
        raise self._fault


class Uncaught:
    """Notes what a thread ended with."""

    def __init__(self) -> None:
        self.kinds: list[type[BaseException]] = []

    def __call__(self, hook: threading.ExceptHookArgs) -> None:
        self.kinds.append(hook.exc_type)


def opened_by(command: str, folder: Path) -> str:
    """What a program prints that opens URI with this BROWSER (Python reads the variable once per process)."""
    root = os.fspath(Path(__file__).parent.parent.parent)
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, URI],
        env={"PATH": os.environ["PATH"], "BROWSER": command, "PYTHONPATH": root, "HOME": os.fspath(folder)},
        cwd=folder, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    return ended.stdout.strip()


def script(folder: Path, lines: str) -> Path:
    path = folder / "browser"
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return path


@posix
def test_the_browser_that_is_named_gets_the_address_as_it_is(tmp_path: Path) -> None:
    browser = script(tmp_path, f'printf %s "$1" > "{tmp_path}/seen"')
    assert opened_by(f"{browser} %s", tmp_path) == "True"
    assert (tmp_path / "seen").read_text() == URI
    assert not (tmp_path / "planted").exists(), "no shell reads the address"


@posix
def test_a_browser_that_fails_is_told(tmp_path: Path) -> None:
    assert opened_by(f"{script(tmp_path, 'exit 1')} %s", tmp_path) == "False"
    assert opened_by("/nowhere/browser %s", tmp_path) == "False"


@pytest.mark.parametrize("fault", [webbrowser.Error("none"), OSError(2, "missing"), PermissionError(13, "no")])
def test_an_error_of_the_browser_is_a_result(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    monkeypatch.setattr(webbrowser, "open", FaultyBrowser(fault))
    results: queue.SimpleQueue[bool] = queue.SimpleQueue()
    open_in_browser(URI, results.put)
    assert results.get(timeout=PATIENCE) is False


def test_an_error_that_nobody_foresaw_is_a_result_and_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    uncaught = Uncaught()
    monkeypatch.setattr(threading, "excepthook", uncaught)
    monkeypatch.setattr(webbrowser, "open", FaultyBrowser(LookupError("odd")))
    results: queue.SimpleQueue[bool] = queue.SimpleQueue()
    open_in_browser(URI, results.put)
    assert results.get(timeout=PATIENCE) is False
    for thread in threading.enumerate():
        if thread.name == "browser":
            thread.join(PATIENCE)
    assert uncaught.kinds == [LookupError]


def test_a_browser_that_does_not_return_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, results = threading.Event(), queue.SimpleQueue[bool]()

    def text_browser(_uri: str) -> bool:
        return closed.wait(PATIENCE)

    monkeypatch.setattr(webbrowser, "open", text_browser)
    open_in_browser(URI, results.put)
    assert results.empty()
    closed.set()
    assert results.get(timeout=PATIENCE) is True
