"""Tests that stored formats are migrated after a backup, refused when newer, and replaced whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from ciam_desktop.core.errors import StoredFormatError
from ciam_desktop.core.formats import back_up, replace_file, upgrade

if TYPE_CHECKING:
    from pathlib import Path


def add_colour(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "colour": "green"}


def rename_colour(data: dict[str, Any]) -> dict[str, Any]:
    return {"color": data["colour"]}


MIGRATIONS = {1: add_colour, 2: rename_colour}


class Backups:
    def __init__(self) -> None:
        self.taken = 0

    def __call__(self) -> None:
        self.taken += 1


@pytest.mark.parametrize("stored", [{}, {"version": 1}, {"version": 2, "colour": "green"}])
def test_an_older_format_goes_through_every_later_migration_after_one_backup(stored: dict[str, Any]) -> None:
    backups, before = Backups(), dict(stored)
    upgraded = upgrade(stored, what="The test", current=3, migrations=MIGRATIONS, backup=backups)
    assert upgraded == {"version": 3, "color": "green"}
    assert backups.taken == 1
    assert stored == before


def test_the_current_format_is_returned_as_it_is_without_a_backup() -> None:
    backups = Backups()
    data = {"version": 3, "color": "red"}
    assert upgrade(data, what="The test", current=3, migrations=MIGRATIONS, backup=backups) == data
    assert backups.taken == 0


@pytest.mark.parametrize(
    ("version", "words"),
    [(4, "newer"), ("3", "version number"), (0, "version number"), (True, "version number"), (None, "version number")],
)
def test_a_newer_or_unreadable_version_is_refused_before_any_backup(version: object, words: str) -> None:
    backups = Backups()
    with pytest.raises(StoredFormatError, match=f"The test .*{words}"):
        upgrade({"version": version}, what="The test", current=3, migrations=MIGRATIONS, backup=backups)
    assert backups.taken == 0


def test_a_format_too_old_for_any_migration_is_refused() -> None:
    backups = Backups()
    with pytest.raises(StoredFormatError, match="no longer read"):
        upgrade({"version": 1}, what="The test", current=3, migrations={2: rename_colour}, backup=backups)
    assert backups.taken == 0


def test_a_backup_that_fails_stops_the_migration() -> None:
    def refuse() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        upgrade({"version": 1}, what="The test", current=3, migrations=MIGRATIONS, backup=refuse)


def test_a_replaced_file_is_whole_private_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "kept.toml"
    path.write_bytes(b"old")
    path.chmod(0o644)
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.toml"]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_replaced_stays_and_nothing_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError, match=r"."):
        replace_file(path, b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_a_backup_is_a_private_copy_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "kept.toml"
    path.write_bytes(b"old")
    copy = back_up(path, mark="v1")
    assert copy == tmp_path / "kept.toml.v1.bak"
    assert copy.read_bytes() == path.read_bytes() == b"old"
