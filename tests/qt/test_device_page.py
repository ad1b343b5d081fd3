"""The page with a code for another device: what it shows, copies and says, and a QR code that a camera can read."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest
import segno
from PySide6.QtGui import QAccessible, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from ciam_desktop.core.identity import state
from ciam_desktop.core.identity.device_code import DeviceCode
from ciam_desktop.qt.style import Style
from ciam_desktop.qt.views.card import INSIDE
from ciam_desktop.qt.views.device_page import DevicePage
from ciam_desktop.qt.views.qr_code import QrCode, drawn
from tests.qt.test_looks import palette

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

CODE = "WDJB-MJHT"
QUIET_ZONE = 4  # modules, as ISO/IEC 18004 wants it
ADDRESS = "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/deviceauth"
COMPLETE = f"{ADDRESS}?user_code={CODE}"


def session(code: str = CODE, complete: str = COMPLETE, *, left: float = 900) -> state.Session:
    """A session whose attempt waits for another device."""
    now = time.time()
    shown = DeviceCode(code, ADDRESS, complete, now + left, 5, (), {})
    attempt = state.SignInAttempt(now, shown.expires_at, elsewhere=True, step=state.Step.WAITING, code=shown)
    return state.Session(restoring=False, attempt=attempt)


@pytest.fixture
def page(application: QApplication) -> Iterator[DevicePage]:
    """The page, before there is a code."""
    Style(application)
    made = DevicePage()
    made.resize(440, 480)
    made.show()
    now = time.time()
    made.render_session(state.Session(restoring=False, attempt=state.SignInAttempt(now, now + 900, elsewhere=True)))
    yield made
    made.render_session(state.Session(restoring=False))
    made.close()
    made.deleteLater()


def said(page: DevicePage) -> list[str]:
    return [each.text() for each in page.findChildren(QLabel) if each.isVisible() and each.text()]


def button(page: DevicePage, words: str) -> QPushButton:
    return next(each for each in page.findChildren(QPushButton) if each.isVisible() and each.text() == words)


def modules(image: QImage, across: int) -> list[list[bool]]:
    """What a camera sees: the colour in the middle of each of `across` times `across` fields."""
    field = image.width() / across
    middle = [int((each + 0.5) * field) for each in range(across)]
    return [[image.pixelColor(x, y).lightness() < 128 for x in middle] for y in middle]


def test_before_there_is_a_code_the_page_says_that_it_asks_for_one_and_can_be_left(page: DevicePage) -> None:
    assert said(page) == ["Sign in on another device", "Asking for a code"]
    left: list[str] = []
    page.cancel_wanted.connect(lambda: left.append("left"))
    button(page, "Cancel").click()
    assert left == ["left"]


def test_the_code_stands_there_as_the_provider_wrote_it_with_the_address_and_the_time_left(page: DevicePage) -> None:
    page.render_session(session())
    assert CODE in said(page)
    assert ADDRESS in said(page)
    assert "Asking for a code" not in said(page)
    assert any(text.startswith("The code is good for another 14:5") for text in said(page))


def test_a_time_that_is_over_counts_no_further(page: DevicePage) -> None:
    page.render_session(session(left=-5))
    assert "The code is good for another 0:00" in said(page)


def test_a_long_code_is_written_smaller_and_stays_on_its_line(page: DevicePage) -> None:
    page.render_session(session("ABCDEFGH-IJKLMNOP-QRSTUVWX"))
    QTest.qWait(1)
    shown = next(each for each in page.findChildren(QLabel) if each.text().startswith("ABCD"))
    assert shown.fontMetrics().horizontalAdvance(shown.text()) <= INSIDE


def test_the_clipboard_gets_the_code_only_by_a_press(page: DevicePage) -> None:
    QGuiApplication.clipboard().setText("before")
    page.render_session(session())
    assert QGuiApplication.clipboard().text() == "before"
    button(page, "Copy address").click()
    assert QGuiApplication.clipboard().text() == ADDRESS
    button(page, "Copy code").click()
    assert QGuiApplication.clipboard().text() == CODE


def test_what_this_computers_browser_is_asked_to_open_has_no_code_in_it(page: DevicePage) -> None:
    page.render_session(session())
    opened: list[str] = []
    page.here_wanted.connect(opened.append)
    button(page, "Open it here").click()
    assert opened == [ADDRESS]


@pytest.mark.parametrize(("complete", "leads_to"), [(COMPLETE, COMPLETE), ("", ADDRESS)])
def test_the_picture_says_where_it_leads_and_leads_there(page: DevicePage, complete: str, leads_to: str) -> None:
    page.render_session(session(complete=complete))
    picture = page.findChild(QrCode)
    assert isinstance(picture, QrCode)
    spoken = QAccessible.queryAccessibleInterface(picture)
    assert spoken.text(QAccessible.Text.Name) == f"QR code that leads to {leads_to}"
    assert spoken.role() == QAccessible.Role.Graphic
    wanted = segno.make_qr(leads_to, error="m", boost_error=False).matrix
    across = len(wanted) + 2 * QUIET_ZONE
    seen = modules(picture.pixmap().toImage(), across)
    inner = [row[QUIET_ZONE:-QUIET_ZONE] for row in seen[QUIET_ZONE:-QUIET_ZONE]]
    assert inner == [[bool(each) for each in row] for row in wanted]
    rim = [seen[down][along] for down in range(across) for along in range(across) if not _inside(down, along, across)]
    assert not any(rim)


def _inside(down: int, along: int, across: int) -> bool:
    return all(QUIET_ZONE <= each < across - QUIET_ZONE for each in (down, along))


@pytest.mark.parametrize("ratio", [1.0, 1.25, 1.5, 1.75, 2.0])
def test_the_picture_is_crisp_at_every_scale(ratio: float) -> None:
    matrix = tuple(tuple(bool(each) for each in row) for row in segno.make_qr(COMPLETE, error="m").matrix)
    picture = drawn(matrix, 156, ratio)
    assert picture.width() % (len(matrix) + 2 * QUIET_ZONE) == 0, "a module is a whole number of device pixels"
    assert picture.deviceIndependentSize().width() <= 156
    image = picture.toImage()
    colours = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
    assert colours == {"#000000", "#ffffff"}


def test_the_picture_is_dark_on_white_in_a_dark_scheme_too(application: QApplication, page: DevicePage) -> None:
    application.setPalette(palette(dark=True))
    page.render_session(session())
    QTest.qWait(20)
    picture = page.findChild(QrCode)
    assert isinstance(picture, QrCode)
    image = picture.grab().toImage()
    assert image.pixelColor(0, 0).name() == "#ffffff"
    assert {image.pixelColor(x, x).name() for x in range(image.width())} == {"#000000", "#ffffff"}


def test_no_line_of_the_log_knows_the_code(page: DevicePage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        shown = session()
        page.render_session(shown)
        button(page, "Copy code").click()
    assert CODE not in caplog.text
    assert CODE not in repr(shown)
