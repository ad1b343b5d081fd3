"""Tests that what is told before there is a window reaches who started the program, and never stdout."""

from __future__ import annotations

import importlib.util
import json
import os
import pty
import subprocess
from typing import TYPE_CHECKING

import pytest

from ciam_desktop.bootstrap.tools import base_python
from tests import needs
from tests.e2e.display import Display
from tests.e2e.processes import Processes
from tests.e2e.waiting import wait_until
from tests.setup.clone import LONGEST, Clone, on_base_python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TELL = "import sys; sys.path.insert(0, sys.argv[1]); from ciam_desktop import bootstrap; bootstrap.tell(sys.argv[2])"
SENTENCE = "It's <b>wrong</b> & needs: python3 'main.py' ä"

_RECORDER = """#!{python}
import json, sys
lines = sys.stdin.read() if "--progress" in sys.argv else ""
with open({record!r}, "a") as record:
    record.write(json.dumps([sys.argv[1:], lines]) + "\\n")
"""


class RecordedZenity:
    """A `zenity` on the search path that shows nothing and writes down how it was called and what it was fed."""

    def __init__(self, folder: Path) -> None:
        self._record = folder / "calls"
        self.folder = folder
        program = folder / "zenity"
        program.write_text(_RECORDER.format(python=base_python(), record=str(self._record)))
        program.chmod(0o755)

    def calls(self) -> list[tuple[list[str], str]]:
        """The arguments and the standard input of each call that has ended."""
        lines = self._record.read_text().splitlines() if self._record.exists() else []
        return [(call[0], call[1]) for call in map(json.loads, lines)]


@pytest.fixture
def zenity(tmp_path: Path) -> RecordedZenity:
    """A desktop whose only means is a zenity that records."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return RecordedZenity(folder)


def _tell(clone: Clone) -> list[str]:
    return [base_python(), "-c", TELL, str(clone.root), SENTENCE]


def _double_click(
    clone: Clone,
    command: list[str],
    env: dict[str, str],
    *,
    out: int = subprocess.DEVNULL,
    err: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start `command` as a desktop does: no stream leads anywhere, except for what is said."""
    return subprocess.Popen(command, cwd=clone.root, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)


def _code(process: subprocess.Popen[bytes]) -> int:
    process.communicate(timeout=LONGEST)
    return process.returncode


def test_a_captured_sentence_is_a_line_on_stderr(clone: Clone) -> None:
    done = subprocess.run(
        _tell(clone), env=clone.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=20
    )
    assert (done.stdout, done.stderr) == ("", SENTENCE + "\n")


def test_a_terminal_gets_one_line_that_changes_and_goes(clone: Clone) -> None:
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [base_python(), "main.py"],
            cwd=clone.root,
            env=clone.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # how Linux says that nobody has the other end open any more
            pass
        process.communicate(timeout=LONGEST)
    finally:
        os.close(ours)
    assert process.returncode == 7
    steps = [step.strip() for step in shown.decode().split("\r")]
    assert "Setting up CIAM Desktop: Making a place for the packages" in steps
    assert "Setting up CIAM Desktop: Fetching parts (1 of 1)" in steps
    assert (steps[-1], b"\n" in shown) == ("", False)


@pytest.mark.parametrize(("out", "err"), [(subprocess.PIPE, subprocess.DEVNULL), (subprocess.DEVNULL, subprocess.PIPE)])
def test_no_window_opens_for_who_captures_a_stream(clone: Clone, zenity: RecordedZenity, out: int, err: int) -> None:
    env = clone.env | {"PATH": str(zenity.folder), "DISPLAY": ":0"}
    assert _code(_double_click(clone, _tell(clone), env, out=out, err=err)) == 0
    assert zenity.calls() == []


def test_no_window_opens_in_ci(clone: Clone, zenity: RecordedZenity) -> None:
    env = clone.env | {"PATH": str(zenity.folder), "DISPLAY": ":0", "CI": "true"}
    assert _code(_double_click(clone, _tell(clone), env)) == 0
    assert zenity.calls() == []


def test_a_double_click_is_told_by_zenity_and_a_log(clone: Clone, zenity: RecordedZenity) -> None:
    env = clone.env | {"PATH": str(zenity.folder), "DISPLAY": ":0"}
    assert _code(_double_click(clone, _tell(clone), env)) == 0
    ((arguments, _),) = zenity.calls()
    assert arguments[0] == "--error"
    assert f"--text={SENTENCE}" in arguments
    assert "--no-markup" in arguments
    log = clone.home / ".local" / "state" / "ciam-desktop" / "log" / "set-up.log"
    assert log.read_text("utf-8").endswith(f" {SENTENCE}\n")


def test_without_any_display_a_double_click_leaves_a_log(clone: Clone) -> None:
    state = clone.home / "my state"
    assert _code(_double_click(clone, _tell(clone), clone.env | {"XDG_STATE_HOME": str(state)})) == 0
    assert (state / "ciam-desktop" / "log" / "set-up.log").read_text("utf-8").endswith(f" {SENTENCE}\n")


def test_a_double_click_sees_how_far_the_set_up_is_and_why_it_failed(clone: Clone, zenity: RecordedZenity) -> None:
    (clone.wheels / "parts-1.0-py3-none-any.whl").unlink()
    env = clone.env | {"PATH": f"{zenity.folder}{os.pathsep}{clone.env['PATH']}", "DISPLAY": ":0"}
    assert _code(_double_click(clone, [base_python(), "main.py"], env)) == 1
    (progress, fed), (failure, _) = zenity.calls()
    assert progress[0] == "--progress"
    assert "# Making a place for the packages\n" in fed
    assert failure[0] == "--error"
    assert any("is not to be had for Python" in argument for argument in failure)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[tuple[Display, Processes]]:
    """A virtual screen and what may be started on it, with a Python that can open windows itself."""
    needs.condition(on_base_python(), "the tests run in no virtual environment, so every Python has the packages")
    needs.condition(importlib.util.find_spec("_tkinter") is not None, "this Python was built without tkinter")
    with Processes(tmp_path / "logs") as processes, Display(processes, tmp_path / "screen") as display:
        yield display, processes


def test_a_double_click_without_zenity_gets_a_window_of_tkinter(
    clone: Clone, screen: tuple[Display, Processes], tmp_path: Path
) -> None:
    display, processes = screen
    env = clone.env | display.env | {"PATH": str(tmp_path)} | processes.mark
    process = _double_click(clone, _tell(clone), env)
    try:
        wait_until(lambda: _windows(display), LONGEST, "the window")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)  # it stays until it is dismissed
        display.screenshot(tmp_path / "message.png")
        display.keys("Return")
        assert process.wait(LONGEST) == 0
    finally:
        process.kill()
        process.wait()


def test_the_progress_window_of_tkinter_follows_a_set_up_and_closes(
    clone: Clone, screen: tuple[Display, Processes], tmp_path: Path
) -> None:
    display, processes = screen
    env = clone.env | display.env | {"PATH": str(tmp_path)} | processes.mark
    process = _double_click(clone, [base_python(), "main.py"], env)
    try:
        wait_until(lambda: _windows(display), LONGEST, "the window")
        assert process.wait(LONGEST) == 7
        wait_until(lambda: not _windows(display), LONGEST, "the window to close")
    finally:
        process.kill()
        process.wait()


def _windows(display: Display) -> list[str]:
    found = subprocess.run(
        [needs.program("xdotool"), "search", "--onlyvisible", "--name", "^CIAM Desktop$"],
        env=os.environ | display.env,
        capture_output=True,
        text=True,
        check=False,  # it fails when there is none
        timeout=20,
    )
    return found.stdout.split()
