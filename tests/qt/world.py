"""Owns the small world that a test of the window lives in: controllers, lanes and a window around doubles."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ciam_desktop.core.identity.state import Step
from ciam_desktop.qt.check_controller import CheckController
from ciam_desktop.qt.identity_controller import IdentityController
from ciam_desktop.qt.lanes import Lane
from ciam_desktop.qt.network import Network, Pauses, Reconnector
from ciam_desktop.qt.style import Style
from ciam_desktop.qt.todos_controller import TodosController
from ciam_desktop.qt.views.frame import Frame
from ciam_desktop.qt.views.main_window import MainWindow
from ciam_desktop.qt.window_state import WindowState
from ciam_desktop.qt.wiring import wire
from tests.doubles.backend import FakeBackend, FakeBrowser, FakePeople, FakeTodos, settings
from tests.e2e.waiting import NotInTime

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ciam_desktop.core.config import Settings
    from ciam_desktop.core.identity.person import Person
    from ciam_desktop.core.identity.state import PendingAction
    from ciam_desktop.core.trouble import Trouble
    from ciam_desktop.qt.backend import Backend


def until(condition: Callable[[], Any], what: str, seconds: float = 5.0) -> None:
    """Let Qt work until `condition()`; raises NotInTime."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise NotInTime(f"Waited in vain for {what}")
        QTest.qWait(5)  # Qt's own loop, timers and events of other threads included


class World:
    """Everything that the composition root builds, around doubles; `close` ends it as the program does.

    `network.back` is the system's word that others can be reached again; `resumed` holds each account's id with the
    action of its that had waited.
    """

    def __init__(
        self,
        browser: FakeBrowser,
        *,
        signed_in: Person | tuple[Person, ...] | None = None,
        items: tuple[str, ...] = (),
        vault_reason: str = "",
        of: Settings | None = None,
        pauses: Pauses | None = None,
    ) -> None:
        self.parent = QObject()
        self.browser = browser
        self.settings = of or settings()
        people = signed_in if isinstance(signed_in, tuple) else (signed_in,) if signed_in else ()
        self.people = FakePeople(*people)
        self.api = FakeTodos(*items)
        self.backend = FakeBackend(self.people, self.api, vault_reason=vault_reason)
        self.connect: Callable[[], Backend] = lambda: self.backend.value
        self.identity_lane, self.sync_lane = Lane("identity", self.parent), Lane("sync", self.parent)
        self.check_lane = Lane("check", self.parent)
        self.identity = IdentityController(self.settings, self._connect, self.identity_lane, self.parent)
        self.todos = TodosController(self.sync_lane, self.identity_lane, self.parent)
        self.network = Network()
        self.reconnector = Reconnector(self.parent, pauses=pauses, system=lambda _parent: self.network)
        wire(self.identity, self.todos, self.reconnector)
        self.troubles: list[Trouble] = []
        self.resumed: list[tuple[str, PendingAction]] = []
        self.identity.trouble.connect(self.troubles.append)
        self.todos.trouble.connect(self.troubles.append)
        self.identity.resume.connect(lambda account_id, pending: self.resumed.append((account_id, pending)))
        self.window: Frame | None = None

    def _connect(self) -> Backend:
        return self.connect()  # a test may have replaced it

    def show(self, state_file: Path, *, size: tuple[int, int] | None = (960, 640)) -> Frame:
        """Show the window, dressed as the program does; without a `size` as large as it was last."""
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        self.config_dir = state_file.parent
        self.style = Style(application)
        self.window = Frame(self.style, WindowState(state_file))
        self.main = MainWindow(
            self.window,
            self.settings,
            self.identity,
            self.todos,
            CheckController(self.check_lane, self.backend.check, self.parent),
            self.style,
        )
        if size is not None:
            self.window.resize(*size)
        self.window.show()
        return self.window

    def start(self) -> None:
        """Connect, restore, and fetch the list if somebody was signed in."""
        self.identity.start()
        until(lambda: self.identity.backend is not None, "the backend")

    def close(self) -> None:
        """End as the program does: the waits, then the lanes; nothing may be left."""
        self.people.let_go()
        self.api.let_go()
        self.reconnector.stop()
        self.identity.close()
        for lane in (self.check_lane, self.sync_lane, self.identity_lane):
            assert lane.close(timeout=10), "a lane did not end"
        self.browser.close()
        if self.window is not None:
            self.window.hide()
            self.window.deleteLater()
            self.style.deleteLater()
        self.parent.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def step(world: World) -> Step | None:
    """How far the sign-in under way has come, if there is one."""
    attempt = world.identity.session.attempt
    return attempt.step if attempt else None
