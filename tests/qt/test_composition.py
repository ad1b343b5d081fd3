"""The composition root as one program: an error that nobody caught is told in the window, and signals close it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.first_window import ROOT, environment

PROGRAM = """
import sys, threading
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel
from ciam_desktop import first_window, gui
from tests.doubles.backend import FakeBackend, FakePeople, FakeTodos

gui.connect = lambda settings: FakeBackend(FakePeople(), FakeTodos()).value

def fail():
    raise AttributeError("nobody has this")

def look():
    window = QApplication.activeWindow() or QApplication.topLevelWidgets()[0]
    told = [each.text() for each in window.findChildren(QLabel) if each.isVisible()]
    if "AttributeError" in told:
        print(next(text for text in told if "report without secrets" in text), flush=True)
        timer.stop()
        import signal
        signal.raise_signal(signal.SIGTERM)
    elif gui.QApplication.instance().property("begun") is None and "ciam_desktop.core.crash" in sys.modules:
        gui.QApplication.instance().setProperty("begun", True)
        threading.Thread(target=fail).start() if sys.argv[1] == "thread" else QTimer.singleShot(0, fail)

execute = QApplication.exec
def watched(*_):
    global timer
    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(20)
    return execute()
QApplication.exec = watched
sys.exit(first_window.run({}, None))
"""


@pytest.mark.parametrize("where", ["thread", "slot"])
def test_an_error_that_nobody_caught_is_told_in_the_window_which_a_signal_then_closes(
    tmp_path: Path, where: str
) -> None:
    env = environment(tmp_path, {}) | {"QT_QPA_PLATFORM": "offscreen", "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", PROGRAM, where]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=40, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Something unexpected happened; a report without secrets was written")
    reports = list(Path(tmp_path).rglob("report-*.txt"))
    assert len(reports) == 1
    assert "in fail" in reports[0].read_text()
