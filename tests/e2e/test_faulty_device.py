"""The real program signed in from another device, whose provider misbehaves: told, nothing kept, asked in time."""

from __future__ import annotations

import itertools
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from tests.e2e.battery import Battery
from tests.e2e.device_faults import ON_DEVICE, OnDevice, There
from tests.e2e.sitting import Sitting, sitting
from tests.sandbox.support import Browser, Page

if TYPE_CHECKING:
    from tests.e2e.desktop import Desktop

pytestmark = [pytest.mark.e2e, pytest.mark.battery, pytest.mark.timeout(400)]

AT_LEAST = 8
CARELESS = Path(__file__).with_name("careless_program.py")
ELSEWHERE = "Sign in on another device"
_SPOKEN = re.compile(r"Open (\S+) on another device and type the code (.+) there\.")
EARLY = 0.05  # seconds that a question may seem early by, as two clocks tell it


class OtherDevice:
    """The person at another device, whose browser knows nothing of this one."""

    def __init__(self, spoken: str) -> None:
        """`spoken` is what the window says aloud of the code."""
        found = _SPOKEN.fullmatch(spoken)
        assert found, spoken
        self.address, self.code = found[1], found[2].replace(" ", "")

    def answer(self, step: str) -> None:
        """Type the code, sign in as the demo person, and answer."""
        with Browser() as browser:
            page = self._follow(browser, browser.get(self.address))
            page = self._follow(browser, browser.send(page, "code", user_code=self.code))
            page = browser.send(page, "demo")
            if 'value="accept"' in page.text:
                page = browser.send(page, "accept")
            browser.send(page, step)

    def _follow(self, browser: Browser, page: Page) -> Page:
        while page.response.is_redirect:
            page = browser.get(urljoin(page.response.url, page.response.headers["Location"]))
        return page


def sign_in_elsewhere(at: Sitting, case: OnDevice) -> None:
    """One sign-in on another device: what comes of it, what is kept, and when the provider was asked."""
    control = at.control
    control.device(interval=1, expires_in=case.seconds)
    control.forget()
    ids = at.set(case.faults)
    opened = len(at.opened())
    at.listen()
    at.press(ELSEWHERE)
    if case.coded:
        device = OtherDevice(at.outcome())
        if case.there is not There.NOTHING:
            device.answer("confirm" if case.there is There.CONFIRMS else "cancel")
    if case.title:
        told = at.ended_badly()
        assert (told.title, told.step) == (case.title, case.step), told
        assert case.words in told.text, told
        for line in case.details.splitlines():
            assert line in told.details.splitlines(), told
        assert not at.kept(), f"kept: {at.kept()}"
        assert not at.account_buttons(), "somebody is signed in"
    else:
        said = at.outcome()
        assert said.startswith("Signed in as "), said
    assert all(control.struck(each) for each in ids), "the fault did not strike"
    asked = [each["at"] for each in control.requests() if each["place"] == "token"]
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert all(pause >= 1 - EARLY for pause in pauses), f"asked too often: {pauses}"
    assert not pauses or pauses[0] >= case.pause - EARLY, f"asked again after {pauses[0]} s"
    assert case.coded or not asked, "asked without a code"
    assert len(at.opened()) == opened, "a browser was opened here"
    control.clear()
    if case.title:
        at.dismiss()
    else:
        at.sign_out()


def test_every_sign_in_on_another_device_that_is_spoiled_is_told_and_others_go_on(
    desktop: Desktop, rng: random.Random, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(ON_DEVICE) >= AT_LEAST
    battery = Battery("faulty device code", ON_DEVICE, rng)
    with sitting(desktop) as at:
        battery.run(at, lambda case: sign_in_elsewhere(at, case), at.recover)
    battery.report(capsys)
    assert not battery.wrong, battery.findings()


def test_a_cancelled_code_is_never_asked_for_again(desktop: Desktop) -> None:
    with sitting(desktop) as at:
        at.control.device(interval=1)
        at.listen()
        at.press(ELSEWHERE)
        device = OtherDevice(at.outcome())
        at.until(lambda: at.control.count("token") >= 1, "a question")
        at.press("Cancel")
        assert at.ended_badly().title == "Sign-in cancelled"
        at.control.forget()
        device.answer("confirm")
        at.consented = True
        at.sign_in()  # takes longer than two pauses would
        grants = [each["grant"] for each in at.control.requests() if each["place"] == "token"]
        assert "device_code" not in " ".join(grants), grants
        at.sign_out()


def test_the_battery_notices_a_program_that_takes_tokens_made_for_others(desktop: Desktop, rng: random.Random) -> None:
    names = {"id token: another audience", "id token: another issuer", "id token: alg none"}
    battery = Battery("planted bug", [each for each in ON_DEVICE if each.name in names], rng)
    with sitting(desktop, CARELESS, "any-audience") as at:
        battery.run(at, lambda case: sign_in_elsewhere(at, case), at.recover)
    assert battery.wrong.keys() == {"id token: another audience"}, battery.findings()
