"""Closing the window at each step of a sign-in or a sign-out: the guard of every test fails what leaves anything."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from ciam_desktop.core.identity.state import Step
from tests.qt.world import World, step, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.doubles.backend import FakeBrowser


@pytest.fixture
def out(world: Callable[..., World]) -> World:
    """A world in which nobody is signed in."""
    made = world()
    made.start()
    return made


def page(browser: FakeBrowser) -> str:
    until(lambda: browser.pages, "the page in the browser")
    answer = browser.pages[-1]
    assert answer is not None
    return answer.body.decode()


def test_closing_while_the_services_start_lets_go_of_them(world: Callable[..., World]) -> None:
    made = world()
    gate = made.people.hold("restore")
    made.identity.start()
    until(lambda: made.people.called("restore"), "the start")
    threading.Timer(0.1, gate.set).start()
    made.identity.close()
    assert made.identity_lane.close(timeout=5)
    assert made.backend.closed == 1


def test_closing_while_a_sign_in_begins_leaves_nothing(out: World) -> None:
    gate = out.people.hold("begin")
    out.identity.sign_in()
    until(lambda: out.people.called("begin"), "the beginning")
    threading.Timer(0.1, gate.set).start()
    out.identity.close()
    assert out.identity_lane.close(timeout=5)
    assert not [thread for thread in threading.enumerate() if thread.name == "redirect listener"]
    assert out.backend.closed == 1


def test_closing_while_the_browser_is_open_leaves_nothing(out: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    out.identity.sign_in()
    until(lambda: browser.opened, "the browser")
    out.identity.close()
    assert out.identity_lane.close(timeout=5)
    assert out.backend.closed == 1


def test_closing_while_the_answer_is_verified_answers_the_browser(out: World, browser: FakeBrowser) -> None:
    gate = out.people.hold("complete")
    out.identity.sign_in()
    until(lambda: step(out) is Step.VERIFYING, "the verification")
    threading.Timer(0.1, gate.set).start()
    out.identity.close()
    assert out.identity_lane.close(timeout=5)
    assert page(browser)


def test_closing_during_the_sign_out_in_the_browser_leaves_nothing(signed_in: World, browser: FakeBrowser) -> None:
    browser.does = "stays"
    signed_in.identity.sign_out()
    until(lambda: browser.opened, "the sign-out page")
    signed_in.identity.close()
    assert signed_in.identity_lane.close(timeout=5)


def test_closing_while_the_sign_out_page_is_looked_up_leaves_nothing(signed_in: World) -> None:
    gate = signed_in.people.hold("end_session_uri")
    signed_in.identity.sign_out()
    until(lambda: signed_in.people.called("end_session_uri"), "the question")
    threading.Timer(0.1, gate.set).start()
    signed_in.identity.close()
    assert signed_in.identity_lane.close(timeout=5)
    assert not [thread for thread in threading.enumerate() if thread.name == "redirect listener"]
