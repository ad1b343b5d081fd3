"""Owns the window's size and place between two starts, in a file of its own with a version."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings
from PySide6.QtWidgets import QWidget

VERSION = 1


class WindowState:
    """Restores and keeps one window's geometry; a file of a newer version is left alone."""

    def __init__(self, path: Path) -> None:
        self._settings = QSettings(str(path), QSettings.Format.IniFormat)
        found = str(self._settings.value("version", VERSION))
        self.newer = not found.isdigit() or int(found) > VERSION

    def restore(self, window: QWidget) -> None:
        """Put `window` where it was; Qt moves it onto a screen that exists."""
        geometry = self._settings.value("geometry")
        if not self.newer and isinstance(geometry, QByteArray):
            window.restoreGeometry(geometry)

    def keep(self, window: QWidget) -> None:
        """Remember where `window` is."""
        if not self.newer:
            self._settings.setValue("version", VERSION)
            self._settings.setValue("geometry", window.saveGeometry())
            self._settings.sync()
