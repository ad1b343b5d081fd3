"""Owns where the program keeps a person's files: settings, data and logs, each in a private folder."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ciam_desktop.core.errors import SettingsError
from ciam_desktop.i18n import _

if TYPE_CHECKING:
    from platformdirs.api import PlatformDirsABC

HOME_VARIABLE = "CIAM_DESKTOP_HOME"
"""Names one folder that then holds `config/`, `data/` and `log/`: for portable use, and for tests."""


def config_dir() -> Path:
    """The folder of the profile file, created if need be; raises SettingsError when it cannot be."""
    return _private(_portable("config") or Path(_platform().user_config_dir))


def data_dir() -> Path:
    """The folder of to-dos, window state and signal files; as `config_dir`."""
    return _private(_portable("data") or Path(_platform().user_data_dir))


def log_dir() -> Path:
    """The folder of the log files; as `config_dir`."""
    return _private(_portable("log") or Path(_platform().user_log_dir))


def _portable(part: str) -> Path | None:
    home = os.environ.get(HOME_VARIABLE, "").strip()
    return Path(home).expanduser().absolute() / part if home else None


def _platform() -> PlatformDirsABC:
    from platformdirs import PlatformDirs  # only here: a portable start needs none of it

    return PlatformDirs("ciam-desktop", appauthor=False)


def _private(folder: Path) -> Path:
    """Create `folder` for its owner alone (0700; Windows takes the profile folder's own protection)."""
    try:
        # mkdir applies the mode to the last folder only, and a portable home of our making is private as well.
        if os.environ.get(HOME_VARIABLE, "").strip():
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            _("The folder %(path)s cannot be created (%(reason)s). Name another one in %(setting)s.")
            % {"path": folder, "reason": error.strerror or type(error).__name__, "setting": HOME_VARIABLE},
            setting=HOME_VARIABLE,
            source=str(folder),
        ) from error
    if sys.platform != "win32":
        _close_to_others(folder)
    return folder


def _close_to_others(folder: Path) -> None:
    """Make a folder that was there before private as well; SettingsError when another user can exchange its files.

    A portable home's own folder counts too: who owns that one can put another `config/` in its place.
    """
    portable = [folder.parent] if os.environ.get(HOME_VARIABLE, "").strip() else []
    for each in (*portable, folder):
        if each.stat().st_uid not in (os.geteuid(), 0):
            raise SettingsError(
                _("The folder %(path)s belongs to another user of this computer. Name another one in %(setting)s.")
                % {"path": each, "setting": HOME_VARIABLE},
                setting=HOME_VARIABLE,
                source=str(each),
            )
    if folder.stat().st_mode & 0o077:
        with contextlib.suppress(OSError):  # some file systems have no modes
            folder.chmod(0o700)
