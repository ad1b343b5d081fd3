"""Tests that the wheel carries the whole program: it starts from anywhere, finds its files and sets nothing up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.setup.clone import ROOT

LONGEST = 120.0
"""Seconds that building or installing may take."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what belongs to the project, so that the clone gets no leftovers."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "project"
    copy.mkdir()
    for name in ("ciam_desktop", "resources", "pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY_NOTICES.md"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copy)
    arguments = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index"]
    _run([*arguments, "--disable-pip-version-check", "--wheel-dir", str(folder), str(copy)], folder, dict(os.environ))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of an environment with the wheel, which borrows the packages of this one."""
    environment = tmp_path_factory.mktemp("installed") / "environment"
    _run([sys.executable, "-m", "venv", "--without-pip", str(environment)], environment.parent, dict(os.environ))
    python = environment / "bin" / "python"
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    arguments = [str(python), "-m", "pip", "install", "--no-deps", "--no-index", "--disable-pip-version-check"]
    _run([*arguments, str(wheel)], environment, dict(os.environ))
    return python.parent


@pytest.fixture
def env(installed: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a newcomer with an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    return {"PATH": f"{installed}{os.pathsep}/usr/bin{os.pathsep}/bin", "HOME": str(home), "LC_ALL": "C.UTF-8"}


def _run(command: list[str], folder: Path, env: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=LONGEST,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("command", [["ciam-desktop", "--version"], ["ciam-daemon", "--help"]], ids=" ".join)
def test_the_commands_start_from_another_folder_with_an_empty_home(
    installed: Path, env: dict[str, str], tmp_path: Path, command: list[str]
) -> None:
    assert _run([str(installed / command[0]), *command[1:]], tmp_path, env).strip()


def test_resources_come_along_and_are_found(installed: Path, env: dict[str, str], tmp_path: Path) -> None:
    question = "from ciam_desktop.resources import resource; print(resource('constraints.txt'))"
    found = Path(_run([str(installed / "python"), "-c", question], tmp_path, env).strip())
    assert found.is_relative_to(installed.parent)
    assert found.read_text("utf-8") == (ROOT / "resources" / "constraints.txt").read_text("utf-8")


def test_every_resource_is_in_the_wheel_and_no_test(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    resources = ROOT / "resources"
    expected = {f"ciam_desktop/_resources/{path.relative_to(resources)}" for path in _files(resources)}
    assert expected <= names
    assert not [name for name in names if name.startswith(("tests", "main.py")) or "__pycache__" in name]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def test_the_set_up_does_nothing_where_the_packages_are(installed: Path, env: dict[str, str], tmp_path: Path) -> None:
    question = (
        "import sys; from ciam_desktop import bootstrap; before = set(sys.modules); "
        f"bootstrap.enter({str(tmp_path)!r}); print(sorted(set(sys.modules) - before))"
    )
    assert _run([str(installed / "python"), "-c", question], tmp_path, env) == "[]\n"
    assert not list(tmp_path.glob(".venv*"))
