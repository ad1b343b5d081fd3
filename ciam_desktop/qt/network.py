"""Owns the way back from offline: says when to try again, told by the system or after growing pauses."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds between two tries: `first`, then twice as long each time, at most `longest`."""

    first: float = 5.0
    longest: float = 300.0


class Network(QObject):
    """What tells by `back` that this computer can reach others again; this one never does."""

    back = Signal()


class SystemNetwork(Network):
    """What the system says; silent where that knows nothing."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        from PySide6.QtNetwork import QNetworkInformation  # seldom wanted, and never before the first paint

        self._far = {QNetworkInformation.Reachability.Site, QNetworkInformation.Reachability.Online}
        if QNetworkInformation.loadBackendByFeatures(QNetworkInformation.Feature.Reachability):
            QNetworkInformation.instance().reachabilityChanged.connect(self._on_changed)

    def _on_changed(self, reachability: object) -> None:
        if reachability in self._far:
            self.back.emit()


class Reconnector(QObject):
    """Emits `try_again` now and then from `wait` to `stop`: at once when the network is back, else after a pause.

    The pauses go on whatever the system says: it knows nothing of a service that is down while the network is up, or of
    one on this very computer. Each is up to a quarter longer or shorter, so that many programs do not come at once.
    """

    try_again = Signal()

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        pauses: Pauses | None = None,
        system: Callable[[QObject], Network] = SystemNetwork,
        chance: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(parent)
        self._pauses = pauses or Pauses()
        self._make_system = system
        self._chance = chance or random.SystemRandom().random
        self._system: Network | None = None
        self._pause = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_time)

    @property
    def waiting(self) -> bool:
        """Whether `try_again` is still to come."""
        return self._timer.isActive()

    def wait(self) -> None:
        """Something cannot be reached; does nothing while it waits already."""
        if self.waiting:
            return
        if self._system is None:
            self._system = system = self._make_system(self)
            system.back.connect(self._on_back)
        self._pause = self._pauses.first
        self._begin_pause()

    def stop(self) -> None:
        """It is back, or nobody wants it any more."""
        self._timer.stop()

    def _begin_pause(self) -> None:
        self._timer.start(round(1000 * self._pause * (0.75 + 0.5 * self._chance())))

    def _on_time(self) -> None:
        self._pause = min(2 * self._pause, self._pauses.longest)
        self._begin_pause()  # before the signal, since its receiver may stop it
        self.try_again.emit()

    def _on_back(self) -> None:
        if self.waiting:
            self._pause = self._pauses.first  # names and routes may come a moment after the link
            self._begin_pause()
            self.try_again.emit()
