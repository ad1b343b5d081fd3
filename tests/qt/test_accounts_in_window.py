"""Several accounts in one window, every way in, and what is said while one of them cannot go on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QTableView, QToolButton

from ciam_desktop.core.errors import InteractionRequired, NetworkError, SignInError, SignInTimedOut
from ciam_desktop.core.identity.state import (
    DeadlineMoved,
    HttpsForced,
    Offline,
    Reload,
    SignedIn,
    SignedOut,
    Step,
)
from ciam_desktop.core.todos.todo import Todo
from ciam_desktop.core.trouble import NextStep, Trouble
from ciam_desktop.qt.models.todo_model import Saved
from ciam_desktop.qt.views.frame import IDENTITY, SETTINGS, TODOS
from tests.doubles.backend import device_code, person
from tests.qt.hands import choose, click, focused, press, said, visible, window_of
from tests.qt.states import attempt_at, opened_menu
from tests.qt.world import World, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.doubles.backend import FakeBrowser

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")  # the offscreen platform, on raising windows

ANN, BEN = person(1, name="Ann", city="Aachen"), person(2, name="Ben", city="Bonn")


@pytest.fixture
def two(world: Callable[..., World], tmp_path: Path) -> World:
    """A world whose window shows the to-dos of Ann, while Ben is signed in too."""
    made = world(signed_in=(ANN, BEN), items=("Water the plants",))
    made.show(tmp_path / "window.ini")
    made.start()
    until(lambda: made.todos.fetched_at is not None, "the list")
    return made


def use(world: World, wanted: str) -> None:
    """Choose another account and wait for its list."""
    choose(world, wanted)
    until(lambda: world.todos.fetched_at is not None and not world.todos.fetching, "the list")


def shown(world: World, table: str) -> dict[str, str]:
    """The first two columns of a table."""
    model = visible(world, table, QTableView).model()
    return {str(model.index(row, 0).data()): str(model.index(row, 1).data()) for row in range(model.rowCount())}


TO_BEN = "Ben · user2@contoso.example"
TO_ANN = "Ann · user1@contoso.example"


# Several accounts.


def test_another_account_brings_its_list_its_claims_and_its_name(two: World) -> None:
    assert window_of(two).windowTitle() == "Ann — CIAM Desktop"
    assert shown(two, "To-dos") == {"Water the plants": ""}
    click(two, "Identity")
    assert shown(two, "ID token claims")["city"] == "Aachen"
    two.api.items = [Todo("9", "Buy bread")]
    use(two, TO_BEN)
    assert window_of(two).windowTitle() == "Ben — CIAM Desktop"
    assert visible(two, "Account: Ben", QToolButton)
    assert shown(two, "ID token claims")["city"] == "Bonn"
    click(two, "To-dos")
    assert shown(two, "To-dos") == {"Buy bread": ""}


def test_one_account_alone_leaves_the_title_as_it_is(two: World) -> None:
    choose(two, "Sign out")
    until(lambda: len(two.identity.session.accounts) == 1, "the sign-out")
    assert window_of(two).windowTitle() == "CIAM Desktop"
    assert visible(two, "Account: Ben", QToolButton)


def test_filters_are_cleared_and_what_was_being_typed_waits_for_its_own_account(two: World) -> None:
    QTest.keyClicks(visible(two, "Filter", QLineEdit), "nothing has this")
    QTest.keyClicks(visible(two, "Add a to-do", QLineEdit), "Ann's thought")
    click(two, "Identity")
    QTest.keyClicks(visible(two, "Filter claims", QLineEdit), "city")
    use(two, TO_BEN)
    assert visible(two, "Filter claims", QLineEdit).text() == ""
    click(two, "To-dos")
    assert visible(two, "Filter", QLineEdit).text() == ""
    assert visible(two, "Add a to-do", QLineEdit).text() == ""
    until(lambda: window_of(two).isActiveWindow() and focused() == "Add a to-do", "the place to type")
    QTest.keyClicks(visible(two, "Add a to-do", QLineEdit), "Ben's thought")
    use(two, TO_ANN)
    assert visible(two, "Add a to-do", QLineEdit).text() == "Ann's thought"
    use(two, TO_BEN)
    assert visible(two, "Add a to-do", QLineEdit).text() == "Ben's thought"


def test_a_banner_about_one_account_does_not_stay_over_the_other(two: World) -> None:
    two.main.tell(Trouble("Ann's trouble", "It is hers.", NextStep.TRY_AGAIN))
    two.api.hold("fetch")  # which would resolve it later
    choose(two, TO_BEN)
    assert "Ann's trouble" not in said(two)


def test_accounts_are_switched_by_keys_alone(two: World) -> None:
    visible(two, "Account: Ann", QToolButton).setFocus()
    press(two, Qt.Key.Key_Space)
    menu = next(each for each in window_of(two).findChildren(type(opened_menu(two))) if each.isVisible())
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Return):
        QTest.keyClick(menu, key)
    until(lambda: two.identity.session.current == BEN.account_id, "the other account")


def test_signing_out_of_all_leaves_nobody(two: World) -> None:
    choose(two, "Sign out of all accounts")
    until(lambda: isinstance(two.identity.session.account, SignedOut), "the sign-out")
    assert two.people.called("sign_out") == [("account-1", "account-2")]
    assert visible(two, "Sign in", QPushButton)


def test_what_is_unsaved_for_another_account_is_asked_about_only_where_it_would_be_lost(two: World) -> None:
    two.api.refuse("add", NetworkError("No answer.", host="todo.contoso.example"))
    two.todos.add("Not lost unseen")
    until(lambda: two.todos.model.rows()[-1].saved is Saved.NOT_YET, "the row that is not saved")
    use(two, TO_BEN)
    two.api.hold("add")
    choose(two, "Sign out of all accounts")
    assert "Not everything is saved" in said(two)
    assert len(two.identity.session.accounts) == 2
    choose(two, "Sign out")
    until(lambda: len(two.identity.session.accounts) == 1, "the sign-out")
    assert two.people.called("sign_out") == [("account-2",)]


def test_signing_out_of_all_with_something_unsaved_asks_once_and_then_does_it(two: World) -> None:
    two.api.refuse("add", NetworkError("No answer.", host="todo.contoso.example"))
    two.todos.add("Lost in the end")
    until(lambda: two.todos.model.rows()[-1].saved is Saved.NOT_YET, "the row that is not saved")
    choose(two, "Sign out of all accounts")
    click(two, "Sign out anyway")
    until(lambda: isinstance(two.identity.session.account, SignedOut), "the sign-out")


@pytest.mark.parametrize(
    ("entry", "prompt", "hint"),
    [
        ("Use another account…", "select_account", ""),
        ("Create an account…", "create", ""),
        ("Sign in again…", "login", "user1@contoso.example"),
    ],
)
def test_each_way_in_asks_the_provider_for_what_it_says(two: World, entry: str, prompt: str, hint: str) -> None:
    two.people.arriving = ANN
    choose(two, entry)
    until(lambda: two.people.called("complete"), "the sign-in")
    until(lambda: two.identity.session.attempt is None, "its end")
    asked = two.people.called("begin")[0][1]
    assert (asked["prompt"], asked["login_hint"]) == (prompt, hint)


def test_while_an_account_is_left_the_window_says_so(two: World) -> None:
    gate = two.people.hold("sign_out")
    choose(two, "Sign out")
    until(lambda: "Signing out" in said(two), "the word of it")
    assert not visible(two, "Account: Ann", QToolButton).isEnabled()
    gate.set()
    until(lambda: two.identity.session.current == BEN.account_id, "the other account")
    assert visible(two, "Account: Ben", QToolButton).isEnabled()
    assert "Signing out" not in said(two)


def test_switching_and_the_networks_return_are_announced(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("ciam_desktop.qt.views.main_window.announce", lambda _widget, words: told.append(words))
    use(two, TO_BEN)
    assert told == ["Account: Ben"]
    two.api.refuse("fetch", NetworkError("No answer.", host="todo.contoso.example"))
    click(two, "Reload")
    until(lambda: isinstance(two.identity.session.account, Offline), "the loss")
    two.network.back.emit()
    until(lambda: isinstance(two.identity.session.account, SignedIn), "the network")
    assert told == ["Account: Ben", "Online again"]


# On another device.


def test_a_person_signs_in_on_another_device(out: World) -> None:
    out.people.code = device_code(interval=60)
    out.people.hold("begin_device")
    click(out, "Sign in on another device")
    until(lambda: "Asking for a code" in said(out), "the page")
    until(lambda: focused() == "Cancel", "the way back under the hand")
    out.people.code = device_code(interval=0.05)
    gate = out.people.hold("poll_device")
    out.people.let_go()
    gate.clear()
    until(lambda: "ABCD-EFGH" in said(out), "the code")
    assert focused() == "Copy code"
    press(out, Qt.Key.Key_Space)
    assert QGuiApplication.clipboard().text() == "ABCD-EFGH"
    gate.set()
    until(lambda: isinstance(out.identity.session.account, SignedIn), "the sign-in")
    until(lambda: focused() == "Add a to-do", "the place to type")
    assert not any(each.text() == "ABCD-EFGH" for each in window_of(out).findChildren(QLabel)), "it is of no more use"


def test_leaving_the_code_gives_the_card_back(out: World) -> None:
    out.people.code = device_code(interval=60)
    click(out, "Sign in on another device")
    until(lambda: "ABCD-EFGH" in said(out), "the code")
    click(out, "Cancel")
    until(lambda: out.identity.session.attempt is None, "the end of the attempt")
    assert visible(out, "Sign in", QPushButton)


def test_another_device_from_the_menu_is_for_another_account(two: World) -> None:
    two.people.arriving = person(3)
    choose(two, "Sign in on another device…")
    until(lambda: len(two.identity.session.accounts) == 3, "the sign-in")
    assert two.identity.session.current == "account-3"


def test_no_browser_here_for_the_address_of_the_code_is_told(out: World, browser: FakeBrowser) -> None:
    out.people.code = device_code(interval=60)
    click(out, "Sign in on another device")
    until(lambda: "ABCD-EFGH" in said(out), "the code")
    browser.does = "stays"
    click(out, "Open it here")
    until(lambda: browser.opened == [out.people.code.address], "the browser")
    browser.does = "is missing"
    click(out, "Open it here")
    until(lambda: "No browser opened" in said(out), "the note")
    assert "ABCD-EFGH" in said(out)


def test_without_a_browser_another_device_takes_the_attempt_over(out: World, browser: FakeBrowser) -> None:
    browser.does = "is missing"
    out.people.code = device_code(interval=60)
    click(out, "Sign in")
    until(lambda: "No browser opened. Copy the link and open it yourself." in said(out), "the complaint")
    click(out, "Sign in on another device")
    until(lambda: "ABCD-EFGH" in said(out), "the code")
    assert "Sign-in cancelled" not in said(out)


# While the browser is waited for.


def waiting(world: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    click(world, "Sign in")
    attempt_at(world, Step.WAITING)


def test_a_browser_that_insists_on_https_is_told_of_and_another_device_offered(
    out: World, browser: FakeBrowser
) -> None:
    waiting(out, browser)
    assert not any("insists on https" in text for text in said(out))
    out.identity._advance(HttpsForced())
    assert any("insists on https" in text for text in said(out))
    assert visible(out, "Sign in on another device", QPushButton)


def test_more_time_is_offered_when_little_is_left_and_given(out: World, browser: FakeBrowser) -> None:
    waiting(out, browser)
    attempt = out.identity.session.attempt
    assert attempt is not None
    names = {each.text() for each in window_of(out).findChildren(QPushButton) if each.isVisible()}
    assert "More time" not in names
    out.identity._advance(DeadlineMoved(attempt.started + 100))
    assert any(text.endswith("for another 1:39") for text in said(out))
    click(out, "More time")
    until(lambda: any("for another 29:5" in text for text in said(out)), "more time")
    assert not any(each.isVisible() for each in window_of(out).findChildren(QPushButton) if each.text() == "More time")
    assert focused() == "Cancel"


# When an account cannot go on.


def test_an_account_that_must_sign_in_again_says_so_on_every_page_and_does_it(two: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    two.identity.interaction_wanted("account-1", Reload(), InteractionRequired("Your password has expired."))
    attempt_at(two, Step.WAITING)
    assert "This account must sign in again" not in said(two)
    click(two, "Cancel")
    until(lambda: two.identity.session.attempt is None, "the end of the attempt")
    for place in (TODOS, IDENTITY, SETTINGS):
        two.main.go(place)
        assert {"This account must sign in again", "Your password has expired."} <= set(said(two))
    two.main.tell(Trouble("Please sign in again", "Your password has expired.", NextStep.SIGN_IN))
    assert "This account must sign in again" not in said(two), "one such button is enough"
    two.main._banner.dismiss()
    use(two, TO_BEN)
    assert "This account must sign in again" not in said(two)
    browser.does = "comes back"
    two.people.arriving = ANN
    use(two, f"{TO_ANN} · must sign in again")
    click(two, "Sign in")
    until(lambda: isinstance(two.identity.session.account, SignedIn), "the sign-in")
    assert "This account must sign in again" not in said(two)


def test_offline_says_since_when_and_of_when_what_is_shown_is(two: World) -> None:
    two.api.refuse("fetch", NetworkError("No answer.", host="todo.contoso.example"))
    click(two, "Reload")
    until(lambda: isinstance(two.identity.session.account, Offline), "the loss")
    assert any("Offline since" in text and "What you see is from" in text for text in said(two))
    click(two, "Identity")
    assert any("Offline since" in text and "when the network is back" in text for text in said(two))
    two.network.back.emit()
    until(lambda: isinstance(two.identity.session.account, SignedIn), "the network")
    assert not any("Offline since" in text for text in said(two))


def test_an_offline_start_shows_who_is_signed_in_and_that_the_list_comes_by_itself(
    world: Callable[..., World], tmp_path: Path
) -> None:
    made = world(signed_in=ANN)
    made.api.refuse("fetch", NetworkError("No answer.", host="todo.contoso.example"))
    made.show(tmp_path / "window.ini")
    made.start()
    until(lambda: isinstance(made.identity.session.account, Offline), "the loss")
    assert any(text.startswith("Your to-dos come by themselves") for text in said(made))
    assert any(text.startswith("Offline since") for text in said(made))
    click(made, "Identity")
    assert shown(made, "ID token claims")["city"] == "Aachen"
    made.network.back.emit()
    until(lambda: made.todos.fetched_at is not None, "the list")


# What a banner offers.


@pytest.mark.parametrize(
    ("step", "words", "prompt", "hint"),
    [
        (NextStep.USE_ANOTHER_ACCOUNT, "Use another account", "select_account", ""),
        (NextStep.RETRY_SIGN_IN, "Try again", "", "user1@contoso.example"),
        (NextStep.SIGN_IN, "Sign in", "", "user1@contoso.example"),
    ],
)
def test_a_sign_in_by_the_banner_is_the_one_it_names(
    two: World, step: NextStep, words: str, prompt: str, hint: str
) -> None:
    two.people.arriving = ANN
    two.main.tell(Trouble("Not signed in", "It was refused.", step))
    click(two, words)
    until(lambda: two.people.called("complete"), "the sign-in")
    until(lambda: two.identity.session.attempt is None, "its end")
    asked = two.people.called("begin")[0][1]
    assert (asked["prompt"], asked["login_hint"]) == (prompt, hint)


def test_trying_again_what_failed_asks_for_the_same_once_more(two: World) -> None:
    two.people.refuse("complete", SignInTimedOut("It took too long."))
    two.people.arriving = person(3)
    choose(two, "Create an account…")
    until(lambda: "It took too long." in said(two), "the banner")
    click(two, "Try again")
    until(lambda: len(two.identity.session.accounts) == 3, "the sign-in")
    assert [asked["prompt"] for _scopes, asked in two.people.called("begin")] == ["create", "create"]


def test_another_device_by_the_banner_is_for_whom_the_attempt_was(two: World) -> None:
    two.people.refuse("complete", SignInError("Refused."))
    two.identity.sign_in(another=True)
    until(lambda: two.troubles, "the refusal")
    two.main.tell(Trouble("No browser", "None opened.", NextStep.SIGN_IN_ELSEWHERE))
    two.people.code = device_code(interval=60)
    click(two, "Sign in on another device")
    attempt_at(two, Step.WAITING)
    attempt = two.identity.session.attempt
    assert attempt is not None
    assert attempt.account_id == ""


def test_checking_the_setup_by_the_banner_shows_what_it_finds(two: World) -> None:
    two.main.tell(Trouble("Not signed in", "A certificate.", NextStep.CHECK_SETUP))
    click(two, "Check this setup")
    until(lambda: any("10 minutes slow" in text for text in cells(two)), "the findings")


def cells(world: World) -> list[str]:
    """Every text of every visible table."""
    models = [each.model() for each in window_of(world).findChildren(QTableView) if each.isVisible()]
    places = [(model, row, column) for model in models for row in range(model.rowCount()) for column in (0, 1)]
    return [str(model.index(row, column).data()) for model, row, column in places]
