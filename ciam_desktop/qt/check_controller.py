"""Owns the setup check as the window drives it: one at a time, on a lane of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from ciam_desktop.qt.lanes import Lane, Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ciam_desktop.core.findings import Finding


class CheckController(QObject):
    """`started`, then `found` with each Finding of `check` as it is known, then `finished`.

    It needs no Backend: what keeps the program from starting is what it is to find out. The lane is no other's: a
    provider that does not answer would hold up a sign-in or the to-dos.
    """

    started = Signal()
    found = Signal(object)
    finished = Signal()

    def __init__(self, lane: Lane, check: Callable[[], Iterator[Finding]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lane = lane
        self._check = check
        self._relay = Relay(self)
        self._relay.arrived.connect(self.found)
        self._running = False

    def start(self) -> None:
        """Check the setup; a check under way goes on instead."""
        if self._running:
            return
        self._running = True
        self.started.emit()
        task = self._lane.submit(self._find)
        task.finished.connect(self._on_finished)

    def _find(self) -> None:
        for finding in self._check():
            self._relay.send(finding)

    def _on_finished(self) -> None:
        self._running = False
        self.finished.emit()
