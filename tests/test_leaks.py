"""Proves that the guards of every test do fail on a planted leak, and let pass what is clean or expected."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PLANTED = '''
import logging, os, random, socket, subprocess, sys, threading, warnings
from pathlib import Path
import pytest

KEPT = []

@pytest.fixture(scope="module")
def wide():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server

# Clean or expected: these pass.

def test_clean_with_a_wide_fixture(wide): pass

def test_clean_with_a_thread_that_ends_a_little_later():
    threading.Timer(0.2, print).start()

@pytest.mark.expects_log("WARNING planted: retrying .* 3")
def test_clean_with_an_expected_warning(): logging.getLogger("planted").warning("retrying in %d", 3)

@pytest.mark.leaves("thread 'pool-")
def test_clean_with_a_thread_that_may_stay():
    event = threading.Event()
    KEPT.append(event)
    threading.Thread(target=event.wait, name="pool-1", daemon=True).start()

def test_clean_with_a_closed_window(qtbot):
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QWidget
    window = QWidget()
    QTimer(window).start(10)
    qtbot.addWidget(window)
    window.show()

def test_clean_in_a_home_of_its_own(home, tmp_path):
    assert Path.home() == home
    assert list((home / ".config").iterdir()) == []
    assert os.environ["QT_QPA_PLATFORM"] == "offscreen"
    for name in ("CLIENT_SECRET", "BROWSER", "HTTPS_PROXY", "https_proxy"):
        assert name not in os.environ
    with pytest.raises(OSError), socket.socket(socket.AF_UNIX) as bus:
        bus.connect(os.environ["DBUS_SESSION_BUS_ADDRESS"].partition("=")[2])

def test_clean_by_chance(rng):
    with open(os.environ["CHANCE"], "a") as chance:
        chance.write(f"{rng.random()}\\n")

# Each of these leaves one thing.

def test_leak_thread():
    event = threading.Event()
    KEPT.append(event)
    threading.Thread(target=event.wait, name="straggler", daemon=True).start()

def test_leak_listening_socket(): KEPT.append(socket.create_server(("127.0.0.1", 0)))

def test_leak_open_socket(): KEPT.append(socket.socketpair())

def test_leak_process(): KEPT.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

def test_leak_warning(): logging.getLogger("planted").warning("retrying")

def test_leak_error_that_does_not_propagate():
    logger = logging.getLogger("planted.quiet")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    logger.error("unseen")

@pytest.mark.expects_log("never said")
def test_leak_expectation(): pass

def test_leak_warnings_module(): warnings.warn("old", DeprecationWarning)

def test_leak_timer(qtbot):
    from PySide6.QtCore import QTimer
    timer = QTimer()
    KEPT.append(timer)
    timer.start(12345)

def test_leak_qthread(qtbot):
    from PySide6.QtCore import QThread
    thread = QThread()
    thread.setObjectName("lane")
    KEPT.append(thread)
    thread.start()

def test_leak_window(qtbot):
    from PySide6.QtWidgets import QWidget
    window = QWidget()
    window.setWindowTitle("Forgotten")
    KEPT.append(window)
    window.show()

def test_leak_qt_message(qtbot):
    from PySide6.QtCore import qWarning
    qWarning("painter not active")

def test_tidy_up(qapp):
    """Ends what was planted, and is blamed for nothing."""
    for each in KEPT:
        if isinstance(each, threading.Event): each.set()
        elif isinstance(each, subprocess.Popen): each.communicate(timeout=10)
        elif isinstance(each, tuple): [end.close() for end in each]
        elif isinstance(each, socket.socket): each.close()
        elif hasattr(each, "quit"): each.quit(); assert each.wait(10000)
        elif hasattr(each, "stop"): each.stop()
        else: each.close()
'''
CONFTEST = """
from tests import leaks
from tests.conftest import home, home_of_wider_fixtures, leaves_nothing, rng
from tests.conftest import pytest_configure, pytest_report_header
leaks.PATIENCE = 0.7
"""

LEAKS = {
    "thread": "the thread 'straggler'",
    "listening_socket": r"the listening socket \d+ \(AF_INET \('127.0.0.1', \d+\)\)",
    "open_socket": r"the open socket \d+ \(AF_UNIX",
    "process": r"the process \d+ \(python",
    "warning": "WARNING planted: retrying",
    "error_that_does_not_propagate": "ERROR planted.quiet: unseen",
    "expectation": "'never said'",
    "warnings_module": "DeprecationWarning: old",
    "timer": "an active timer of 12345 ms",
    "qthread": "the running QThread 'lane'",
    "window": r"the window 'Forgotten' \(QWidget\)",
    "qt_message": "painter not active",
}


class PlantedRun:
    """One run of the planted tests in a pytest of their own, under the project's own settings."""

    def __init__(self, folder: Path, settings: Path) -> None:
        (folder / "conftest.py").write_text(CONFTEST)
        (folder / "test_planted.py").write_text(PLANTED)
        self._folder = folder
        self._command = [sys.executable, "-m", "pytest", "-c", str(settings), "--rootdir", str(folder)]
        self._command += ["-p", "no:cacheprovider", "-vv", str(folder / "test_planted.py")]
        self.text = self.run()
        self.outcomes: dict[str, set[str]] = {}
        for name, outcome in re.findall(r"::test_(\w+) (PASSED|FAILED|ERROR)", self.text):
            self.outcomes.setdefault(name, set()).add(outcome)

    def run(self, *more: str, **env: str) -> str:
        """Run it, and return what pytest printed."""
        surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "CHANCE": str(self._folder / "chance")}
        surroundings |= {"CLIENT_SECRET": "outside", "https_proxy": "http://outside", **env}
        surroundings.pop("QT_QPA_PLATFORM", None)
        command = [*self._command, *more]
        done = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=100, check=False)
        return done.stdout + done.stderr

    def about(self, name: str) -> str:
        """What pytest printed about the failure of one test."""
        parts = re.split(r"^_{3,} (.+?) _{3,}$", self.text, flags=re.MULTILINE)
        return "".join(body for title, body in zip(parts[1::2], parts[2::2], strict=True) if title.endswith(name))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> PlantedRun:
    assert pytestconfig.inipath is not None
    return PlantedRun(tmp_path_factory.mktemp("planted"), pytestconfig.inipath)


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_fails_its_test_and_is_named(planted: PlantedRun, leak: str) -> None:
    assert planted.outcomes[f"leak_{leak}"] & {"FAILED", "ERROR"}, planted.text
    assert re.search(LEAKS[leak], planted.about(f"test_leak_{leak}")), planted.text


def test_what_is_clean_or_expected_passes(planted: PlantedRun) -> None:
    clean = {name: outcome for name, outcome in planted.outcomes.items() if not name.startswith("leak_")}
    assert len(clean) == PLANTED.count("def test_clean_") + 1
    assert set().union(*clean.values()) == {"PASSED"}, planted.text


def test_the_printed_seed_repeats_the_chance(planted: PlantedRun) -> None:
    seed = re.search(r"CIAM_TEST_SEED=(\d+)", planted.text)
    assert seed
    planted.run("-k", "by_chance", CIAM_TEST_SEED=seed[1])
    planted.run("-k", "by_chance", CIAM_TEST_SEED=seed[1] + "1")
    first, again, other = (planted._folder / "chance").read_text().split()
    assert first == again != other
