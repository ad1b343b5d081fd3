"""Owns every crossing of threads: lanes run work in order, each on one worker thread, and answer on the UI thread."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal


class Task(QObject):
    """One piece of work on its way; lives on the UI thread, where its signals are emitted.

    `succeeded` carries the result, `failed` the exception; `finished` follows either.
    """

    succeeded = Signal(object)
    failed = Signal(object)
    finished = Signal()


class Relay(QObject):
    """Carries values from any thread to the UI thread, in order."""

    arrived = Signal(object)
    _sent = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        # Queued to a signal of an object that lives on the UI thread: a lambda would run on the sender's.
        self._sent.connect(self.arrived, Qt.ConnectionType.QueuedConnection)

    def send(self, value: object) -> None:
        """Hand over `value`; may be called on any thread, and is taken by nobody once the window has gone."""
        with suppress(RuntimeError):  # PySide's word for an object that Qt has deleted
            self._sent.emit(value)


@dataclass(slots=True, eq=False)
class _Job:
    """Work and its outcome; held by the UI thread from beginning to end."""

    task: Task
    work: Callable[[], Any]
    result: Any = None
    error: BaseException | None = None


def held(call: Callable[..., None]) -> Callable[..., None]:
    """`call`, a method of something that is no QObject, as a signal may be connected to it.

    The connection holds on to it. Qt would let go of the bare method in the thread in which its object ends, which may
    be a lane's, and that can wait for ever for the UI thread.
    """

    def hold(*arguments: Any) -> None:
        call(*arguments)

    return hold


class Lane(QObject):
    """One worker thread that takes callables in order. Nothing that waits for a person belongs on it.

    What a callable holds on to, and what it returns or raises, is let go of on the UI thread: whatever is connected to
    a signal must not end on another one.
    """

    _answered = Signal(int)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._numbers = itertools.count()
        self._jobs: dict[int, _Job] = {}
        self._closed = False
        self._gate = threading.Lock()  # so that nothing is put in behind the last item
        self._answered.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def submit(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Task:
        """Run `work(*args, **kwargs)` on the lane; connect to the task before returning to Qt's event loop."""
        number, task = next(self._numbers), Task(self)
        self._jobs[number] = _Job(task, partial(work, *args, **kwargs))
        self._put(partial(self._do, number))
        return task

    def ask(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run `work` on this lane and wait for its result; for the other lane's thread, never for the UI's.

        Raises what `work` raises, and RuntimeError once the lane is closed.
        """
        answer: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

        def run() -> None:
            try:
                answer.put((work(*args, **kwargs), None))
            except BaseException as error:  # noqa: BLE001 -- raised again for the asker
                answer.put((None, error))

        if not self._put(run):
            raise RuntimeError("the lane is closed")
        result, error = answer.get()
        if error is not None:
            raise error
        return result

    def close(self, timeout: float = 5.0) -> bool:
        """Drop what has not begun and wait `timeout` seconds for what has; true when the thread has ended.

        A thread that hangs in the network ends with the process.
        """
        with self._gate:
            self._closed = True
            self._work.put(None)
            thread = self._thread
        if thread is None:
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def _put(self, run: Callable[[], None]) -> bool:
        with self._gate:
            if self._closed:
                return False
            self._work.put(run)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"lane-{self._name}", daemon=True)
                self._thread.start()
            return True

    def _run(self) -> None:
        while (run := self._work.get()) is not None:
            run()

    def _do(self, number: int) -> None:
        if not self._closed:
            _run(self._jobs[number])  # a call of its own, which holds on to nothing when it is over
            self._answered.emit(number)

    def _deliver(self, number: int) -> None:
        job = self._jobs.pop(number)
        error, job.error = job.error, None  # its traceback holds on to the job, which would never end by itself
        if not self._closed:
            if error is None:
                job.task.succeeded.emit(job.result)
            else:
                job.task.failed.emit(error)
            job.task.finished.emit()
        job.task.deleteLater()


def _run(job: _Job) -> None:
    try:
        job.result = job.work()
    except BaseException as error:  # noqa: BLE001 -- without an answer the window would wait for ever
        job.error = error
