"""Owns the picture of an address that a phone's camera reads: a QR code, crisp at every scale."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QLabel, QWidget

QUIET_ZONE = 4  # modules of white on every side (ISO/IEC 18004 section 9.1)
LEAST_MODULE = 2  # device pixels; a smaller one no camera reads off a screen


class QrCode(QLabel):
    """Shows `text` as a QR code within `room` pixels: dark on white in every scheme, as scanners need it."""

    def __init__(self, room: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._room = room
        self._modules: tuple[tuple[bool, ...], ...] = ()
        self.setFixedSize(room, room)

    def encode(self, text: str) -> None:
        """Show `text`, or nothing for an empty one."""
        import segno  # 30 ms that only this page has to wait for

        made = segno.make_qr(text, error="m", boost_error=False).matrix if text else ()
        self._modules = tuple(tuple(bool(module) for module in row) for row in made)
        self._draw()

    def event(self, event: QEvent) -> bool:
        """Draw anew for a screen of another scale."""
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._draw()
        return super().event(event)

    def _draw(self) -> None:
        if not self._modules:
            self.clear()
            return
        picture = drawn(self._modules, self._room, self.devicePixelRatioF())
        self.setPixmap(picture)
        size = picture.deviceIndependentSize()
        self.setFixedSize(math.ceil(size.width()), math.ceil(size.height()))


def drawn(modules: tuple[tuple[bool, ...], ...], room: int, ratio: float) -> QPixmap:
    """The picture of `modules` with its quiet zone, each a whole number of device pixels wide.

    `room` is in pixels, of `ratio` device pixels each. What does not fit is drawn larger than `room`.
    """
    across = len(modules) + 2 * QUIET_ZONE
    side = max(LEAST_MODULE, int(room * ratio) // across)
    picture = QPixmap(across * side, across * side)
    picture.fill(QColor("white"))
    painter = QPainter(picture)
    for down, row in enumerate(modules, QUIET_ZONE):
        for along, dark in enumerate(row, QUIET_ZONE):
            if dark:
                painter.fillRect(along * side, down * side, side, side, QColor("black"))
    painter.end()
    picture.setDevicePixelRatio(ratio)
    return picture
