"""The window under a person's hands: keys, banners, closing, what it remembers, and text that stays text."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QByteArray, QPoint, QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QTableView,
    QToolButton,
    QWidget,
)

from ciam_desktop.core.crash import CrashReports
from ciam_desktop.core.errors import NetworkError, SignedOutElsewhere, VaultLocked
from ciam_desktop.core.identity.state import SignedIn, SignedOut
from ciam_desktop.core.trouble import NextStep, Trouble
from ciam_desktop.qt.lanes import Relay
from ciam_desktop.qt.models.todo_model import Saved
from ciam_desktop.qt.views.frame import IDENTITY, SETTINGS, TODOS
from tests.doubles.backend import TENANT, person
from tests.qt.hands import choose, click, focused, press, said, visible, window_of
from tests.qt.states import attempt_at
from tests.qt.world import World, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.doubles.backend import FakeBrowser

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")  # the offscreen platform, on raising windows

MARKUP = "<b>bold</b> <img src='https://tracker.contoso.example/x.png'> &amp; <a href='x'>y</a>"


CTRL = Qt.KeyboardModifier.ControlModifier


def test_a_todo_is_typed_and_entered(listed: World) -> None:
    press(listed, Qt.Key.Key_N, CTRL)
    assert focused() == "Add a to-do"
    edit = visible(listed, "Add a to-do", QLineEdit)
    QTest.keyClicks(edit, "Buy milk")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert edit.text() == ""
    assert edit.hasFocus()
    until(lambda: not listed.todos.unsaved(), "the confirmation")
    assert [row.text for row in listed.todos.model.rows()][-1] == "Buy milk"
    assert any(text.startswith("5 to-dos · all changes saved") for text in said(listed))


def test_the_filter_is_reached_and_filters(listed: World) -> None:
    press(listed, Qt.Key.Key_F, CTRL)
    assert focused() == "Filter"
    QTest.keyClicks(visible(listed, "Filter", QLineEdit), "INVOICE")
    table = visible(listed, "To-dos", QTableView)
    assert [table.model().index(row, 0).data() for row in range(table.model().rowCount())] == [
        "Finish the invoice report"
    ]


def test_f5_fetches_the_list_again(listed: World) -> None:
    listed.api.items.pop()
    press(listed, Qt.Key.Key_F5)
    until(lambda: listed.todos.model.rowCount() == 3, "the shorter list")


def test_ctrl_comma_shows_the_settings(listed: World) -> None:
    press(listed, Qt.Key.Key_Comma, CTRL)
    assert any(text.startswith("AUTHORITY") for text in said(listed))
    assert any(TENANT.authority in text for text in said(listed))


def test_ctrl_q_closes_the_window(listed: World) -> None:
    closed: list[str] = []
    window_of(listed).closed.connect(lambda: closed.append("closed"))
    press(listed, Qt.Key.Key_Q, CTRL)
    assert closed == ["closed"]


def test_enter_on_the_card_signs_in(out: World) -> None:
    assert focused() == "Sign in"
    press(out, Qt.Key.Key_Return)
    until(lambda: isinstance(out.identity.session.account, SignedIn), "the sign-in")
    until(lambda: focused() == "Add a to-do", "the place to type")


def test_creating_an_account_asks_for_it(out: World) -> None:
    click(out, "Create an account")
    until(lambda: isinstance(out.identity.session.account, SignedIn), "the sign-in")
    assert out.people.called("begin")[0][1]["prompt"] == "create"


def test_a_wait_can_be_cancelled_and_its_link_copied(out: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    click(out, "Sign in")
    until(lambda: browser.opened, "the browser")
    until(lambda: focused() == "Cancel", "the focus where it is of use")
    click(out, "Copy link")
    assert QGuiApplication.clipboard().text() == browser.opened[0]
    click(out, "Open the browser again")
    until(lambda: len(browser.opened) == 2, "the browser again")
    click(out, "Cancel")
    until(lambda: "Sign-in cancelled" in said(out), "the note")
    assert isinstance(out.identity.session.account, SignedOut)
    assert visible(out, "Sign in", QPushButton).isEnabled()


def test_signing_out_by_the_account_menu_shows_the_card_again(listed: World) -> None:
    visible(listed, "Account: user1@contoso.example", QToolButton).setFocus()
    press(listed, Qt.Key.Key_Space)
    menu = next(each for each in window_of(listed).findChildren(QMenu) if each.isVisible())
    QTest.keyClick(menu, Qt.Key.Key_Up)
    QTest.keyClick(menu, Qt.Key.Key_Return)
    until(lambda: isinstance(listed.identity.session.account, SignedOut), "the sign-out")
    assert visible(listed, "Sign in", QPushButton)
    assert listed.todos.model.rowCount() == 0


def test_another_persons_list_is_never_seen(listed: World) -> None:
    listed.people.arriving = person(2)
    listed.api.items = []
    choose(listed, "Use another account…")
    until(lambda: listed.people.called("access_token")[-1] == ("account-2", False), "the other list")
    assert not [row for row in listed.todos.model.rows() if row.saved is Saved.YES]


def test_the_claims_of_the_token_are_read_and_copied(listed: World) -> None:
    click(listed, "Identity")
    table = visible(listed, "ID token claims", QTableView)
    shown = {table.model().index(row, 0).data(): row for row in range(table.model().rowCount())}
    assert {"oid", "sub", "groups", "exp"} <= set(shown)
    table.selectRow(shown["groups"])
    click(listed, "Copy value")
    assert QGuiApplication.clipboard().text() == "readers\nwriters"
    click(listed, "Copy as JSON")
    assert '"groups": [\n' in QGuiApplication.clipboard().text()


def test_a_place_that_shows_nothing_yet_is_left_when_the_person_leaves(listed: World) -> None:
    click(listed, "Identity")
    listed.identity.sign_out()
    until(lambda: isinstance(listed.identity.session.account, SignedOut), "the sign-out")
    assert visible(listed, "Sign in", QPushButton)
    assert not visible(listed, "Identity", QToolButton).isEnabled()


# Text stays text.


def test_markup_is_shown_as_text_wherever_it_comes_from(world: Callable[..., World], tmp_path: Path) -> None:
    made = world(signed_in=person(name=MARKUP, city=MARKUP), items=(MARKUP,))
    window = made.show(tmp_path / "window.ini")
    made.start()
    until(lambda: made.todos.fetched_at is not None, "the list")
    for place in (TODOS, IDENTITY, SETTINGS):
        made.main.go(place)
        made.main.tell(Trouble(MARKUP, MARKUP, NextStep.NONE, MARKUP))
        assert said(made).count(MARKUP) >= 2
        for each in window.findChildren(QLabel):
            assert each.textFormat() is Qt.TextFormat.PlainText
        for widget in window.findChildren(QWidget):
            assert "<b>" not in widget.toolTip()
    table = next(each for each in window.findChildren(QTableView) if each.model().rowCount() > 1)
    values = [str(table.model().index(row, 1).data()) for row in range(table.model().rowCount())]
    assert MARKUP in values


def test_a_name_does_not_become_a_shortcut(world: Callable[..., World], tmp_path: Path) -> None:
    made = world(signed_in=person(name="R&D"))
    made.show(tmp_path / "window.ini")
    made.start()
    account = visible(made, "Account: R&D", QToolButton)
    assert account.shortcut().isEmpty()
    assert account.text() == "R&&D"
    until(lambda: made.todos.fetched_at is not None, "the list")


# Closing, and what is remembered.


def test_closing_with_something_unsaved_asks_once(listed: World) -> None:
    gate = listed.api.hold("add")
    listed.todos.add("Buy milk")
    window, closed = window_of(listed), []
    window.closed.connect(lambda: closed.append("closed"))
    assert not window.close()
    assert "Not everything is saved" in said(listed)
    assert not closed
    click(listed, "Close anyway")
    assert closed == ["closed"]
    gate.set()


def test_closing_once_everything_is_saved_asks_nothing(listed: World) -> None:
    listed.todos.add("Buy milk")
    until(lambda: not listed.todos.unsaved(), "the confirmation")
    assert window_of(listed).close()


def test_size_and_place_are_remembered(world: Callable[..., World], tmp_path: Path) -> None:
    first = world().show(tmp_path / "window.ini", size=(700, 500))
    first.move(QPoint(60, 60))
    assert first.close()
    again = world().show(tmp_path / "window.ini", size=None)
    assert (again.width(), again.height()) == (700, 500)
    assert again.pos() == QPoint(60, 60)


def test_a_newer_window_file_is_left_alone(world: Callable[..., World], tmp_path: Path) -> None:
    path = tmp_path / "window.ini"
    newer = QSettings(str(path), QSettings.Format.IniFormat)
    newer.setValue("version", 2)
    newer.setValue("geometry", QByteArray(b"of another kind"))
    newer.sync()
    before = path.read_bytes()
    window = world().show(path)
    assert window.close()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"\x00\xff garbage", b"version=one\n", b"[General]\nversion=1\ngeometry=nonsense\n"]
)
def test_a_damaged_window_file_harms_nobody(world: Callable[..., World], tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "window.ini"
    path.write_bytes(content)
    window = world().show(path)
    assert (window.width(), window.height()) == (960, 640)
    assert window.close()


# What nobody caught.


@pytest.fixture
def reports(tmp_path: Path) -> Iterator[Path]:
    """The folder for reports; the interpreter's hooks are put back after the test."""
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield tmp_path / "reports"
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


@pytest.mark.usefixtures("listed")
def test_an_error_on_a_thread_becomes_a_report_and_word_on_the_ui_thread(reports: Path) -> None:
    relay, told = Relay(), []
    relay.arrived.connect(lambda error: told.append((error, threading.current_thread())))
    CrashReports(reports, relay.send).install()

    def fail() -> None:
        raise AttributeError("nobody has this")

    thread = threading.Thread(target=fail, name="fails")
    thread.start()
    thread.join(5)
    until(lambda: told, "the word of it")
    assert isinstance(told[0][0], AttributeError)
    assert told[0][1] is threading.main_thread()
    assert "in fail" in next(reports.glob("report-*.txt")).read_text()


@pytest.mark.qt_no_exception_capture
def test_an_error_in_a_slot_becomes_a_report_and_leaves_the_window_usable(listed: World, reports: Path) -> None:
    told: list[BaseException] = []
    CrashReports(reports, told.append).install()

    def fail(_checked: bool) -> None:
        raise AttributeError("nobody has this")

    button = visible(listed, "Reload", QPushButton)
    button.clicked.connect(fail)
    click(listed, "Reload")
    assert [type(error) for error in told] == [AttributeError]
    assert list(reports.glob("report-*.txt"))
    until(lambda: not listed.todos.fetching, "the list, all the same")
    button.clicked.disconnect(fail)


def test_a_second_sign_in_attempt_is_shown_over_the_list_and_gives_it_back(listed: World, browser: FakeBrowser) -> None:
    from ciam_desktop.core.identity.state import Step

    browser.does = "stays"
    listed.identity.sign_in()
    attempt_at(listed, Step.WAITING)
    click(listed, "Cancel")
    until(lambda: listed.identity.session.attempt is None, "the end of the attempt")
    assert visible(listed, "To-dos", QTableView)
    assert listed.todos.model.rowCount() == 4


def test_the_setup_check_shows_what_it_finds_and_can_be_pressed_again(listed: World) -> None:
    listed.main.go(SETTINGS)
    for _again in range(2):
        click(listed, "Check this setup")
        until(lambda: "This computer's clock is 10 minutes slow." in " ".join(table_texts(listed)), "the findings")


def test_the_setup_can_be_checked_when_the_start_has_failed(world: Callable[..., World], tmp_path: Path) -> None:
    made = world()
    made.people.refuse("restore", VaultLocked("The keyring is locked."))
    made.show(tmp_path / "window.ini")
    made.identity.start()
    until(lambda: "The keyring is locked." in said(made), "the failure")
    made.main.go(SETTINGS)
    click(made, "Check this setup")
    until(lambda: "This computer's clock is 10 minutes slow." in " ".join(table_texts(made)), "the findings")


def table_texts(world: World) -> list[str]:
    """Every text of every table that is shown."""
    assert world.window is not None
    tables = [each.model() for each in world.window.findChildren(QTableView) if each.isVisible()]
    cells = [(model, row, column) for model in tables for row in range(model.rowCount()) for column in range(2)]
    return [str(model.index(row, column).data()) for model, row, column in cells]


def test_signing_out_with_something_unsaved_asks_once_and_then_does_it(listed: World) -> None:
    listed.api.refuse("add", NetworkError("Nobody answers.", host="todo.contoso.example"))
    listed.todos.add("Not lost unseen")
    until(lambda: listed.todos.model.rows()[-1].saved is Saved.NOT_YET, "the row that is not saved")
    choose(listed, "Sign out")
    assert not isinstance(listed.identity.session.account, SignedOut)
    assert any("signing out now loses it" in text for text in said(listed))
    click(listed, "Sign out anyway")
    until(lambda: isinstance(listed.identity.session.account, SignedOut), "the sign-out")


def test_an_account_that_another_window_signed_out_is_gone_here_too_and_no_browser_opens(
    listed: World, browser: FakeBrowser
) -> None:
    listed.people.refuse("access_token", SignedOutElsewhere("You were signed out in another window."))
    listed.todos.add("Too late")
    until(lambda: isinstance(listed.identity.session.account, SignedOut), "the end of the account")
    assert "You were signed out in another window." in said(listed)
    assert not browser.pages
    assert listed.identity.session.attempt is None
