"""What waits for a sign-in of its own account: done once after it, and for nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ciam_desktop.core.errors import InteractionRequired
from ciam_desktop.core.identity.state import AddTodo, NeedsInteraction, SignedIn
from tests.doubles.backend import person
from tests.qt.world import World, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.doubles.backend import FakeBrowser


def ended(world: World) -> bool:
    return world.identity.session.attempt is None


@pytest.fixture
def signed_in(world: Callable[..., World]) -> World:
    made = world(signed_in=person())
    made.start()
    return made


@pytest.fixture
def interrupted(signed_in: World, browser: FakeBrowser) -> World:
    """A world whose provider wants the person before a to-do can be added; the browser is open."""
    browser.does = "stays"
    signed_in.identity.interaction_wanted("account-1", AddTodo("key-1", "new"), InteractionRequired("Sign in again."))
    until(lambda: browser.opened, "the browser")
    return signed_in


def test_what_waited_is_done_once_after_the_sign_in(interrupted: World, browser: FakeBrowser) -> None:
    assert isinstance(interrupted.identity.session.account, NeedsInteraction)
    browser.return_late(browser.opened[0])
    until(lambda: isinstance(interrupted.identity.session.account, SignedIn), "the sign-in")
    assert interrupted.resumed == [("account-1", AddTodo("key-1", "new"))]
    interrupted.identity.sign_in()
    until(lambda: len(interrupted.people.called("complete")) == 2 and ended(interrupted), "another sign-in")
    assert len(interrupted.resumed) == 1


def test_what_waited_is_not_done_for_another_account(interrupted: World, browser: FakeBrowser) -> None:
    interrupted.people.arriving = person(2)
    browser.return_late(browser.opened[0])
    until(lambda: isinstance(interrupted.identity.session.account, SignedIn), "the sign-in")
    assert not interrupted.resumed


def test_what_waited_still_waits_after_a_cancelled_sign_in(interrupted: World) -> None:
    interrupted.identity.cancel()
    until(lambda: ended(interrupted), "the end of the attempt")
    account = interrupted.identity.session.account
    assert isinstance(account, NeedsInteraction)
    assert account.pending == AddTodo("key-1", "new")
    assert not interrupted.resumed
