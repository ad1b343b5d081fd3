"""Proves `--check` as a process: a line for each finding, exit codes, marks that can be written, and no Qt anywhere."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from ciam_desktop.check_command import line_of, wants_colours
from ciam_desktop.core.findings import Finding, Outcome
from tests.test_papers import ROOT

pytestmark = pytest.mark.timeout(120)

NOBODY = {
    "AUTHORITY": "https://localhost:9/11111111-2222-4333-8444-555555555555",
    "CLIENT_ID": "22222222-3333-4444-8555-666666666666",
    "TODOLIST_READ": "api://33333333-4444-4555-8666-777777777777/ToDoList.Read",
    "TODOLIST_READWRITE": "api://33333333-4444-4555-8666-777777777777/ToDoList.ReadWrite",
    "API_ENDPOINT": "https://localhost:9/api/todolist",
    "REDIRECT_URI": "http://localhost",
}
CHECKS = ["Discovery", "Issuer", "Signing keys", "Clock", "Redirect port", "Saved sign-in", "To-do service"]
PROGRAM = "import sys; from ciam_desktop.__main__ import main; sys.exit(main())"


def run(
    *arguments: str,
    program: str = PROGRAM,
    stdout: int = subprocess.PIPE,
    env: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, "--check", *arguments],
        cwd=ROOT,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **env},
    )


def marks(done: subprocess.CompletedProcess[str]) -> str:
    """The first character of each line, which are one for each check."""
    lines = done.stdout.splitlines()
    assert [line[2:].partition(":")[0] for line in lines] == CHECKS
    return "".join(line[0] for line in lines)


def test_the_sandbox_is_fine_and_ends_with_0_without_qt(tmp_path: Path) -> None:
    told = tmp_path / "modules"
    program = (
        "import sys; from ciam_desktop.__main__ import main; code = main();"
        f"open({str(told)!r}, 'w').write('\\n'.join(sys.modules)); sys.exit(code)"
    )
    done = run(program=program, env={"REDIRECT_URI": "http://localhost"})
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert marks(done) == "✓✓✓✓✓!✓", "there is no keyring here"
    loaded = told.read_text(encoding="utf-8").splitlines()
    assert not [name for name in loaded if name.startswith(("PySide6", "shiboken6", "ciam_desktop.qt"))]


def test_what_is_wrong_is_marked_and_ends_with_1() -> None:
    done = run(env=NOBODY)
    assert (done.returncode, done.stderr) == (1, "")
    assert marks(done) == "✗–––✓!✗"
    assert "\x1b" not in done.stdout
    assert "Nothing answers at localhost. Check that the server runs, and the port in API_ENDPOINT." in done.stdout


def test_options_are_settings_too() -> None:
    options = [each for name, text in NOBODY.items() for each in (f"--{name.lower().replace('_', '-')}", text)]
    done = run(*options)
    assert (done.returncode, marks(done)) == (1, "✗–––✓!✗")


def test_notices_about_settings_stand_beside_the_findings() -> None:
    done = run(env={**NOBODY, "REDIRECT_URI": "http://[::1]", "CLIENT_SECRET": "planted-secret"})
    assert marks(done) == "✗–––✗!✗"
    assert "CLIENT_SECRET" in done.stderr
    assert "planted-secret" not in done.stdout + done.stderr


def test_a_stream_without_these_marks_gets_plain_ones() -> None:
    done = run(env={**NOBODY, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1
    assert marks(done) == "x---+!x"


@pytest.mark.parametrize(
    ("arguments", "environment", "word"),
    [
        ([], {**NOBODY, "AUTHORITY": "http://contoso.ciamlogin.com/"}, "AUTHORITY"),
        (["--profile", "nobody"], {}, "nobody"),
        (["--env-file", "/nowhere/.env"], {}, "/nowhere/.env"),
        (["--no-such-option"], {}, "--no-such-option"),
    ],
)
def test_settings_that_cannot_be_used_end_with_2(arguments: list[str], environment: dict[str, str], word: str) -> None:
    done = run(*arguments, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_sandbox_that_cannot_start_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sandbox").write_text("a file in the place of its folder")
    done = run(env={"CIAM_DESKTOP_HOME": str(tmp_path)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is another error there")
def test_a_reader_who_leaves_early_meets_no_traceback() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        done = run(stdout=theirs, env=NOBODY)
    finally:
        os.close(theirs)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(sys.platform == "win32", reason="opens a pseudo-terminal")
@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_a_terminal_gets_colours_unless_they_are_declined(environment: dict[str, str], coloured: bool) -> None:
    ours, theirs = os.openpty()
    try:
        done = run(stdout=theirs, env={**NOBODY, "TERM": "xterm", **environment})
        said = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 1
    assert ("\x1b[31m✗\x1b[0m Discovery" in said) is coloured
    assert ("\x1b" in said) is coloured
    assert "✗" in said


def test_a_finding_is_one_line_whatever_it_holds() -> None:
    finding = Finding("Signing keys", Outcome.SKIPPED, "Two\nlines, schlüssig.", "And  advice.")
    line = "Signing keys: Two lines, schlüssig. And advice."
    assert line_of(finding, encoding="utf-8", coloured=False) == f"– {line}"
    assert line_of(finding, encoding="cp1252", coloured=False) == f"– {line}"
    assert line_of(finding, encoding="latin-1", coloured=False) == f"- {line}"
    assert line_of(finding, encoding="ascii", coloured=False) == f"- {line.replace('ü', '?')}"
    assert line_of(finding, encoding="utf-8", coloured=True) == f"\x1b[2m–\x1b[0m {line}"


def test_what_is_no_terminal_gets_no_colours() -> None:
    assert not wants_colours(io.StringIO(), {"TERM": "xterm"})
