"""Offline and back: when it is tried again, that nothing is said twice, and what is loaded for it and when."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QTimer

from ciam_desktop.core.errors import ApiForbidden, InteractionRequired, NetworkError, SandboxError
from ciam_desktop.core.identity.state import AddTodo, NeedsInteraction, Offline, SignedIn, SignedOut
from ciam_desktop.qt.network import Network, Pauses, Reconnector
from tests.benchmarks.first_window import ROOT
from tests.doubles.backend import person
from tests.qt.world import World, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtCore import QObject

NO_ANSWER = NetworkError("No answer.", host="todo.contoso.example")
SOON, NEVER = Pauses(0.02, 0.08), Pauses(600.0, 600.0)


class Watched:
    """A reconnector that always waits the middle of each pause, and when it said to try again."""

    def __init__(self, pauses: Pauses) -> None:
        self.network = Network()
        self.made = 0
        self.reconnector = Reconnector(pauses=pauses, system=self._system, chance=lambda: 0.5)
        self.tries: list[float] = []
        self.reconnector.try_again.connect(lambda: self.tries.append(time.monotonic()))

    def _system(self, _parent: QObject) -> Network:
        self.made += 1
        return self.network


def a_while(milliseconds: int) -> None:
    done: list[str] = []
    QTimer.singleShot(milliseconds, lambda: done.append("done"))
    until(lambda: done, "the end of the while")


def test_the_pauses_grow_up_to_the_longest() -> None:
    watched = Watched(Pauses(0.02, 0.08))
    began = time.monotonic()
    watched.reconnector.wait()
    until(lambda: len(watched.tries) == 5, "five tries")
    watched.reconnector.stop()
    pauses = [later - earlier for earlier, later in pairwise([began, *watched.tries])]
    assert [took >= least for took, least in zip(pauses, (0.018, 0.036, 0.074, 0.074, 0.074), strict=True)] == (
        [True] * 5
    )


def test_waiting_for_what_is_waited_for_already_does_not_begin_anew() -> None:
    watched = Watched(Pauses(0.1, 0.1))
    watched.reconnector.wait()
    nudge = QTimer()
    nudge.timeout.connect(watched.reconnector.wait)
    nudge.start(10)
    until(lambda: watched.tries, "a try", seconds=2)
    nudge.stop()
    watched.reconnector.stop()
    assert watched.made == 1


def test_nothing_is_tried_after_the_stop_nor_before_the_wait() -> None:
    watched = Watched(Pauses(0.02, 0.02))
    assert watched.made == 0, "the system is not asked before it matters"
    watched.reconnector.wait()
    watched.reconnector.stop()
    watched.network.back.emit()
    a_while(60)
    assert not watched.tries
    assert not watched.reconnector.waiting


def test_when_the_system_says_so_it_is_tried_at_once_and_the_pauses_begin_anew() -> None:
    watched = Watched(NEVER)
    watched.reconnector.wait()
    watched.network.back.emit()
    assert len(watched.tries) == 1
    assert watched.reconnector.waiting, "it may be too early"
    watched.reconnector.stop()


def test_whoever_is_told_may_stop_it() -> None:
    watched = Watched(Pauses(0.01, 0.01))
    watched.reconnector.try_again.connect(watched.reconnector.stop)
    watched.reconnector.wait()
    until(lambda: watched.tries, "a try")
    a_while(40)
    assert len(watched.tries) == 1


def test_many_programs_do_not_come_at_once() -> None:
    first = Reconnector(pauses=Pauses(100.0, 100.0), system=lambda _parent: Network())
    second = Reconnector(pauses=Pauses(100.0, 100.0), system=lambda _parent: Network(), chance=lambda: 0.0)
    for each in (first, second):
        each.wait()
    timers = [each.findChild(QTimer) for each in (first, second)]
    intervals = [timer.interval() if timer else 0 for timer in timers]
    assert 75_000 <= intervals[0] <= 125_000
    assert intervals[1] == 75_000
    for each in (first, second):
        each.stop()


# The program.


@pytest.fixture
def soon(world: Callable[..., World]) -> World:
    """A world with somebody signed in whose to-dos cannot be reached at the start; tries come soon."""
    return world(signed_in=person(), items=("old",), pauses=SOON)


def fetches(world: World) -> int:
    return len(world.api.called("fetch"))


def begin(world: World) -> None:
    world.start()
    world.todos.use(world.backend.value, "account-1", read_only=False)


def texts(world: World) -> list[str]:
    return [row.text for row in world.todos.model.rows()]


def test_a_start_without_a_network_shows_who_is_signed_in_and_comes_back_by_itself(soon: World) -> None:
    soon.api.refuse("fetch", *[NO_ANSWER] * 4)
    before = time.time()
    begin(soon)
    until(lambda: isinstance(soon.identity.session.account, Offline), "the loss")
    account = soon.identity.session.account
    assert isinstance(account, Offline)
    assert before <= account.since <= time.time()
    assert account.person.verdict.claims["sub"] == "subject-1"
    until(lambda: isinstance(soon.identity.session.account, SignedIn), "the way back")
    assert texts(soon) == ["old"]
    assert fetches(soon) == 5
    assert [each.title for each in soon.troubles] == ["The list could not be fetched"], "told once"
    assert not soon.reconnector.waiting
    a_while(100)
    assert fetches(soon) == 5, "and then there is peace"


def test_offline_is_since_the_first_loss_whatever_was_tried(soon: World) -> None:
    soon.api.refuse("fetch", *[NO_ANSWER] * 1000)
    begin(soon)
    until(lambda: isinstance(soon.identity.session.account, Offline), "the loss")
    first = soon.identity.session.account
    until(lambda: fetches(soon) > 4, "some tries")
    assert soon.identity.session.account == first


def test_only_the_first_loss_and_a_persons_own_try_are_told(world: Callable[..., World]) -> None:
    made = world(signed_in=person(), pauses=NEVER)
    made.api.refuse("fetch", *[NO_ANSWER] * 4)
    begin(made)
    until(lambda: made.troubles, "the first loss")
    for number in (2, 3):
        made.network.back.emit()
        assert made.todos.fetching, "a try"
        until(lambda: not made.todos.fetching, "its end")
        assert fetches(made) == number
    assert len(made.troubles) == 1
    made.todos.reload()
    until(lambda: len(made.troubles) == 2, "the word of the person's own try")


def test_a_try_that_takes_long_is_not_made_twice(world: Callable[..., World]) -> None:
    made = world(signed_in=person(), pauses=NEVER)
    made.api.refuse("fetch", NO_ANSWER)
    begin(made)
    until(lambda: made.troubles, "the first loss")
    gate = made.api.hold("fetch")
    made.network.back.emit()
    until(lambda: fetches(made) == 2, "the try")
    made.network.back.emit()
    made.network.back.emit()
    gate.set()
    until(lambda: isinstance(made.identity.session.account, SignedIn), "the way back")
    assert fetches(made) == 2


def test_what_was_typed_offline_is_sent_when_it_is_back(world: Callable[..., World]) -> None:
    made = world(signed_in=person(), pauses=NEVER)
    begin(made)
    until(lambda: made.todos.fetched_at is not None, "the list")
    made.api.refuse("add", NO_ANSWER)
    made.todos.add("typed offline")
    until(lambda: isinstance(made.identity.session.account, Offline), "the loss")
    made.network.back.emit()
    until(lambda: not made.todos.unsaved() and not made.todos.fetching, "the saving")
    assert [todo.description for todo in made.api.items] == ["typed offline"]
    assert isinstance(made.identity.session.account, SignedIn)


def test_a_provider_that_cannot_be_reached_is_offline_too(world: Callable[..., World]) -> None:
    made = world(signed_in=person(), pauses=NEVER)
    made.people.refuse("access_token", NetworkError("No answer.", host="login.contoso.example"))
    begin(made)
    until(lambda: isinstance(made.identity.session.account, Offline), "the loss")
    assert made.reconnector.waiting


def test_what_else_comes_of_a_try_by_itself_is_told(world: Callable[..., World]) -> None:
    made = world(signed_in=person(), pauses=NEVER)
    made.api.refuse("fetch", NO_ANSWER, ApiForbidden("Not allowed (403)."))
    begin(made)
    until(lambda: made.troubles, "the first loss")
    made.network.back.emit()
    until(lambda: len(made.troubles) == 2, "the refusal")


def test_an_account_that_needs_its_person_when_the_network_is_back_asks_for_them(world: Callable[..., World]) -> None:
    made = world(signed_in=person(), pauses=NEVER)
    made.api.refuse("fetch", NO_ANSWER)
    begin(made)
    until(lambda: made.troubles, "the first loss")
    made.people.refuse("access_token", InteractionRequired("Your sign-in has expired."))
    made.network.back.emit()
    until(lambda: made.resumed, "the sign-in")
    until(lambda: made.todos.fetched_at is not None, "the list")
    assert not made.reconnector.waiting


def test_an_account_that_is_not_in_use_comes_back_too(world: Callable[..., World]) -> None:
    made = world(signed_in=(person(1), person(2)), pauses=NEVER)
    begin(made)
    until(lambda: made.todos.fetched_at is not None, "the list")
    made.api.refuse("add", NO_ANSWER)
    made.todos.add("of the first")
    until(lambda: made.troubles, "the first loss")
    made.identity.choose("account-2")
    made.todos.use(made.backend.value, "account-2", read_only=False)
    until(lambda: made.todos.fetched_at is not None, "the other list")
    assert made.reconnector.waiting
    made.network.back.emit()
    until(lambda: not made.reconnector.waiting, "the way back")
    until(lambda: not made.todos.unsaved("account-1"), "the saving")


@pytest.mark.parametrize("how", ["signed out", "needs its person"])
def test_nothing_is_tried_for_an_account_that_is_no_longer_offline(world: Callable[..., World], how: str) -> None:
    made = world(signed_in=person(), pauses=NEVER)
    made.people.has_end_session = False
    made.browser.does = "stays"
    made.api.refuse("fetch", NO_ANSWER)
    begin(made)
    until(lambda: made.reconnector.waiting, "the first loss")
    if how == "signed out":
        made.identity.sign_out()
        until(lambda: isinstance(made.identity.session.account, SignedOut), "the sign-out")
    else:
        made.identity.interaction_wanted("account-1", AddTodo("key", "new"), InteractionRequired("Sign in again."))
        assert isinstance(made.identity.session.account, NeedsInteraction)
    assert not made.reconnector.waiting
    made.network.back.emit()
    assert fetches(made) == 1


def test_a_persons_own_try_brings_back_what_this_program_runs(world: Callable[..., World]) -> None:
    made = world(signed_in=person(), pauses=NEVER)
    begin(made)
    until(lambda: made.todos.fetched_at is not None, "the list")
    assert not made.backend.ensured
    made.todos.reload()
    until(lambda: not made.todos.fetching, "the list")
    assert made.backend.ensured == ["lane-identity"]
    made.backend.gone = SandboxError("The sandbox did not start in time.")
    made.todos.reload()
    until(lambda: made.troubles, "the word of it")
    assert made.troubles[0].text == "The sandbox did not start in time."
    made.backend.gone = None
    made.todos.reload()
    until(lambda: not made.todos.fetching, "the list")
    made.identity.sign_in(another=True)
    until(lambda: made.identity.session.attempt is None, "the sign-in")
    assert len(made.backend.ensured) == 4


LOADED = """
import sys
from PySide6.QtCore import QCoreApplication
from ciam_desktop.qt.network import Reconnector
application = QCoreApplication([])
reconnector = Reconnector()
early = "PySide6.QtNetwork" in sys.modules
reconnector.wait()
print(early, "PySide6.QtNetwork" in sys.modules, reconnector.waiting)
from PySide6.QtNetwork import QNetworkInformation
tries = []
reconnector.try_again.connect(lambda: tries.append(1))
if QNetworkInformation.instance() is None:
    reconnector._on_back()
else:
    states = QNetworkInformation.Reachability
    QNetworkInformation.instance().reachabilityChanged.emit(states.Disconnected)
    QNetworkInformation.instance().reachabilityChanged.emit(states.Online)
reconnector.stop()
print(len(tries))
"""


def test_the_systems_own_word_is_loaded_when_it_is_first_wanted_and_heard() -> None:
    env = os.environ | {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": os.fspath(ROOT), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", LOADED]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=40, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["False", "True", "True", "1"]
