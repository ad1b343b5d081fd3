"""Owns every crossing of threads: lanes run work in order, each on one worker thread, and answer on the UI thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
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
        """Hand over `value`; may be called on any thread."""
        self._sent.emit(value)


class Lane(QObject):
    """One worker thread that takes callables in order. Nothing that waits for a person belongs on it."""

    _answered = Signal(object, object, object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._tasks: set[Task] = set()
        self._closed = False
        self._gate = threading.Lock()  # so that nothing is put in behind the last item
        self._answered.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def submit(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Task:
        """Run `work(*args, **kwargs)` on the lane; connect to the task before returning to Qt's event loop."""
        task = Task(self)
        self._tasks.add(task)

        def run() -> None:
            if self._closed:
                return
            try:
                result = work(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 -- without an answer the window would wait for ever
                self._answered.emit(task, None, error)
            else:
                self._answered.emit(task, result, None)

        self._put(run)
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

    def _deliver(self, task: Task, result: object, error: BaseException | None) -> None:
        self._tasks.discard(task)
        if not self._closed:
            if error is None:
                task.succeeded.emit(result)
            else:
                task.failed.emit(error)
            task.finished.emit()
        task.deleteLater()
