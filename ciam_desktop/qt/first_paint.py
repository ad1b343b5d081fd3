"""Owns the moment when a window has been painted for the first time, which everything slow waits for."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

PATIENCE = 2000  # milliseconds; a window that starts minimized or covered may not be painted at all


class FirstPaint(QObject):
    """Emits `happened` once: when the shown `window` is on the screen, or after `PATIENCE`."""

    happened = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.timeout.connect(self._tell)
        self._late.start(PATIENCE)
        # Not an idle timer: the event loop is idle before the screen has asked for the first picture.
        window.windowHandle().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 -- Qt's own name
        if event.type() == QEvent.Type.Expose:
            watched.removeEventFilter(self)
            self._late.start(0)  # the window paints while it handles this very event
        return False

    def _tell(self) -> None:
        self.happened.emit()
        self.deleteLater()
