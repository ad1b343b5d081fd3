"""Crash reports: private, few, without a value in them, and never the cause of another crash."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ciam_desktop.core.crash import REPORTS_KEPT, CrashReports
from ciam_desktop.core.errors import NetworkError


class Told:
    """Whoever shows errors; `fails` as a window does that is gone."""

    def __init__(self, *, fails: bool = False) -> None:
        self.errors: list[BaseException] = []
        self._fails = fails

    def __call__(self, error: BaseException) -> None:
        self.errors.append(error)
        if self._fails:
            raise RuntimeError("planted-window is gone")


@pytest.fixture
def hooks() -> Iterator[None]:
    """Put the interpreter's hooks back afterwards."""
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = before


def caught(error: BaseException) -> BaseException:
    """`error` with a traceback."""
    try:
        raise error
    except type(error) as raised:
        return raised


def report_of(folder: Path, error: BaseException) -> str:
    path = CrashReports(folder, Told()).write(caught(error))
    assert path is not None
    return path.read_text()


def test_a_report_names_the_program_the_error_and_the_lines(tmp_path: Path) -> None:
    text = report_of(tmp_path, AttributeError("'Person' object has no attribute 'nmae'"))
    assert text.startswith("CIAM Desktop ")
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in text
    assert "test_crash.py" in text
    assert "in caught" in text
    assert text.endswith("builtins.AttributeError: 'Person' object has no attribute 'nmae'\n")


@pytest.mark.parametrize(
    "error",
    [
        KeyError("planted-opaque-token"),
        ValueError("invalid literal: 'planted-opaque-token'"),
        RuntimeError("planted-opaque-token"),
        requests.ConnectionError("https://idp.example/?x=planted-opaque-token"),
        UnicodeDecodeError("utf-8", b"planted", 0, 1, "planted-opaque-token"),
        AssertionError({"code": "planted-opaque-token"}),
        ExceptionGroup("planted", [KeyError("planted-opaque-token"), ValueError("planted")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_value_gets_into_a_report_by_way_of_a_message(tmp_path: Path, error: Exception) -> None:
    text = report_of(tmp_path, error)
    assert type(error).__name__ in text
    assert "planted-opaque" not in text.replace('"planted-opaque-token"', "").replace("'planted-opaque-token'", "")


def test_what_led_to_an_error_is_told_without_values_too(tmp_path: Path) -> None:
    chained = caught(TypeError("second"))
    chained.__cause__ = caught(KeyError("planted"))
    chained.__cause__.__context__ = chained  # a circle
    text = report_of(tmp_path, chained)
    assert text.index("builtins.KeyError\n") < text.index("which led to") < text.index("builtins.TypeError: second")


def test_what_was_hidden_on_purpose_stays_hidden(tmp_path: Path) -> None:
    hidden = caught(NetworkError("Nothing answers.", host="idp.example"))
    hidden.__context__ = caught(KeyError("planted"))
    hidden.__suppress_context__ = True
    text = report_of(tmp_path, hidden)
    assert "KeyError" not in text
    assert "NetworkError: Nothing answers." in text


def test_a_report_is_redacted_as_a_whole(tmp_path: Path, home: Path) -> None:
    text = report_of(tmp_path, TypeError(f"code=planted-code user1@contoso.example {home}/x"))
    assert "planted-code user1" not in text.replace('f"code=planted-code user1@contoso.example {home}/x"', "")
    assert str(home) not in text


def test_a_report_with_text_that_is_no_unicode_is_written_all_the_same(tmp_path: Path) -> None:
    assert "no \\ud800 text" in report_of(tmp_path, TypeError("no \ud800 text"))


def test_only_the_last_reports_are_kept(tmp_path: Path) -> None:
    reports = CrashReports(tmp_path, Told())
    (tmp_path / "ciam-desktop.log").write_text("stays")
    written = [reports.write(caught(TypeError(f"number {number}"))) for number in range(REPORTS_KEPT + 15)]
    kept = sorted(tmp_path.glob("report-*"))
    assert kept == written[-REPORTS_KEPT:]
    assert (tmp_path / "ciam-desktop.log").exists()
    if os.name == "posix":
        assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}


def test_a_disk_that_takes_nothing_is_no_further_crash(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert CrashReports(tmp_path / "file", Told()).write(caught(TypeError("x"))) is None


@pytest.mark.usefixtures("hooks")
@pytest.mark.parametrize("fails", [False, True])
def test_an_error_of_a_thread_is_written_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fails: bool
) -> None:
    told = Told(fails=fails)
    CrashReports(tmp_path, told).install()
    thread = threading.Thread(target={"a": 1}.__getitem__, args=("planted-key",))
    thread.start()
    thread.join(5)
    assert [type(error) for error in told.errors] == [KeyError]
    (report,) = tmp_path.glob("report-*")
    assert "builtins.KeyError\n" in report.read_text()
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("hooks")
def test_a_thread_that_asks_for_the_end_is_no_crash(tmp_path: Path) -> None:
    told = Told()
    CrashReports(tmp_path, told).install()
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join(5)
    assert (told.errors, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.usefixtures("hooks")
def test_an_error_that_cannot_be_raised_is_written_but_shown_to_nobody(tmp_path: Path) -> None:
    class Broken:
        def __del__(self) -> None:
            raise KeyError("planted")

    told = Told()
    CrashReports(tmp_path, told).install()
    broken = Broken()
    del broken
    assert told.errors == []
    assert len(list(tmp_path.glob("report-*"))) == 1


PROGRAM = """
import sys
from pathlib import Path
from ciam_desktop.core.crash import CrashReports
CrashReports(Path(sys.argv[1]), lambda error: print(type(error).__name__)).install()
raise {what}
"""


@pytest.mark.parametrize(
    ("what", "printed", "reports"),
    [("KeyError('planted')", "KeyError\n", 1), ("KeyboardInterrupt", "", 0), ("SystemExit(3)", "", 0)],
)
def test_an_error_that_nobody_caught_ends_in_a_report(tmp_path: Path, what: str, printed: str, reports: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(what=what), tmp_path], capture_output=True, text=True, timeout=30,
        check=False, cwd=Path(__file__).parent.parent.parent,
    )  # fmt: skip
    assert ended.stdout == printed
    assert "planted" not in ended.stderr
    assert len(list(tmp_path.iterdir())) == reports
