"""Tests that a person's files go where the system keeps them, or into one portable folder, for their owner alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ciam_desktop import paths
from ciam_desktop.core.errors import SettingsError

FOLDERS = {"config": paths.config_dir, "data": paths.data_dir, "log": paths.log_dir}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_portable_home_holds_every_folder_for_its_owner_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIAM_DESKTOP_HOME", str(tmp_path / "home"))
    folder = FOLDERS[name]()
    assert folder == tmp_path / "home" / name
    assert folder.is_dir()
    assert FOLDERS[name]() == folder
    if os.name == "posix":
        assert {path.stat().st_mode & 0o777 for path in (folder, folder.parent)} == {0o700}


@pytest.mark.skipif(os.name != "posix" or os.uname().sysname == "Darwin", reason="the XDG folders are Linux's")
def test_without_it_the_systems_folders_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CIAM_DESKTOP_HOME", raising=False)
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    assert paths.config_dir() == tmp_path / "XDG_CONFIG_HOME" / "ciam-desktop"
    assert paths.data_dir() == tmp_path / "XDG_DATA_HOME" / "ciam-desktop"
    assert paths.log_dir().is_relative_to(tmp_path / "XDG_STATE_HOME" / "ciam-desktop")
    assert all(make().stat().st_mode & 0o777 == 0o700 for make in FOLDERS.values())


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CIAM_DESKTOP_HOME", str(tmp_path / "file"))
    with pytest.raises(SettingsError, match="cannot be created") as caught:
        paths.config_dir()
    assert isinstance(caught.value.__cause__, OSError)
    assert Path(caught.value.source) == tmp_path / "file" / "config"
