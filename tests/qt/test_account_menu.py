"""The account at the foot of the side: what the accounts are called, and what its menu offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from ciam_desktop.core.identity import state
from ciam_desktop.qt.style import Style
from ciam_desktop.qt.views.account_menu import AccountMenu
from ciam_desktop.qt.views.account_names import called
from tests.doubles.backend import person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ciam_desktop.core.identity.person import Person

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

WAYS = ["Use another account…", "Create an account…", "Sign in again…", "Sign in on another device…", "Sign out"]


def session(*people: Person, current: int = 1, attempt: bool = False, **others: state.AccountState) -> state.Session:
    accounts: dict[str, state.AccountState] = {each.account_id: state.SignedIn(each) for each in people}
    accounts |= {each.person.account_id: each for each in others.values()}
    under_way = state.SignInAttempt(0, 900) if attempt else None
    return state.Session(accounts, f"account-{current}", restoring=False, attempt=under_way)


@pytest.fixture
def menu(application: QApplication) -> Iterator[AccountMenu]:
    """The button and its menu, at the top of a screen."""
    window = QWidget()
    made = AccountMenu(Style(application), window, window)
    made.button.setParent(window)
    window.show()
    yield made
    window.close()
    window.deleteLater()


def entries(menu: AccountMenu) -> list[QAction]:
    """What the menu offers after a press of the button."""
    menu.button.click()
    return [each for each in menu._menu.actions() if not each.isSeparator()]


def names(menu: AccountMenu) -> list[str]:
    return [each.text() for each in entries(menu)]


# Names.


def test_a_name_stands_alone_where_it_tells_people_apart() -> None:
    found = called([person(1, name="Ann"), person(2, name="Ben")])
    assert [each.short for each in found.values()] == ["Ann", "Ben"]
    assert [each.address for each in found.values()] == ["user1@contoso.example", "user2@contoso.example"]
    assert [each.mark for each in found.values()] == ["", ""]


def test_an_address_that_is_the_name_is_not_said_twice() -> None:
    assert [each.address for each in called([person(1)]).values()] == [""]


def test_two_of_the_same_name_are_told_apart_by_their_addresses() -> None:
    found = called([person(1, name="Ann"), person(2, name="Ann")])
    assert [each.short for each in found.values()] == ["user1@contoso.example", "user2@contoso.example"]


@pytest.mark.parametrize("address", ["", "ann@contoso.example"])
@pytest.mark.parametrize(
    ("claims", "marks"),
    [
        ([{"tid": "11111111-2222"}, {"tid": "99999999-2222"}], ["11111111", "99999999"]),
        ([{"tid": "t"}, {"tid": "t"}], ["subject-1", "subject-2"]),
        ([{"sub": "same"}, {"sub": "same"}], ["account-1", "account-2"]),
    ],
    ids=["tenant", "subject", "account"],
)
def test_two_of_the_same_name_and_address_are_told_apart_by_what_they_are(
    address: str, claims: list[dict[str, Any]], marks: list[str]
) -> None:
    people = [
        person(number, name="Ann", preferred_username=address, **each) for number, each in enumerate(claims, start=1)
    ]
    found = list(called(people).values())
    assert [each.mark for each in found] == marks
    assert [each.short for each in found] == [f"Ann · {mark}" for mark in marks]


# The button.


def test_nobody_signed_in_shows_no_button(menu: AccountMenu) -> None:
    menu.render_session(state.Session(restoring=False))
    assert not menu.button.isVisible()


@pytest.mark.parametrize("leaving", [False, True])
def test_while_somebody_signs_in_or_out_there_is_nothing_to_choose(menu: AccountMenu, leaving: bool) -> None:
    one, two = person(1), person(2)
    menu.render_session(session(one, two))
    menu.button.click()
    assert menu._menu.isVisible()
    changed = session(one, two=state.SigningOut(two, state.SignedIn(two))) if leaving else session(one, attempt=True)
    menu.render_session(changed)
    assert not menu.button.isEnabled()
    assert not menu._menu.isVisible()


# The menu.


def test_one_account_is_offered_every_way_and_one_sign_out(menu: AccountMenu) -> None:
    menu.render_session(session(person(1, name="Ann")))
    assert names(menu) == ["Ann · user1@contoso.example", *WAYS]


def test_several_accounts_say_how_they_are_and_can_all_be_left(menu: AccountMenu) -> None:
    again, offline = person(2, name="R&D"), person(3)
    made = session(
        person(1),
        again=state.NeedsInteraction(again, state.Reload(), "Sign in again."),
        offline=state.Offline(offline, 946_728_000.0),
    )
    menu.render_session(made)
    first, second, third, *rest = entries(menu)
    assert first.text() == "user1@contoso.example"
    assert second.text() == "R&&D · user2@contoso.example · must sign in again"
    assert third.text().startswith("user3@contoso.example · offline since 2000-01-01 ")
    assert [each.isChecked() for each in (first, second, third)] == [True, False, False]
    assert [each.text() for each in rest] == [*WAYS, "Sign out of all accounts"]


def test_the_account_in_use_can_be_chosen_again_and_stays_checked(menu: AccountMenu) -> None:
    chosen: list[str] = []
    menu.chosen.connect(chosen.append)
    menu.render_session(session(person(1), person(2)))
    first, second, *_rest = entries(menu)
    first.trigger()
    assert first.isChecked()
    assert not chosen
    second.trigger()
    assert chosen == ["account-2"]


def test_each_entry_asks_for_what_it_says(menu: AccountMenu) -> None:
    asked: list[str] = []
    wanted: dict[str, Callable[[Callable[[], None]], object]] = {
        "Use another account…": menu.another_wanted.connect,
        "Create an account…": menu.sign_up_wanted.connect,
        "Sign in again…": menu.again_wanted.connect,
        "Sign in on another device…": menu.elsewhere_wanted.connect,
        "Sign out": menu.sign_out_wanted.connect,
        "Sign out of all accounts": menu.sign_out_all_wanted.connect,
    }
    for words, connect in wanted.items():
        connect(lambda words=words: asked.append(words))  # type: ignore[misc] # each its own
    menu.render_session(session(person(1), person(2)))
    for words in wanted:
        next(each for each in entries(menu) if each.text() == words).trigger()
        assert not menu._menu.isVisible()
    assert asked == list(wanted)


def test_the_menu_is_made_anew_whenever_it_opens(menu: AccountMenu) -> None:
    menu.render_session(session(person(1), person(2)))
    assert len(names(menu)) == 8
    menu._menu.close()
    menu.render_session(session(person(1)))
    assert len(names(menu)) == 6


def test_more_accounts_than_the_screen_is_high_can_all_be_reached_by_keys(menu: AccountMenu) -> None:
    people = [person(number) for number in range(1, 61)]
    menu.render_session(session(*people))
    found = entries(menu)
    shown = menu._menu
    assert shown.height() <= shown.screen().availableGeometry().height()
    for number in (0, 30, 59, len(found) - 1):
        shown.setActiveAction(found[number])
        QTest.qWait(1)
        assert shown.rect().contains(shown.actionGeometry(found[number]).center())


def test_a_very_long_name_makes_no_menu_wider_than_a_small_screen(menu: AccountMenu) -> None:
    menu.render_session(session(person(1, name="Ann " * 80, preferred_username=f"{'a' * 200}@contoso.example")))
    assert entries(menu)[0].text().startswith("Ann Ann")
    assert menu._menu.sizeHint().width() <= 640
