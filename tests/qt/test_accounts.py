"""Several accounts at once: switching, signing out of one or all, and who is asked for what when."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from ciam_desktop.core.errors import InteractionRequired, NetworkError, SignedOutElsewhere, VaultLocked
from ciam_desktop.core.identity.state import AddTodo, NeedsInteraction, Reload, SignedOut, SigningOut
from ciam_desktop.core.next_step import NextStep
from ciam_desktop.qt import farewell
from tests.doubles.backend import TENANT, person, settings
from tests.qt.world import World, until

if TYPE_CHECKING:
    from collections.abc import Callable, Sized

    from tests.doubles.backend import FakeBrowser

ONE, TWO, THREE = (person(number, login_hint=f"hint-{number}") for number in (1, 2, 3))
CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
AGAIN = InteractionRequired(
    "Sign in again.", error="interaction_required", code="50076", correlation_id="the-id", claims=CLAIMS
)
ADD = AddTodo("key-1", "new")


@pytest.fixture
def both(world: Callable[..., World]) -> World:
    """A world in which two accounts are signed in, the first in use."""
    made = world(signed_in=(ONE, TWO))
    made.start()
    return made


def accounts(world: World) -> dict[str, str]:
    return {name: type(each).__name__ for name, each in world.identity.session.accounts.items()}


def in_use(world: World) -> str:
    return world.identity.session.current


def has(things: Sized, number: int) -> bool:
    return len(things) == number


def ended(world: World) -> bool:
    return world.identity.session.attempt is None


def settled(world: World) -> None:
    """Wait until the identity lane has done everything so far, and its answers have come."""
    done: list[str] = []
    world.identity_lane.submit(int).finished.connect(lambda: done.append("done"))
    until(lambda: done, "everything before it")


def test_everybody_who_was_signed_in_still_is_and_the_same_account_is_in_use(world: Callable[..., World]) -> None:
    made = world(signed_in=(ONE, TWO))
    made.people.current = "account-2"
    made.start()
    assert accounts(made) == {"account-1": "SignedIn", "account-2": "SignedIn"}
    assert in_use(made) == "account-2"
    assert made.people.calls == [("restore",)]


def test_another_account_comes_into_use_and_is_so_at_the_next_start(both: World) -> None:
    both.identity.choose("account-2")
    assert in_use(both) == "account-2"
    until(lambda: both.people.current == "account-2", "the vault")
    assert not both.troubles


def test_an_account_that_is_in_use_already_is_not_chosen_again(both: World) -> None:
    both.identity.choose("account-1")
    settled(both)
    assert not both.people.called("choose")


def test_no_account_is_chosen_while_somebody_signs_in(both: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    both.identity.sign_in(another=True)
    both.identity.choose("account-2")
    assert in_use(both) == "account-1"


def test_a_choice_that_cannot_be_kept_holds_until_the_end(both: World) -> None:
    both.people.refuse("choose", VaultLocked("The keyring is locked."))
    both.identity.choose("account-2")
    settled(both)
    assert in_use(both) == "account-2"
    assert not both.troubles


# Another account.


def test_another_account_leaves_the_one_in_use_out_of_it(both: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    both.identity.interaction_wanted("account-1", ADD, AGAIN)
    until(lambda: browser.opened, "the browser")
    both.identity.cancel()
    until(lambda: ended(both), "the end of the attempt")
    both.people.arriving = THREE
    browser.does = "comes back"
    both.identity.sign_in(prompt="select_account", another=True)
    until(lambda: in_use(both) == "account-3", "the sign-in")
    told = both.people.called("begin")[-1][1]
    assert told == {"login_hint": "", "prompt": "select_account", "claims": "", "domain_hint": ""}
    assert accounts(both) == {"account-1": "NeedsInteraction", "account-2": "SignedIn", "account-3": "SignedIn"}
    assert not both.resumed


def test_the_hint_of_the_settings_reaches_the_provider(world: Callable[..., World]) -> None:
    made = world(of=settings(domain_hint="contoso.example"))
    made.start()
    made.identity.sign_in()
    until(lambda: in_use(made), "the sign-in")
    assert made.people.called("begin")[0][1]["domain_hint"] == "contoso.example"


def test_the_same_account_signs_in_again_with_its_hint(both: World) -> None:
    both.identity.sign_in(prompt="login")
    until(lambda: both.people.called("complete") and ended(both), "the sign-in")
    told = both.people.called("begin")[0][1]
    assert (told["prompt"], told["login_hint"]) == ("login", "user1@contoso.example")
    assert list(accounts(both)) == ["account-1", "account-2"]


def test_what_failed_is_tried_again_in_the_same_way(both: World) -> None:
    both.people.refuse("begin", NetworkError("No answer.", host="login.contoso.example"))
    both.people.arriving = THREE
    both.identity.sign_in(prompt="create", another=True)
    until(lambda: both.troubles, "the failure")
    both.identity.sign_in_again(read_only=True)
    until(lambda: in_use(both) == "account-3", "the sign-in")
    scopes, told = both.people.called("begin")[-1]
    assert scopes == (TENANT.read_scope,)
    assert (told["prompt"], told["login_hint"]) == ("create", "")


def test_without_a_failure_the_account_in_use_signs_in_again(both: World) -> None:
    both.identity.sign_in_again()
    until(lambda: both.people.called("complete") and ended(both), "the sign-in")
    assert both.people.called("begin")[0][1]["login_hint"] == "user1@contoso.example"


# Signing out.


def test_after_the_account_in_use_has_left_the_next_one_is_in_use(both: World, browser: FakeBrowser) -> None:
    both.identity.sign_out()
    assert isinstance(both.identity.session.account, SigningOut)
    until(lambda: accounts(both) == {"account-2": "SignedIn"}, "the sign-out")
    assert in_use(both) == "account-2"
    assert both.people.called("sign_out") == [("account-1",)]
    until(lambda: both.people.current == "account-2", "the vault")
    until(lambda: browser.pages, "the page")
    assert both.people.called("end_session_uri") == [("account-1", "hint-1")]


def test_an_account_that_is_not_in_use_can_leave_too(both: World) -> None:
    both.identity.sign_out("account-2")
    until(lambda: accounts(both) == {"account-1": "SignedIn"}, "the sign-out")
    assert in_use(both) == "account-1"


@pytest.mark.parametrize("nobody", ["account-9", ""])
def test_nobody_is_signed_out_who_is_not_there(world: Callable[..., World], nobody: str) -> None:
    made = world()
    made.start()
    made.identity.sign_out(nobody)
    made.identity.sign_out_all()
    settled(made)
    assert not made.people.called("sign_out")


def test_all_leave_in_one_step_and_the_browser_sees_one_page_at_a_time(
    world: Callable[..., World], browser: FakeBrowser
) -> None:
    made = world(signed_in=(ONE, TWO, THREE))
    made.start()
    browser.does = "stays"
    made.identity.sign_out_all()
    until(lambda: isinstance(made.identity.session.account, SignedOut), "the sign-out")
    assert made.people.called("sign_out") == [("account-1", "account-2", "account-3")]
    for number in (1, 2, 3):
        until(partial(has, browser.opened, number), "the next page")
        settled(made)
        assert len(browser.opened) == number, "one at a time"
        assert len(made.people.called("end_session_uri")) == number
        browser.return_late(browser.opened[-1])
        browser.does = "stays"
        until(partial(has, browser.pages, number), "the answer")
    told = [page.body.decode() for page in browser.pages if page]
    assert [f"user{number}@contoso.example" in told[number - 1] for number in (1, 2, 3)] == [True] * 3
    assert not made.troubles
    assert not made.people.called("choose")


def test_accounts_that_cannot_be_named_to_the_provider_share_one_page(
    world: Callable[..., World], browser: FakeBrowser
) -> None:
    made = world(signed_in=(person(1), TWO, person(3)))
    made.start()
    made.identity.sign_out_all()
    until(lambda: len(browser.pages) == 2, "both pages")
    settled(made)
    assert [hint for _account, hint in made.people.called("end_session_uri")] == ["hint-2", ""]
    last = browser.pages[-1]
    assert last is not None
    assert "You are signed out of CIAM Desktop" in last.body.decode()


def test_a_page_of_somebody_elses_is_opened_once_for_all(world: Callable[..., World], browser: FakeBrowser) -> None:
    browser.does = "stays"
    made = world(signed_in=(ONE, TWO), of=settings(post_logout_redirect_uri="https://www.contoso.example/bye"))
    made.start()
    made.identity.sign_out_all()
    until(lambda: browser.opened, "the page")
    settled(made)
    assert made.people.called("end_session_uri") == [("account-1", "")]
    assert len(browser.opened) == 1


def test_a_sign_out_page_that_nobody_comes_back_from_is_told_once_and_the_others_are_left_out(
    both: World, browser: FakeBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(farewell, "SIGN_OUT_SECONDS", 0.1)
    browser.does = "stays"
    both.identity.sign_out_all()
    until(lambda: both.troubles, "the word of it")
    settled(both)
    assert [each.title for each in both.troubles] == ["Signed out on this computer"]
    assert len(browser.opened) == 1


def test_a_browser_that_cannot_be_opened_for_the_sign_out_is_told(both: World, browser: FakeBrowser) -> None:
    browser.does = "is missing"
    both.identity.sign_out_all()
    until(lambda: both.troubles, "the word of it")
    settled(both)
    assert [each.text for each in both.troubles] == ["The browser may still be signed in: no browser could be opened."]
    assert len(both.people.called("end_session_uri")) == 1


def test_a_new_sign_in_ends_the_sign_outs_in_the_browser(both: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    both.identity.sign_out_all()
    until(lambda: browser.opened, "the first page")
    browser.does = "comes back"
    both.people.arriving = THREE
    both.identity.sign_in()
    until(lambda: in_use(both) == "account-3", "the sign-in")
    browser.return_late(browser.opened[0])
    until(lambda: len(browser.pages) == 2, "the late return from the first page")
    settled(both)
    assert len(both.people.called("end_session_uri")) == 1


def test_tokens_that_cannot_be_removed_leave_everybody_signed_in(both: World, browser: FakeBrowser) -> None:
    both.people.refuse("sign_out", VaultLocked("The keyring is locked."))
    both.identity.sign_out_all()
    until(lambda: both.troubles, "the word of it")
    assert accounts(both) == {"account-1": "SignedIn", "account-2": "SignedIn"}
    assert in_use(both) == "account-1"
    assert not browser.opened


def test_an_account_that_left_in_another_window_is_gone_here_and_the_other_stays(both: World) -> None:
    both.identity.signed_out_elsewhere("account-2", SignedOutElsewhere("You were signed out elsewhere."))
    assert accounts(both) == {"account-1": "SignedIn"}
    assert len(both.troubles) == 1
    both.identity.signed_out_elsewhere("account-2", SignedOutElsewhere("You were signed out elsewhere."))
    assert len(both.troubles) == 1


# Who is asked for what.


def test_an_account_that_is_not_in_use_does_not_take_the_window(both: World, browser: FakeBrowser) -> None:
    both.identity.interaction_wanted("account-2", ADD, AGAIN)
    settled(both)
    assert accounts(both) == {"account-1": "SignedIn", "account-2": "NeedsInteraction"}
    assert ended(both)
    assert not browser.opened
    assert not both.troubles


def test_it_is_asked_for_when_it_comes_into_use_and_not_each_time(both: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    both.identity.interaction_wanted("account-2", ADD, AGAIN)
    both.identity.choose("account-2")
    until(lambda: browser.opened, "the browser")
    assert both.people.called("begin")[0][1]["login_hint"] == "user2@contoso.example"
    assert both.people.called("begin")[0][1]["claims"] == CLAIMS
    both.identity.cancel()
    until(lambda: ended(both), "the end of the attempt")
    both.identity.choose("account-1")
    both.identity.choose("account-2")
    settled(both)
    assert len(both.people.called("begin")) == 1
    assert [each.title for each in both.troubles] == ["Sign-in cancelled"]


def test_what_waited_is_done_for_its_own_account(both: World) -> None:
    both.identity.interaction_wanted("account-2", ADD, AGAIN)
    both.people.arriving = TWO
    both.identity.choose("account-2")
    until(lambda: both.resumed, "the sign-in")
    assert both.resumed == [("account-2", ADD)]


def test_what_waited_stays_with_its_account_when_another_person_signs_in(both: World) -> None:
    both.people.arriving = THREE
    both.identity.interaction_wanted("account-1", ADD, AGAIN)
    until(lambda: in_use(both) == "account-3", "the sign-in")
    assert not both.resumed
    waiting = both.identity.session.accounts["account-1"]
    assert isinstance(waiting, NeedsInteraction)
    assert waiting.pending == ADD
    both.people.arriving = ONE
    both.identity.choose("account-1")
    both.identity.sign_in()
    until(lambda: both.resumed, "the sign-in of the one who was asked for")
    assert both.resumed == [("account-1", ADD)]


def test_what_is_wanted_during_another_sign_in_is_told_after_it(both: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    both.identity.sign_in(another=True)
    until(lambda: browser.opened, "the browser")
    both.identity.interaction_wanted("account-1", ADD, AGAIN)
    assert len(browser.opened) == 1
    both.identity.cancel()
    until(lambda: len(both.troubles) == 2, "both words")
    assert [each.title for each in both.troubles] == ["Sign-in cancelled", "Please sign in again"]
    assert ended(both)


def test_a_second_refusal_is_told_and_opens_nothing(both: World, browser: FakeBrowser) -> None:
    both.identity.interaction_wanted("account-1", ADD, AGAIN)
    until(lambda: both.resumed, "the sign-in")
    both.identity.interaction_wanted("account-1", ADD, AGAIN, again=True)
    settled(both)
    assert len(browser.opened) == 1
    assert [each.title for each in both.troubles] == ["Please sign in again"]
    assert both.troubles[0].details == "Error: interaction_required\nCode: AADSTS50076\nCorrelation id: the-id"
    both.identity.sign_in()
    until(lambda: len(both.resumed) == 2, "the sign-in that the person wanted")
    assert both.people.called("begin")[-1][1]["claims"] == CLAIMS


def test_after_too_many_refusals_in_a_row_there_is_nothing_to_press(both: World) -> None:
    too_many = InteractionRequired("Wait a while.", error="invalid_grant", code="50196")
    both.identity.interaction_wanted("account-1", ADD, too_many, again=True)
    until(lambda: both.troubles, "the word about it")
    assert both.troubles[0].step is NextStep.NONE


def test_a_refusal_while_the_account_already_waits_is_told_and_opens_nothing(both: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    both.identity.interaction_wanted("account-1", ADD, AGAIN)
    until(lambda: browser.opened, "the browser")
    both.identity.interaction_wanted("account-1", Reload(), AGAIN)
    assert not both.troubles, "the sign-in for it is under way"
    both.identity.cancel()
    until(lambda: ended(both), "the end of the attempt")
    both.identity.interaction_wanted("account-1", Reload(), AGAIN)
    settled(both)
    assert len(browser.opened) == 1
    assert both.troubles[-1].title == "Please sign in again"
