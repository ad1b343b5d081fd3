"""Owns the check of what Qt needs from the system: a display, and libraries that no Python package brings.

Qt ends the whole process when its platform plugin cannot be loaded, so this asks the dynamic linker first. Every start
of the window pays for that, so what only a failure needs is imported when there is one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ciam_desktop.i18n import _

_LDD_TIMEOUT = 20.0  # seconds

# The packages with the libraries that QtGui, QtWidgets and the platform plugins xcb and wayland link to, as of Qt 6.11,
# less those that come with every C library: library -> its package in Debian, Fedora, Arch, openSUSE.
_PACKAGES: dict[str, tuple[str, str, str, str]] = {
    "libEGL.so.1": ("libegl1", "libglvnd-egl", "libglvnd", "libEGL1"),
    "libGL.so.1": ("libgl1", "libglvnd-glx", "libglvnd", "libGL1"),
    "libX11.so.6": ("libx11-6", "libX11", "libx11", "libX11-6"),
    "libX11-xcb.so.1": ("libx11-xcb1", "libX11-xcb", "libx11", "libX11-xcb1"),
    "libdbus-1.so.3": ("libdbus-1-3", "dbus-libs", "dbus", "libdbus-1-3"),
    "libfontconfig.so.1": ("libfontconfig1", "fontconfig", "fontconfig", "libfontconfig1"),
    "libfreetype.so.6": ("libfreetype6", "freetype", "freetype2", "libfreetype6"),
    "libglib-2.0.so.0": ("libglib2.0-0", "glib2", "glib2", "libglib-2_0-0"),
    "libgthread-2.0.so.0": ("libglib2.0-0", "glib2", "glib2", "libgthread-2_0-0"),
    "libwayland-client.so.0": ("libwayland-client0", "libwayland-client", "wayland", "libwayland-client0"),
    "libwayland-cursor.so.0": ("libwayland-cursor0", "libwayland-cursor", "wayland", "libwayland-cursor0"),
    "libxcb.so.1": ("libxcb1", "libxcb", "libxcb", "libxcb1"),
    "libxcb-cursor.so.0": ("libxcb-cursor0", "xcb-util-cursor", "xcb-util-cursor", "libxcb-cursor0"),
    "libxcb-icccm.so.4": ("libxcb-icccm4", "xcb-util-wm", "xcb-util-wm", "libxcb-icccm4"),
    "libxcb-image.so.0": ("libxcb-image0", "xcb-util-image", "xcb-util-image", "libxcb-image0"),
    "libxcb-keysyms.so.1": ("libxcb-keysyms1", "xcb-util-keysyms", "xcb-util-keysyms", "libxcb-keysyms1"),
    "libxcb-randr.so.0": ("libxcb-randr0", "libxcb", "libxcb", "libxcb-randr0"),
    "libxcb-render.so.0": ("libxcb-render0", "libxcb", "libxcb", "libxcb-render0"),
    "libxcb-render-util.so.0": (
        "libxcb-render-util0",
        "xcb-util-renderutil",
        "xcb-util-renderutil",
        "libxcb-render-util0",
    ),
    "libxcb-shape.so.0": ("libxcb-shape0", "libxcb", "libxcb", "libxcb-shape0"),
    "libxcb-shm.so.0": ("libxcb-shm0", "libxcb", "libxcb", "libxcb-shm0"),
    "libxcb-sync.so.1": ("libxcb-sync1", "libxcb", "libxcb", "libxcb-sync1"),
    "libxcb-util.so.1": ("libxcb-util1", "xcb-util", "xcb-util", "libxcb-util1"),
    "libxcb-xfixes.so.0": ("libxcb-xfixes0", "libxcb", "libxcb", "libxcb-xfixes0"),
    "libxcb-xkb.so.1": ("libxcb-xkb1", "libxcb", "libxcb", "libxcb-xkb1"),
    "libxkbcommon.so.0": ("libxkbcommon0", "libxkbcommon", "libxkbcommon", "libxkbcommon0"),
    "libxkbcommon-x11.so.0": ("libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11", "libxkbcommon-x11-0"),
    "libzstd.so.1": ("libzstd1", "libzstd", "zstd", "libzstd1"),
}
_FAMILIES = ("debian", "fedora", "arch", "suse")
_INSTALL = {
    "debian": "sudo apt-get install",
    "fedora": "sudo dnf install",
    "arch": "sudo pacman -S",
    "suse": "sudo zypper install",
}


def no_display() -> str | None:
    """The sentence for a Linux without a display (unless Qt is told to do without), or None."""
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return None
    if any(name not in ("xcb", "wayland") for name in _wanted_plugins()):
        return None
    return _(
        "There is no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set); "
        "start it in a desktop session, or without a window: %(command)s"
    ) % {"command": "python3 main.py --op getToDos"}


def missing_qt_library() -> str | None:
    """The sentence that names the system libraries which Qt lacks and how to install them, or None.

    Loads the platform plugin as Qt itself does a moment later, so a start that succeeds pays only for the look.
    """
    if sys.platform != "linux":
        return None
    package = _qt_folder()
    if package is None:
        return None
    plugins = [
        path
        for name in _wanted_plugins() or _usual_plugins()
        if (path := package / "Qt" / "plugins" / "platforms" / f"libq{name}.so").is_file()
    ]
    modules = [package / "QtWidgets.abi3.so"]
    if any(map(_loads, plugins or modules)):  # a plugin links to all that the modules link to
        return None
    return _sentence(_unresolved([*modules, *plugins]))


def _qt_folder() -> Path | None:
    # importlib.util.find_spec, without its 5 ms
    specs = (finder.find_spec("PySide6", None) for finder in sys.meta_path)
    return next((Path(spec.origin).parent for spec in specs if spec is not None and spec.origin), None)


def _wanted_plugins() -> list[str]:
    """The names in QT_QPA_PLATFORM, without their parameters."""
    return [name.partition(":")[0] for name in os.environ.get("QT_QPA_PLATFORM", "").split(";") if name]


def _usual_plugins() -> list[str]:
    names = ["wayland"] if os.environ.get("WAYLAND_DISPLAY") else []
    return [*names, "xcb"] if os.environ.get("DISPLAY") else names


def _loads(library: Path) -> bool:
    import ctypes

    try:
        ctypes.CDLL(os.fspath(library))
    except OSError:
        return False
    return True


def _unresolved(libraries: list[Path]) -> list[str]:
    """The names of the libraries that the dynamic linker cannot find for `libraries`, as ldd(1) tells them."""
    import re
    import shutil
    import subprocess

    ldd = shutil.which("ldd")
    if ldd is None:
        return []
    names: set[str] = set()
    for library in libraries:
        try:
            answer = subprocess.run(
                [ldd, os.fspath(library)], capture_output=True, text=True, check=False, timeout=_LDD_TIMEOUT
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        names.update(re.findall(r"^\s*(\S+) => not found", answer.stdout, re.MULTILINE))
    return sorted(names)


def _sentence(names: list[str]) -> str:
    from ciam_desktop.bootstrap.failures import again, distribution_family

    family = distribution_family()
    column = _FAMILIES.index(family) if family else -1
    packages = sorted({_PACKAGES[name][column] for name in names if name in _PACKAGES}) if family else []
    if packages:
        return _("Qt lacks system libraries (%(names)s); install them, then start again: %(command)s") % {
            "names": ", ".join(names),
            "command": f"{_INSTALL[family]} {' '.join(packages)} && {again()}",
        }
    return _(
        "Qt lacks system libraries (%(names)s); install them with your system's packages, then start again: %(command)s"
    ) % {
        "names": ", ".join(names) or _("libraries of its platform plugin"),
        "command": again(),
    }
