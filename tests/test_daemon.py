"""Proves the program without a window as processes: JSON on standard output, exit codes, and no Qt anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_papers import ROOT

pytestmark = pytest.mark.timeout(120)


def run(*arguments: str, module: str = "ciam_desktop", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def test_the_three_to_dos_of_the_sandbox_are_all_that_is_printed() -> None:
    for _again in range(2):
        done = run("--op", "getToDos")
        assert done.returncode == 0, done.stderr
        assert [item["description"] for item in json.loads(done.stdout)] == [
            "Pick up grocery",
            "Finish invoice report",
            "Water plants",
        ]
        assert done.stderr == ""


def test_an_unknown_operation_lists_those_that_there_are() -> None:
    done = run("--op", "getTodos")
    assert (done.returncode, done.stdout) == (2, "")
    assert "getToDos" in done.stderr


def test_a_setting_that_cannot_be_used_is_named_before_anything_is_sent() -> None:
    done = run("--op", "getToDos", AUTHORITY="http://contoso.ciamlogin.com/", CLIENT_ID="x", SCOPES="api://y")
    assert (done.returncode, done.stdout) == (2, "")
    assert "AUTHORITY" in done.stderr
    assert "the environment" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_provider_that_nobody_answers_for_is_said_and_ends_with_its_own_code() -> None:
    done = run(
        "--op",
        "getToDos",
        AUTHORITY="https://localhost:9/11111111-2222-4333-8444-555555555555",
        CLIENT_ID="22222222-3333-4444-8555-666666666666",
        CLIENT_SECRET="a secret that is none",
        SCOPES="api://33333333-4444-4555-8666-777777777777",
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert "Nothing answers at localhost." in done.stderr
    assert "a secret" not in done.stderr


def test_a_reader_who_leaves_early_ends_it_quietly() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ciam_desktop", "--op", "getToDos"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait(60)
        assert process.stderr is not None
        assert (process.returncode, process.stderr.read()) == (0, "")


def test_the_daemon_never_loads_the_window(tmp_path: Path) -> None:
    told = tmp_path / "modules"
    program = (
        "import sys; from ciam_desktop.daemon import main; code = main(['--op', 'getToDos']); "
        f"open({str(told)!r}, 'w').write('\\n'.join(sys.modules)); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    loaded = told.read_text(encoding="utf-8").splitlines()
    assert "msal" in loaded
    assert not [name for name in loaded if name.startswith(("PySide6", "shiboken6", "ciam_desktop.qt"))]


@pytest.mark.parametrize("module", ["ciam_desktop", "ciam_desktop.daemon"])
def test_version_and_help_need_no_display(module: str) -> None:
    from ciam_desktop import __version__

    assert run("--version", module=module).stdout == f"CIAM Desktop {__version__}\n"
    assert "--client-id" in run("--help", module=module).stdout


def test_the_command_line_speaks_the_persons_language_in_every_word() -> None:
    told = run("--help", LANGUAGE="de", LC_ALL="C.UTF-8").stdout
    assert told.startswith("Aufruf: ciam-desktop")
    assert "diese Hilfe zeigen und enden" in told
    wrong = run("--op", "getTodos", LANGUAGE="de", LC_ALL="C.UTF-8").stderr
    assert "Fehler: Argument --op/--operation: 'getTodos' ist nicht erlaubt (wählen Sie aus" in wrong
    for english in ("usage:", "show this", "error:", "invalid choice"):
        assert english not in told + wrong
