"""Owns the setup check as the window drives it: one at a time, on a lane of its own."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from ciam_desktop.qt.backend import Backend
from ciam_desktop.qt.lanes import Lane, Relay


class CheckController(QObject):
    """`started`, then `found` with each Finding as it is known, then `finished`.

    The lane is no other's: a provider that does not answer would hold up a sign-in or the to-dos.
    """

    started = Signal()
    found = Signal(object)
    finished = Signal()

    def __init__(self, lane: Lane, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lane = lane
        self._relay = Relay(self)
        self._relay.arrived.connect(self.found)
        self._running = False

    def start(self, backend: Backend) -> None:
        """Check the setup behind `backend`; a check under way goes on instead."""
        if self._running:
            return
        self._running = True
        self.started.emit()
        task = self._lane.submit(self._check, backend)
        task.finished.connect(self._on_finished)

    def _check(self, backend: Backend) -> None:
        for finding in backend.check():
            self._relay.send(finding)

    def _on_finished(self) -> None:
        self._running = False
        self.finished.emit()
