"""Signing in on another device: the code, the questions to the provider, and every way that it can end."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QTimer

from ciam_desktop.core.errors import InteractionRequired, NetworkError, SandboxError, SignInError, SignInTimedOut
from ciam_desktop.core.identity import state
from ciam_desktop.core.identity.state import AddTodo, NeedsInteraction, SignedIn, SignedOut, Step
from ciam_desktop.qt import device_attempt
from tests.doubles.backend import TENANT, device_code, person
from tests.qt.world import World, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from ciam_desktop.core.identity.person import Person
    from tests.doubles.backend import FakeBrowser

NO_ANSWER = NetworkError("No answer.", host="login.contoso.example")
CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'


@pytest.fixture
def out(world: Callable[..., World]) -> World:
    """A world in which nobody is signed in."""
    made = world()
    made.start()
    return made


def ended(world: World) -> bool:
    return world.identity.session.attempt is None


def questions(world: World) -> int:
    return len(world.people.called("poll_device"))


def pauses(world: World) -> list[float]:
    """Seconds between each question and the one before."""
    return [later - earlier for earlier, later in pairwise(world.people.moments["poll_device"])]


def shown(world: World) -> None:
    until(lambda: world.identity.session.attempt and world.identity.session.attempt.code, "the code")


def settled(world: World) -> None:
    """Wait until the identity lane has done everything so far, and its answers have come."""
    done: list[str] = []
    world.identity_lane.submit(int).finished.connect(lambda: done.append("done"))
    until(lambda: done, "everything before it")


def test_a_code_is_shown_and_asked_about_until_it_was_confirmed(out: World, browser: FakeBrowser) -> None:
    out.people.answers = [out.people.code] * 3
    steps: list[tuple[Step, bool]] = []
    proven: list[Person] = []

    def note(session: state.Session) -> None:
        if session.attempt is not None:
            assert session.attempt.elsewhere
            steps.append((session.attempt.step, session.attempt.code is not None))

    out.identity.session_changed.connect(note)
    out.identity.proven.connect(proven.append)
    out.identity.sign_in_elsewhere()
    until(lambda: proven, "the sign-in")
    assert steps == [(Step.OPENING, False), (Step.WAITING, True)]
    assert out.identity.session.account == SignedIn(out.people.arriving)
    assert questions(out) == 4
    assert out.people.called("begin_device") == [((TENANT.read_scope, TENANT.readwrite_scope), "")]
    assert out.people.threads == {"lane-identity"}
    assert not browser.opened
    assert not out.troubles


def test_the_deadline_is_the_codes_and_more_time_cannot_be_had(out: World) -> None:
    out.people.answers = [out.people.code] * 1000
    out.identity.sign_in_elsewhere()
    shown(out)
    out.identity.more_time()
    out.identity.open_browser_again()
    attempt = out.identity.session.attempt
    assert attempt is not None
    assert attempt.deadline == out.people.code.expires_at


def test_for_reading_only_no_more_is_asked_for(out: World) -> None:
    out.identity.sign_in_elsewhere(read_only=True)
    until(lambda: isinstance(out.identity.session.account, SignedIn), "the sign-in")
    assert out.people.called("begin_device") == [((TENANT.read_scope,), "")]


def test_nothing_waits_on_the_lane_between_two_questions(out: World) -> None:
    out.people.code = device_code(interval=30.0)
    out.identity.sign_in_elsewhere()
    shown(out)
    began = time.monotonic()
    settled(out)
    assert time.monotonic() - began < 2
    assert questions(out) == 0, "the first question too comes after a pause"


def test_a_provider_that_says_slow_down_is_asked_less_often(out: World) -> None:
    slower = replace(out.people.code, interval=0.2)
    out.people.answers = [slower, slower]
    out.identity.sign_in_elsewhere()
    until(lambda: ended(out), "the sign-in")
    assert [pause >= 0.2 for pause in pauses(out)] == [True, True]
    assert [each[0] for each in out.people.called("poll_device")] == [out.people.code, slower, slower]


def test_no_answer_makes_the_pauses_longer_and_ends_nothing(out: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_attempt, "LONGEST_PAUSE", 0.1)
    out.people.refuse("poll_device", *[NO_ANSWER] * 5)
    out.identity.sign_in_elsewhere()
    until(lambda: isinstance(out.identity.session.account, SignedIn), "the sign-in")
    wanted = (0.02, 0.04, 0.08, 0.1, 0.1)
    assert [pause >= least for pause, least in zip(pauses(out), wanted, strict=True)] == [True] * 5
    assert not out.troubles


def test_a_code_that_expires_while_nobody_answers_is_told(out: World) -> None:
    out.people.code = device_code(seconds=0.3)
    out.people.refuse("poll_device", *[NO_ANSWER] * 100)
    out.identity.sign_in_elsewhere()
    until(lambda: out.troubles, "the end of the code")
    assert ended(out)
    assert out.troubles[0].title == "Sign-in took too long"
    assert isinstance(out.identity.session.account, SignedOut)


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (SignInTimedOut("The code for the other device has expired.", error="expired_token"), "Sign-in took too long"),
        (SignInError("You declined the request.", error="access_denied"), "Not signed in"),
    ],
)
def test_a_refusal_ends_it_and_is_told(out: World, error: Exception, title: str) -> None:
    out.people.refuse("poll_device", error)
    out.identity.sign_in_elsewhere()
    until(lambda: out.troubles, "the refusal")
    assert ended(out)
    assert out.troubles[0].title == title
    settled(out)
    assert questions(out) == 1


@pytest.mark.parametrize("method", ["begin_device", "ensure"])
def test_a_sign_in_that_cannot_begin_is_told_and_can_be_tried_again(out: World, method: str) -> None:
    if method == "ensure":
        out.backend.gone = SandboxError("The sandbox did not start in time.")
    else:
        out.people.refuse(method, NO_ANSWER)
    out.identity.sign_in_elsewhere()
    until(lambda: out.troubles, "the failure")
    assert ended(out)
    out.backend.gone = None
    out.identity.sign_in_again()
    until(lambda: isinstance(out.identity.session.account, SignedIn), "the sign-in")
    assert questions(out) == 1
    assert set(out.backend.ensured) == {"lane-identity"}


# Cancelling.


def test_cancelling_while_the_code_is_fetched_shows_none(out: World) -> None:
    gate = out.people.hold("begin_device")
    out.identity.sign_in_elsewhere()
    until(lambda: out.people.called("begin_device"), "the question")
    out.identity.cancel()
    assert ended(out), "at once"
    gate.set()
    settled(out)
    assert ended(out)
    assert [each.title for each in out.troubles] == ["Sign-in cancelled"]
    assert questions(out) == 0


def test_cancelling_between_two_questions_asks_no_more(out: World) -> None:
    out.people.code = device_code(interval=30.0)
    out.identity.sign_in_elsewhere()
    shown(out)
    out.identity.cancel()
    assert ended(out), "at once"
    settled(out)
    assert questions(out) == 0


def in_question(world: World) -> threading.Event:
    """Go on until a question is on its way; set what is returned to have it answered."""
    gate = world.people.hold("poll_device")
    world.identity.sign_in_elsewhere(another=True)
    until(lambda: questions(world) == 1, "the question")
    return gate


def test_a_confirmation_that_comes_after_cancelling_is_taken_back(signed_in: World) -> None:
    signed_in.people.arriving = person(2)
    gate = in_question(signed_in)
    signed_in.identity.cancel()
    assert ended(signed_in), "at once"
    gate.set()
    settled(signed_in)
    assert list(signed_in.identity.session.accounts) == ["account-1"]
    assert signed_in.people.called("sign_out") == [("account-2",)]
    assert list(signed_in.people.kept) == ["account-1"]
    assert signed_in.people.current == "account-1"
    assert [each.title for each in signed_in.troubles] == ["Sign-in cancelled"]


def test_a_late_confirmation_by_nobody_in_use_leaves_nobody(out: World) -> None:
    gate = in_question(out)
    out.identity.cancel()
    gate.set()
    settled(out)
    assert not out.people.kept
    assert not out.people.called("choose")


def test_a_late_confirmation_by_somebody_who_was_signed_in_signs_nobody_out(world: Callable[..., World]) -> None:
    made = world(signed_in=(person(1), person(2)))
    made.start()
    made.people.arriving = person(2)
    gate = in_question(made)
    made.identity.cancel()
    gate.set()
    settled(made)
    assert not made.people.called("sign_out")
    assert made.people.current == "account-1"
    assert made.identity.session.current == "account-1"


def test_a_late_refusal_after_cancelling_is_not_told(out: World) -> None:
    out.people.refuse("poll_device", SignInError("You declined the request.", error="access_denied"))
    gate = in_question(out)
    out.identity.cancel()
    gate.set()
    settled(out)
    assert [each.title for each in out.troubles] == ["Sign-in cancelled"]


def test_a_question_that_stands_in_the_lane_when_it_is_cancelled_is_not_asked(out: World) -> None:
    busy = threading.Event()
    out.people.code = device_code(interval=0.1)
    out.identity.sign_in_elsewhere()
    shown(out)
    out.identity_lane.submit(busy.wait, 5.0)
    moments: list[str] = []
    QTimer.singleShot(300, lambda: moments.append("the pause is over"))
    until(lambda: moments, "the end of the pause")
    out.identity.cancel()
    busy.set()
    settled(out)
    assert questions(out) == 0
    assert not out.people.kept


# One way in place of the other.


def test_another_device_takes_the_place_of_the_browser(out: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    out.identity.sign_in()
    until(lambda: browser.opened, "the browser")
    out.identity.sign_in_elsewhere()
    until(lambda: isinstance(out.identity.session.account, SignedIn), "the sign-in")
    assert questions(out) == 1
    assert not out.troubles
    assert not out.people.called("complete")


def test_the_browser_takes_the_place_of_another_device(out: World) -> None:
    out.people.answers = [out.people.code] * 1000
    out.identity.sign_in_elsewhere(another=True)
    shown(out)
    out.identity.sign_in()
    until(lambda: isinstance(out.identity.session.account, SignedIn), "the sign-in")
    assert len(out.people.called("complete")) == 1
    assert not out.troubles


# What waited.


def test_what_waited_is_done_after_a_sign_in_on_another_device(signed_in: World, browser: FakeBrowser) -> None:
    browser.does = "is missing"
    pending = AddTodo("key-1", "new")
    signed_in.identity.interaction_wanted("account-1", pending, InteractionRequired("Again.", claims=CLAIMS))
    until(
        lambda: signed_in.identity.session.attempt and signed_in.identity.session.attempt.browser_failed, "no browser"
    )
    signed_in.identity.sign_in_elsewhere()
    until(lambda: signed_in.resumed, "the sign-in")
    assert signed_in.resumed == [("account-1", pending)]
    assert signed_in.people.called("begin_device")[0][1] == CLAIMS


def test_what_waited_still_waits_when_another_person_confirmed(signed_in: World) -> None:
    signed_in.people.arriving = person(2)
    gate = signed_in.people.hold("begin")
    signed_in.identity.interaction_wanted("account-1", AddTodo("key-1", "new"), InteractionRequired("Again."))
    signed_in.identity.sign_in_elsewhere()
    gate.set()
    until(lambda: signed_in.identity.session.current == "account-2", "the sign-in")
    assert isinstance(signed_in.identity.session.accounts["account-1"], NeedsInteraction)
    assert not signed_in.resumed


# Closing: the guard of every test fails one that leaves a timer.


def test_closing_while_a_code_is_shown_leaves_nothing(out: World) -> None:
    out.people.code = device_code(interval=30.0)
    out.identity.sign_in_elsewhere()
    shown(out)
    out.identity.close()
    assert out.identity_lane.close(timeout=5)


def test_closing_during_a_question_leaves_nothing(out: World) -> None:
    gate = in_question(out)
    threading.Timer(0.1, gate.set).start()
    out.identity.close()
    assert out.identity_lane.close(timeout=5)
    assert not out.people.kept, "nobody saw it happen"
