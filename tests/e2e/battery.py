"""Owns how a battery goes through its table in one sitting: every case, whatever becomes of others, then a report."""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import pytest
from selenium.common.exceptions import WebDriverException

from tests.conftest import SEED
from tests.doubles.sandbox_control import ControlRefused
from tests.e2e.atspi import Gone
from tests.e2e.sitting import ProgramEnded, Sitting

_WRONG = (AssertionError, Gone, WebDriverException, ControlRefused, LookupError)
_LONGEST = 14  # lines of what is told of one case


class Case(Protocol):
    """A line of a battery's table."""

    @property
    def name(self) -> str:
        """By which a failure is told."""
        ...


_Case = TypeVar("_Case", bound=Case)


class Battery(Generic[_Case]):
    """The cases of a table in an order of chance; `wrong` tells what is wrong with which of them."""

    def __init__(self, what: str, cases: Sequence[_Case], rng: random.Random) -> None:
        assert len({each.name for each in cases}) == len(cases), "two cases have one name"
        self.wrong: dict[str, str] = {}
        self._what = what
        self._cases = list(cases)
        self._seconds: dict[str, float] = {}
        rng.shuffle(self._cases)

    def run(self, at: Sitting, act: Callable[[_Case], None], recover: Callable[[], None]) -> None:
        """`act` on each case, and `recover` after one that failed, of which a picture is kept.

        Raises ProgramEnded at once, naming the case, and AssertionError when there is no way on.
        """
        for case in self._cases:
            began = time.monotonic()
            try:
                act(case)
            except ProgramEnded as ended:
                raise ProgramEnded(f"The program ended in “{case.name}”.\n{ended}") from None
            except _WRONG as error:
                self.wrong[case.name] = _shortly(error)
                at.desktop.picture(f"wrong-{re.sub('[^a-z0-9]+', '-', case.name.lower())}")
                try:
                    recover()
                except _WRONG as stuck:
                    raise AssertionError(f"{self.findings()}\nAfter that it was stuck: {_shortly(stuck)}") from None
            finally:
                at.control.clear()
            self._seconds[case.name] = time.monotonic() - began

    def report(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Print what was run, its seed, its count and its times."""
        took, slowest = sum(self._seconds.values()), max(self._seconds, key=self._seconds.__getitem__)
        told = (
            f"{self._what}: seed {SEED}, {len(self._cases)} cases in {took:.0f} s, "
            f"{self._seconds[slowest]:.1f} s the slowest ({slowest}), {len(self.wrong)} wrong"
        )
        with capsys.disabled():
            sys.stdout.write(f"\n{told}\n")

    def findings(self) -> str:
        """What is wrong, for a failure's message."""
        lines = [f"{name}: {what}" for name, what in self.wrong.items()]
        return "\n".join([f"{len(lines)} of {len(self._cases)} cases are wrong:", *lines])


def _shortly(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return "\n    ".join(lines[:_LONGEST])
