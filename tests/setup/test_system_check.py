"""Tests that a system which lacks what Qt needs is told so in one sentence, before Qt ends the process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ciam_desktop import bootstrap
from ciam_desktop.bootstrap import failures, system_check
from tests import needs
from tests.setup.clone import ROOT

if TYPE_CHECKING:
    from pathlib import Path

CHECK = "from ciam_desktop import bootstrap; print(bootstrap.missing_qt_library())"


@pytest.fixture
def without_cursor(tmp_path: Path) -> Path:
    """A folder with a PySide6 whose library for X11 asks for one beside libxcb-cursor that no system has."""
    real = _qt()
    package = tmp_path / "PySide6"
    libraries = package / "Qt" / "lib"
    libraries.mkdir(parents=True)
    (tmp_path / "shiboken6").symlink_to(real.parent / "shiboken6")
    (package / "Qt" / "plugins").mkdir()
    (package / "Qt" / "plugins" / "platforms").mkdir()
    for source in [real / "__init__.py", *real.glob("*.so*")]:
        (package / source.name).symlink_to(source)
    for source in (real / "Qt" / "lib").iterdir():
        (libraries / source.name).symlink_to(source)
    plugin = real / "Qt" / "plugins" / "platforms" / "libqxcb.so"
    shutil.copy2(plugin, package / "Qt" / "plugins" / "platforms")
    patched = libraries / "libQt6XcbQpa.so.6"
    content = patched.read_bytes()
    assert b"\0libxcb-cursor.so.0\0" in content
    patched.unlink()
    patched.write_bytes(content.replace(b"\0libxcb-cursor.so.0\0", b"\0libxcb-cursos.so.0\0"))
    return tmp_path


def _qt() -> Path:
    needs.condition(sys.platform == "linux", "only Linux leaves libraries of Qt to its packages")
    folder = system_check._qt_folder()
    assert folder is not None
    return folder


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
        monkeypatch.setattr(failures, "distribution_family", lambda family=family: family)
        sentence = system_check._sentence(["libEGL.so.1", "libxcb-cursor.so.0"])
        assert "(libEGL.so.1, libxcb-cursor.so.0)" in sentence
        assert sentence.endswith(command)
    monkeypatch.setattr(failures, "distribution_family", str)
    assert "(libEGL.so.1); install them with your system's packages" in system_check._sentence(["libEGL.so.1"])


def test_a_platform_plugin_that_cannot_be_loaded_is_found_without_ending_the_process(without_cursor: Path) -> None:
    sentence = _check({"PYTHONPATH": str(without_cursor)})
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


def test_every_library_that_has_packages_is_one_that_qt_links_to() -> None:
    folder = _qt()
    files = [*folder.glob("Qt*.abi3.so"), *(folder / "Qt" / "lib").glob("libQt6*.so.6")]
    content = b"".join(path.read_bytes() for path in [*files, *(folder / "Qt" / "plugins" / "platforms").iterdir()])
    assert [name for name in system_check._PACKAGES if b"\0" + name.encode() + b"\0" not in content] == []


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
