"""Owns the start of the window: its frame is on the screen before anything that fills it is loaded."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from ciam_desktop import __version__, bootstrap, paths
from ciam_desktop.i18n import _
from ciam_desktop.qt.first_paint import FirstPaint
from ciam_desktop.qt.style import Style
from ciam_desktop.qt.views.frame import Frame
from ciam_desktop.qt.window_state import WindowState


def run(options: Mapping[str, str], beside: Path | None) -> int:
    """Run the window until it is closed; returns the exit code.

    `options` are the settings given on the command line, with `env_file` and `profile`; `beside` is the folder of
    main.py, where a `.env` may be. Raises SettingsError when the configuration folder cannot be made.
    """
    QApplication.setDesktopFileName("ciam-desktop")
    qInstallMessageHandler(_on_qt_message)
    # Fusion is the one style that is there on every Linux and takes the palette whole. As an argument, because
    # setStyle would make another first and wrap it for Python, which costs the start 10 ms.
    application = QApplication([sys.argv[0], *(["-style", "fusion"] if sys.platform == "linux" else [])])
    qInstallMessageHandler(None)
    application.setApplicationName("ciam-desktop")
    application.setApplicationDisplayName("CIAM Desktop")
    application.setApplicationVersion(__version__)
    application.setQuitOnLastWindowClosed(False)  # one window gives way to another when the settings change
    style = Style(application)
    frame = Frame(style, WindowState(paths.config_dir() / "window.ini"))
    frame.closed.connect(application.quit)
    frame.show()

    def fill() -> None:
        from ciam_desktop.gui import Desktop  # the rest of the program, which the first paint must not wait for

        gc.freeze()
        gc.enable()
        frame.closed.disconnect(application.quit)
        Desktop(application, style, beside).open(frame, options)

    FirstPaint(frame).happened.connect(fill)
    return application.exec()


def _on_qt_message(kind: QtMsgType, _context: QMessageLogContext, _message: str) -> None:
    """Tell in one sentence why no window can be opened, where Qt would abort; what it says before is not for people."""
    if kind is QtMsgType.QtFatalMsg:
        sentence = _(
            "No window can be opened on the display that is set (%(display)s); start it in a desktop session, "
            "or without a window: %(command)s"
        )
        display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or sys.platform
        told = sentence % {"display": display, "command": "python3 main.py --op getToDos"}
        bootstrap.tell(bootstrap.missing_qt_library() or told)
        os._exit(1)
