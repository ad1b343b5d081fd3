"""The real program, a real browser and a provider that misbehaves in every way: told, nothing kept, never stuck."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.battery import Battery
from tests.e2e.provider_faults import HARMLESS, SIGN_IN, SPOILED, TRY_AGAIN, UNVERIFIED, End, Harmless, Spoiled
from tests.e2e.sitting import Sitting, sitting

if TYPE_CHECKING:
    from tests.e2e.desktop import Desktop

pytestmark = [pytest.mark.e2e, pytest.mark.battery, pytest.mark.timeout(400)]

AT_LEAST = 60
CARELESS = Path(__file__).with_name("careless_program.py")
AT_ONCE = 5.0  # seconds after which the browser is open for a sign-in that nothing spoils, on a busy machine
TRUE_AFTER = 20  # cases between two true sign-ins


def spoiled_sign_in(at: Sitting, case: Spoiled) -> None:
    """One sign-in that cannot succeed: what is told here and in the browser, and that nothing is kept of it.

    The provider is sound again at the end, and the banner still there.
    """
    control = at.control
    if case.rotated:
        control.rotate_keys()
    control.clock(case.clock)
    control.forget()
    ids = at.set(case.faults)
    opened = len(at.opened())
    at.listen()
    at.press("Sign in")
    if case.end in {End.BACK, End.WAITS}:
        at.to_the_provider()
    elif case.end is End.ASTRAY:
        at.to_new_tab()
    if case.end in {End.HANGS, End.WAITS, End.ASTRAY}:
        at.until(lambda: all(control.struck(each) for each in ids), "the fault to strike")
        if case.page:
            at.page(case.page)
        at.press("Cancel")
    told = at.ended_badly()
    assert (told.title, told.step) == (case.title, case.step), told
    assert case.words in told.text, told
    for line in case.details.splitlines():
        assert line in told.details.splitlines(), told
    assert case.details or not told.details, told
    if case.end is End.BACK:
        at.page(case.page or told.title, told.text)
    if case.end in {End.HERE, End.HANGS}:
        assert (len(at.opened()), control.count("authorize")) == (opened, 0), "the browser was opened"
    assert all(control.struck(each) for each in ids), "the fault did not strike"
    assert not at.kept(), f"kept: {at.kept()}"
    assert not at.account_buttons(), "somebody is signed in"
    control.clear()
    control.clock(0)
    at.close_tabs()


def odd_sign_in(at: Sitting, case: Harmless) -> None:
    """One sign-in that succeeds all the same."""
    ids = at.set(case.faults)
    at.sign_in()
    assert all(at.control.struck(each) for each in ids), "the fault did not strike"
    at.control.clear()
    at.sign_out()


def each_case(at: Sitting) -> Callable[[Spoiled | Harmless], None]:
    """What to do in this sitting with each case; now and then the true sign-in that its banner offers comes after."""
    true_one_is_due = itertools.cycle([False] * (TRUE_AFTER - 1) + [True])

    def act(case: Spoiled | Harmless) -> None:
        if isinstance(case, Harmless):
            odd_sign_in(at, case)
            return
        spoiled_sign_in(at, case)
        # What was wrong with keys may show later only, since they are kept, and so may what was left hanging.
        if next(true_one_is_due) or (case.rotated and case.title == UNVERIFIED) or case.end is End.HANGS:
            at.sign_in(at.press_step if case.step in {TRY_AGAIN, SIGN_IN} else None, within=AT_ONCE)
            at.sign_out()
        at.dismiss()

    return act


def test_every_sign_in_that_a_faulty_provider_spoils_is_told_and_leaves_nothing(
    desktop: Desktop, rng: random.Random, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(SPOILED) >= AT_LEAST
    battery = Battery[Spoiled | Harmless]("faulty provider", (*SPOILED, *HARMLESS), rng)
    with sitting(desktop) as at:
        battery.run(at, each_case(at), at.recover)
        at.sign_in()
        at.sign_out()
    battery.report(capsys)
    assert not battery.wrong, battery.findings()


def test_the_battery_notices_a_program_that_takes_tokens_made_for_others(desktop: Desktop, rng: random.Random) -> None:
    needing = {"another audience", "other audiences", "no audience", "audiences and no party"}
    others = {"another party", "another issuer", "alg none", "broken signature"}
    cases = [each for each in SPOILED if each.name.removeprefix("id token: ") in needing | others]
    battery = Battery[Spoiled | Harmless]("planted bug", cases, rng)
    with sitting(desktop, CARELESS, "any-audience") as at:
        battery.run(at, each_case(at), at.recover)
    assert {name.removeprefix("id token: ") for name in battery.wrong} == needing, battery.findings()
