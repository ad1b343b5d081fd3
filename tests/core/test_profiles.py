"""Tests that the profile file is understood exactly, written whole, and never damaged."""

from __future__ import annotations

import os
import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ciam_desktop.core.errors import SettingsError, StoredFormatError
from ciam_desktop.core.profiles import Profiles, choose_default, read_profiles, save_profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORK = {"tenant_subdomain": "contoso", "client_id": "app"}


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "profiles.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_no_file_holds_no_profiles(tmp_path: Path) -> None:
    assert read_profiles(tmp_path / "nowhere") == Profiles()


@pytest.mark.parametrize("lead", ["version = 1\n", "", "\ufeffversion = 1\r\n"])
def test_a_file_is_read_with_or_without_version_and_byte_order_mark(tmp_path: Path, lead: str) -> None:
    write(tmp_path, lead + 'default = "work"\n[profiles.work]\nauthority = "contoso"\nstrict_port = true\n')
    assert read_profiles(tmp_path) == Profiles("work", {"work": {"authority": "contoso", "strict_port": "yes"}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version = 1\n\ndefault = work\n", r"Line 3 of .*profiles\.toml is not valid TOML"),
        ("version = 1\n[profiles", r"Line 2 of .*profiles\.toml is not valid TOML"),
        ('[profiles.work]\nclient_id = "x"\nclient_id = "y"\n', "Line 3 of "),
        (b"default = '\xff'", "not UTF-8"),
        ('[profiles.work]\nclientid = "x"\n', r'"clientid" in .* is not a setting\. Did you mean client_id\?'),
        ('[profiles.work]\nCLIENT_ID = "x"\n', r"Did you mean client_id\?"),
        ('[profiles.work]\nzzzzzz = "x"\n', r'"zzzzzz" in .* is not a setting\.$'),
        ('defualt = "work"\n', r"Did you mean default\?"),
        ('[profiles.work]\nclient_secret = "hush-hush"\n', "secrets do not belong there"),
        ('CLIENT_SECRET = "hush-hush"\n', "secrets do not belong there"),
        ("profiles = 7\n", "must hold default"),
        ("default = 7\n", "must hold default"),
        ('default = "wrok"\n[profiles.work]\n', r'no profile "wrok".*Did you mean work\?'),
        ("[profiles.sandbox]\n", "cannot name a profile"),
        ("[profiles.tenant-1]\n", "cannot name a profile"),
        ('[profiles."../x"]\n', "cannot name a profile"),
        ('[profiles.""]\n', "cannot name a profile"),
        ("[profiles.work]\n[profiles.Work]\n", "but for upper and lower case"),
        ('[profiles."50%"]\n', "50%"),
        ('"50%" = 1\n', "50%"),
    ],
)
def test_what_a_person_can_put_right_is_said_with_the_file(tmp_path: Path, text: str | bytes, words: str) -> None:
    path = write(tmp_path, text)
    before = path.read_bytes()
    with pytest.raises(SettingsError, match=words) as caught:
        read_profiles(tmp_path)
    assert str(path) in str(caught.value)
    assert caught.value.source == str(path)
    assert "hush" not in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[profiles.odd]\nclient_id = 7\n", 'client_id of the profile "odd" in .* must be text'),
        ("[profiles.odd]\nclient_id = []\n", 'client_id of the profile "odd" in .* must be text'),
        ("[profiles.odd]\nclient_id.x = 7\n", 'client_id of the profile "odd" in .* must be text'),
        ("[profiles]\nodd = 7\n", '"odd" in .* must be a table'),
    ],
)
def test_a_profile_that_cannot_be_used_leaves_the_others_alone_and_is_not_lost(
    tmp_path: Path, text: str, words: str
) -> None:
    path = write(tmp_path, text + '[profiles.work]\nclient_id = "app"\n')
    before = path.read_bytes()
    found = read_profiles(tmp_path)
    assert (found.values, found.names) == ({"work": {"client_id": "app"}}, ("work", "odd"))
    assert re.search(words, str(found.unusable["odd"]))
    acts: list[Callable[[], object]] = [
        lambda: save_profile(tmp_path, "new", WORK, make_default=True),
        lambda: save_profile(tmp_path, "odd", WORK, make_default=True),
        lambda: choose_default(tmp_path, "work"),
    ]
    for act in acts:
        with pytest.raises(SettingsError, match=words):
            act()
    assert path.read_bytes() == before
    write(tmp_path, text + "[profiles.ODD]\n")
    with pytest.raises(SettingsError, match="upper and lower case"):
        read_profiles(tmp_path)


@pytest.mark.parametrize("version", ["2", "0", '"1"'])
def test_a_newer_file_is_refused_and_left_alone_even_by_saving(tmp_path: Path, version: str) -> None:
    path = write(tmp_path, f"version = {version}\nwhatever = 1\n")
    before = path.read_bytes()
    for act in (
        lambda: read_profiles(tmp_path),
        lambda: save_profile(tmp_path, "work", WORK, make_default=True),
        lambda: choose_default(tmp_path, "sandbox"),
    ):
        with pytest.raises(StoredFormatError, match=r"profiles\.toml"):
            act()
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["profiles.toml"]


def test_a_file_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "profiles.toml").mkdir()
    with pytest.raises(StoredFormatError, match="cannot be read"):
        read_profiles(tmp_path)


def test_a_saved_profile_is_read_back_and_the_others_stay(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "config"
    save_profile(folder, "work", {**WORK, "REDIRECT_URI": " http://localhost:3000 ", "scopes": ""}, make_default=True)
    save_profile(folder, "home", {"authority": 'a"b\\c\n'}, make_default=False)
    work = {**WORK, "redirect_uri": "http://localhost:3000"}
    assert read_profiles(folder) == Profiles("work", {"work": work, "home": {"authority": 'a"b\\c'}})
    assert tomllib.loads((folder / "profiles.toml").read_text("utf-8"))["version"] == 1
    if os.name == "posix":
        assert (folder / "profiles.toml").stat().st_mode & 0o777 == 0o600


def test_saving_keeps_what_was_there_in_a_backup(tmp_path: Path) -> None:
    before = '# by hand\n[profiles.work]\nclient_id = "x"\n'
    write(tmp_path, before)
    save_profile(tmp_path, "work", WORK, make_default=False)
    assert (tmp_path / "profiles.toml.before.bak").read_text("utf-8") == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["profiles.toml", "profiles.toml.before.bak"]


def test_saving_changes_what_it_names_and_removes_what_it_empties(tmp_path: Path) -> None:
    write(tmp_path, '[profiles.work]\ntenant_subdomain = "contoso"\nscopes = "api://x"\nlog_level = "Error"\n')
    save_profile(tmp_path, "work", {"AUTHORITY": "https://id.example/x", "LOG_LEVEL": ""}, make_default=False)
    assert read_profiles(tmp_path).values["work"] == {"scopes": "api://x", "authority": "https://id.example/x"}


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("sandbox", WORK, "cannot name a profile"),
        ("a b", WORK, "cannot name a profile"),
        ("WORK", WORK, "upper and lower case"),
        ("new", {"CLIENT_SECRET": "hush-hush"}, "secrets do not belong there"),
        ("new", {"colour": "green"}, "is not a setting"),
    ],
)
def test_what_a_profile_cannot_hold_is_not_saved(tmp_path: Path, name: str, values: dict[str, str], words: str) -> None:
    save_profile(tmp_path, "work", WORK, make_default=True)
    before = (tmp_path / "profiles.toml").read_bytes()
    with pytest.raises(SettingsError, match=words) as caught:
        save_profile(tmp_path, name, values, make_default=True)
    assert "hush" not in str(caught.value)
    assert (tmp_path / "profiles.toml").read_bytes() == before


def test_the_default_is_a_profile_that_exists_or_the_sandbox(tmp_path: Path) -> None:
    save_profile(tmp_path, "work", WORK, make_default=True)
    choose_default(tmp_path, "sandbox")
    assert read_profiles(tmp_path) == Profiles("sandbox", {"work": WORK})
    choose_default(tmp_path, "work")
    assert read_profiles(tmp_path).default == "work"
    with pytest.raises(SettingsError, match="no profile"):
        choose_default(tmp_path, "elsewhere")


@given(st.text(st.characters(codec="utf-8")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_any_text_survives_being_written(tmp_path: Path, text: str) -> None:
    save_profile(tmp_path, "work", {"authority": text}, make_default=False)
    assert read_profiles(tmp_path).values["work"].get("authority", "") == text.strip()
