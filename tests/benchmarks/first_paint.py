"""Owns the stopwatch inside a measured process: `first_paint.py program|empty` prints when its window was painted.

Run as a script, so that nothing but what it measures is imported. The moment is when the window's first expose event
has been handled, which is when Qt has painted it and handed it to the screen, on the system's monotonic clock in ns.
`modules` instead of a moment prints the modules that were loaded by then.
"""

import sys
import time

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow


class Stopwatch(QObject):
    """Watches the native window alone: a filter on everything would cost the fuller window more."""

    def __init__(self, application: QApplication, what: str) -> None:
        super().__init__(application)
        self._what = what
        self._application = application
        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, QMainWindow) and widget.windowHandle() is not None:
                widget.windowHandle().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 -- Qt's own name
        if event.type() == QEvent.Type.Expose and watched.isExposed():  # type: ignore[attr-defined] # a QWindow
            watched.removeEventFilter(self)
            # Filters come before the window itself: it is asked to handle the event now, and paints.
            watched.event(event)
            self._painted(time.monotonic_ns())
            return True
        return False

    def _painted(self, moment: int) -> None:
        told = " ".join(sorted(sys.modules)) if self._what == "modules" else str(moment)
        sys.stdout.write(told + "\n")
        sys.stdout.flush()
        QTimer.singleShot(0, self._application.closeAllWindows)


def main(which: str, what: str) -> int:
    """Run the program, or an empty window, until it is painted; returns the exit code."""
    execute = QApplication.exec

    def watched(*_application: object) -> int:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        stopwatch = Stopwatch(application, what)
        code = execute()
        stopwatch.deleteLater()
        return code

    QApplication.exec = watched  # type: ignore[method-assign] # the one place that both pass through
    if which == "program":
        from ciam_desktop.__main__ import main as program

        return program([])
    application = QApplication(sys.argv[:1])
    window = QMainWindow()
    window.resize(960, 640)
    window.show()
    return application.exec()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "moment"))
