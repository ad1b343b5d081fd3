"""The to-dos as the window drives them: nothing typed is lost, whatever the service or the provider answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ciam_desktop.core.errors import (
    ApiBadAnswer,
    ApiForbidden,
    ApiUnauthorized,
    InteractionRequired,
    NetworkError,
)
from ciam_desktop.core.identity.state import (
    AccountState,
    AddTodo,
    Offline,
    PendingAction,
    Reload,
    Restoring,
    SignedIn,
    SignedOut,
)
from ciam_desktop.core.trouble import NextStep
from ciam_desktop.qt.models.todo_model import Saved
from tests.doubles.backend import person
from tests.qt.world import World, until

if TYPE_CHECKING:
    from collections.abc import Callable

CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'


@pytest.fixture
def signed_in(world: Callable[..., World]) -> World:
    """A world in which one account is signed in and its two to-dos are there."""
    made = world(signed_in=person(), items=("old one", "old two"))
    made.start()
    made.todos.use(made.backend.value, "account-1", read_only=False)
    until(lambda: made.todos.fetched_at is not None, "the list")
    return made


def account(world: World) -> type[AccountState | Restoring | SignedOut]:
    return type(world.identity.session.account)


def texts(world: World) -> list[tuple[str, Saved]]:
    return [(row.text, row.saved) for row in world.todos.model.rows()]


OLD = [("old one", Saved.YES), ("old two", Saved.YES)]


def test_what_is_added_shows_at_once_and_is_confirmed_later(signed_in: World) -> None:
    gate = signed_in.api.hold("add")
    signed_in.todos.add("  new  ")
    assert texts(signed_in) == [*OLD, ("new", Saved.WAITING)]
    assert signed_in.todos.unsaved() == 1
    gate.set()
    until(lambda: not signed_in.todos.unsaved(), "the confirmation")
    assert texts(signed_in) == [*OLD, ("new", Saved.YES)]
    assert signed_in.api.called("add") == [("token-2", "new")]


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_nothing_is_not_added(signed_in: World, text: str) -> None:
    signed_in.todos.add(text)
    assert texts(signed_in) == OLD


@pytest.mark.parametrize(
    "error",
    [
        NetworkError("No answer.", host="todo.contoso.example"),
        ApiBadAnswer("Not a list."),
        ApiForbidden("Not allowed (403)."),
    ],
)
def test_a_failure_keeps_the_row_and_is_told(signed_in: World, error: Exception) -> None:
    signed_in.api.refuse("add", error)
    signed_in.todos.add("new")
    until(lambda: signed_in.troubles, "the trouble")
    assert texts(signed_in) == [*OLD, ("new", Saved.NOT_YET)]
    assert signed_in.troubles[0].title == "Not saved yet"


@pytest.mark.expects_log("unexpected")
def test_a_failure_that_nobody_foresaw_keeps_the_row_and_is_told_too(signed_in: World) -> None:
    signed_in.api.refuse("add", ZeroDivisionError("a bug"))
    signed_in.todos.add("new")
    until(lambda: signed_in.troubles, "the trouble")
    assert texts(signed_in) == [*OLD, ("new", Saved.NOT_YET)]
    assert signed_in.troubles[0].details == "ZeroDivisionError"


def test_reloading_sends_again_what_was_not_saved_and_merges_both(signed_in: World) -> None:
    settled: list[str] = []
    signed_in.todos.settled.connect(lambda: settled.append("settled"))
    signed_in.api.refuse("add", NetworkError("No answer.", host="todo.contoso.example"))
    signed_in.todos.add("new")
    until(lambda: signed_in.troubles, "the trouble")
    assert account(signed_in) is Offline
    signed_in.todos.reload()
    until(lambda: not signed_in.todos.unsaved() and not signed_in.todos.fetching, "everything saved")
    assert texts(signed_in) == [*OLD, ("new", Saved.YES)]
    assert settled
    assert account(signed_in) is SignedIn


def test_a_failed_reload_keeps_the_list(signed_in: World) -> None:
    signed_in.api.refuse("fetch", NetworkError("No answer.", host="todo.contoso.example"))
    signed_in.todos.reload()
    until(lambda: signed_in.troubles, "the trouble")
    assert texts(signed_in) == OLD
    assert not signed_in.todos.fetching
    assert signed_in.troubles[0].step is NextStep.TRY_AGAIN


def test_after_a_401_one_fresh_token_and_one_more_try(signed_in: World) -> None:
    signed_in.api.refuse("add", ApiUnauthorized("Not accepted (401)."))
    signed_in.todos.add("new")
    until(lambda: not signed_in.todos.unsaved(), "the confirmation")
    assert signed_in.people.called("access_token")[1:] == [("account-1", False), ("account-1", True)]
    assert signed_in.api.called("add") == [("token-2", "new"), ("token-3", "new")]
    assert not signed_in.troubles


def test_a_second_401_is_told_and_not_tried_again(signed_in: World) -> None:
    signed_in.api.refuse("add", ApiUnauthorized("Not accepted (401)."), ApiUnauthorized("Not accepted (401)."))
    signed_in.todos.add("new")
    until(lambda: signed_in.troubles, "the trouble")
    assert len(signed_in.api.called("add")) == 2
    assert signed_in.troubles[0].step is NextStep.SIGN_IN
    assert texts(signed_in)[-1] == ("new", Saved.NOT_YET)


def test_a_claims_challenge_wants_the_person_and_what_waited_is_done_once(signed_in: World) -> None:
    signed_in.api.refuse("add", ApiUnauthorized("More proof is wanted.", claims=CLAIMS))
    signed_in.todos.add("new")
    until(lambda: signed_in.resumed, "the sign-in")
    until(lambda: not signed_in.todos.unsaved(), "the confirmation")
    assert isinstance(signed_in.resumed[0][1], AddTodo)
    assert signed_in.people.called("begin")[0][1] == {
        "login_hint": "user1@contoso.example",
        "prompt": "",
        "claims": CLAIMS,
        "domain_hint": "",
    }
    assert len(signed_in.api.called("add")) == 2
    assert [todo.description for todo in signed_in.api.items].count("new") == 1
    assert not signed_in.troubles


def test_a_second_challenge_is_told_and_opens_no_second_sign_in(signed_in: World) -> None:
    again = ApiUnauthorized("More proof is wanted.", claims=CLAIMS)
    signed_in.api.refuse("add", again, again)
    signed_in.todos.add("new")
    until(lambda: signed_in.troubles, "the trouble")
    assert len(signed_in.people.called("begin")) == 1
    assert signed_in.troubles[0].step is NextStep.SIGN_IN
    assert texts(signed_in)[-1] == ("new", Saved.NOT_YET)


def test_an_account_switch_drops_what_lands_late(signed_in: World) -> None:
    adding = signed_in.api.hold("add")
    signed_in.todos.add("theirs")
    signed_in.todos.reload()
    signed_in.todos.use(signed_in.backend.value, "account-2", read_only=False)
    assert texts(signed_in) == []
    signed_in.api.items = []
    adding.set()
    until(lambda: signed_in.todos.fetched_at is not None, "the other list")
    until(lambda: len(signed_in.api.called("fetch")) == 3, "the other list")
    assert signed_in.people.called("access_token")[-1] == ("account-2", False)
    assert all(row.saved is Saved.YES for row in signed_in.todos.model.rows())


def test_an_account_switch_drops_late_errors(signed_in: World) -> None:
    wanted: list[PendingAction] = []
    signed_in.todos.interaction_wanted.connect(lambda _account_id, action, _error, _again: wanted.append(action))
    fetching = signed_in.api.hold("fetch")
    signed_in.api.refuse("fetch", InteractionRequired("Sign in again."))
    signed_in.todos.reload()
    signed_in.todos.forget({"account-1"})
    fetching.set()
    until(lambda: len(signed_in.api.called("fetch")) == 2, "the late error")
    done: list[str] = []
    signed_in.sync_lane.submit(int).finished.connect(lambda: done.append("done"))
    until(lambda: done, "everything before it")
    assert not wanted
    assert not signed_in.troubles


def test_nothing_is_asked_of_the_service_while_nobody_is_signed_in(world: Callable[..., World]) -> None:
    made = world()
    made.todos.reload()
    made.todos.add("too early")
    assert made.todos.model.rowCount() == 0
    assert not made.api.calls


def test_a_sign_in_for_reading_only_is_known_as_such(world: Callable[..., World]) -> None:
    made = world()
    made.start()
    made.todos.use(made.backend.value, "account-1", read_only=True)
    assert made.todos.read_only
    until(lambda: made.todos.fetched_at is not None, "the list")


def test_a_token_that_needs_the_person_while_fetching_reloads_after_the_sign_in(signed_in: World) -> None:
    signed_in.people.refuse("access_token", InteractionRequired("Your sign-in has expired."))
    signed_in.api.items.pop()
    signed_in.todos.reload()
    until(lambda: signed_in.resumed == [("account-1", Reload())], "the sign-in")
    until(lambda: texts(signed_in) == OLD[:1], "the list")


def test_each_service_is_used_on_its_own_lane_alone(signed_in: World) -> None:
    signed_in.todos.add("new")
    until(lambda: not signed_in.todos.unsaved(), "the confirmation")
    assert signed_in.people.threads == {"lane-identity"}
    assert signed_in.api.threads == {"lane-sync"}
