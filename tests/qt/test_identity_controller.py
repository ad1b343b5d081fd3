"""The sign-in as the window drives it, with the real redirect listener: every way that it can go, and end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from PySide6.QtCore import QTimer

from ciam_desktop.core.errors import (
    NetworkError,
    SandboxError,
    SettingsError,
    TokenNotProven,
    VaultLocked,
)
from ciam_desktop.core.identity import state
from ciam_desktop.core.identity.state import Offline, Restoring, SignedIn, SignedOut, Step
from ciam_desktop.core.trouble import NextStep
from ciam_desktop.qt import attempt
from tests.doubles.backend import TENANT, person
from tests.doubles.browsers import RawBrowser
from tests.qt.world import World, step, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.doubles.backend import FakeBrowser

CANCELLED = "Sign-in cancelled"


@pytest.fixture
def out(world: Callable[..., World]) -> World:
    """A world in which nobody is signed in."""
    made = world()
    made.start()
    return made


def ended(world: World) -> bool:
    return world.identity.session.attempt is None


def page(browser: FakeBrowser) -> str:
    until(lambda: browser.pages, "the page in the browser")
    answer = browser.pages[-1]
    assert answer is not None
    return answer.body.decode()


def test_a_person_who_was_signed_in_still_is(signed_in: World) -> None:
    assert isinstance(signed_in.identity.session.account, SignedIn)
    assert signed_in.people.calls == [("restore",)]


def test_a_sign_in_goes_through_its_steps_and_ends_signed_in(out: World, browser: FakeBrowser) -> None:
    steps: list[Step | None] = []
    out.identity.session_changed.connect(lambda _session: steps.append(step(out)))
    proven: list[object] = []
    out.identity.proven.connect(proven.append)
    out.identity.sign_in()
    until(lambda: proven, "the sign-in")
    assert proven == [out.people.arriving]
    arriving = out.people.arriving
    assert out.identity.session == state.Session(
        {arriving.account_id: SignedIn(arriving)}, arriving.account_id, restoring=False
    )
    assert list(dict.fromkeys(steps)) == [Step.OPENING, Step.WAITING, Step.VERIFYING, None]
    assert "You are signed in" in page(browser)
    assert out.people.called("begin")[0][0] == (TENANT.read_scope, TENANT.readwrite_scope)
    assert not out.troubles


def test_creating_an_account_and_reading_only_are_passed_on(out: World) -> None:
    out.identity.sign_in(prompt="create", read_only=True)
    until(lambda: isinstance(out.identity.session.account, SignedIn), "the sign-in")
    scopes, told = out.people.called("begin")[0]
    assert scopes == (TENANT.read_scope,)
    assert told["prompt"] == "create"


def test_a_refusal_in_the_browser_is_told_in_both_places(out: World, browser: FakeBrowser) -> None:
    browser.does = "declines"
    out.identity.sign_in()
    until(lambda: out.troubles, "the refusal")
    assert isinstance(out.identity.session.account, SignedOut)
    assert ended(out)
    assert out.troubles[0].details == "Error: access_denied\nCode: AADSTS65004"
    assert "You declined the request." in page(browser)


def test_a_token_that_is_not_proven_signs_nobody_in(out: World, browser: FakeBrowser) -> None:
    out.people.refuse("complete", TokenNotProven("The ID token was made for another app.", check="aud"))
    out.identity.sign_in()
    until(lambda: out.troubles, "the refusal")
    assert isinstance(out.identity.session.account, SignedOut)
    assert out.troubles[0].title == "The sign-in could not be verified"
    assert "made for another app" in page(browser)


def test_cancelling_before_the_browser_opens_opens_none(out: World, browser: FakeBrowser) -> None:
    gate = out.people.hold("begin")
    out.identity.sign_in()
    until(lambda: out.people.called("begin"), "the beginning")
    out.identity.cancel()
    gate.set()
    until(lambda: ended(out), "the end of the attempt")
    until(lambda: out.troubles, "the word of it")
    assert not browser.opened
    assert [trouble.title for trouble in out.troubles] == [CANCELLED]


def test_cancelling_at_the_very_start_ends_the_attempt(out: World, browser: FakeBrowser) -> None:
    out.identity.sign_in()
    out.identity.cancel()
    until(lambda: ended(out), "the end of the attempt")
    assert isinstance(out.identity.session.account, SignedOut)
    until(lambda: out.troubles, "the word of it")
    assert [trouble.title for trouble in out.troubles] == [CANCELLED]
    assert not browser.opened


def test_cancelling_interrupts_the_request_under_way_and_no_other(out: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    gate = out.people.hold("begin")
    out.identity.sign_in()
    until(lambda: out.people.called("begin"), "the beginning")
    out.identity.cancel()
    assert len(out.people.called("interrupt")) == 1
    gate.set()
    out.identity.sign_in()
    until(lambda: browser.opened, "the browser")
    out.identity.cancel()
    until(lambda: out.identity.session.attempt is None, "the end")
    assert len(out.people.called("interrupt")) == 1


def test_cancelling_while_the_browser_is_open_ends_the_wait_at_once(out: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    out.identity.sign_in()
    until(lambda: browser.opened and step(out) is Step.WAITING, "the wait")
    out.identity.cancel()
    until(lambda: ended(out), "the end of the attempt", seconds=1)
    assert [trouble.title for trouble in out.troubles] == [CANCELLED]
    assert not out.people.called("complete")


def test_cancelling_while_the_answer_is_verified_leaves_the_answer_to_decide(out: World) -> None:
    gate = out.people.hold("complete")
    out.identity.sign_in()
    until(lambda: step(out) is Step.VERIFYING, "the verification")
    out.identity.cancel()
    gate.set()
    until(lambda: ended(out), "the end")
    assert isinstance(out.identity.session.account, SignedIn)
    assert not out.troubles


def test_a_return_after_cancelling_changes_nothing(out: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    out.identity.sign_in()
    until(lambda: browser.opened, "the browser")
    out.identity.cancel()
    until(lambda: ended(out), "the end of the attempt")
    browser.return_late(browser.opened[0])
    until(lambda: browser.pages, "the late return")
    assert browser.pages[0] is None or browser.pages[0].status != 200
    assert isinstance(out.identity.session.account, SignedOut)
    assert not out.people.called("complete")


def test_after_a_cancelled_attempt_the_next_one_succeeds(out: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    out.identity.sign_in()
    until(lambda: browser.opened, "the browser")
    out.identity.cancel()
    until(lambda: ended(out), "the end of the attempt")
    browser.does = "comes back"
    out.identity.sign_in()
    until(lambda: isinstance(out.identity.session.account, SignedIn), "the sign-in")


def test_signing_in_twice_brings_the_first_attempt_back_to_the_browser(out: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    out.identity.sign_in()
    until(lambda: browser.opened, "the browser")
    out.identity.sign_in()
    until(lambda: len(browser.opened) == 2, "the browser again")
    assert browser.opened[0] == browser.opened[1]
    assert len(out.people.called("begin")) == 1


def test_the_deadline_ends_the_wait_and_offers_another_try(
    out: World, browser: FakeBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "SIGN_IN_SECONDS", 0.2)
    browser.does = "stays"
    out.identity.sign_in()
    until(lambda: out.troubles, "the deadline")
    assert ended(out)
    assert out.troubles[0].title == "Sign-in took too long"
    assert out.troubles[0].step is NextStep.RETRY_SIGN_IN


def test_more_time_moves_the_deadline_of_the_wait(
    out: World, browser: FakeBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "SIGN_IN_SECONDS", 0.5)
    browser.does = "stays"
    out.identity.sign_in()
    until(lambda: browser.opened, "the browser")
    before = out.identity.session.attempt
    out.identity.more_time()
    out.identity.more_time()
    after = out.identity.session.attempt
    assert before is not None
    assert after is not None
    assert after.deadline == pytest.approx(before.deadline + 1.0)
    over: list[str] = []
    QTimer.singleShot(700, lambda: over.append("the first deadline has passed"))
    until(lambda: over, "the first deadline")
    assert not ended(out)
    until(lambda: out.troubles, "the deadline that was moved")
    assert out.troubles[0].title == "Sign-in took too long"


def test_more_time_is_nothing_before_the_browser_opens_and_after_it_came_back(out: World) -> None:
    opening, verifying = out.people.hold("begin"), out.people.hold("complete")
    out.identity.more_time()
    out.identity.sign_in()
    attempt = out.identity.session.attempt
    out.identity.more_time()
    assert out.identity.session.attempt == attempt
    opening.set()
    until(lambda: step(out) is Step.VERIFYING, "the verification")
    attempt = out.identity.session.attempt
    out.identity.more_time()
    assert out.identity.session.attempt == attempt
    verifying.set()
    until(lambda: ended(out), "the sign-in")


def test_a_browser_that_turns_http_into_https_is_said_and_the_wait_goes_on(out: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    told: list[bool] = []
    out.identity.session_changed.connect(lambda session: told.append(session.attempt and session.attempt.https_forced))
    out.identity.sign_in()
    until(lambda: browser.opened, "the browser")
    back = urlsplit(parse_qs(urlsplit(browser.opened[0]).query)["redirect_uri"][0])
    for _each in range(2):
        with RawBrowser(back.port or 80) as forced:
            forced.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            assert forced.answer() is None
    until(lambda: out.identity.session.attempt and out.identity.session.attempt.https_forced, "the word of it")
    count = len(told)
    browser.return_late(browser.opened[0])
    until(lambda: isinstance(out.identity.session.account, SignedIn), "the sign-in")
    assert told[:count].count(True) == 1, "said once"


@pytest.mark.parametrize(
    ("error", "next_step"),
    [
        (NetworkError("No answer.", host="login.contoso.example"), NextStep.RETRY_SIGN_IN),
        (SettingsError("No GUID.", setting="CLIENT_ID", source=".env"), NextStep.OPEN_SETTINGS),
    ],
)
def test_a_sign_in_that_cannot_begin_is_told_and_leaves_no_listener(
    out: World, browser: FakeBrowser, error: Exception, next_step: NextStep
) -> None:
    out.people.refuse("begin", error)
    out.identity.sign_in()
    until(lambda: out.troubles, "the failure")
    assert ended(out)
    assert out.troubles[0].step is next_step
    assert not browser.opened
    assert not [thread for thread in threading.enumerate() if thread.name == "redirect listener"]


def test_a_browser_that_cannot_be_opened_is_said_and_the_wait_goes_on(out: World, browser: FakeBrowser) -> None:
    browser.does = "is missing"
    out.identity.sign_in()
    until(lambda: out.identity.session.attempt and out.identity.session.attempt.browser_failed, "the word of it")
    attempt = out.identity.session.attempt
    assert attempt is not None
    assert attempt.step is Step.WAITING
    browser.return_late(attempt.link)
    until(lambda: isinstance(out.identity.session.account, SignedIn), "the sign-in by the copied link")


def test_opening_the_browser_again_takes_the_complaint_back(out: World, browser: FakeBrowser) -> None:
    browser.does = "is missing"
    out.identity.sign_in()
    until(lambda: out.identity.session.attempt and out.identity.session.attempt.browser_failed, "the word of it")
    browser.does = "comes back"
    out.identity.open_browser_again()
    until(lambda: isinstance(out.identity.session.account, SignedIn), "the sign-in")


def test_signing_out_removes_the_tokens_and_ends_the_browsers_session(signed_in: World, browser: FakeBrowser) -> None:
    signed_in.identity.sign_out()
    until(lambda: isinstance(signed_in.identity.session.account, SignedOut), "the sign-out")
    assert signed_in.people.called("sign_out") == [("account-1",)]
    assert "is signed out of CIAM Desktop and of this browser" in page(browser)
    assert not signed_in.troubles


def test_signing_out_without_a_page_at_the_provider_opens_no_browser(signed_in: World, browser: FakeBrowser) -> None:
    signed_in.people.has_end_session = False
    signed_in.identity.sign_out()
    until(lambda: isinstance(signed_in.identity.session.account, SignedOut), "the sign-out")
    until(lambda: signed_in.people.called("end_session_uri"), "the question")
    done: list[str] = []
    signed_in.identity_lane.submit(int).finished.connect(lambda: done.append("done"))
    until(lambda: done, "everything before it")
    assert not browser.opened


def test_signing_out_without_a_network_still_signs_out_here_and_says_what_is_left(signed_in: World) -> None:
    signed_in.people.refuse("end_session_uri", NetworkError("No answer.", host="login.contoso.example"))
    signed_in.identity.sign_out()
    until(lambda: signed_in.troubles, "the word of it")
    assert isinstance(signed_in.identity.session.account, SignedOut)
    assert signed_in.people.called("sign_out") == [("account-1",)]
    assert signed_in.troubles[0].title == "Signed out on this computer"
    assert "The browser may still be signed in" in signed_in.troubles[0].text


def test_tokens_that_cannot_be_removed_leave_the_person_signed_in(signed_in: World) -> None:
    signed_in.people.refuse("sign_out", VaultLocked("The keyring is locked."))
    signed_in.identity.sign_out()
    until(lambda: signed_in.troubles, "the word of it")
    assert isinstance(signed_in.identity.session.account, SignedIn)
    assert signed_in.troubles[0].title == "Still signed in"


def test_a_new_sign_in_right_after_signing_out_works(signed_in: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    signed_in.identity.sign_out()
    until(lambda: browser.opened, "the sign-out page")
    browser.does = "comes back"
    signed_in.people.arriving = person(2)
    signed_in.identity.sign_in()
    until(lambda: isinstance(signed_in.identity.session.account, SignedIn), "the sign-in")


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (SandboxError("The sandbox did not start in time."), "Not ready"),
        (VaultLocked("The keyring is locked."), "The saved sign-in cannot be opened"),
    ],
)
def test_a_start_that_fails_can_be_tried_again_by_signing_in(
    world: Callable[..., World], error: Exception, title: str
) -> None:
    made = world()
    connect, tries = made.connect, []

    def failing() -> object:
        tries.append("try")
        if len(tries) == 1:
            raise error
        return connect()

    made.connect = failing  # type: ignore[assignment] # it returns what connect does
    made.identity.start()
    until(lambda: made.troubles, "the failure")
    assert isinstance(made.identity.session.account, Restoring)
    assert made.troubles[0].title == title
    made.identity.sign_in()
    until(lambda: isinstance(made.identity.session.account, SignedIn), "the sign-in")


def test_a_vault_that_cannot_be_read_lets_go_of_the_backend(world: Callable[..., World]) -> None:
    made = world()
    made.people.refuse("restore", VaultLocked("The keyring is locked."))
    made.identity.start()
    until(lambda: made.troubles, "the failure")
    assert made.backend.closed == 1


def test_the_network_going_and_coming_back_is_seen(signed_in: World) -> None:
    seen: list[type[state.AccountState]] = []
    signed_in.identity.session_changed.connect(lambda session: seen.append(type(session.account)))
    signed_in.identity.network_lost("account-1")
    signed_in.identity.network_lost("account-1")
    signed_in.identity.network_back("account-1")
    assert list(dict.fromkeys(seen)) == [Offline, SignedIn]
