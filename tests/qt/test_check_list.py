"""The list of the setup check: it grows, is as high as its words, and says to everybody what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QAccessibleEvent, QPalette
from PySide6.QtWidgets import QApplication, QLabel, QScrollArea, QTableView, QVBoxLayout, QWidget

from ciam_desktop.core.findings import Finding, Outcome
from ciam_desktop.qt.models.findings_model import COL_CHECK, COL_FOUND, FindingsModel, ItemRole
from ciam_desktop.qt.style import Style
from ciam_desktop.qt.views.check_list import BORDER, CheckList
from tests.qt.test_looks import PICTURES, palette
from tests.qt.test_models import watched
from tests.qt.world import until

if TYPE_CHECKING:
    from collections.abc import Iterator

FINDINGS = (
    Finding("Discovery", Outcome.FINE, "The discovery document of contoso.example came in 42 ms."),
    Finding("Clock", Outcome.WORTH_KNOWING, "This computer's clock is 90 seconds slow.", "Have it set by the network."),
    Finding("To-do service", Outcome.WRONG, "Nothing answers at <b>localhost</b>. " * 8, "Check that it runs. " * 8),
    Finding("Signing keys", Outcome.SKIPPED, "Not checked: there is no discovery document to name them."),
)


@pytest.fixture
def style(application: QApplication) -> Iterator[Style]:
    application.setPalette(palette(dark=False))
    style = Style(application)
    yield style
    style.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture
def window() -> Iterator[QScrollArea]:
    """A page that scrolls, as the one of settings does."""
    window = QScrollArea()
    window.setWidgetResizable(True)
    window.resize(520, 400)
    window.show()
    yield window
    window.hide()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture
def checks(style: Style, window: QScrollArea) -> CheckList:
    page = QWidget()
    page.setObjectName("page")
    made = CheckList(style)
    lines = QVBoxLayout(page)
    lines.addWidget(made)
    lines.addStretch()
    window.setWidget(page)
    return made


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What assistive technology is told to say."""
    said: list[str] = []

    def keep(event: QAccessibleEvent) -> None:
        if isinstance(event, QAccessibleAnnouncementEvent):
            said.append(event.message())

    monkeypatch.setattr(QAccessible, "updateAccessibility", keep)
    return said


def table_of(checks: CheckList) -> QTableView:
    (table,) = checks.findChildren(QTableView)
    return table


def settle(checks: CheckList) -> None:
    """Let Qt work until the table is as high as its rows, and its place as high as the table."""
    table = table_of(checks)

    def settled() -> bool:
        rows = sum(table.rowHeight(row) for row in range(checks.model.rowCount()))
        different = len({table.rowHeight(row) for row in range(checks.model.rowCount())}) > 1
        return different and table.height() == rows + 2 * BORDER and table.geometry().bottom() < checks.height()

    until(settled, "the rows to fit")


def state_of(checks: CheckList) -> str:
    (line,) = [each for each in checks.findChildren(QLabel) if each.parent() is checks]
    return line.text()


def test_a_check_is_hidden_until_it_starts_and_then_grows_by_each_finding(
    checks: CheckList, announced: list[str]
) -> None:
    assert checks.isHidden()
    checks.start()
    assert not checks.isHidden()
    assert state_of(checks) == "Checking this setup…"
    for number, finding in enumerate(FINDINGS, 1):
        checks.show_finding(finding)
        assert checks.model.findings() == FINDINGS[:number]
    checks.finish()
    assert state_of(checks) == "1 thing is not right."
    assert announced == ["Checking this setup…", "1 thing is not right."]


def test_a_second_check_begins_with_nothing_of_the_first(checks: CheckList, announced: list[str]) -> None:
    for finding, sentence in ((FINDINGS[2], "1 thing is not right."), (FINDINGS[0], "This setup is fine.")):
        checks.start()
        assert checks.model.rowCount() == 0
        checks.show_finding(finding)
        checks.finish()
        assert announced[-1] == state_of(checks) == sentence


def test_a_check_that_found_nothing_does_not_claim_that_all_is_fine(checks: CheckList) -> None:
    checks.start()
    checks.finish()
    assert state_of(checks) == "Not everything could be checked."


@pytest.mark.parametrize("width", [360, 520, 900])
def test_the_table_is_exactly_as_high_as_its_wrapped_words(window: QScrollArea, checks: CheckList, width: int) -> None:
    window.resize(width, 900)
    checks.start()
    table = table_of(checks)
    for finding in FINDINGS:
        checks.show_finding(finding)
    settle(checks)
    heights = [table.rowHeight(row) for row in range(len(FINDINGS))]
    assert heights[2] > heights[1] >= heights[0]
    assert table.horizontalScrollBar().maximum() == table.verticalScrollBar().maximum() == 0
    table.setFocus()
    QCoreApplication.processEvents()
    assert table.hasFocus()
    assert table.verticalScrollBar().maximum() == 0, "its thicker border takes no row away"
    title = table.fontMetrics().horizontalAdvance("To-do service")
    assert table.columnWidth(COL_CHECK) > title + table.iconSize().width()


def test_a_narrower_window_makes_it_higher(window: QScrollArea, checks: CheckList) -> None:
    window.resize(900, 900)
    checks.start()
    table = table_of(checks)
    for finding in FINDINGS:
        checks.show_finding(finding)
    settle(checks)
    wide = table.height()
    window.resize(400, 900)
    until(lambda: table.height() > wide, "the rows to fit again")
    settle(checks)


def test_the_table_and_its_rows_say_what_the_icons_show(checks: CheckList) -> None:
    checks.start()
    for finding in FINDINGS:
        checks.show_finding(finding)
    table = table_of(checks)
    interface = QAccessible.queryAccessibleInterface(table)
    assert interface.text(QAccessible.Text.Name) == "Setup check"
    told = [checks.model.index(row, COL_CHECK).data(Qt.ItemDataRole.AccessibleTextRole) for row in range(4)]
    assert told == [
        "Discovery: fine",
        "Clock: worth knowing",
        "To-do service: not right",
        "Signing keys: not checked",
    ]
    spoken = [interface.child(n).text(QAccessible.Text.Name) for n in range(interface.childCount())]
    assert {*told, f"{FINDINGS[1].text}\n{FINDINGS[1].advice}"} <= set(spoken)


def test_the_rows_can_be_walked_by_keyboard_and_left_by_tab(checks: CheckList) -> None:
    checks.start()
    for finding in FINDINGS:
        checks.show_finding(finding)
    table = table_of(checks)
    assert table.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert not table.tabKeyNavigation()
    assert not table.editTriggers() & table.EditTrigger.AnyKeyPressed


def test_the_model_is_sound_and_shows_markup_as_text(style: Style) -> None:
    model = FindingsModel(style)
    with watched(model):
        for finding in FINDINGS:
            model.append(finding)
        assert [model.index(row, COL_CHECK).data(ItemRole) for row in range(4)] == list(FINDINGS)
        assert "<b>localhost</b>" in model.index(2, COL_FOUND).data()
        assert "&lt;b&gt;" in model.index(2, COL_FOUND).data(Qt.ItemDataRole.ToolTipRole)
        assert model.index(0, COL_FOUND).data() == FINDINGS[0].text, "no empty line where there is no advice"
        assert all(model.headerData(column, Qt.Orientation.Horizontal) for column in range(model.columnCount()))
        model.clear()
    assert model.rowCount() == 0


def test_every_outcome_has_an_icon_of_its_own_that_follows_the_colours(style: Style, application: QApplication) -> None:
    model = FindingsModel(style)
    for finding in FINDINGS:
        model.append(finding)

    def pictures() -> list[bytes]:
        icons = [model.index(row, COL_CHECK).data(Qt.ItemDataRole.DecorationRole) for row in range(4)]
        return [bytes(icon.pixmap(20, 20).toImage().constBits()) for icon in icons]

    changed: list[int] = []
    model.dataChanged.connect(lambda first, last, _roles: changed.append(last.row() - first.row() + 1))
    light = pictures()
    application.setPalette(palette(dark=True))
    style.follow()
    dark = pictures()
    assert len({*light, *dark}) == 8
    assert changed == [4]
    assert model.index(0, COL_FOUND).data(Qt.ItemDataRole.DecorationRole) is None


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_picture_is_kept_to_be_looked_at(
    window: QScrollArea, checks: CheckList, style: Style, application: QApplication, dark: bool
) -> None:
    application.setPalette(palette(dark=dark) if dark else QPalette(palette(dark=False)))
    style.follow()
    checks.start()
    for finding in FINDINGS:
        checks.show_finding(finding)
    checks.finish()
    settle(checks)
    picture = window.grab()
    PICTURES.mkdir(parents=True, exist_ok=True)
    assert picture.save(str(PICTURES / f"setup-check-{'dark' if dark else 'light'}.png"))
