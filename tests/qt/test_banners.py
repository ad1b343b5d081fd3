"""Trouble as the window tells it: what a banner says, what its button does, and when it goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QLineEdit

from ciam_desktop.core.errors import ApiForbidden, NetworkError, SignInError
from ciam_desktop.core.identity.state import AddTodo, NeedsInteraction, SignedIn
from ciam_desktop.core.trouble import NextStep, Trouble
from tests.doubles.backend import TENANT, person
from tests.qt.hands import click, said, visible
from tests.qt.world import World, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.doubles.backend import FakeBrowser

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")  # the offscreen platform, on raising windows


@pytest.mark.parametrize("step", [each for each in NextStep if each is not NextStep.NONE])
def test_every_next_step_has_a_button_with_words(listed: World, step: NextStep) -> None:
    listed.main.tell(Trouble("Refused", "It said no.", step))
    assert listed.main._banner._button.isVisible()
    assert listed.main._banner._button.text()


def test_signing_in_by_the_banner(listed: World, browser: FakeBrowser) -> None:
    listed.main.tell(Trouble("Not signed in", "It has expired.", NextStep.SIGN_IN))
    click(listed, "Sign in")
    until(lambda: browser.opened, "the browser")
    until(lambda: listed.people.called("complete"), "the sign-in")


def test_a_sign_in_for_reading_only_by_the_banner(out: World) -> None:
    out.people.refuse("complete", SignInError("Not granted.", error="consent_required", code="65001"))
    out.people.arriving = person(scopes=frozenset({TENANT.read_scope}))
    click(out, "Sign in")
    until(lambda: "Not granted." in said(out), "the banner")
    click(out, "Sign in for reading only")
    until(lambda: isinstance(out.identity.session.account, SignedIn), "the sign-in")
    assert out.people.called("begin")[-1][0] == (TENANT.read_scope,)
    edit = visible(out, "Add a to-do", QLineEdit)
    assert not edit.isEnabled()
    until(lambda: out.todos.fetched_at is not None, "the list")


def test_trying_again_by_the_banner_saves_what_was_not_and_takes_the_banner_away(listed: World) -> None:
    listed.api.refuse("add", NetworkError("No answer.", host="todo.contoso.example"))
    listed.todos.add("Buy milk")
    until(lambda: "Not saved yet" in said(listed), "the banner")
    click(listed, "Try again")
    until(lambda: not listed.todos.unsaved(), "the confirmation")
    assert "Not saved yet" not in said(listed)


def test_opening_the_settings_by_the_banner(listed: World) -> None:
    listed.main.tell(Trouble("A setting", "It is wrong.", NextStep.OPEN_SETTINGS))
    click(listed, "Open settings")
    assert any(text.startswith("AUTHORITY") for text in said(listed))


def test_details_are_folded_until_asked_for_and_the_banner_can_be_dismissed(listed: World) -> None:
    listed.main.tell(Trouble("Refused", "It said no.", NextStep.NONE, "Code: AADSTS65004"))
    assert "Code: AADSTS65004" not in said(listed)
    click(listed, "Details")
    assert "Code: AADSTS65004" in said(listed)
    click(listed, "Dismiss")
    assert "Refused" not in said(listed)


def test_a_failed_start_can_be_tried_again_even_twice_at_once(world: Callable[..., World], tmp_path: Path) -> None:
    made = world()
    connect, tries = made.connect, []

    def failing() -> object:
        tries.append("try")
        if len(tries) == 1:
            raise NetworkError("No answer.", host="login.contoso.example")
        return connect()

    made.connect = failing  # type: ignore[assignment] # it returns what connect does
    made.show(tmp_path / "window.ini")
    made.identity.start()
    until(lambda: "Not ready" in said(made), "the banner")
    click(made, "Try again")
    made.identity.start()
    click(made, "Sign in")
    until(lambda: isinstance(made.identity.session.account, SignedIn), "the sign-in")
    assert len(tries) == 2


def test_what_waited_for_a_sign_in_is_shown_as_waiting_and_done_after_it(listed: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    listed.api.refuse("add", ApiForbidden("Not allowed (403)."))
    listed.todos.add("Buy milk")
    until(lambda: listed.troubles, "the trouble")
    key = listed.todos.model.rows()[-1].key
    listed.identity.interaction_wanted("account-1", AddTodo(key, "Buy milk"), SignInError("Sign in again."))
    until(lambda: browser.opened, "the browser")
    assert isinstance(listed.identity.session.account, NeedsInteraction)
    browser.return_late(browser.opened[0])
    until(lambda: not listed.todos.unsaved(), "the confirmation")
    assert [row.text for row in listed.todos.model.rows()].count("Buy milk") == 1


def test_what_is_merely_worth_knowing_waits_until_what_is_wrong_was_read(listed: World) -> None:
    listed.main.tell(Trouble("These settings cannot be used", "CLIENT_ID is missing."))
    listed.main.tell(Trouble("This computer cannot keep your sign-in", "It has no keyring.", calm=True))
    assert "These settings cannot be used" in said(listed)
    click(listed, "Dismiss")
    assert "This computer cannot keep your sign-in" in said(listed)
    listed.main.tell(Trouble("Not signed in", "You declined."))
    assert "Not signed in" in said(listed)
    click(listed, "Dismiss")
    assert "This computer cannot keep your sign-in" in said(listed)
    click(listed, "Dismiss")
    assert "This computer cannot keep your sign-in" not in said(listed)


def test_a_cancelled_sign_in_is_told_once_and_no_longer_than_until_the_next(out: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    for _each in range(2):
        click(out, "Sign in")
        until(lambda: out.identity.session.attempt, "the attempt")
        assert "Sign-in cancelled" not in said(out)
        click(out, "Cancel")
        until(lambda: "Sign-in cancelled" in said(out), "the note")
    click(out, "Dismiss")
    assert "Sign-in cancelled" not in said(out)


def test_the_same_note_does_not_wait_twice(listed: World) -> None:
    for _each in range(2):
        listed.main.tell(Trouble("Worth knowing", "It is so.", calm=True))
    click(listed, "Dismiss")
    assert "Worth knowing" not in said(listed)
