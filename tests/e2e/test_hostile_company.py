"""The real program's listener among hostile company: the table, the crowd, and the true sign-in through all of it."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import SEED
from tests.core.listening import STATE, announce
from tests.core.test_listener_fuzz import PATH, ROUNDS, WORKERS, Forger, Tally, work
from tests.core.test_loopback_hostile import HOSTILE, WAITING, Hostile, knock
from tests.doubles.browsers import PATIENCE, RawBrowser
from tests.e2e.test_whole_way import MAIN, SLOW

if TYPE_CHECKING:
    import random

    from tests.e2e.desktop import Desktop

pytestmark = [pytest.mark.e2e, pytest.mark.battery, pytest.mark.timeout(400)]

LONGEST = 120  # seconds for ten thousand requests, on a machine that is busy with making them


class WaitingProgram:
    """The listener of a program whose browser has come as far as the page where a person signs in."""

    def __init__(self, desktop: Desktop) -> None:
        self.window = desktop.screen.window("CIAM Desktop", SLOW)
        self.window.button("Sign in", SLOW).press()
        desktop.browser.wait_opened(SLOW)
        desktop.browser.wait_text("Continue with the demo account", SLOW)
        asked = {
            name: values[0] for name, values in parse_qs(urlsplit(desktop.browser.driver.current_url).query).items()
        }
        self.state = asked["state"]
        self.port = urlsplit(asked["redirect_uri"]).port or 0

    def browser(self) -> RawBrowser:
        return RawBrowser(self.port)

    def takes_the_true_redirect(self, desktop: Desktop) -> None:
        self.window.label("→  Waiting for you in the browser")
        desktop.browser.press("Continue with the demo account")
        desktop.browser.press("Accept", SLOW)
        desktop.browser.wait_text("You are signed in", SLOW)
        self.window.label(re.compile("^3 to-dos"), SLOW)


def for_state(hostile: Hostile, state: str) -> Hostile:
    assert len(state) == len(STATE), "the lengths in some requests would be wrong"
    return replace(hostile, raw=lambda port: hostile.raw(port).replace(STATE.encode(), state.encode()))


def test_the_real_sign_in_goes_on_whoever_knocks(
    desktop: Desktop, rng: random.Random, capsys: pytest.CaptureFixture[str]
) -> None:
    with desktop.program(MAIN) as program, ExitStack() as stack:
        there = WaitingProgram(desktop)
        table = [for_state(each, there.state) for each in rng.sample(HOSTILE, len(HOSTILE))]
        for each in table:
            knock(there.port, stack.enter_context(there.browser()), each)
        idle = [stack.enter_context(there.browser()) for _ in range(60)]
        with ThreadPoolExecutor(8) as pool:
            knocking = [(stack.enter_context(there.browser()), each) for each in table]
            done = [pool.submit(knock, there.port, browser, each) for browser, each in knocking]
            for each_done in done:
                each_done.result(PATIENCE)
        there.takes_the_true_redirect(desktop)
        assert len(idle) + sum(each.status == WAITING for each in table) > 60
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()
    announce(capsys, f"hostile inputs at the real program: seed {SEED}, {len(table)} one by one, then all at once")


def test_ten_thousand_random_requests_do_not_hinder_the_real_sign_in(
    desktop: Desktop, rng: random.Random, capsys: pytest.CaptureFixture[str]
) -> None:
    with desktop.program(MAIN, env={"REDIRECT_URI": f"http://localhost{PATH}"}) as program:
        there = WaitingProgram(desktop)
        true = {"code": "the-code-0815", "state": there.state, "iss": "https://login.contoso.example/v2.0"}
        forgers = [Forger(rng.getrandbits(64), there.port, true) for _ in range(WORKERS)]
        # The last of them come while the true redirect does; then the listener is gone, as it should be.
        crowd, last = Tally(due_after=ROUNDS), Tally(due_after=1)
        with ThreadPoolExecutor(WORKERS) as pool:
            for share in [pool.submit(work, each, there, ROUNDS // WORKERS, crowd) for each in forgers]:
                share.result(LONGEST)
            beside = pool.submit(_until_refused, forgers[0], there, last)
            there.takes_the_true_redirect(desktop)
            last.stop.set()
            beside.result(PATIENCE)
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()
    told = ", ".join(f"{count} of {status}" for status, count in sorted(crowd.statuses.items()))
    announce(
        capsys,
        f"fuzz of the real program: seed {SEED}, {crowd.begun} requests, answers {told}; {last.begun} more around "
        "the true redirect",
    )
    assert crowd.begun == ROUNDS
    assert last.begun > 0


def _until_refused(forger: Forger, there: WaitingProgram, tally: Tally) -> None:
    """Go on until the listener has ended, which it does with the sign-in, or the test says so."""
    pause = threading.Event()
    while not tally.stop.is_set():
        try:
            work(forger, there, 20, tally)
        except AssertionError:  # the listener has ended, or a request met its end
            return
        pause.wait(0.05)
