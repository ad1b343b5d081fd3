"""Owns the one test command, `python3 -m tests [pytest arguments]`: installs what the tests need, runs pytest."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ciam_desktop import bootstrap

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[1]

# Debian's packages that the tests use, each with its reason; what they depend on comes along.
SYSTEM_PACKAGES = {
    "xvfb": "the display that windows are drawn on",
    "openbox": "a window manager, without which no window gets the focus",
    "xdotool": "the keys and clicks of a person",
    "at-spi2-core": "reads the windows as a screen reader does",
    "dbus": "a private session bus for the keyring and for at-spi2-core",
    "gnome-keyring": "a real Secret Service for the token cache",
    "chromium": "the browser that people sign in with",
    "chromium-driver": "works that browser",
    "fonts-dejavu-core": "a font, without which every letter is a box",
    "libegl1": "QtGui links to it",
    "libdbus-1-3": "QtDBus links to it",
    "libfontconfig1": "QtGui links to it",
    "libxkbcommon-x11-0": "Qt's plugin for X11 links to it",
    "libxcb-cursor0": "Qt's plugin for X11 links to it",
    "libxcb-icccm4": "Qt's plugin for X11 links to it",
    "libxcb-keysyms1": "Qt's plugin for X11 links to it",
    "libxcb-shape0": "Qt's plugin for X11 links to it",
}


# What Debian's Python lacks for making an environment at all.
VENV_PACKAGES = {"python3-venv": "makes the environment"}


def missing_packages(wanted: Iterable[str]) -> list[str]:
    """Those of the Debian packages `wanted` that are not installed; empty where packages are not Debian's."""
    query = shutil.which("dpkg-query")
    if query is None or shutil.which("apt-get") is None:
        return []
    answer = subprocess.run(
        [query, "-W", "-f=${Package} ${db:Status-Status}\n", *wanted],
        capture_output=True,
        text=True,
        check=False,  # it fails when one is unknown
    )
    installed = {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in wanted if name not in installed]


def install_packages(wanted: Iterable[str]) -> None:
    """Install those of `wanted` that are missing when that is allowed; else name the command and go on."""
    missing = missing_packages(wanted)
    if not missing:
        return
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        sys.stderr.write(f"Some tests need more of the system: sudo apt-get update && sudo {shlex.join(install)}\n")
        return
    sys.stderr.write(f"Installing what the tests need: {' '.join(missing)}\n")
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], install):
        code = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode
        if code != 0:
            sys.stderr.write(f"{shlex.join(command)} failed (exit code {code}); the tests that need it will say so.\n")


def main() -> int:
    """Run pytest with the given arguments where everything is there; returns its exit code."""
    if importlib.util.find_spec("ensurepip") is None:
        install_packages(VENV_PACKAGES)
    bootstrap.enter(os.fspath(ROOT), "test")
    install_packages(SYSTEM_PACKAGES)
    import pytest

    return int(pytest.main(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
