"""The lanes: work in order on one thread each, answers on the UI thread, and nothing left when they close."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QCoreApplication

from ciam_desktop.qt.lanes import Lane, Relay, held
from tests.qt.world import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def lane() -> Iterator[Lane]:
    lane = Lane("test")
    yield lane
    lane.close()


@pytest.fixture
def other() -> Iterator[Lane]:
    lane = Lane("other")
    yield lane
    lane.close()


def test_work_is_done_in_order_on_one_thread_and_answered_on_the_ui_thread(lane: Lane) -> None:
    done: list[tuple[int, str]] = []
    answered: list[tuple[int, threading.Thread]] = []

    def work(number: int) -> int:
        done.append((number, threading.current_thread().name))
        return number

    for number in range(50):
        task = lane.submit(work, number)
        task.succeeded.connect(lambda result: answered.append((result, threading.current_thread())))
    until(lambda: len(answered) == 50, "the answers")
    assert done == [(number, "lane-test") for number in range(50)]
    assert answered == [(number, threading.main_thread()) for number in range(50)]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)])
def test_an_error_arrives_as_failed_and_the_lane_goes_on(lane: Lane, error: BaseException) -> None:
    told: list[object] = []

    def fail() -> None:
        raise error

    task = lane.submit(fail)
    task.succeeded.connect(lambda _result: told.append("succeeded"))
    task.failed.connect(told.append)
    task.finished.connect(lambda: told.append("finished"))
    until(lambda: len(told) == 2, "the failure")
    assert told == [error, "finished"]
    after = lane.submit(lambda: 7)
    after.succeeded.connect(told.append)
    until(lambda: told[-1] == 7, "the work after it")


def test_closing_drops_what_has_not_begun_and_tells_nothing_any_more(lane: Lane) -> None:
    begun, gate, ran = threading.Event(), threading.Event(), []

    def hold() -> None:
        begun.set()
        gate.wait(10)

    told: list[object] = []
    for task in (lane.submit(hold), lane.submit(lambda: ran.append("late"))):
        task.finished.connect(lambda: told.append("finished"))
    assert begun.wait(5)
    threading.Timer(0.05, gate.set).start()
    assert lane.close(timeout=5)
    QCoreApplication.processEvents()
    assert not ran
    assert not told
    lane.submit(lambda: ran.append("after the end"))
    QCoreApplication.processEvents()
    assert not ran


def test_work_that_hangs_does_not_hold_the_end_beyond_its_time_out(lane: Lane) -> None:
    begun, gate = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        gate.wait(20)

    lane.submit(hang)
    assert begun.wait(5)
    assert not lane.close(timeout=0.05)
    gate.set()
    assert lane.close(timeout=5)


def test_a_lane_that_never_worked_has_no_thread_to_end(lane: Lane) -> None:
    assert lane.close(timeout=0)
    assert not [thread for thread in threading.enumerate() if thread.name == "lane-test"]


def _failing(answer: Callable[[], Any]) -> object:
    try:
        return answer()
    except Exception as error:  # noqa: BLE001 -- handed over to be looked at
        return error


def test_one_lane_asks_the_other_and_gets_its_result_or_its_error(lane: Lane, other: Lane) -> None:
    told: list[object] = []

    def fail() -> None:
        raise ValueError("theirs")

    lane.submit(lambda: other.ask(threading.current_thread)).succeeded.connect(told.append)
    lane.submit(lambda: _failing(lambda: other.ask(fail))).succeeded.connect(told.append)
    until(lambda: len(told) == 2, "both answers")
    assert isinstance(told[0], threading.Thread)
    assert told[0].name == "lane-other"
    assert isinstance(told[1], ValueError)


def test_asking_a_closed_lane_raises_at_once(lane: Lane, other: Lane) -> None:
    other.close()
    told: list[object] = []
    lane.submit(lambda: _failing(lambda: other.ask(int))).succeeded.connect(told.append)
    until(lambda: told, "the answer")
    assert isinstance(told[0], RuntimeError)


def test_an_asker_is_not_left_waiting_when_the_other_lane_closes_before_its_turn(lane: Lane, other: Lane) -> None:
    begun, gate, asked = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        gate.wait(10)

    def ask() -> object:
        asked.set()
        return _failing(lambda: other.ask(int))

    other.submit(hold)
    assert begun.wait(5)
    told: list[object] = []
    lane.submit(ask).succeeded.connect(told.append)
    assert asked.wait(5)
    closing = threading.Timer(0.1, gate.set)
    closing.start()
    other.close(timeout=5)
    until(lambda: told, "the answer")
    closing.join(5)
    assert told[0] == 0 or isinstance(told[0], RuntimeError)


def test_what_is_sent_from_any_thread_arrives_in_order_on_the_ui_thread() -> None:
    relay, arrived = Relay(), []
    relay.arrived.connect(lambda value: arrived.append((value, threading.current_thread())))

    def send() -> None:
        for number in range(20):
            relay.send(number)

    thread = threading.Thread(target=send)
    thread.start()
    thread.join(5)
    until(lambda: len(arrived) == 20, "the values")
    assert arrived == [(number, threading.main_thread()) for number in range(20)]


class Held:
    """What work holds on to; `end_in` notes the thread in which it ends."""

    def __init__(self, end_in: list[str]) -> None:
        weakref.finalize(self, lambda: end_in.append(threading.current_thread().name))

    def returns(self) -> None:
        return

    def fails(self) -> None:
        raise ValueError("no")


@pytest.mark.parametrize("method", ["returns", "fails"])
def test_what_work_holds_on_to_ends_on_the_ui_thread(lane: Lane, method: str) -> None:
    ended: list[str] = []
    for _each in range(200):
        lane.submit(getattr(Held(ended), method))
    gc.disable()  # nothing may be left to whichever thread collects it
    try:
        until(lambda: len(ended) == 200, "the end of each")
    finally:
        gc.enable()
    assert set(ended) == {"MainThread"}


def test_a_connection_holds_on_to_what_is_no_qobject() -> None:
    ended: list[str] = []
    relay = Relay()
    relay.arrived.connect(held(Held(ended).returns))
    gc.collect()
    assert not ended
    relay.arrived.disconnect()
    assert ended == ["MainThread"]
