"""How the window looks: contrast, following the system's colours, room for every word, and pictures of every state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QDialog, QMenu

from ciam_desktop.qt.style import Colours, colours_of
from tests.qt.states import STATES, State
from tests.qt.world import World, until

if TYPE_CHECKING:
    from collections.abc import Callable

PICTURES = Path(__file__).parents[1] / "artifacts" / "window"

TEXT_ON_GROUND = [
    *((text, ground) for text in ("text", "quiet") for ground in ("ground", "side", "raised", "hover", "selected")),
    *((text, ground) for text in ("text", "quiet") for ground in ("bad_ground", "note_ground")),
    *(("accent", ground) for ground in ("ground", "raised", "bad_ground", "note_ground")),
    *(("good", ground) for ground in ("ground", "raised", "note_ground")),
    ("bad", "bad_ground"),
    ("on_accent", "accent"),
    ("on_accent", "accent_hover"),
]


def palette(*, dark: bool) -> QPalette:
    """The colours of a desktop in light or dark, as GNOME has them."""
    window, base, text = ("#242424", "#1e1e1e", "#ffffff") if dark else ("#fafafa", "#ffffff", "#2e3436")
    made = QPalette(QColor(window))
    for role, colour in (
        (QPalette.ColorRole.Window, window),
        (QPalette.ColorRole.Base, base),
        (QPalette.ColorRole.Text, text),
        (QPalette.ColorRole.WindowText, text),
        (QPalette.ColorRole.ButtonText, text),
    ):
        made.setColor(role, QColor(colour))
    return made


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2, definitions of contrast ratio and of relative luminance)."""

    def luminance(colour: str) -> float:
        parts = [QColor(colour).redF(), QColor(colour).greenF(), QColor(colour).blueF()]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_has_enough_contrast_on_every_ground_it_stands_on(dark: bool) -> None:
    colours = colours_of(palette(dark=dark))
    poor = {
        f"{text} on {ground}": round(contrast(getattr(colours, text), getattr(colours, ground)), 2)
        for text, ground in TEXT_ON_GROUND
        if contrast(getattr(colours, text), getattr(colours, ground)) < 4.5
    }
    assert not poor


def test_a_change_of_the_systems_colours_is_followed_at_once(
    world: Callable[..., World], application: QApplication, tmp_path: Path
) -> None:
    application.setPalette(palette(dark=False))
    made = world()
    window = made.show(tmp_path / "window.ini")
    made.start()
    asked: list[Colours] = []
    made.style.changed.connect(lambda: asked.append(made.style.colours))
    light = window.grab().toImage().pixelColor(window.width() - 4, window.height() - 4)
    application.setPalette(palette(dark=True))
    until(lambda: asked, "the other colours")
    assert made.style.colours == colours_of(palette(dark=True))
    dark = window.grab().toImage().pixelColor(window.width() - 4, window.height() - 4)
    assert (light.name(), dark.name()) == ("#ffffff", "#1e1e1e")
    application.setPalette(palette(dark=False))
    until(lambda: len(asked) == 2, "the first colours")


@pytest.mark.qt_log_ignore("This plugin does not support")  # what the offscreen platform says of dialogs and menus
@pytest.mark.parametrize("size", [(960, 640), (640, 480)], ids=["usual", "small"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_picture_of_every_state_is_kept_to_be_looked_at(
    world: Callable[..., World],
    application: QApplication,
    tmp_path: Path,
    state: State,
    dark: bool,
    size: tuple[int, int],
) -> None:
    application.setPalette(palette(dark=dark))
    made = world(**state.how)
    made.browser.does = state.browser
    window = made.show(tmp_path / "window.ini", size=size)
    state.bring(made)
    QCoreApplication.processEvents()
    assert (window.width(), window.height()) == size, "what it shows makes the window grow"
    look = "dark" if dark else "light"
    PICTURES.mkdir(parents=True, exist_ok=True)
    extras = [each for kind in (QDialog, QMenu) for each in window.findChildren(kind) if each.isVisible()]
    for widget in (window, *extras):
        picture = widget.grab()
        assert not picture.isNull()
        what = "" if widget is window else "-menu" if isinstance(widget, QMenu) else "-dialog"
        name = f"{state.name}-{look}-{size[0]}{what}.png".replace(" ", "-")
        assert picture.save(str(PICTURES / name))
