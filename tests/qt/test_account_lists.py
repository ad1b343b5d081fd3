"""Several accounts, each with its own to-dos: what was typed stays with its account, whatever is in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ciam_desktop.core.errors import ApiForbidden, InteractionRequired
from ciam_desktop.core.identity.state import SignedIn
from tests.doubles.backend import person
from tests.qt.world import World, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.doubles.backend import FakeBrowser


@pytest.fixture
def lists(world: Callable[..., World]) -> World:
    """A world in which two accounts are signed in and the list of the first is there."""
    made = world(signed_in=(person(1), person(2)))
    made.start()
    made.todos.use(made.backend.value, "account-1", read_only=False)
    until(lambda: made.todos.fetched_at is not None, "the list")
    return made


def texts(world: World) -> list[str]:
    return [row.text for row in world.todos.model.rows()]


def use(world: World, account_id: str) -> None:
    """Switch as the window does."""
    world.identity.choose(account_id)
    world.todos.use(world.backend.value, account_id, read_only=False)
    until(lambda: not world.todos.fetching, "the list")


def test_unsaved_rows_stay_with_their_account(lists: World) -> None:
    lists.api.refuse("add", ApiForbidden("Not allowed (403)."))
    lists.todos.add("of the first")
    until(lambda: lists.troubles, "the refusal")
    shown: list[object] = []
    lists.todos.model_changed.connect(shown.append)
    use(lists, "account-2")
    assert shown == [lists.todos.model]
    assert texts(lists) == []
    assert (lists.todos.unsaved("account-1"), lists.todos.unsaved("account-2"), lists.todos.unsaved()) == (1, 0, 1)
    use(lists, "account-1")
    assert texts(lists) == ["of the first"]
    assert len(lists.api.called("add")) == 1, "switching sends nothing again"


def test_an_answer_for_another_account_lands_in_its_own_list(lists: World) -> None:
    gate = lists.api.hold("add")
    lists.todos.add("of the first")
    lists.identity.choose("account-2")
    lists.todos.use(lists.backend.value, "account-2", read_only=True)
    assert lists.todos.read_only
    gate.set()
    until(lambda: not lists.todos.unsaved(), "the confirmation")
    assert lists.todos.account_id == "account-2"
    until(lambda: not lists.todos.fetching, "the list")
    use(lists, "account-1")
    assert texts(lists) == ["of the first"]
    assert not lists.todos.read_only


def test_trouble_of_another_account_is_told_when_it_is_in_use(lists: World) -> None:
    gate = lists.api.hold("add")
    lists.api.refuse("add", ApiForbidden("Not allowed (403)."))
    lists.todos.add("of the first")
    lists.identity.choose("account-2")
    lists.todos.use(lists.backend.value, "account-2", read_only=False)
    gate.set()
    until(lambda: not lists.todos.fetching, "the other list")
    assert not lists.troubles
    use(lists, "account-1")
    assert [each.title for each in lists.troubles] == ["Not saved yet"]


def test_a_signed_out_account_leaves_nothing_in_the_window(lists: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    gate = lists.api.hold("add")
    lists.todos.add("of the first")
    lists.identity.sign_out()
    until(lambda: lists.identity.session.current == "account-2", "the sign-out")
    assert lists.todos.account_id == ""
    assert texts(lists) == []
    assert lists.todos.unsaved() == 0
    gate.set()
    use(lists, "account-2")
    assert not lists.troubles


def test_signing_in_resumes_everything_that_was_refused_and_each_once(lists: World) -> None:
    lists.api.refuse("add", ApiForbidden("Not allowed (403)."))
    lists.todos.add("first")
    until(lambda: lists.troubles, "the refusal")
    again = InteractionRequired("Sign in again.")
    lists.people.refuse("access_token", again, again, again)
    lists.todos.add("second")
    lists.todos.reload()
    until(lambda: lists.resumed, "the sign-in")
    until(lambda: not lists.todos.unsaved() and not lists.todos.fetching, "everything")
    assert sorted(texts(lists)) == ["first", "second"]
    assert sorted(todo.description for todo in lists.api.items) == ["first", "second"]
    assert isinstance(lists.identity.session.account, SignedIn)
