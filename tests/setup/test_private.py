"""Tests that the set-up runs no code of a folder that others write to, and keeps what it writes to itself."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ciam_desktop import paths
from ciam_desktop.bootstrap import notice
from ciam_desktop.bootstrap.tools import Tools, base_python
from ciam_desktop.core.errors import SettingsError
from tests.setup.clone import LONGEST

if TYPE_CHECKING:
    from pathlib import Path

    from tests.setup.clone import Clone

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists instead of owners and modes")
PLANTED = ("venv", "pip", "compileall", "ensurepip", "encodings", "site", "runpy", "pathlib")


def test_modules_in_the_folder_that_the_person_is_in_are_not_run(clone: Clone, tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    for name in PLANTED:
        (downloads / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    done = subprocess.run(
        [base_python(), str(clone.root / "main.py")],
        cwd=downloads,
        env=clone.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )
    assert not (tmp_path / "ran").exists(), (tmp_path / "ran").read_text()
    assert done.returncode == 7, done.stderr


@pytest.mark.parametrize("password", ["simple", "with@sign", "a@b@c", "%40"])
def test_a_password_in_an_indexs_address_is_not_in_the_log(tmp_path: Path, password: str) -> None:
    (tmp_path / ".venv.setup").mkdir()
    log = tmp_path / ".venv.setup" / "log.txt"
    line = f"Looking in indexes: https://person:{password}@index.example/simple and git+https://host.example/x@1.0"
    with notice.Progress("Set-up") as progress, (tmp_path / "lock").open("w") as lock:
        Tools(log, lock.fileno(), progress)._run([sys.executable, "-c", f"print({line!r})"], dict(os.environ))
    assert (
        log.read_text() == "Looking in indexes: https://***@index.example/simple and git+https://host.example/x@1.0\n"
    )


@POSIX
def test_what_is_told_to_a_desktop_is_kept_for_its_person_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(notice, "on_desktop", lambda: True)
    notice.warn("something")
    assert "something" in notice.log_file().read_text()
    assert stat.S_IMODE(notice.log_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(notice.log_file().parent.stat().st_mode) == 0o700


@POSIX
def test_a_folder_that_was_there_before_is_closed_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIAM_DESKTOP_HOME", str(tmp_path))
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o777)
    assert stat.S_IMODE(paths.data_dir().stat().st_mode) == 0o700


@POSIX
def test_a_folder_of_another_users_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIAM_DESKTOP_HOME", str(tmp_path))
    me = os.geteuid()
    paths.config_dir()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    if me == 0:
        os.chown(tmp_path, 12345, -1)  # what root owns is anybody's to use
    with pytest.raises(SettingsError, match=f"{tmp_path} belongs to another user"):
        paths.config_dir()
