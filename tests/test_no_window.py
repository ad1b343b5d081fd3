"""Proves that a window which cannot be opened is told in one sentence, with an exit code, and never as a traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.test_papers import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")


@pytest.mark.parametrize(
    ("display", "words"),
    [
        ("", "There is no display to open a window on"),
        (":4711", "No window can be opened on the display that is set (:4711)"),
    ],
    ids=["none", "nobody there"],
)
def test_a_missing_display_is_one_sentence(display: str, words: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"QT_QPA_PLATFORM", "DISPLAY"}}
    environment |= {"DISPLAY": display} if display else {}
    done = subprocess.run(
        [sys.executable, "-m", "ciam_desktop"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(words)
    assert len(done.stderr.splitlines()) == 1
