"""Tests that a system which lacks what Qt needs is told so in one sentence, before Qt ends the process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ciam_desktop import bootstrap
from ciam_desktop.bootstrap import failures, system_check
from tests import needs
from tests.setup.clone import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECK = "from ciam_desktop import bootstrap; print(bootstrap.missing_qt_library())"


@pytest.fixture
def xcb_without_cursor(tmp_path: Path) -> Iterator[Path]:
    """A folder to import PySide6 from whose plugin for X11 asks for a libxcb-cursor that no system has."""
    needs.condition(sys.platform == "linux", "only Linux leaves Qt's libraries to its packages")
    (real,) = system_check._qt_folder(), 
    assert real is not None
    package = tmp_path / "PySide6"
    platforms = package / "Qt" / "plugins" / "platforms"
    platforms.mkdir(parents=True)
    for name in ("__init__.py", "QtWidgets.abi3.so"):
        (package / name).symlink_to(real / name)
    (package / "Qt" / "lib").symlink_to(real / "Qt" / "lib")
    for source in (real / "Qt" / "plugins" / "platforms" / "libqxcb.so", real / "Qt" / "lib" / "libQt6XcbQpa.so.6"):
        content = source.read_bytes().replace(b"libxcb-cursor.so.0\0", b"libxcb-cursos.so.0\0")
        (platforms / source.name).write_bytes(content.replace(b"$ORIGIN/../../lib\0", b"$ORIGIN\0lib/../..\0"))
    yield tmp_path


def _check(env: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        env=os.environ | {"DISPLAY": ":0", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": ""} | env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def test_a_system_with_all_libraries_has_none_missing() -> None:
    assert _check({}) == "None"
    assert _check({"QT_QPA_PLATFORM": "offscreen"}) == "None"


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["/usr/bin/python3", "main.py"])
    for family, command in {
        "debian": "sudo apt-get install libegl1 libxcb-cursor0 && python3 main.py",
        "fedora": "sudo dnf install libglvnd-egl xcb-util-cursor && python3 main.py",
        "arch": "sudo pacman -S libglvnd xcb-util-cursor && python3 main.py",
    }.items():
        monkeypatch.setattr(system_check, "distribution_family", lambda family=family: family)
        sentence = system_check._sentence(["libEGL.so.1", "libxcb-cursor.so.0"])
        assert "(libEGL.so.1, libxcb-cursor.so.0)" in sentence
        assert sentence.endswith(command)
    monkeypatch.setattr(system_check, "distribution_family", str)
    assert "(libEGL.so.1); install them with your system's packages" in system_check._sentence(["libEGL.so.1"])


def test_a_platform_plugin_that_cannot_be_loaded_is_found_without_ending_the_process(xcb_without_cursor: Path) -> None:
    sentence = _check({"PYTHONPATH": str(xcb_without_cursor)})
    assert sentence.startswith("Qt lacks system libraries (libxcb-cursos.so.0); install them")


def test_debian_has_every_package_that_may_be_named() -> None:
    """As of this machine's own package lists, where there are some."""
    if failures.distribution_family() != "debian":
        pytest.skip("only Debian's packages can be looked up")
    cache = needs.program("apt-cache")
    names = sorted({packages[0] for packages in system_check._PACKAGES.values()})
    shown = subprocess.run([cache, "policy", *names], capture_output=True, text=True, check=True, timeout=60).stdout
    unknown = [name for name in names if f"{name}:" not in shown]
    assert unknown == []


def test_every_library_that_qt_links_to_has_its_packages() -> None:
    """What comes with every C library, or with another that is named, needs no name of its own."""
    folder = system_check._qt_folder()
    ldd = shutil.which("ldd")
    if folder is None or ldd is None or shutil.which("readelf") is None:
        needs.condition(shutil.which("readelf") is not None, "the program readelf is not installed")
        return
    bundled = {path.name for path in folder.rglob("*.so*")} | {"libshiboken6.abi3.so.6.11"}
    files = [folder / "QtWidgets.abi3.so", folder / "QtGui.abi3.so", *(folder / "Qt" / "lib").glob("libQt6[GWX][uic][ida]*")]
    files += [folder / "Qt" / "plugins" / "platforms" / f"libq{name}.so" for name in ("xcb", "wayland")]
    assert files, bundled


def test_no_display_is_said_only_where_one_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    needs.condition(sys.platform == "linux", "only Linux has sessions without a display")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    sentence = bootstrap.no_display()
    assert sentence is not None
    assert sentence.startswith("There is no display to open a window on")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert bootstrap.no_display() is None
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    assert bootstrap.no_display() == sentence
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert bootstrap.no_display() is None
