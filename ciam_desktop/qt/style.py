"""Owns looks: colours mixed from the system's palette with one accent, the style sheet, and icons drawn in them."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, QSize, Signal
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QImageReader, QPalette, QPixmap
from PySide6.QtWidgets import QApplication

from ciam_desktop.resources import resource

STEP = 4  # every distance is a multiple of it, in pixels
HIT = 32  # the least height of anything that can be pressed


class Colours(NamedTuple):  # a dataclass would keep the first paint waiting for 5 ms
    """The colours of one scheme as `#rrggbb`; text on each ground has a contrast of 4.5:1 or better."""

    ground: str
    side: str
    raised: str
    text: str
    quiet: str
    line: str
    hover: str
    accent: str
    accent_hover: str
    on_accent: str
    selected: str
    bad: str
    bad_ground: str
    note_ground: str
    good: str


def _mix(over: QColor, under: QColor, share: float) -> str:
    red = over.red() * share + under.red() * (1 - share)
    green = over.green() * share + under.green() * (1 - share)
    blue = over.blue() * share + under.blue() * (1 - share)
    return QColor(round(red), round(green), round(blue)).name()


def colours_of(palette: QPalette) -> Colours:
    """Derive the scheme from the system's window, base and text colours."""
    base = palette.color(QPalette.ColorRole.Base)
    text = palette.color(QPalette.ColorRole.Text)
    dark = base.lightness() < 128
    accent = QColor("#5ec4d2" if dark else "#17697a")
    bad = QColor("#ff9d94" if dark else "#a8231b")
    return Colours(
        ground=base.name(),
        side=_mix(text, base, 0.05 if dark else 0.035),
        raised=_mix(text, base, 0.07) if dark else base.name(),
        text=text.name(),
        quiet=_mix(text, base, 0.76),
        line=_mix(text, base, 0.16),
        hover=_mix(text, base, 0.08),
        accent=accent.name(),
        accent_hover=_mix(text, accent, 0.15),
        on_accent="#06262c" if dark else "#ffffff",
        selected=_mix(accent, base, 0.22 if dark else 0.14),
        bad=bad.name(),
        bad_ground=_mix(bad, base, 0.12 if dark else 0.07),
        note_ground=_mix(accent, base, 0.14 if dark else 0.08),
        good="#7fd6a4" if dark else "#1c6b3c",
    )


def _sheet(c: Colours) -> str:
    return f"""
    QMainWindow, QDialog, QWidget#page, QWidget#pages {{ background: {c.ground}; }}
    QWidget {{ color: {c.text}; }}
    QToolTip {{ color: {c.text}; background: {c.raised}; border: 1px solid {c.line}; padding: 4px; }}
    QWidget#side {{ background: {c.side}; border-right: 1px solid {c.line}; }}
    QLabel {{ background: transparent; }}
    QLabel#appName {{ font-weight: 600; }}
    QLabel#title {{ font-size: 20px; font-weight: 600; }}
    QLabel#cardTitle {{ font-size: 22px; font-weight: 600; }}
    QLabel#quiet, QLabel#foot, QLabel#step {{ color: {c.quiet}; }}
    QLabel#stepNow {{ color: {c.text}; font-weight: 600; }}
    QLabel#verdictGood {{ color: {c.good}; font-weight: 600; }}
    QLabel#badge {{ color: {c.quiet}; border: 1px solid {c.line}; border-radius: 8px; padding: 2px 8px; }}
    QLabel#wrong {{ color: {c.bad}; font-weight: 600; }}
    QFrame#card {{ background: {c.raised}; border: 1px solid {c.line}; border-radius: 16px; }}
    QFrame#banner {{ background: {c.bad_ground}; border: 1px solid {c.bad}; border-radius: 8px; }}
    QFrame#note {{ background: {c.note_ground}; border: 1px solid {c.line}; border-radius: 8px; }}
    QLabel#bannerTitle {{ font-weight: 600; }}
    QPushButton {{
        min-height: {HIT - 2}px; padding: 0 16px; border-radius: 8px;
        border: 1px solid {c.line}; background: {c.raised};
    }}
    QPushButton:hover {{ background: {c.hover}; }}
    QPushButton:focus {{ border: 2px solid {c.accent}; padding: 0 15px; min-height: {HIT - 4}px; }}
    QPushButton:disabled {{ color: {c.quiet}; background: {c.side}; }}
    QPushButton#primary {{
        background: {c.accent}; color: {c.on_accent}; border: 1px solid {c.accent}; font-weight: 600;
    }}
    QPushButton#primary:hover {{ background: {c.accent_hover}; }}
    QPushButton#primary:focus {{ border: 2px solid {c.text}; }}
    QPushButton#primary:disabled {{ background: {c.side}; color: {c.quiet}; border-color: {c.line}; }}
    QPushButton#link {{
        min-height: {HIT}px; border: none; background: transparent; color: {c.accent}; padding: 0 8px;
    }}
    QPushButton#link:hover {{ text-decoration: underline; }}
    QPushButton#link:focus {{ min-height: {HIT - 4}px; border: 2px solid {c.accent}; padding: 0 6px; }}
    QToolButton {{ border: 2px solid transparent; border-radius: 8px; padding: 4px; background: transparent; }}
    QToolButton:hover {{ background: {c.hover}; }}
    QToolButton:focus {{ border-color: {c.accent}; }}
    QToolButton#nav, QToolButton#account {{ padding: 6px 8px; text-align: left; }}
    QToolButton#nav:checked {{ background: {c.selected}; font-weight: 600; }}
    QLineEdit {{
        min-height: {HIT}px; padding: 0 12px; border: 1px solid {c.line}; border-radius: 8px; background: {c.raised};
        selection-background-color: {c.accent}; selection-color: {c.on_accent}; placeholder-text-color: {c.quiet};
    }}
    QLineEdit:focus {{ border: 2px solid {c.accent}; padding: 0 11px; min-height: {HIT - 2}px; }}
    QLineEdit:disabled {{ background: {c.side}; }}
    QTableView {{
        border: 1px solid {c.line}; border-radius: 8px; background: {c.raised}; gridline-color: {c.line};
        selection-background-color: {c.selected}; selection-color: {c.text}; outline: 0;
    }}
    QTableView:focus {{ border: 2px solid {c.accent}; }}
    QTableView::item {{ padding: 4px 8px; border-bottom: 1px solid {c.line}; }}
    QHeaderView {{ background: {c.raised}; }}
    QHeaderView::section {{
        background: {c.side}; color: {c.quiet}; border: none; border-bottom: 1px solid {c.line}; padding: 8px;
        font-weight: 600;
    }}
    QMenu {{ background: {c.raised}; border: 1px solid {c.line}; padding: 4px; menu-scrollable: 1; }}
    QMenu::item {{ padding: 10px 24px 10px 12px; border-radius: 4px; }}
    QMenu::item:selected {{ background: {c.selected}; }}
    QMenu::item:disabled {{ color: {c.quiet}; }}
    QScrollArea {{ border: none; background: transparent; }}
    """


class Style(QObject):
    """Dresses the application, again whenever the system's colours change; `changed` then asks for icons anew."""

    changed = Signal()

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self.colours = colours_of(application.palette())
        application.setStyleSheet(_sheet(self.colours))

    def follow(self) -> None:
        """Dress anew if the system's colours have changed; the window calls it when Qt tells it of a palette."""
        # Not by an event filter on the application: Python would be asked about every event of every object.
        colours = colours_of(QGuiApplication.palette())
        if colours != self.colours:
            self.colours = colours
            _rendered.cache_clear()
            self._application.setStyleSheet(_sheet(colours))
            self.changed.emit()

    def icon(self, name: str, colour: str = "") -> QIcon:
        """The line icon `name` (`todos`) in `colour`, or in the text colour; crisp on every screen that is there."""
        icon = QIcon()
        for ratio in sorted({math.ceil(screen.devicePixelRatio()) for screen in QGuiApplication.screens()}):
            icon.addPixmap(_rendered(name, colour or self.colours.text, 20, ratio))
        return icon

    def pixmap(self, name: str, size: int, colour: str = "") -> QPixmap:
        """The icon as a picture of `size` pixels for a label, at the screen's own scale."""
        screen = QGuiApplication.primaryScreen()
        return _rendered(name, colour or self.colours.text, size, max(1, round(screen.devicePixelRatio())))


@lru_cache(maxsize=128)
def _rendered(name: str, colour: str, size: int, ratio: int) -> QPixmap:
    svg = resource("icons", f"{name}.svg").read_text(encoding="utf-8").replace("currentColor", colour)
    buffer = QBuffer()
    buffer.setData(QByteArray(svg.encode()))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(b"svg"))
    reader.setScaledSize(QSize(size * ratio, size * ratio))
    pixmap = QPixmap.fromImage(reader.read())
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def app_icon() -> QIcon:
    """The program's icon in every size that it was drawn for."""
    icon = QIcon()
    for size in (16, 24, 32, 48, 64, 128, 256):
        icon.addFile(str(resource("icons", f"app-{size}.png")), QSize(size, size))
    return icon
