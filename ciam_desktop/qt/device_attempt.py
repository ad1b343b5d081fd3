"""Owns a sign-in on another device (RFC 8628): shows a code, and asks now and then whether it was confirmed."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer

from ciam_desktop.core.errors import NetworkError, SignInTimedOut
from ciam_desktop.core.identity import state
from ciam_desktop.core.identity.device_code import DeviceCode
from ciam_desktop.i18n import _
from ciam_desktop.qt.attempt import Attempt, Means, Wish, cancelled, language
from ciam_desktop.qt.lanes import held

if TYPE_CHECKING:
    from ciam_desktop.core.identity.person import Person

LONGEST_PAUSE = 60.0


class DeviceAttempt(Attempt):
    """The device authorization grant; nothing waits on a lane, a timer of the UI thread submits each question.

    A sign-in that is confirmed at the very moment of `cancel` is decided once, by a gate: either it counts, or what
    the question brought is removed again. `known` are the accounts that were signed in before, which such an end must
    not sign out, and `in_use` is the one that stays in use.
    """

    def __init__(
        self,
        means: Means,
        wish: Wish,
        account: state.AccountState | None,
        *,
        known: Collection[str],
        in_use: str,
        parent: QObject,
    ) -> None:
        super().__init__(means, wish, account)
        self._known = frozenset(known)
        self._in_use = in_use
        self._code: DeviceCode | None = None
        self._pause = 0.0
        self._confirming_gate = threading.Lock()  # guards the two below
        self._unwanted = False
        self._confirmed = False
        self._timer = QTimer(parent)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)  # the others may be early, and a question must not
        self._timer.timeout.connect(held(self._on_time))

    def _start(self) -> None:
        task = self._means.lane.submit(self._begin)
        task.succeeded.connect(held(self._on_begun))
        task.failed.connect(held(self._fail))

    def cancel(self) -> None:
        with self._confirming_gate:
            self._unwanted = not self._confirmed
        if self._unwanted:
            self._fail(cancelled())

    def open_again(self) -> None:
        return  # it is another device's browser

    def more_time(self) -> None:
        return  # the deadline is the provider's

    def end(self) -> None:
        super().end()
        with self._confirming_gate:
            self._unwanted = not self._confirmed
        self._timer.stop()
        self._timer.deleteLater()

    # On the identity lane.

    def _begin(self) -> DeviceCode:
        self._means.backend.ensure()
        with self._asking():
            return self._means.backend.people.begin_device(self._scopes, claims=self._claims, language=language())

    def _ask(self, code: DeviceCode) -> Person | DeviceCode | None:
        if self._unwanted:
            return None
        people = self._means.backend.people
        with self._asking():
            answer = people.poll_device(code)
        if isinstance(answer, DeviceCode):
            return answer
        with self._confirming_gate:
            self._confirmed = not self._unwanted
        if self._confirmed:
            return answer
        if answer.account_id not in self._known:
            people.sign_out({answer.account_id})
        if self._in_use:
            people.choose(self._in_use)
        return None

    # Back on the UI thread.

    def _on_begun(self, code: DeviceCode) -> None:
        if not self._over:
            self._code, self._pause = code, code.interval
            self._means.happened(state.CodeShown(code))
            self._wait()

    def _wait(self) -> None:
        if self._code is not None:
            left = max(0.0, self._code.expires_at - time.time())
            self._timer.start(round(1000 * min(self._pause, left)))

    def _on_time(self) -> None:
        if self._over or self._code is None:
            return
        if time.time() >= self._code.expires_at:
            self._fail(SignInTimedOut(_("The code was not confirmed in time; please try again.")))
            return
        task = self._means.lane.submit(self._ask, self._code)
        task.succeeded.connect(held(self._on_answer))
        task.failed.connect(held(self._on_no_answer))

    def _on_answer(self, answer: Person | DeviceCode | None) -> None:
        if self._over or answer is None:
            return
        if isinstance(answer, DeviceCode):
            self._code, self._pause = answer, answer.interval
            self._wait()
        else:
            self._prove(answer)

    def _on_no_answer(self, error: Exception) -> None:
        """No answer at all: longer and longer pauses (RFC 8628 section 3.5); anything else ends it."""
        if self._over or self._code is None:
            return
        if isinstance(error, NetworkError):
            self._pause = min(LONGEST_PAUSE, 2 * max(self._pause, self._code.interval))
            self._wait()
        else:
            self._fail(error)
