"""Tests what the test command installs and what a test does where something is missing all the same."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests import __main__ as command
from tests import needs

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """#!{python}
import json, os, sys
with open({record!r}, "a") as record:
    record.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
{more}
"""
_INSTALLED = 'print("xvfb installed"); print("openbox config-files"); sys.exit(1)'


class RecordedPackages:
    """A `dpkg-query` that knows one package and an `apt-get` that does nothing; both write down their calls."""

    def __init__(self, folder: Path) -> None:
        self._record = folder / "calls"
        for name, more in (("dpkg-query", _INSTALLED), ("apt-get", "print('what apt says')")):
            program = folder / name
            program.write_text(_SCRIPT.format(python=sys.executable, record=str(self._record), more=more))
            program.chmod(0o755)

    def calls(self) -> list[str]:
        """The calls of apt-get, each as its JSON text."""
        return [line for line in self._record.read_text().splitlines() if line.startswith('["apt-get"')]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordedPackages:
    """Recorded package tools as the only programs there are."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return RecordedPackages(tmp_path)


def test_root_gets_the_missing_packages_after_one_update(
    packages: RecordedPackages, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    command.install_packages(["xvfb", "openbox", "xdotool"])
    assert packages.calls() == [
        '["apt-get", "update", "-q"]',
        '["apt-get", "install", "-y", "--no-install-recommends", "openbox", "xdotool"]',
    ]
    out, err = capfd.readouterr()
    assert out == "", "what apt says goes to stderr"
    assert "what apt says" in err


def test_others_are_told_the_one_command(
    packages: RecordedPackages, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    command.install_packages(["xvfb", "openbox"])
    assert packages.calls() == []
    assert "sudo apt-get install -y --no-install-recommends openbox\n" in capfd.readouterr().err


def test_a_machine_with_everything_is_left_alone(packages: RecordedPackages, capfd: pytest.CaptureFixture[str]) -> None:
    command.install_packages(["xvfb"])
    assert packages.calls() == []
    assert capfd.readouterr() == ("", "")


def test_without_debians_tools_nothing_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.missing_packages(command.SYSTEM_PACKAGES) == []


def test_what_a_test_needs_is_found_or_skips_or_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    assert needs.program("sh").endswith("/sh")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="the program no-such-program is not installed"):
        needs.program("no-such-program")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="cannot be tested here: the moon is not full"):
        needs.condition(False, "the moon is not full")
