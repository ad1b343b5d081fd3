"""The real program, signed in, whose renewals and calls go wrong: told, asked once, never a loop, nothing lost."""

from __future__ import annotations

import itertools
import random
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.e2e.battery import Battery
from tests.e2e.provider_faults import TRY_AGAIN
from tests.e2e.renewal_faults import RENEWED, After, Renewed
from tests.e2e.sitting import Sitting, sitting

if TYPE_CHECKING:
    from tests.e2e.desktop import Desktop

pytestmark = [pytest.mark.e2e, pytest.mark.battery, pytest.mark.timeout(400)]

AT_LEAST = 20
CARELESS = Path(__file__).with_name("careless_program.py")
PERSON = "user1@contoso.example"


class Renewing:
    """A sitting in which somebody is signed in whose access tokens are always about to expire."""

    def __init__(self, at: Sitting) -> None:
        self.at = at
        self.control = at.control
        self._added = 0
        self._reload = itertools.cycle([partial(at.press, "Reload"), partial(at.desktop.display.keys, "F5")])
        self.sound()
        at.sign_in()
        self._wait_sound("api.list")
        self._list = at.window.table("To-dos")

    def sound(self) -> None:
        """The provider and the API do what they ought to; tokens are for a minute, so that each call renews."""
        self.control.clear()
        self.control.fault("token", "merge_patch", patch={"expires_in": 60})
        self.control.forget()

    def act(self, case: Renewed) -> None:
        """One case, from a sound list to a sound list."""
        self.sound()
        before, rows, opened = self.at.stored(), self._list.rows(), len(self.at.opened())
        ids = self.at.set(case.faults)
        self.at.listen()
        if case.adding:
            rows = [*rows, self._add()]
        else:
            next(self._reload)()
        if case.after in {After.ASKED, After.REFUSED}:
            self._asked(case)
        if case.after in {After.TOLD, After.OFFLINE, After.REFUSED}:
            self._told(case)
        if case.after in {After.TOLD, After.OFFLINE}:
            assert (len(self.at.opened()), self.control.count("authorize")) == (opened, 0), "a sign-in opened"
            if not case.faults[0].at.startswith("api"):  # else the renewal went well
                assert self.at.stored() == before, "the stored sign-in was changed"
        offline = bool(self.at.window.find_all("label", re.compile("Offline since")))
        assert offline == (case.after is After.OFFLINE), "offline or not"
        if case.after in {After.ASKED, After.NOTHING}:
            self._wait_sound("api.add" if case.adding else "api.list")
        assert all(self.control.struck(each) for each in ids), "the fault did not strike"
        if case.after in {After.TOLD, After.OFFLINE, After.REFUSED}:
            self._mended(case)
        asked = {After.ASKED: 1, After.REFUSED: 2, After.NOTHING: 0}.get(case.after, int(case.spends))
        assert len(self.at.opened()) == opened + asked, "the browser was opened more often than it had to be"
        assert self._list.rows() == rows, f"{self._list.rows()} instead of {rows}"
        assert not self.at.banner_shows(), "a banner stays"
        if case.adding:
            assert self.control.count("api.add") == (1 if case.faults[0].at == "token" else 2), "added again"

    def recover(self) -> None:
        """Somebody is signed in anew, and the list is there."""
        self.at.give_up()
        if self.at.account_buttons():
            self.at.sign_out()
        self.sound()
        self.at.sign_in()
        self._wait_sound("api.list")

    def _add(self) -> list[str]:
        self._added += 1
        text = f"Renew the passport {self._added}"
        entry = self.at.thing("text", "Add a to-do")
        entry.focus()
        entry.set_text(text)
        self.at.desktop.display.keys("Return")
        return [text, ""]

    def _asked(self, case: Renewed) -> None:
        """The browser opens by itself and comes back untouched; it was asked once, for this very person."""
        self.at.to_the_provider()
        said = self.at.outcome()
        assert said.startswith("Signed in as "), said
        self.at.page("You are signed in")
        asked = parse_qs(urlsplit(self.at.opened()[-1]).query)
        assert asked["login_hint"] == [PERSON]
        assert ("acrs" in asked.get("claims", [""])[0]) == case.claims, f"claims: {asked.get('claims')}"
        assert self.control.count("authorize") == 1
        self.at.close_tabs()

    def _told(self, case: Renewed) -> None:
        """What is told, and that nothing of what was refused has gone to the API."""
        if not case.faults[0].at.startswith("api"):
            self.at.until(lambda: self.at.has_spoken() or self._calls(), "the window to say something")
            assert not self._calls(), "the API was called all the same"
        told = self.at.ended_badly()
        assert (told.title, told.step) == (case.title, case.step), told
        assert case.words in told.text, told
        for line in case.details.splitlines():
            assert line in told.details.splitlines(), told

    def _calls(self) -> int:
        return self.control.count("api.list") + self.control.count("api.add")

    def _mended(self, case: Renewed) -> None:
        """As soon as all is sound again the banner's button, or another reload, has the list."""
        if case.after is After.REFUSED:
            assert self.control.count("authorize") == 1, "it asks again and again"
            self.at.press("Reload")
            assert self.at.ended_badly().title == case.title
            assert self.control.count("authorize") == 1, "it asks again and again"
        self.sound()
        if case.after is After.REFUSED:
            self.at.sign_in(self.at.press_step)
        elif not case.by_itself:
            press = self.at.press_step if case.step == TRY_AGAIN else partial(self.at.press, "Reload")
            if case.spends:
                self.at.sign_in(press)  # it opens by itself, once
            else:
                press()
        self._wait_sound("api.list")

    def _wait_sound(self, called: str) -> None:
        """Wait until the API was called so, and the list says that nothing is left to do."""

        def sound() -> bool:
            feet = self.at.window.find_all("label", re.compile("^[0-9]+ to-dos · all changes saved"))
            return self.control.count(called) > 0 and len(feet) == 1

        self.at.until(sound, "the list to be sound")


def test_every_renewal_that_goes_wrong_is_told_or_mended_and_loses_nothing(
    desktop: Desktop, rng: random.Random, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(RENEWED) >= AT_LEAST
    battery = Battery("faulty renewal", RENEWED, rng)
    with sitting(desktop) as at:
        renewing = Renewing(at)
        battery.run(at, renewing.act, renewing.recover)
        at.sign_out()
    battery.report(capsys)
    assert not battery.wrong, battery.findings()


def test_the_battery_notices_a_program_that_renews_for_somebody_else(desktop: Desktop, rng: random.Random) -> None:
    needing = {"another subject", "another person"}
    others = {"broken signature", "another client_info", "another audience"}
    cases = [each for each in RENEWED if each.name.removeprefix("id token: ") in needing | others]
    battery = Battery("planted bug", cases, rng)
    with sitting(desktop, CARELESS, "any-person") as at:
        renewing = Renewing(at)
        battery.run(at, renewing.act, renewing.recover)
        at.sign_out()
    assert {name.removeprefix("id token: ") for name in battery.wrong} == needing, battery.findings()
